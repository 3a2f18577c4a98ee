"""The independent tracker: exact on a shift, honest about what it cannot see."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality.tracker import AGREE, follow, found_in
from tests.benchmarks.quality_cases import shifted_case, texture

INNER = np.stack(np.meshgrid(np.arange(20.0, 80, 10), np.arange(20.0, 60, 10)), axis=2).reshape(-1, 2)


def test_a_shift_is_followed_to_a_hundredth_of_a_pixel() -> None:
    found = follow(shifted_case(pace=3).frames, INNER)
    assert found.alive.all()
    assert found.xy[-1] == pytest.approx(INNER + np.array([24, 0]), abs=0.02)
    assert np.array_equal(found.xy[0], INNER.astype(np.float32))


def test_what_leaves_the_picture_or_dissolves_is_lost() -> None:
    case = shifted_case(pace=3)
    assert not follow(case.frames, np.array([[120.0, 30.0]])).alive[-1].any()
    broken = np.stack([*case.frames[:4], *(texture(72, 128, 50 + t) for t in range(5))])
    assert follow(broken, INNER).alive[-1].mean() < 0.25


def test_a_point_is_found_again_after_a_bad_frame() -> None:
    frames = shifted_case(pace=2).frames.copy()
    frames[4] = texture(72, 128, 9)
    found = follow(frames, INNER)
    assert found.alive[4].mean() < 0.3
    assert found.alive[-1].mean() > 0.9
    kept = found.alive[-1]
    assert np.median(np.linalg.norm(found.xy[-1] - INNER - [16, 0], axis=1)[kept]) < 0.05


def test_no_points() -> None:
    assert follow(shifted_case().frames, np.zeros((0, 2))).xy.shape == (9, 0, 2)


def test_points_are_found_in_another_picture_where_the_way_back_agrees() -> None:
    before, shift = texture(144, 256)[..., 0], np.array([5, 3])
    after = np.roll(before, shift, axis=(1, 0))
    after[60:90, 100:140] = texture(144, 256, 5)[60:90, 100:140, 0]  # something else stands there now
    points = np.stack(np.meshgrid(np.arange(40.0, 200, 12), np.arange(30.0, 110, 10)), axis=2).reshape(-1, 2)
    there, found = found_in(before, after, points.astype(np.float32))
    now = points + shift
    covered = ((now > [108, 68]) & (now < [132, 82])).all(axis=1)
    clear = ((now < [88, 48]) | (now > [152, 102])).any(axis=1)
    assert found[clear].mean() > 0.9
    assert np.linalg.norm(there - now, axis=1)[found & clear].max() < AGREE * 144
    assert covered.sum() >= 2
    assert not found[covered].any()
