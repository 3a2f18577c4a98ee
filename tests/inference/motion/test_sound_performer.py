"""Sound that moves points: through the director, as the engine does it."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from inference.channels import ControlMailbox, ControlSnapshot, Handle
from inference.motion.director import Director, Span
from inference.motion.sound import HOP_S, SILENCE, Analyser, Drive
from inference.motion.sound_performer import Axis, HeardFile, HeardLive, Move, SoundPerformer
from inference.tracks import Tracks
from tests.inference.motion.test_sound import RATE, clicks, frequency_of

T, FPS, SIZE, ASPECT = 4, 24.0, (256, 144), 144 / 256
ONSETS = Drive("onset", attack_s=0.01, release_s=0.15)


def pin(number: int, x: float, y: float) -> Handle:
    return Handle(number, (x, y), pinned=True, held=False, radius=0.1, hold=number)


def performer(sound: object, axis: Axis = "right", drive: Drive = ONSETS, amount: float = 0.1) -> SoundPerformer:
    return SoundPerformer(9, (Move((1,), axis, amount, drive, ((10, 11, 12, 13),)),), sound, ASPECT)


def directed(one: SoundPerformer, chunks: int, *handles: Handle, wall: float = 1.0) -> list[Tracks]:
    """wall: how many times slower than its own pace the stream runs."""
    director, step_s = Director(SIZE, 400), T / FPS * wall
    spans = [Span(100 + i * step_s, 100 + (i + 1) * step_s, 1 + i * T, T, FPS) for i in range(chunks)]
    return [director.direct(ControlSnapshot(handles, {}, s.since_s, s.now_s, None, (one,)), s) for s in spans]


def centre(tracks: list[Tracks]) -> np.ndarray:
    """The mean of all tracks in each frame, in pixels of SIZE, [frames, 2]."""
    return np.concatenate([part.xy.mean(axis=1) for part in tracks]) * SIZE


@pytest.mark.parametrize("wall", [1.0, 3.7])
def test_120_clicks_a_minute_move_a_point_at_two_hertz_of_video_time(wall: float) -> None:
    sound = HeardFile(Analyser(RATE).feed(clicks(120, 12)))
    way = centre(directed(performer(sound), 60, pin(1, 0.4, 0.5), wall=wall))
    assert np.ptp(way[:, 0]) > 0.05 * SIZE[1]
    assert np.ptp(way[:, 1]) < 1e-3
    assert frequency_of(way[:, 0], 1 / FPS) == pytest.approx(2.0, rel=0.02)


def test_120_clicks_a_minute_from_a_microphone_move_a_point_at_two_hertz_of_the_clock() -> None:
    """The card delivers 20 ms at a time, unevenly; the engine looks in between."""
    live, analyser, sound = HeardLive(), Analyser(RATE), clicks(120, 14)
    director, one, rng = Director(SIZE, 400), performer(live), np.random.default_rng(0)
    block, way, fed, since_s = RATE // 50, [], 0, 0.0
    for chunk in range(60):
        now_s = (chunk + 1) * T / FPS
        while (fed + 1) * 0.02 + rng.uniform(0, 0.01) < now_s:
            live.write(analyser.feed(sound[fed * block : (fed + 1) * block]), (fed + 1) * 0.02 + rng.uniform(0, 0.01))
            fed += 1
        snapshot = ControlSnapshot((pin(1, 0.4, 0.5),), {}, since_s, now_s, None, (one,))
        way.append(director.direct(snapshot, Span(since_s, now_s, 1 + chunk * T, T, FPS)))
        since_s = now_s
    assert frequency_of(centre(way)[:, 0], 1 / FPS) == pytest.approx(2.0, rel=0.02)


def test_silence_leaves_a_point_where_the_hand_put_it() -> None:
    way = centre(directed(performer(HeardFile(np.tile(SILENCE, (100, 1)))), 6, pin(1, 0.4, 0.5)))
    np.testing.assert_allclose(way, np.tile(way[0], (len(way), 1)), atol=1e-3)


@pytest.mark.parametrize(("axis", "moved"), [("right", (1, 0)), ("down", (0, 1))])
def test_a_full_level_moves_by_the_amount_in_heights(axis: Axis, moved: tuple[int, int]) -> None:
    loud = np.tile(np.array([0, 0, 0, 0, 0, 0], np.float32), (200, 1))  # 0 dB throughout
    way = centre(directed(performer(HeardFile(loud), axis, Drive("loudness")), 12, pin(1, 0.4, 0.5)))
    np.testing.assert_allclose(way[-1] - way[0], np.array(moved) * 0.1 * SIZE[1], atol=0.2)


def test_what_is_held_is_where_the_hand_put_it_first() -> None:
    """The sound has a level from its first frame on; the grid must still be laid at the point."""
    loud = np.zeros((200, 6), np.float32)
    (tracks,) = directed(performer(HeardFile(loud), drive=Drive("loudness", attack_s=0.001)), 1, pin(1, 0.4, 0.5))
    np.testing.assert_allclose(tracks.xy[0].mean(axis=0), (0.4, 0.5), atol=1e-4)
    assert tracks.xy[-1].mean(axis=0)[0] > 0.45


def test_growing_moves_the_four_quarters_of_the_grid_apart_and_nothing_else() -> None:
    loud = np.zeros((200, 6), np.float32)
    way = directed(performer(HeardFile(loud), "grow", Drive("loudness")), 12, pin(1, 0.4, 0.5))
    assert set((way[-1].ids % (1 << 38) // 64).tolist()) == {10, 11, 12, 13}
    spread = [row.std(axis=0) * SIZE for row in (way[0].xy[0], way[-1].xy[-1])]
    assert np.all(spread[1] > 1.3 * spread[0])
    np.testing.assert_allclose(centre(way), np.tile((0.4 * 256, 0.5 * 144), (48, 1)), atol=0.01)


def test_moves_of_one_point_add_up_whatever_their_order() -> None:
    sound, drive = HeardFile(np.zeros((200, 6), np.float32)), Drive("loudness")
    moves = [Move((1,), axis, 0.1, drive, ((10, 11, 12, 13),)) for axis in ("grow", "right", "down")]
    way = directed(SoundPerformer(9, tuple(moves), sound, ASPECT), 12, pin(1, 0.4, 0.5))
    np.testing.assert_allclose(centre(way)[-1], np.array([0.4, 0.5]) * SIZE + 14.4, atol=0.2)


def test_what_the_hand_holds_is_left_to_the_hand() -> None:
    loud = np.zeros((200, 6), np.float32)
    held = replace(pin(1, 0.4, 0.5), held=True)
    way = centre(directed(performer(HeardFile(loud), drive=Drive("loudness")), 6, held))
    np.testing.assert_allclose(way, np.tile(way[0], (len(way), 1)), atol=1e-3)


def test_a_point_that_undo_moves_keeps_its_motion_around_the_new_place() -> None:
    box, director = ControlMailbox(), Director(SIZE, 400)
    one = performer(HeardFile(np.zeros((200, 6), np.float32)), drive=Drive("loudness"))
    box.direct((one,), ())
    ends = []
    for chunk, x in enumerate((0.3, 0.3, 0.3, 0.6, 0.6)):
        box.put((pin(1, x, 0.5),), 1.0 + chunk)
        taken = box.take(1.5 + chunk)
        ends.append(director.direct(taken, Span(taken.since_s, taken.now_s, 1 + 4 * chunk, T, FPS)).xy[-1].mean(0)[0])
    assert ends[-1] - ends[2] == pytest.approx(0.3, abs=0.01)


def test_an_unplugged_microphone_lets_the_point_come_to_rest() -> None:
    live, drive = HeardLive(), Drive("loudness", release_s=0.2)
    loud = np.zeros((1, 6), np.float32)
    for i in range(100):
        live.write(loud, 1.0 + i * HOP_S)
    assert live.levels_at(drive, np.array([1.99]))[0] > 0.98
    assert live.levels_at(drive, np.array([2.1]))[0] > 0.98  # merely late
    assert live.levels_at(drive, np.array([2.14 + 0.2]))[0] == pytest.approx(np.exp(-1), abs=0.08)
    assert live.levels_at(drive, np.array([2.14 + 1.5]))[0] < 0.01
    assert live.levels_at(drive, np.array([1e6]))[0] < 0.01  # hours later: no more work than the ring


def test_nothing_heard_yet_is_silence() -> None:
    assert not HeardLive().levels_at(Drive(), np.array([1.0, 2.0])).any()


def test_the_ring_is_whole_while_another_thread_writes() -> None:
    """Each write is of equal rows one higher than before: whoever reads must see them ascend by runs of five."""
    live, stop = HeardLive(), threading.Event()

    def write() -> None:
        for value in range(4000):
            live.write(np.full((5, 6), value, np.float32), value * 0.05)
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not stop.is_set():
        rows = live.recent()[0][:, 0]
        written = rows[rows >= 0]
        assert set(np.diff(written)) <= {0.0, 1.0}
        assert len(written) % 5 == 0
    writer.join()


def test_a_file_without_a_row_is_refused() -> None:
    with pytest.raises(ValueError, match="features"):
        HeardFile(np.zeros((0, 6), np.float32))
