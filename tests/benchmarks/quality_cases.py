"""A textured case whose truth is a plain shift, so that every figure of the quality benchmark is known beforehand."""

from __future__ import annotations

import cv2
import numpy as np

from benchmarks.quality.clips import Case
from inference.tracks import Tracks


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """uint8 [height, width, 3]: smooth noise that a tracker can hold on to."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 3))
    return np.clip(128 + 500 * cv2.GaussianBlur(noise, (0, 0), 2.5), 0, 255).astype(np.uint8)


def shifted_case(pace: int = 2, frames: int = 9, height: int = 72, width: int = 128) -> Case:
    """The whole picture goes right by `pace` pixels a frame; points on a grid, gone from sight where they leave."""
    wide = texture(height, width + pace * frames)
    video = np.stack([wide[:, pace * (frames - t) : pace * (frames - t) + width] for t in range(frames)])
    x, y = np.meshgrid(np.arange(12, width, 12), np.arange(12, height - 8, 12))
    points = np.stack([x.ravel(), y.ravel()], axis=1) + 0.5
    xy = points[None] + np.arange(frames)[:, None, None] * [pace, 0]
    visible = (xy[..., 0] < width).astype(bool)
    tracks = Tracks((xy / [width, height]).astype(np.float32), visible, np.arange(len(points), dtype=np.int64))
    return Case("shift", "objects", video, tracks)
