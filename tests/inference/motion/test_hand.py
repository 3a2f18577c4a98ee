"""Handles to tracks."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.channels import ControlMailbox, ControlSnapshot, Handle
from inference.motion.hand import GRID_SIDE, MAX_PARKED, HandMotion, resample_path
from inference.track_ids import IDS_PER_HANDLE
from inference.tracks import Tracks

CENTRE = GRID_SIDE * GRID_SIDE // 2
T, FPS = 4, 24.0


def snapshot(
    *handles: Handle, paths: dict[int, list[list[float]]] | None = None, since_s: float = 0.0
) -> ControlSnapshot:
    arrays = {key: np.array(path, np.float64) for key, path in (paths or {}).items()}
    return ControlSnapshot(handles, arrays, since_s, since_s + 1.0, None)


def handle(x: float, y: float = 0.5, *, identity: int = 3, held: bool = True, radius: float = 0.1) -> Handle:
    return Handle(identity, (x, y), not held, held, radius)


def centre(motion: HandMotion, what: ControlSnapshot) -> np.ndarray:
    """x of the handle itself over the chunk."""
    tracks = motion.advance(what, T, FPS)
    return tracks.xy[:, (tracks.ids % IDS_PER_HANDLE) == CENTRE, 0][:, 0]


def test_no_handles_no_tracks() -> None:
    assert HandMotion((256, 144)).advance(snapshot(), T, FPS).ids.size == 0


def test_the_grid_is_square_on_the_picture_and_rigid() -> None:
    motion = HandMotion((256, 144))
    tracks = motion.advance(snapshot(handle(0.5)), T, FPS)
    assert tracks.ids.tolist() == [3 * IDS_PER_HANDLE + k for k in range(25)]
    pixels = tracks.xy[0] * [256, 144]
    np.testing.assert_allclose(np.ptp(pixels, axis=0), [0.2 * 144, 0.2 * 144], rtol=1e-5)
    np.testing.assert_allclose(tracks.xy[:, CENTRE], [[0.5, 0.5]] * T)
    moved = motion.advance(snapshot(handle(0.7), paths={3: [[0.9, 0.7, 0.5]]}, since_s=1.0), T, FPS)
    offsets = moved.xy - moved.xy[:, CENTRE : CENTRE + 1]
    np.testing.assert_allclose(offsets, np.broadcast_to(offsets[0], offsets.shape), atol=1e-6)


def test_a_handle_held_still_is_constant() -> None:
    motion = HandMotion((256, 144))
    motion.advance(snapshot(handle(0.3)), T, FPS)
    still = centre(motion, snapshot(handle(0.3), paths={3: [[1.5, 0.3, 0.5]]}, since_s=1.0))
    np.testing.assert_array_equal(still, np.full(T, 0.3, np.float32))


def test_a_move_is_sampled_in_time_and_ends_exactly() -> None:
    motion = HandMotion((256, 144))
    motion.advance(snapshot(handle(0.2)), T, FPS)
    path = {3: [[1.5, 0.4, 0.5], [2.0, 0.8, 0.5]]}
    np.testing.assert_allclose(
        centre(motion, snapshot(handle(0.8), paths=path, since_s=1.0)), [0.3, 0.4, 0.6, 0.8], atol=1e-6
    )


def test_a_fast_flick_is_not_lost() -> None:
    motion = HandMotion((256, 144))
    motion.advance(snapshot(handle(0.5)), T, FPS)
    there_and_back = {3: [[1.4, 0.5, 0.5], [1.5, 0.9, 0.5], [1.6, 0.5, 0.5]]}
    line = centre(motion, snapshot(handle(0.5), paths=there_and_back, since_s=1.0))
    np.testing.assert_allclose(line, [0.5, 0.9, 0.5, 0.5], atol=1e-6)


@pytest.mark.parametrize(("begun_s", "shown"), [(1.0, 0), (1.3, 1), (1.6, 2), (1.76, 2)])
def test_a_flick_between_two_frames_is_not_lost(begun_s: float, shown: int) -> None:
    """Out and back within 4 ms, at any place of the chunk: one frame shows how far it went."""
    motion = HandMotion((256, 144))
    motion.advance(snapshot(handle(0.5)), T, FPS)
    path = {3: [[begun_s + 0.001 * step, x, 0.5] for step, x in enumerate((0.5, 0.7, 0.9, 0.7, 0.5))]}
    line = centre(motion, snapshot(handle(0.5), paths=path, since_s=1.0))
    expected = np.full(T, 0.5)
    expected[shown] = 0.9
    np.testing.assert_allclose(line, expected, atol=1e-6)


def test_a_new_handle_begins_at_its_first_sample_and_reaches_its_last() -> None:
    motion = HandMotion((256, 144))
    path = {3: [[0.01, 0.2, 0.5], [0.6, 0.6, 0.5]]}
    tracks = motion.advance(snapshot(handle(0.6), paths=path), T, FPS)
    assert tracks.visible.all()
    assert tracks.xy[0, CENTRE, 0] == np.float32(0.2)
    assert tracks.xy[-1, CENTRE, 0] == np.float32(0.6)


def test_removal_ends_a_handle_and_a_return_gets_new_ids() -> None:
    motion = HandMotion((256, 144))
    first = motion.advance(snapshot(handle(0.5)), T, FPS)
    assert motion.advance(snapshot(), T, FPS).ids.size == 0
    back = motion.advance(snapshot(handle(0.6)), T, FPS)
    assert not set(first.ids.tolist()) & set(back.ids.tolist())


def test_another_radius_is_a_new_grid_not_a_growing_one() -> None:
    motion = HandMotion((256, 144))
    first = motion.advance(snapshot(handle(0.5)), T, FPS)
    wider = motion.advance(snapshot(handle(0.5, radius=0.2), since_s=1.0), T, FPS)
    assert not set(first.ids.tolist()) & set(wider.ids.tolist())
    np.testing.assert_array_equal(wider.xy, np.broadcast_to(wider.xy[0], wider.xy.shape))


def test_points_born_outside_are_left_out_and_points_that_leave_hide() -> None:
    motion = HandMotion((144, 144))
    tracks = motion.advance(snapshot(handle(0.02)), T, FPS)
    assert 0 < tracks.ids.size < 25
    assert tracks.visible.all()
    gone = motion.advance(snapshot(handle(1.5), paths={3: [[1.0, 1.5, 0.5]]}, since_s=1.0), T, FPS)
    assert gone.ids.tolist() == tracks.ids.tolist()
    assert not gone.visible[-1].any()


def test_what_was_skipped_becomes_one_straight_move() -> None:
    motion = HandMotion((256, 144))
    mailbox = ControlMailbox()
    mailbox.put((handle(0.2),), 1.0)
    motion.advance(mailbox.take(2.0), T, FPS)
    mailbox.put((handle(0.6),), 3.0)  # drawn while paused
    mailbox.skip(10.0)
    np.testing.assert_allclose(centre(motion, mailbox.take(11.0)), [0.3, 0.4, 0.5, 0.6], atol=1e-6)


def test_reset_lays_everything_anew() -> None:
    motion = HandMotion((256, 144))
    motion.advance(snapshot(handle(0.2)), T, FPS)
    motion.reset((144, 256))
    tracks = motion.advance(snapshot(handle(0.8)), T, FPS)
    np.testing.assert_array_equal(tracks.xy[:, CENTRE, 0], np.full(T, 0.8, np.float32))
    assert tracks.ids[CENTRE] == 3 * IDS_PER_HANDLE + CENTRE


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=30),
    st.floats(0, 1),
    st.integers(1, 12),
    st.sampled_from([0.0, 1e-9, 0.2]),
)
def test_a_rising_path_rises_and_ends_exactly(
    samples: list[tuple[float, float]], end: float, frames: int, span_s: float
) -> None:
    times = np.sort([5.0 + time * span_s for time, _ in samples])
    rising = np.sort([x for _, x in samples])
    path = np.stack([times, rising, rising], axis=1) if samples else np.zeros((0, 3))
    last = 1.0 + end
    line = resample_path(path, np.array([-0.5, -0.5]), (last, last), 5.0, 5.0 + span_s, frames)
    assert line.shape == (frames, 2)
    assert np.isfinite(line).all()
    assert (np.diff(line[:, 0]) >= 0).all()
    assert (line >= -0.5).all()
    assert tuple(line[-1]) == (last, last)


@pytest.mark.parametrize("size", [(256, 144), (192, 192), (144, 256)])
def test_chunk_joins_chunk(size: tuple[int, int]) -> None:
    """A steady drag sampled at any times is a steady line over the chunks."""
    motion, mailbox = HandMotion(size), ControlMailbox()
    mailbox.put((handle(0.1),), 0.0)
    mailbox.take(0.0)
    line: list[float] = []
    for chunk in range(3):
        for event in range(1, 8):
            time_s = chunk + event / 7
            mailbox.put((handle(0.1 + 0.1 * time_s),), time_s)
        line += centre(motion, mailbox.take(chunk + 1)).tolist()
    np.testing.assert_allclose(np.diff(line[1:]), 0.025, atol=1e-6)


def test_a_handle_that_returns_with_its_hold_has_the_same_points_again() -> None:
    """A removal undone: the same ids, also where the handle went from; a new hold is laid anew."""
    motion = HandMotion((256, 144))
    held = replace(handle(0.2), hold=1)
    first = motion.advance(snapshot(held), T, FPS)
    motion.advance(snapshot(replace(held, xy=(0.6, 0.5)), paths={3: [[1.5, 0.6, 0.5]]}, since_s=1.0), T, FPS)
    assert motion.advance(snapshot(since_s=2.0), T, FPS).ids.size == 0
    again = motion.advance(snapshot(replace(held, xy=(0.6, 0.5)), since_s=3.0), T, FPS)
    assert again.ids.tolist() == first.ids.tolist()
    np.testing.assert_allclose(again.xy[:, CENTRE, 0], 0.6, atol=1e-6)
    motion.advance(snapshot(since_s=4.0), T, FPS)
    anew = motion.advance(snapshot(replace(held, hold=2), since_s=5.0), T, FPS)
    assert not set(anew.ids.tolist()) & set(first.ids.tolist())
    motion.advance(snapshot(since_s=6.0), T, FPS)
    assert not set(motion.advance(snapshot(handle(0.2), since_s=7.0), T, FPS).ids.tolist()) & set(anew.ids.tolist())


def test_no_more_grids_are_kept_than_anybody_undoes() -> None:
    motion = HandMotion((256, 144))
    first = motion.advance(snapshot(replace(handle(0.2, identity=1), hold=1)), T, FPS)
    for identity in range(2, MAX_PARKED + 4):
        motion.advance(snapshot(replace(handle(0.2, identity=identity), hold=identity)), T, FPS)
    again = motion.advance(snapshot(replace(handle(0.2, identity=1), hold=1)), T, FPS)
    assert not set(again.ids.tolist()) & set(first.ids.tolist())


def pixels(tracks: Tracks, row: int) -> np.ndarray:
    """[N, 2] of a frame, from its mean, in pixels of 256x144."""
    xy = tracks.xy[row].astype(np.float64) * [256, 144]
    return xy - xy.mean(axis=0)


def test_a_grid_turns_and_grows_with_its_handle_frame_by_frame() -> None:
    """On the picture's own pixels, clockwise on the screen, by a share in each frame."""
    motion = HandMotion((256, 144))
    start = motion.advance(snapshot(handle(0.5)), T, FPS)
    turned = replace(handle(0.5), turn=math.pi / 2, grow=2.0)
    tracks = motion.advance(snapshot(turned, since_s=1.0), T, FPS)
    assert tracks.ids.tolist() == start.ids.tolist()
    before = pixels(start, -1)
    for row in range(T):
        angle, grow = math.pi / 2 * (row + 1) / T, 2.0 ** ((row + 1) / T)
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        np.testing.assert_allclose(pixels(tracks, row), grow * before @ turn.T, atol=1e-3)


