"""What of a video's motion is the camera's: a homography from the first frame to every other.

Owns the fit. Most points are taken to be on what does not move by itself; where things fill most of the frame, they are
taken for the camera, and nothing here can know better. Pure functions of arrays, any thread. (RANSAC: Fischler and
Bolles, 1981; homographies: Hartley and Zisserman, "Multiple view geometry", chapter 4.)
"""

from __future__ import annotations

import cv2
import numpy as np

FEWEST = 12  # points that a fit wants
COMMON = 0.5  # of a key frame's points that must still be seen; with fewer, a later frame becomes the key
OFF = 1.5  # pixels that a point on what stands still may be off
HONEST = 0.3  # of the points that must agree, or it is no camera's motion


def ego_motion(xy: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, float]:
    """Homographies float64 [T, 3, 3] from the first frame's pixels to each frame's, and which share of the points
    agreed with them, the median over the frames.

    xy: [T, N, 2] pixels, seen: bool [T, N]. Each frame is fitted to a key frame as far back as half of its points
    reach, which adds up fewer errors than going from frame to frame. Where no fit is to be had (a cut, a blank wall)
    the camera is taken to stand still.
    """
    path = np.tile(np.eye(3), (len(xy), 1, 1))
    agreed: list[float] = []
    key = 0
    for t in range(1, len(xy)):
        if key < t - 1 and (seen[key] & seen[t]).sum() < max(FEWEST, COMMON * seen[key].sum()):
            key = t - 1
        both = seen[key] & seen[t]
        step, share = _fitted(xy[key, both], xy[t, both])
        agreed.append(share)
        if step is None:
            path[t], key = path[t - 1], t
        else:
            path[t] = step @ path[key]
            path[t] /= path[t, 2, 2]
    return path, float(np.median(agreed)) if agreed else 0.0


def moved_by(homography: np.ndarray, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points [N, 2] through homographies [T, 3, 3]: [T, N, 2], and bool [T, N], whether they lie before the camera."""
    whole = np.concatenate([xy, np.ones_like(xy[..., :1])], axis=-1)  # [N, 3] or [T, N, 3]
    x, y, depth = np.moveaxis(whole @ homography.transpose(0, 2, 1), -1, 0)
    before = depth > 1e-3
    depth = np.where(before, depth, 1.0)
    return np.stack([x / depth, y / depth], axis=-1), before


def _fitted(here: np.ndarray, there: np.ndarray) -> tuple[np.ndarray | None, float]:
    """The homography that most points agree with, and which share of them does; None where it is not to be trusted."""
    if len(here) < FEWEST:
        return None, 0.0
    found, agree = cv2.findHomography(here.astype(np.float64), there.astype(np.float64), cv2.RANSAC, OFF)
    if found is None or not np.isfinite(found).all():
        return None, 0.0
    share = float(np.mean(agree))
    upright = np.linalg.det(found) > 0
    return (found, share) if upright and share >= HONEST and agree.sum() >= FEWEST else (None, share)
