"""The engine's clockwork as plain arithmetic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.pacing import Meters, Pacer

FPS, T = 24.0, 4
PERIOD = T / FPS


def finished(pacer: Pacer, took_s: float, now_s: float) -> list[float]:
    """A chunk that took so long is ready now: when its frames are due."""
    pacer.taken()
    pacer.learn(took_s)
    return pacer.schedule(now_s)


def test_fast_chunks_keep_the_packages_rate() -> None:
    pacer = Pacer(FPS, T)
    due: list[float] = []
    now_s = 100.0
    for _ in range(20):
        now_s = max(now_s, pacer.take_at(now_s)) + 0.05
        due += finished(pacer, 0.05, now_s)
    np.testing.assert_allclose(np.diff(due), 1 / FPS, rtol=1e-6)
    assert not pacer.slowed


def test_the_controls_are_taken_as_late_as_the_chunk_allows() -> None:
    pacer = Pacer(FPS, T)
    due = finished(pacer, 0.05, 100.0)
    assert pacer.take_at(100.0) == pytest.approx(due[-1] + 1 / FPS - 0.05 - pacer.margin_s)


def test_a_slow_machine_slows_the_clock_evenly_and_says_so() -> None:
    pacer = Pacer(FPS, T)
    now_s, took_s = 100.0, 0.25
    due: list[float] = []
    for _ in range(60):
        now_s = max(now_s, pacer.take_at(now_s)) + took_s
        due += finished(pacer, took_s, now_s)
    np.testing.assert_allclose(np.diff(due), took_s / T, rtol=1e-6)
    assert pacer.slowed


def test_the_clock_recovers() -> None:
    pacer = Pacer(FPS, T)
    for took_s in [0.25] * 20 + [0.05] * 20:
        finished(pacer, took_s, 0.0)
    assert pacer.period_s == 1 / FPS
    assert not pacer.slowed


def test_one_late_chunk_moves_the_schedule_by_as_much_and_no_more() -> None:
    pacer = Pacer(FPS, T)
    first = finished(pacer, 0.05, 100.0)
    late = finished(pacer, 0.05, first[-1] + 1 / FPS + 0.03)
    assert late[0] == pytest.approx(first[0] + PERIOD + 0.03)
    assert finished(pacer, 0.05, late[1])[0] == pytest.approx(late[0] + PERIOD)


def test_a_gap_snaps_at_once() -> None:
    pacer = Pacer(FPS, T)
    finished(pacer, 0.05, 100.0)
    assert finished(pacer, 0.05, 500.0)[0] == 500.0
    pacer.snap()
    assert pacer.take_at(600.0) == 600.0
    assert finished(pacer, 0.05, 600.05)[0] == 600.05


def test_a_chunk_that_was_taken_comes_first() -> None:
    pacer = Pacer(FPS, T)
    finished(pacer, 0.05, 100.0)
    before_s = pacer.take_at(100.0)
    pacer.taken()
    assert pacer.take_at(100.0) == pytest.approx(before_s + PERIOD)
    pacer.schedule(100.1)
    assert pacer.take_at(100.1) == pytest.approx(before_s + PERIOD), "scheduled, though not whole yet"
    pacer.taken()
    pacer.snap()
    finished(pacer, 0.05, 200.0)
    assert pacer.take_at(200.0) < 200.0 + PERIOD, "what was taken before the gap never comes"


def test_a_hiccup_hardly_slows_the_clock() -> None:
    pacer = Pacer(FPS, T)
    for _ in range(20):
        finished(pacer, 0.1, 0.0)
    finished(pacer, 30.0, 0.0)
    assert pacer.period_s == 1 / FPS


@given(st.lists(st.floats(0.001, 1.0), min_size=1, max_size=50))
def test_due_times_rise_and_no_frame_is_due_before_it_is_made(times_s: list[float]) -> None:
    pacer = Pacer(FPS, T)
    now_s = 0.0
    due: list[float] = []
    for took_s in times_s:
        now_s = max(now_s, pacer.take_at(now_s)) + took_s
        chunk = finished(pacer, took_s, now_s)
        assert chunk[0] >= now_s
        due += chunk
    assert (np.diff(due) >= 1 / FPS - 1e-9).all()


def test_meters() -> None:
    meters = Meters()
    empty = meters.stats(None, 24.0, 0)
    assert (empty.made_frames, empty.capacity_fps, empty.latency_n) == (0, 0.0, 0)
    assert np.isnan(empty.latency_p50_ms)
    for took_s in (0.1, 0.1, 0.2):
        meters.chunk(4, took_s, {"transformer": took_s * 700, "decode": took_s * 300})
    meters.latency(0.3)
    stats = meters.stats(Pacer(FPS, T), 24.0, 2)
    assert stats.made_frames == 12
    assert stats.capacity_fps == pytest.approx(30.0)
    assert stats.chunk_ms == pytest.approx({"decode": 30, "total": 100, "transformer": 70})
    assert stats.chunk_p95_ms["total"] == pytest.approx(190)
    assert (stats.latency_p50_ms, stats.latency_n, stats.dropped) == (pytest.approx(300), 1, 2)
    assert stats.clock_fps == pytest.approx(24.0)
