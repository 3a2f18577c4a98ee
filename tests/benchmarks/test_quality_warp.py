"""The classical baseline: moving least squares gives back the motions that it can describe."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality import warp as warping
from benchmarks.quality.warp import moving_least_squares, warp
from inference.tracks import Tracks
from tests.benchmarks.quality_cases import shifted_case, texture


def test_an_affine_motion_is_reproduced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warping, "STIFF", 0.0)
    rng = np.random.default_rng(0)
    at, places = rng.uniform(0, 100, (40, 2)), rng.uniform(0, 100, (30, 2))
    turn, offset = np.array([[0.03, -0.1], [0.12, -0.05]]), np.array([4.0, -2.0])
    shift = moving_least_squares(places, at, at @ turn.T + offset)
    near = np.exp(-((np.linalg.norm(places[:, None] - at, axis=2).min(axis=1) / warping.REACH) ** warping.SHARP))
    assert shift == pytest.approx((places @ turn.T + offset) * near[:, None], abs=1e-6)


def test_a_track_holds_its_own_place() -> None:
    at = np.array([[20.0, 20.0], [60.0, 20.0], [40.0, 60.0]])
    shift = np.array([[5.0, 0.0], [-3.0, 2.0], [0.0, 0.0]])
    assert moving_least_squares(at, at, shift) == pytest.approx(shift, abs=0.3)


def test_the_warp_of_a_shifted_picture_is_the_truth_where_tracks_are() -> None:
    case = shifted_case()
    video = warp(case.frames[0], case.tracks)
    assert np.array_equal(video[0], case.frames[0])
    inner = np.s_[1:, 12:-12, 36:-12]
    assert np.abs(video[inner].astype(int) - case.frames[inner]).mean() < 1.0


def test_hidden_tracks_say_nothing_and_far_away_is_still() -> None:
    picture = texture(72, 128)
    xy = np.full((2, 1, 2), 0.25, np.float32)
    xy[1] += 0.1
    hidden = Tracks(xy, np.array([[True], [False]]), np.zeros(1, np.int64))
    assert np.array_equal(warp(picture, hidden)[1], picture)
    seen = warp(picture, Tracks(xy, np.ones((2, 1), bool), np.zeros(1, np.int64)))[1]
    assert np.array_equal(seen[:, 110:], picture[:, 110:])
    assert not np.array_equal(seen[:40, :60], picture[:40, :60])
