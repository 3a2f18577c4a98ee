"""Faulty control: each fault does what its name says, and no more; the picture's row stays exact."""

import numpy as np
import pytest

from inference.tracks import Tracks
from training.imperfect import (
    FAULTS,
    JITTER,
    JUMP,
    LAG,
    SPIKE,
    end_early,
    imperfect,
    jitter,
    lag,
    masked,
    speed_spike,
    teleport,
    wrong_visibility,
)

FRAMES, POINTS = 33, 40


def tracks(seed: int = 0) -> Tracks:
    """Points that move evenly, each its own way, some of them hidden for a while."""
    rng = np.random.default_rng(seed)
    start, way = rng.uniform(0.2, 0.8, (2, POINTS, 2)) * [[[1.0]], [[0.3]]]
    xy = start + np.linspace(0, 1, FRAMES)[:, None, None] * way
    visible = np.ones((FRAMES, POINTS), np.bool_)
    visible[10:20, ::4] = False
    return Tracks(xy.astype(np.float32), visible, np.arange(POINTS, dtype=np.int64) * 3)


SEEDS = pytest.mark.parametrize("seed", range(6))


@SEEDS
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_the_pictures_row_and_the_points_stay(fault, seed):
    given = tracks(seed)
    found = fault(given, np.random.default_rng(seed))
    np.testing.assert_array_equal(found.xy[0], given.xy[0])
    np.testing.assert_array_equal(found.visible[0], given.visible[0])
    np.testing.assert_array_equal(found.ids, given.ids)
    assert not (np.array_equal(found.xy, given.xy) and np.array_equal(found.visible, given.visible))


@pytest.mark.parametrize("fault", [*FAULTS, imperfect], ids=lambda fault: fault.__name__)
@pytest.mark.parametrize(("frames", "points"), [(1, 3), (5, 0), (2, 1)])
def test_short_and_empty_sets_survive(fault, frames, points):
    visible = np.ones((frames, points), np.bool_)
    given = Tracks(np.full((frames, points, 2), 0.5, np.float32), visible, np.arange(points))
    for seed in range(5):
        assert len(fault(given, np.random.default_rng(seed))) == frames


@SEEDS
def test_jitter_shakes_each_point_by_itself(seed):
    given = tracks()
    moved = jitter(given, np.random.default_rng(seed)).xy[1:] - given.xy[1:]
    assert JITTER[0] * 0.8 < moved.std() < JITTER[1] * 1.2
    assert abs(np.corrcoef(moved[:, 0, 0], moved[:, 1, 0])[0, 1]) < 0.6
    assert abs(np.corrcoef(moved[:-1, :, 0].ravel(), moved[1:, :, 0].ravel())[0, 1]) < 0.1


@SEEDS
def test_lag_shows_an_earlier_row(seed):
    given = tracks()
    found = lag(given, np.random.default_rng(seed))
    late = [n for n in range(LAG[0], LAG[1] + 1) if np.array_equal(found.xy[n:], given.xy[: FRAMES - n])]
    assert len(late) == 1
    assert (found.xy[: late[0]] == given.xy[0]).all()


@SEEDS
def test_teleport_jumps_once_and_moves_on(seed):
    given = tracks()
    found = teleport(given, np.random.default_rng(seed))
    apart = found.xy - given.xy
    jumps = np.flatnonzero(np.abs(np.diff(apart, axis=0)).max(axis=(1, 2)) > 1e-5)
    assert len(jumps) == 1
    assert np.ptp(apart[-1], axis=0).max() < 1e-5  # all by one offset
    assert np.abs(apart).max() <= JUMP + 1e-5


@SEEDS
def test_speed_spike_runs_ahead_then_waits_on_the_same_path(seed):
    given = tracks()
    found = speed_spike(given, np.random.default_rng(seed))
    steps = np.linalg.norm(np.diff(found.xy, axis=0), axis=2) / np.linalg.norm(np.diff(given.xy, axis=0), axis=2)
    assert 1.5 < steps.max() < SPIKE[1] + 0.1
    assert steps.min() < 0.01
    np.testing.assert_array_equal(found.xy[-1], given.xy[-1])
    rows = {row.tobytes() for row in given.xy}
    assert all(row.tobytes() in rows for row in found.xy)


@SEEDS
def test_ended_tracks_never_come_back(seed):
    found = end_early(tracks(), np.random.default_rng(seed)).visible
    lost = tracks().visible & ~found
    assert lost.any()
    for n in np.flatnonzero(lost.any(axis=0)):
        assert not found[lost[:, n].argmax() :, n].any()


@SEEDS
def test_wrong_visibility_is_wrong_in_one_span_of_some_points(seed):
    given = tracks()
    wrong = wrong_visibility(given, np.random.default_rng(seed)).visible ^ given.visible
    share = wrong.any(axis=0).mean()
    assert 0.05 < share < 0.6
    assert (np.abs(np.diff(wrong.astype(int), axis=0)).sum(axis=0) <= 2).all()
    hidden = [(given.visible & wrong).any(), (~given.visible & wrong).any()]
    assert hidden[0]


def test_masking_silences_whole_latents_in_mid_clip_alone():
    given, shares = tracks(), []
    for seed in range(200):
        found = masked(given, np.random.default_rng(seed), 0.2)
        silent = ~found.visible.any(axis=1)
        latents = silent[1:].reshape(-1, 4)
        assert (latents.all(axis=1) == latents.any(axis=1)).all()
        assert not silent[0]
        assert not latents[[0, -1]].any()
        told = ~np.concatenate([[False], np.repeat(latents[:, 0], 4)])
        np.testing.assert_array_equal(found.visible[told], given.visible[told])
        np.testing.assert_array_equal(found.xy, given.xy)
        shares.append(latents[1:-1, 0].mean())
    assert np.mean(shares) == pytest.approx(0.2, abs=0.03)


def test_several_faults_are_drawn():
    given = tracks()
    found = [imperfect(given, np.random.default_rng(seed)) for seed in range(30)]
    moved = sum(not np.array_equal(each.xy, given.xy) for each in found)
    hidden = sum(not np.array_equal(each.visible, given.visible) for each in found)
    assert moved > 5
    assert hidden > 5
