"""An independent point tracker: pyramidal Lucas-Kanade (OpenCV) from frame 0 along a video, or between two pictures.

Owns following points through frames, saying when one is lost, and finding points of one picture in another
(`found_in`). Knows nothing of the model, its tracks or the truth; every video is followed with the same settings,
chosen on clips of the split "held": first so that the truth is followed well, then, among settings alike in that, so
that the truth through the autoencoder is too. Pure functions of arrays, any thread.

A point is carried from frame to frame, then pulled to where its surroundings in frame 0 fit best, so that errors do not
add up. A frame is missed where both fail: a step that its reverse does not undo, and surroundings that do not fit. A
point goes on as it last went while it is missed, and may be found again by its surroundings.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

SIDE = 13  # pixels: the window that is compared
LEVELS = 2  # of the pyramid above the picture itself, from frame to frame
FORWARD_BACKWARD = 2.0  # pixels: a step whose reverse ends further off is not believed
PULL = 4.0  # pixels: what frame 0's surroundings may correct
_STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.03)
# Between two pictures of any size nothing is known of where a point may be: a larger window, more levels, OpenCV's own
# end of the search.
ANYWHERE_SIDE, ANYWHERE_LEVELS = 21, 4
_ANYWHERE_STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 0.01)
AGREE = 1 / 432  # picture heights: how far the way back may end from where it began


@dataclass(frozen=True, eq=False)
class Followed:
    """xy: float32 [T, N, 2], pixels (corners at 0 and size). alive: bool [T, N], false where the point is lost."""

    xy: np.ndarray
    alive: np.ndarray


def follow(frames: np.ndarray, points: np.ndarray, forward_backward: float = FORWARD_BACKWARD) -> Followed:
    """Points [N, 2] (pixels) of frame 0 through frames uint8 [T, H, W, 3]; forward_backward in pixels."""
    cv2.setNumThreads(1)
    height, width = frames.shape[1:3]
    centres = np.asarray(points, np.float32).reshape(-1, 2) - 0.5  # OpenCV puts pixel centres at whole numbers
    xy, alive = np.tile(centres, (len(frames), 1, 1)), np.ones((len(frames), len(centres)), bool)
    if not len(centres):
        return Followed(xy, alive)
    for t in range(1, len(frames)):
        as_before = 2 * xy[t - 1] - xy[max(t - 2, 0)]
        there = _flow(frames[t - 1], frames[t], xy[t - 1], as_before, LEVELS)
        back = _flow(frames[t], frames[t - 1], there, there, LEVELS)
        sure = alive[t - 1] & (np.linalg.norm(back - xy[t - 1], axis=1) < forward_backward)
        guess = np.where(sure[:, None], there, as_before)
        pulled = _flow(frames[0], frames[t], centres, guess, 0)
        back = _flow(frames[t], frames[0], pulled, centres, 0)
        fits = np.linalg.norm(back - centres, axis=1) < forward_backward
        fits &= np.linalg.norm(pulled - guess, axis=1) < PULL
        xy[t] = np.where(fits[:, None], pulled, guess)
        inside = ((xy[t] >= -0.5) & (xy[t] < np.array([width, height]) - 0.5)).all(axis=1)
        alive[t] = (sure | fits) & inside
    return Followed(xy + 0.5, alive)


def found_in(before: np.ndarray, after: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Grey uint8 [H, W] twice, float32 [N, 2] in pixels (centres at whole numbers): where the points went, and whether
    the way back agrees and ends inside.
    """
    settings = ANYWHERE_LEVELS, ANYWHERE_SIDE, _ANYWHERE_STOP
    there = _flow(before, after, points, points, *settings)
    back = _flow(after, before, there, there, *settings)
    near = np.linalg.norm(back - points, axis=1) < AGREE * before.shape[0]
    return there, near & ((there >= 0) & (there < before.shape[::-1])).all(axis=1)


def _flow(
    before: np.ndarray,
    after: np.ndarray,
    points: np.ndarray,
    start: np.ndarray,
    levels: int,
    side: int = SIDE,
    stop: tuple[int, int, float] = _STOP,
) -> np.ndarray:
    """Where the surroundings of points [N, 2] in one picture are in another, searched from `start`; nan if nowhere."""
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        before, after, points[:, None], start[:, None].copy(), winSize=(side, side), maxLevel=levels,
        criteria=stop, flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )  # fmt: skip
    return np.where(found > 0, there[:, 0], np.float32(np.nan))
