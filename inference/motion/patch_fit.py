"""Small patches of an earlier frame found again in a later one, to parts of a pixel: what keeps points from drifting.

Owns the fit. Never decides what to do with a bad one. Pure functions of arrays, any thread.

From frame to frame a shift is fitted, and where a thing turns or grows each step is off a little, always to the same
side (a corner's gradients lie beside it). So, as Shi and Tomasi do (1994), each point is fitted to its first appearance
too, turned and grown as its neighbours say.
"""

from __future__ import annotations

import cv2
import numpy as np

SIDE = 13  # pixels of a patch
STEPS = 3
NEIGHBOURS = 8
STIFF = 36.0  # square pixels: neighbours that spread less than this say little about turning and growing

_REACH = np.arange(SIDE, dtype=np.float32) - SIDE // 2
_HALVES = np.array([[0.5, 0.0], [0.0, 0.5]], np.float32)  # to both sides: a gradient
OFFSETS = np.stack(np.meshgrid(_REACH, _REACH), -1).reshape(-1, 2)  # [P, 2]


def patches(grey: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The surroundings of points [N, 2] (centres at whole numbers): float32 [N, P]."""
    return _sampled(grey.astype(np.float32), at[:, None] + OFFSETS)


def local_affine(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """How the surroundings of each point turn and grow from one frame to the next, by its nearest neighbours: float64
    [N, 2, 2]. before, now: [N, 2] pixels.
    """
    if len(before) <= 2:
        return np.tile(np.eye(2), (len(before), 1, 1))
    apart = square_distances(before)
    count = min(NEIGHBOURS + 1, len(before) - 1)
    near = np.argpartition(apart, count, axis=1)[:, : count + 1]  # [N, K], itself among them
    here, there = before[near].astype(np.float64), now[near].astype(np.float64)
    here, there = here - here.mean(axis=1, keepdims=True), there - there.mean(axis=1, keepdims=True)
    slip = np.square(there - here - np.median(there - here, axis=1, keepdims=True)).sum(axis=2, keepdims=True)
    here_weighed = here / (1.0 + slip)  # a neighbour on another thing counts less
    spread = np.einsum("nki,nkj->nij", here_weighed, here) + STIFF * np.eye(2)
    return np.eye(2) + np.einsum("nki,nkj->nij", there - here, here_weighed) @ np.linalg.inv(spread)


def fitted(patch: np.ndarray, grey: np.ndarray, at: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where patches [N, P] are in a frame, sought from `at` [N, 2], and how well they correlate there, [N] in [-1, 1].

    affine: [N, 2, 2], how they were turned and grown since they were taken. Brightness and contrast may have changed.
    """
    around = np.einsum("nij,pj->npi", affine, OFFSETS).astype(np.float32)  # [N, P, 2]
    wanted, grey = _normed(patch), grey.astype(np.float32)
    found = at.astype(np.float32).copy()
    for step in range(STEPS + 1):
        seen = _sampled(grey, found[:, None] + around)
        contrast = seen.std(axis=1, keepdims=True) + 1e-3
        off = wanted - _normed(seen)
        if step == STEPS:
            break
        right, down = (
            (_sampled(grey, found[:, None] + around + way) - _sampled(grey, found[:, None] + around - way)) / contrast
            for way in _HALVES
        )
        xx, xy, yy = (right * right).sum(1) + 1e-3, (right * down).sum(1), (down * down).sum(1) + 1e-3
        x, y = (right * off).sum(1), (down * off).sum(1)
        determinant = np.maximum(xx * yy - xy * xy, 1e-6)
        move = np.stack([yy * x - xy * y, xx * y - xy * x], axis=1) / determinant[:, None]
        found += np.clip(move, -1.0, 1.0).astype(np.float32)
    return found, (wanted * _normed(seen)).mean(axis=1)


def square_distances(at: np.ndarray) -> np.ndarray:
    """Between all of some points [N, 2]: float32 [N, N]."""
    at = at - at.mean(axis=0)  # small numbers: the differences below cancel less
    lengths = np.square(at).sum(axis=1)
    return lengths[:, None] + lengths[None] - 2.0 * (at @ at.T)


def _normed(patch: np.ndarray) -> np.ndarray:
    return (patch - patch.mean(axis=1, keepdims=True)) / (patch.std(axis=1, keepdims=True) + 1e-3)


def _sampled(grey: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values between pixels, float32 [N, P], at [N, P, 2]; the frame's border goes on."""
    if not len(at):
        return np.zeros(at.shape[:2], np.float32)
    map_x, map_y = np.ascontiguousarray(at[..., 0], np.float32), np.ascontiguousarray(at[..., 1], np.float32)
    return cv2.remap(grey, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