def test_turning_follows_its_own_samples_in_time() -> None:
    """There and back within a chunk: the turn is not lost."""
    motion = HandMotion((256, 144))
    before = pixels(motion.advance(snapshot(handle(0.5)), T, FPS), -1)
    turns = {3: np.array([[1.4, 0.0, 0.0], [1.5, 0.6, 0.0], [1.6, 0.0, 0.0]])}
    tracks = motion.advance(replace(snapshot(handle(0.5), since_s=1.0), turns=turns), T, FPS)
    angles = [math.atan2(*np.linalg.lstsq(before, pixels(tracks, row), rcond=None)[0][0, ::-1]) for row in range(T)]
    np.testing.assert_allclose(angles, [0.0, 0.6, 0.0, 0.0], atol=1e-4)


@pytest.mark.parametrize("side", [1, 3, 7])
def test_a_grid_has_as_many_tracks_as_asked(side: int) -> None:
    motion = HandMotion((256, 144))
    tracks = motion.advance(snapshot(replace(handle(0.5), side=side)), T, FPS)
    assert tracks.ids.size == side * side
    np.testing.assert_allclose(tracks.xy.mean(axis=1), [[0.5, 0.5]] * T, atol=1e-6)
    other = motion.advance(snapshot(handle(0.5), since_s=1.0), T, FPS)
    assert not set(other.ids.tolist()) & set(tracks.ids.tolist())


