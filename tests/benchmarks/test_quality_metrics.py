"""The quality benchmark's metrics on cases whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality import metrics
from benchmarks.quality.metrics import PointErrors, Targets, point_errors
from benchmarks.quality.tracker import Followed, follow
from tests.benchmarks.quality_cases import shifted_case, texture


def errors_in(video: np.ndarray, scored: Targets, start: np.ndarray) -> PointErrors:
    return point_errors(scored, follow(video, start[scored.index]))


def test_the_truth_survives_and_has_next_to_no_error() -> None:
    case = shifted_case()
    scored = case.scored()
    found = errors_in(case.frames, scored, case.pixels[0])
    assert len(scored.index) > 20
    assert found.kept.all()
    assert np.median(found.error) < 0.01
    assert found.error.max() <= 2.0


def test_a_video_three_pixels_off_has_an_error_of_three() -> None:
    case = shifted_case()
    scored = case.scored()
    off = np.stack([case.frames[0], *np.roll(case.frames[1:], 3, axis=2)])
    found = errors_in(off, scored, case.pixels[0])
    inner = scored.truth[:, 0] < 128 - 20  # away from the columns that were rolled in
    assert found.kept[inner].all()
    assert found.error[inner] == pytest.approx(3.0, abs=0.2)


def test_a_frozen_video_scores_the_full_displacement() -> None:
    case = shifted_case()
    scored = case.scored()
    frozen = np.broadcast_to(case.frames[0], case.frames.shape)
    found = errors_in(frozen, scored, case.pixels[0])
    assert found.kept.all()
    assert found.error == pytest.approx(scored.displacement, abs=0.05)
    assert scored.displacement.max() == pytest.approx(16.0, abs=1e-3)


def test_a_lost_point_scores_its_full_displacement() -> None:
    scored = Targets(np.array([4, 7]), np.array([2, 1]), np.array([[20.0, 5.0], [9.0, 9.0]]), np.array([12.0, 5.0]))
    xy = np.zeros((3, 2, 2), np.float32)
    xy[2, 0], xy[1, 1] = (20, 4), (9, 8)
    alive = np.array([[True, True], [True, True], [False, False]])  # the second is lost after its frame: that is late
    found = point_errors(scored, Followed(xy, alive))
    assert found.kept.tolist() == [False, True]
    assert found.error == pytest.approx([12.0, 1.0])


def test_points_that_cannot_be_followed_or_do_not_move_are_not_scored() -> None:
    case = shifted_case()
    still = metrics.targets(np.repeat(case.pixels[:1], 9, axis=0), case.tracks.visible, case.frames)
    assert len(still.index) == 0
    wrong = case.pixels + np.arange(9)[:, None, None] * [0.0, 3.0]  # a truth that this video does not show
    assert len(metrics.targets(wrong, case.tracks.visible, case.frames).index) == 0


def test_a_point_is_scored_at_the_last_frame_before_the_truth_hides_it() -> None:
    case = shifted_case()
    visible = case.tracks.visible.copy()
    visible[5:] = False
    scored = metrics.targets(case.pixels, visible, case.frames)
    assert len(scored.index) > 20
    assert scored.frame.max() == 4
    inner = scored.truth[:, 0] < 128 - 20  # what leaves the picture is followed for less long
    assert (scored.frame[inner] == 4).all()
    assert scored.displacement[inner] == pytest.approx(8.0, abs=1e-3)


def test_only_some_points() -> None:
    scored = shifted_case().scored()
    allowed = np.zeros(60, bool)
    allowed[scored.index[:3]] = True
    assert scored.of(allowed).index.tolist() == scored.index[:3].tolist()


def test_psnr_of_a_known_error_and_of_masks() -> None:
    truth = np.full((3, 32, 32, 3), 100, np.uint8)
    video = truth.copy()
    video[1:, :16] = 110
    half = np.zeros((3, 32, 32), bool)
    half[:, :16] = True
    assert metrics.psnr(video, truth) == pytest.approx(10 * np.log10(255**2 / 50))
    assert metrics.psnr(video, truth, half) == pytest.approx(10 * np.log10(255**2 / 100))
    assert metrics.psnr(video, truth, ~half) is None  # equal
    assert metrics.psnr(truth, truth) is None
    assert metrics.psnr(video, truth, np.zeros((3, 32, 32), bool)) is None
    video[0] = 0
    assert metrics.psnr(video, truth) == pytest.approx(10 * np.log10(255**2 / 50))  # the given picture never counts


def test_ssim_and_edges() -> None:
    truth = shifted_case().frames
    assert metrics.ssim(truth, truth) == pytest.approx(1.0)
    assert metrics.ssim(np.stack([texture(72, 128, 1 + t) for t in range(9)]), truth) < 0.3
    assert metrics.edge(truth, truth) == pytest.approx(1.0)
    middle = (truth.astype(float) - 128) / 2 + 128
    assert metrics.edge(middle.astype(np.uint8), truth) == pytest.approx(0.25, rel=0.02)
    stripes = np.zeros((2, 4, 8, 3), np.uint8)
    stripes[:, :, ::2] = 10
    assert metrics.edge_energy(stripes) == pytest.approx(100.0)


def test_change_of_still_pixels() -> None:
    truth = np.full((5, 16, 16, 3), 50, np.uint8)
    video = truth.copy()
    video[1:, :8] = 53
    video[1:, 8:] = 250
    still = np.zeros((16, 16), bool)
    still[:8] = True
    assert metrics.still_change(video, truth, still) == pytest.approx(3.0)
    assert metrics.still_change(video, truth, np.zeros((16, 16), bool)) is None
