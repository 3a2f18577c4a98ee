"""Handles to tracks."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.channels import ControlMailbox, ControlSnapshot, Handle
from inference.motion.hand import GRID_SIDE, IDS_PER_HANDLE, MAX_PARKED, HandMotion, resample_path

CENTRE = GRID_SIDE * GRID_SIDE // 2
T = 4


def snapshot(
    *handles: Handle, paths: dict[int, list[list[float]]] | None = None, since_s: float = 0.0
) -> ControlSnapshot:
    arrays = {key: np.array(path, np.float64) for key, path in (paths or {}).items()}
    return ControlSnapshot(handles, arrays, since_s, since_s + 1.0, None)


def handle(x: float, y: float = 0.5, *, identity: int = 3, held: bool = True, radius: float = 0.1) -> Handle:
    return Handle(identity, (x, y), not held, held, radius)


def centre(motion: HandMotion, what: ControlSnapshot) -> np.ndarray:
    """x of the handle itself over the chunk."""
    tracks = motion.advance(what, T)
    return tracks.xy[:, (tracks.ids % IDS_PER_HANDLE) == CENTRE, 0][:, 0]


def test_no_handles_no_tracks() -> None:
    assert HandMotion((256, 144)).advance(snapshot(), T).ids.size == 0


def test_the_grid_is_square_on_the_picture_and_rigid() -> None:
    motion = HandMotion((256, 144))
    tracks = motion.advance(snapshot(handle(0.5)), T)
    assert tracks.ids.tolist() == [3 * IDS_PER_HANDLE + k for k in range(25)]
    pixels = tracks.xy[0] * [256, 144]
    np.testing.assert_allclose(np.ptp(pixels, axis=0), [0.2 * 144, 0.2 * 144], rtol=1e-5)
    np.testing.assert_allclose(tracks.xy[:, CENTRE], [[0.5, 0.5]] * T)
    moved = motion.advance(snapshot(handle(0.7), paths={3: [[0.9, 0.7, 0.5]]}, since_s=1.0), T)
    offsets = moved.xy - moved.xy[:, CENTRE : CENTRE + 1]
    np.testing.assert_allclose(offsets, np.broadcast_to(offsets[0], offsets.shape), atol=1e-6)


def test_a_handle_held_still_is_constant() -> None:
    motion = HandMotion((256, 144))
    motion.advance(snapshot(handle(0.3)), T)
    still = centre(motion, snapshot(handle(0.3), paths={3: [[1.5, 0.3, 0.5]]}, since_s=1.0))
    np.testing.assert_array_equal(still, np.full(T, 0.3, np.float32))


def test_a_move_is_sampled_in_time_and_ends_exactly() -> None:
    motion = HandMotion((256, 144))
    motion.advance(snapshot(handle(0.2)), T)
    path = {3: [[1.5, 0.4, 0.5], [2.0, 0.8, 0.5]]}
    np.testing.assert_allclose(
        centre(motion, snapshot(handle(0.8), paths=path, since_s=1.0)), [0.3, 0.4, 0.6, 0.8], atol=1e-6
    )


def test_a_fast_flick_is_not_lost() -> None:
    motion = HandMotion((256, 144))
    motion.advance(snapshot(handle(0.5)), T)
    there_and_back = {3: [[1.4, 0.5, 0.5], [1.5, 0.9, 0.5], [1.6, 0.5, 0.5]]}
    line = centre(motion, snapshot(handle(0.5), paths=there_and_back, since_s=1.0))
    np.testing.assert_allclose(line, [0.5, 0.9, 0.5, 0.5], atol=1e-6)


def test_a_new_handle_begins_at_its_first_sample_and_reaches_its_last() -> None:
    motion = HandMotion((256, 144))
    path = {3: [[0.01, 0.2, 0.5], [0.6, 0.6, 0.5]]}
    tracks = motion.advance(snapshot(handle(0.6), paths=path), T)
    assert tracks.visible.all()
    assert tracks.xy[0, CENTRE, 0] == np.float32(0.2)
    assert tracks.xy[-1, CENTRE, 0] == np.float32(0.6)


def test_removal_ends_a_handle_and_a_return_gets_new_ids() -> None:
    motion = HandMotion((256, 144))
    first = motion.advance(snapshot(handle(0.5)), T)
    assert motion.advance(snapshot(), T).ids.size == 0
    back = motion.advance(snapshot(handle(0.6)), T)
    assert not set(first.ids.tolist()) & set(back.ids.tolist())


def test_another_radius_is_a_new_grid_not_a_growing_one() -> None:
    motion = HandMotion((256, 144))
    first = motion.advance(snapshot(handle(0.5)), T)
    wider = motion.advance(snapshot(handle(0.5, radius=0.2), since_s=1.0), T)
    assert not set(first.ids.tolist()) & set(wider.ids.tolist())
    np.testing.assert_array_equal(wider.xy, np.broadcast_to(wider.xy[0], wider.xy.shape))


def test_points_born_outside_are_left_out_and_points_that_leave_hide() -> None:
    motion = HandMotion((144, 144))
    tracks = motion.advance(snapshot(handle(0.02)), T)
    assert 0 < tracks.ids.size < 25
    assert tracks.visible.all()
    gone = motion.advance(snapshot(handle(1.5), paths={3: [[1.0, 1.5, 0.5]]}, since_s=1.0), T)
    assert gone.ids.tolist() == tracks.ids.tolist()
    assert not gone.visible[-1].any()


def test_what_was_skipped_becomes_one_straight_move() -> None:
    motion = HandMotion((256, 144))
    mailbox = ControlMailbox()
    mailbox.put((handle(0.2),), 1.0)
    motion.advance(mailbox.take(2.0), T)
    mailbox.put((handle(0.6),), 3.0)  # drawn while paused
    mailbox.skip(10.0)
    np.testing.assert_allclose(centre(motion, mailbox.take(11.0)), [0.3, 0.4, 0.5, 0.6], atol=1e-6)


def test_reset_lays_everything_anew() -> None:
    motion = HandMotion((256, 144))
    motion.advance(snapshot(handle(0.2)), T)
    motion.reset((144, 256))
    tracks = motion.advance(snapshot(handle(0.8)), T)
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
    first = motion.advance(snapshot(held), T)
    motion.advance(snapshot(replace(held, xy=(0.6, 0.5)), paths={3: [[1.5, 0.6, 0.5]]}, since_s=1.0), T)
    assert motion.advance(snapshot(since_s=2.0), T).ids.size == 0
    again = motion.advance(snapshot(replace(held, xy=(0.6, 0.5)), since_s=3.0), T)
    assert again.ids.tolist() == first.ids.tolist()
    np.testing.assert_allclose(again.xy[:, CENTRE, 0], 0.6, atol=1e-6)
    motion.advance(snapshot(since_s=4.0), T)
    anew = motion.advance(snapshot(replace(held, hold=2), since_s=5.0), T)
    assert not set(anew.ids.tolist()) & set(first.ids.tolist())
    motion.advance(snapshot(since_s=6.0), T)
    assert not set(motion.advance(snapshot(handle(0.2), since_s=7.0), T).ids.tolist()) & set(anew.ids.tolist())


def test_no_more_grids_are_kept_than_anybody_undoes() -> None:
    motion = HandMotion((256, 144))
    first = motion.advance(snapshot(replace(handle(0.2, identity=1), hold=1)), T)
    for identity in range(2, MAX_PARKED + 4):
        motion.advance(snapshot(replace(handle(0.2, identity=identity), hold=identity)), T)
    again = motion.advance(snapshot(replace(handle(0.2, identity=1), hold=1)), T)
    assert not set(again.ids.tolist()) & set(first.ids.tolist())
