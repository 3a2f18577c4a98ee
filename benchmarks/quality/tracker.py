"""An independent point tracker: pyramidal Lucas-Kanade (OpenCV) from frame 0 along a video.

Owns following points through frames, and saying when one is lost. Knows nothing of the model, its tracks or the truth;
every video is followed with the same settings, chosen so that the *truth* of held-out clips is followed well. Pure
functions of arrays, any thread.

A point is carried from frame to frame, then pulled to where its surroundings in frame 0 fit best: where that template
still fits, errors do not add up. It is lost for good when its reverse does not undo a step, or it leaves the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

SIDE = 11  # pixels: the window that is compared
LEVELS = 2  # of the pyramid, above the picture itself
FORWARD_BACKWARD = 1.0  # pixels: a step whose reverse ends further off is not believed
PULL = 4.0  # pixels: the template may correct a step by this much
_STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.03)


@dataclass(frozen=True, eq=False)
class Followed:
    """xy: float32 [T, N, 2], pixels (corners at 0 and size). alive: bool [T, N], never true again after false."""

    xy: np.ndarray
    alive: np.ndarray


def follow(frames: np.ndarray, points: np.ndarray) -> Followed:
    """Points [N, 2] (pixels) of frame 0 through frames uint8 [T, H, W, 3]. A lost point stays where it was."""
    cv2.setNumThreads(1)
    height, width = frames.shape[1:3]
    centres = np.asarray(points, np.float32).reshape(-1, 2) - 0.5  # OpenCV puts pixel centres at whole numbers
    xy, alive = np.tile(centres, (len(frames), 1, 1)), np.ones((len(frames), len(centres)), bool)
    for t in range(1, len(frames)):
        xy[t], alive[t] = xy[t - 1], False
        living = np.flatnonzero(alive[t - 1])
        if not living.size:
            continue
        there, sure = _step(frames[t - 1], frames[t], xy[t - 1, living])
        pulled, fits = _step(frames[0], frames[t], centres[living], start=there)
        fits &= np.linalg.norm(pulled - there, axis=1) < PULL
        there[fits] = pulled[fits]
        inside = ((there >= -0.5) & (there < np.array([width, height]) - 0.5)).all(axis=1)
        alive[t, living] = sure & inside
        xy[t, living[sure & inside]] = there[sure & inside]
    return Followed(xy + 0.5, alive)


def _step(
    before: np.ndarray, after: np.ndarray, points: np.ndarray, start: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Where points [N, 2] of one picture are in another, and whether the way back leads to them: [N, 2], bool [N]."""
    there, found = _flow(before, after, points, points if start is None else start)
    back, found_back = _flow(after, before, there, points)
    return there, found & found_back & (np.linalg.norm(back - points, axis=1) < FORWARD_BACKWARD)


def _flow(
    before: np.ndarray, after: np.ndarray, points: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        before, after, points[:, None], start[:, None].copy(), winSize=(SIDE, SIDE), maxLevel=LEVELS,
        criteria=_STOP, flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )  # fmt: skip
    return there[:, 0], found[:, 0] > 0
