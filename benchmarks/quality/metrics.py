"""What is measured of a video against the truth: pixels and points.

Owns the definitions. Knows no model and no clip. Pure functions of arrays, any thread. Videos are uint8 [T, H, W, 3];
frame 0, the picture that everybody is given, never counts.

Points: a point of frame 0 is *scored* where the truth moves it more than 2 px and the tracker, on the truth's own
video, stays within 2 px of it. Its run lasts from frame 0 until the truth hides it or the tracker strays; it is scored
at the frame of its run in which it is furthest from where it began. In another video its error is the tracker's
distance from the truth at that frame; if the tracker lost it by then, its full displacement.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from pytorch_msssim import ssim as structural_similarity

from benchmarks.quality.tracker import Followed, follow

MOVING = 2.0  # pixels
CLOSE = 2.0  # pixels: what the tracker may be off on the truth itself
SPARSE = slice(8, None, 8)  # the frames that the dear metrics look at
FEWEST = 256  # pixels of a mask, over a whole clip, that make a figure


def psnr(video: np.ndarray, truth: np.ndarray, mask: np.ndarray | None = None) -> float | None:
    """dB of the mean squared error over a clip (not the mean of frames), of pixels in `mask` bool [T, H, W].

    None where the videos agree exactly or fewer than FEWEST pixels are in the mask.
    """
    difference = np.square(video[1:].astype(np.float32) - truth[1:])
    if mask is not None:
        difference = difference[mask[1:]]
        if len(difference) < FEWEST:
            return None
    error = float(difference.mean(dtype=np.float64))
    return 10 * float(np.log10(255**2 / error)) if error > 0 else None


def ssim(video: np.ndarray, truth: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004): 11x11 Gaussian windows, each colour by itself, every eighth frame."""
    a, b = (torch.from_numpy(v[SPARSE]).permute(0, 3, 1, 2).float() for v in (video, truth))
    return float(structural_similarity(a, b, data_range=255.0))


def edge_energy(video: np.ndarray) -> float:
    """Mean square of differences between neighbouring pixels, across and down, of frames [T, H, W, 3]."""
    frames = video.astype(np.float32)
    across, down = np.diff(frames, axis=2), np.diff(frames, axis=1)
    return float(np.square(across).mean(dtype=np.float64) + np.square(down).mean(dtype=np.float64))


def edge(video: np.ndarray, truth: np.ndarray) -> float:
    """Edge energy as a share of the truth's."""
    return edge_energy(video[1:]) / max(edge_energy(truth[1:]), 1e-9)


def still_change(video: np.ndarray, truth: np.ndarray, still: np.ndarray) -> float | None:
    """Mean absolute difference, 0 to 255, over the pixels bool [H, W] that do not change in the truth; None if few."""
    if still.sum() * (len(truth) - 1) < FEWEST:
        return None
    return float(np.abs(video[1:, still].astype(np.float32) - truth[1:, still]).mean(dtype=np.float64))


@dataclass(frozen=True, eq=False)
class Targets:
    """The scored points of a clip. index: which of the clip's points, int [N]; frame: at which frame, int [N].

    truth: where it is then, pixels [N, 2]; displacement: how far from where it began, pixels [N].
    """

    index: np.ndarray
    frame: np.ndarray
    truth: np.ndarray
    displacement: np.ndarray

    def of(self, allowed: np.ndarray) -> Targets:
        """Only those whose point is allowed: bool, one for each of the clip's points."""
        kept = allowed[self.index]
        return Targets(self.index[kept], self.frame[kept], self.truth[kept], self.displacement[kept])


def targets(truth: np.ndarray, visible: np.ndarray, video: np.ndarray) -> Targets:
    """The points that count. truth: pixels [T, N, 2]; visible: bool [T, N]; video: the truth's own frames."""
    moved = np.where(visible, np.linalg.norm(truth - truth[0], axis=2), 0.0)
    index = np.flatnonzero(moved.max(axis=0) > MOVING)
    truth, visible, moved = truth[:, index], visible[:, index], moved[:, index]
    followed = follow(video, truth[0])
    off = np.linalg.norm(followed.xy - truth, axis=2)
    run = np.logical_and.accumulate(visible & followed.alive & (off <= CLOSE), axis=0)  # [T, M]
    moved = np.where(run, moved, 0.0)
    frame, each = moved.argmax(axis=0), np.arange(len(index))
    kept = moved[frame, each] > MOVING
    return Targets(index[kept], frame[kept], truth[frame, each][kept], moved[frame, each][kept])


@dataclass(frozen=True, eq=False)
class PointErrors:
    """Of scored points: error, pixels [N], and whether the tracker still had it, bool [N]."""

    error: np.ndarray
    kept: np.ndarray


def point_errors(scored: Targets, followed: Followed) -> PointErrors:
    """The error of each scored point in a video through which just these were followed, in their order."""
    each = np.arange(len(scored.index))
    kept = followed.alive[scored.frame, each]
    off = np.linalg.norm(followed.xy[scored.frame, each] - scored.truth, axis=1)
    return PointErrors(np.where(kept, off, scored.displacement), kept)
