"""When frames are due, and how soon a hand is on the screen: the engine on a clock of the test's own."""

import numpy as np
import pytest

from tests.inference.engine_rig import FPS, PERIOD, T, handle, loaded


@pytest.mark.parametrize("cost_s", [0.01, 0.05, 0.1, 0.15])
def test_frames_are_due_evenly(cost_s: float) -> None:
    rig = loaded(cost_s)
    rig.run(5.0)
    due = [frame.due_s for frame in rig.frames[1:]]
    np.testing.assert_allclose(np.diff(due), 1 / FPS, rtol=1e-6)
    stats = rig.engine.stats()
    assert stats.capacity_fps == pytest.approx(T / (0.8 * cost_s))  # the first half is the slower one
    assert not stats.slowed


def test_a_slow_stream_slows_the_clock_evenly() -> None:
    rig = loaded(0.3)
    rig.run(10.0)
    due = [frame.due_s for frame in rig.frames[60:]]  # the estimates settle within some ten chunks
    np.testing.assert_allclose(np.diff(due), 0.3 / T, rtol=0.01)
    stats = rig.engine.stats()
    assert stats.slowed
    assert stats.clock_fps == pytest.approx(T / 0.3, rel=0.01)


@pytest.mark.parametrize("cost_s", [0.01, 0.05, 0.1, 0.15])
def test_an_event_is_on_screen_within_a_chunk_its_cost_a_margin_and_a_frame(cost_s: float) -> None:
    rig = loaded(cost_s)
    rig.run(1.0)
    events: list[float] = []

    def drag() -> None:
        events.append(rig.engine.mailbox.put((handle(0.2 + len(events) / 1000),), rig.clock.now()))

    for step in range(60):  # prime steps meet every phase of the chunk
        rig.clock.at(rig.clock.now() + step * 0.0613, drag)
    rig.run(5.0)
    assert len(events) == 60
    margin_s = rig.engine.stats().margin_ms / 1000
    latencies = []
    for event_s in events:
        first = next(frame for frame in rig.frames if frame.sampled_s >= event_s)
        latencies.append(first.due_s - event_s)
    assert max(latencies) <= PERIOD + cost_s + margin_s + 1 / FPS + 1e-6
    assert min(latencies) >= cost_s
    stats = rig.engine.stats()
    assert stats.latency_n > 10
    assert stats.latency_p95_ms / 1000 <= PERIOD + cost_s + margin_s + 1 / FPS + 1e-6


def test_the_frame_that_contains_an_event_is_the_first_that_moves() -> None:
    rig = loaded()
    rig.engine.mailbox.put((handle(0.5),), rig.clock.now())
    rig.run(1.0)
    moved_s: list[float] = []
    rig.clock.at(
        rig.clock.now() + 0.07,
        lambda: moved_s.append(rig.engine.mailbox.put((handle(0.75),), rig.clock.now())),
    )
    rig.run(1.0)
    still = rig.frames[0].image
    contains = next(frame for frame in rig.frames if frame.sampled_s >= moved_s[0])
    at_rest = [np.array_equal(frame.image, still) for frame in rig.frames if frame.index < contains.index]
    assert not np.array_equal(contains.image, still)
    assert sum(not rest for rest in at_rest) <= T - 1  # the line towards the event may begin within its own chunk
    np.testing.assert_array_equal(rig.frames[-1].image, np.roll(still, 64, axis=1))
