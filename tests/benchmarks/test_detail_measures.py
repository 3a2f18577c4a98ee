"""What the detail benchmark computes: edges, steadiness, true motion, and points that are off."""

import cv2
import numpy as np
import pytest

from benchmarks.detail import (
    Streamed,
    edge_energy,
    measured,
    offsets,
    oracle_motion,
    psnr,
    still_change,
    tracks_of,
)
from render.detail import blend

RNG = np.random.default_rng(0)


def textured(width: int = 256, height: int = 144) -> np.ndarray:
    """uint8 [H, W, 3] with corners everywhere."""
    coarse = RNG.integers(0, 255, (height // 6, width // 6, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def test_edges_fall_where_a_video_is_softer():
    video = np.stack([textured()] * 2)
    soft = np.stack([cv2.GaussianBlur(frame, (0, 0), 3) for frame in video])
    assert edge_energy(soft) < 0.5 * edge_energy(video)
    assert psnr(video, video) > 100
    assert psnr(np.full((4, 4), 10, np.uint8), np.zeros((4, 4), np.uint8)) == pytest.approx(28.13, abs=0.01)


def test_change_counts_only_where_the_truth_stands_still():
    truth = np.zeros((3, 40, 80, 3), np.uint8)
    truth[1, :, 40:] = 200
    made = truth.copy()
    made[1, :, :30] += 6
    assert still_change(truth, truth) == 0.0
    assert 3.0 < still_change(made, truth) < 6.0
    assert np.isnan(still_change(made, np.stack([np.full((40, 80, 3), v, np.uint8) for v in (0, 50, 100)])))


def test_points_are_off_by_what_a_frame_is_shifted():
    frame = textured()
    off, found = offsets(np.roll(frame, 1, axis=1)[None], frame[None], 144)
    assert off == pytest.approx(1.0, abs=0.05)
    assert found > 0.9
    assert offsets(np.roll(frame, 4, axis=1)[None], frame[None], 144)[1] < 0.1


def test_tracks_follow_the_picture():
    frame = textured()
    tracks = tracks_of(np.stack([np.roll(frame, 2 * t, axis=1) for t in range(4)]))
    inner = tracks.visible[-1]
    assert inner.mean() > 0.7
    way = (tracks.xy[-1] - tracks.xy[0])[inner] * [256, 144]
    assert np.median(way, axis=0) == pytest.approx([6, 0], abs=0.05)


def test_the_oracle_lays_the_picture_onto_the_truth():
    frame = textured()
    truth = np.roll(frame, (3, 5), axis=(0, 1))
    opaque = [np.dstack([x, np.full(x.shape[:2], 255, np.uint8)]) for x in (np.zeros_like(frame), frame)]
    laid = blend(opaque[0], opaque[1], oracle_motion(truth, frame))
    assert np.abs(laid[20:-20, 20:-20, :3].astype(int) - truth[20:-20, 20:-20]).mean() < 6


def test_a_clip_that_is_the_photograph_scores_what_it_should():
    """Frames that are the truth made small, nothing moves: detail shows the truth itself."""
    picture = cv2.resize(textured(), (1024, 576), interpolation=cv2.INTER_CUBIC)
    picture = np.clip(picture + RNG.normal(0, 10, (576, 1024, 1)), 0, 255).astype(np.uint8)
    small = cv2.resize(picture, (256, 144), interpolation=cv2.INTER_AREA)
    frames = np.stack([np.dstack([small, np.full((144, 256), 255, np.uint8)])] * 5)
    motion = np.zeros((4, 36, 64, 4), np.float32)
    motion[..., 3] = 1.0
    found, plain, fine = measured(Streamed("still", np.stack([picture] * 5), frames, motion), (1024, 576))
    assert found["psnr"] > 50 > 35 > found["upscaled_psnr"]
    assert found["edge"] == pytest.approx(1.0, abs=0.01)
    assert found["upscaled_edge"] < 0.9
    assert found["change"] == 0.0
    assert found["ms"] > 0
    assert plain.shape == fine.shape == (4, 576, 1024, 3)