@pytest.mark.parametrize("turn", [0.0, 1.0])
def test_no_track_moves_faster_than_its_handle_may(turn: float) -> None:
    motion, fast = HandMotion((256, 144)), replace(handle(0.1), speed=0.6)
    before = motion.advance(snapshot(fast), T, FPS)
    jump = replace(fast, xy=(0.9, 0.5), turn=turn)
    lines = [motion.advance(snapshot(jump, since_s=1.0 + chunk), T, FPS) for chunk in range(20)]
    assert motion.behind == [{}] * T, "it has arrived and is not said to be behind"
    xy = np.concatenate([before.xy[-1:], *(tracks.xy for tracks in lines)]).astype(np.float64) * [256 / 144, 1.0]
    steps = np.linalg.norm(np.diff(xy, axis=0), axis=2)  # [T, N], in heights
    assert steps.max() < 0.6 / FPS * 1.02
    assert steps[0].max() > 0.6 / FPS * 0.9, "it is slower than it may be"
    np.testing.assert_allclose(lines[-1].xy[-1, CENTRE], (0.9, 0.5), atol=1e-6)


def test_a_handle_kept_behind_says_where_it_is_and_follows_what_the_hand_asks_next() -> None:
    motion, fast = HandMotion((256, 144)), replace(handle(0.1), speed=0.6)
    motion.advance(snapshot(fast), T, FPS)
    tracks = motion.advance(snapshot(replace(fast, xy=(0.9, 0.5)), since_s=1.0), T, FPS)
    assert [list(row) for row in motion.behind] == [[3]] * T
    np.testing.assert_allclose([row[3] for row in motion.behind], tracks.xy[:, CENTRE], atol=1e-6)
    free = motion.advance(snapshot(handle(0.9), since_s=2.0), T, FPS)
    np.testing.assert_allclose(free.xy[:, CENTRE, 0], 0.9, atol=1e-6)


@pytest.mark.parametrize(
    "wrong", [{"side": 2}, {"side": 9}, {"turn": math.nan}, {"grow": 0.0}, {"grow": math.inf}, {"speed": 0.0}]
)
def test_impossible_handles_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="handle 3"):
        replace(handle(0.5), **wrong)


def test_points_on_another_thing_than_the_handle_are_left_out() -> None:
    class Grip:
        def together(self, places: np.ndarray, middle: int) -> np.ndarray:
            """Things end at a line through the handle's right."""
            return places[:, 0] <= places[middle, 0] + 1e-6

    motion = HandMotion((256, 144))
    motion.reset(grip=Grip())
    tracks = motion.advance(snapshot(handle(0.5)), T, FPS)
    assert tracks.ids.size == GRID_SIDE * (GRID_SIDE // 2 + 1)
    assert (tracks.xy[0, :, 0] <= 0.5 + 1e-6).all()
    moved = motion.advance(snapshot(handle(0.6), since_s=1.0), T, FPS)
    assert np.array_equal(moved.ids, tracks.ids)  # what is held is a matter of where it was taken hold of
