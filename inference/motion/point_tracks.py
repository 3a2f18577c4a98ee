"""Points followed from frame to frame: good corners on a grid, pyramidal Lucas-Kanade, new ones where some were lost.

Owns the points that are followed. Never decodes, and never knows what the points are for. One thread at a time. (Shi
and Tomasi, "Good features to track", 1994; Bouguet, "Pyramidal implementation of the Lucas Kanade feature tracker",
2001.)

Every few steps a point is pulled to where its first appearance fits best, so that errors do not add
up (`inference.motion.patch_fit`). A point is given up where following it forward and back again does not end where it
began, where it no longer looks as it did, where it leaves the frame, and where an older one is already. What is given
up never comes back: what is found there later is a new point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from inference.motion.patch_fit import fitted, local_affine, patches

WINDOW, LEVELS = 15, 4  # of Lucas-Kanade: pixels (a larger one takes in what moves otherwise), and halvings
DOUBT = 1.0  # pixels between where a point began and where it comes back to
ACROSS, SMALLEST = 32, 10  # one point in each square of a grid, so many along the longer side, of so many pixels
AGAIN = 4  # frames from one look at first appearances, and for new points, to the next
CORNER = 1e-4  # the smaller eigenvalue of a corner: above what a codec's noise makes in a flat wall
PULL = 2.0  # pixels that the first appearance may correct
ALIKE, STRANGE = 0.85, 0.7  # correlation with it: enough to go by, and too little to be the same point
TOGETHER = 4  # pixels: two points in one square of this are one point


@dataclass(frozen=True, eq=False)
class Seen:
    """The points in one frame. ids: int64 [N], rising, from 0 on in the order of their births. xy: float32 [N, 2],
    pixels (corners at 0 and size).
    """

    ids: np.ndarray
    xy: np.ndarray


Follow = Callable[[Iterator[np.ndarray]], list[Seen]]  # all frames of a video, uint8 [H, W, 3], to what each shows


def followed(images: Iterator[np.ndarray]) -> list[Seen]:
    """The points of a video (`Follow`), by what this module does."""
    tracker = PointTracker()
    return [tracker.step(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)) for image in images]


class PointTracker:
    """Fed with one grey frame after another, uint8 [H, W] of one size."""

    def __init__(self) -> None:
        self._before: np.ndarray | None = None
        self._at = np.zeros((0, 2), np.float32)  # OpenCV's: pixel centres at whole numbers
        self._ids = np.zeros(0, np.int64)
        self._looks = patches(np.zeros((1, 1), np.uint8), self._at)  # of each point at first, or since it changed
        self._turned = np.zeros((0, 2, 2))  # how each was turned and grown since,
        self._compared = self._at  # when they were compared last, here
        self._born, self._frames = 0, 0

    def step(self, grey: np.ndarray) -> Seen:
        """Where the points are in the next frame; new ones among them."""
        if self._before is not None and len(self._ids):
            moved, sure = carried(self._before, grey, self._at)
            sure &= ((moved >= -0.5) & (moved < np.array(grey.shape[::-1]) - 0.5)).all(axis=1)
            self._keep(sure, moved[sure])
        if self._frames % AGAIN == 0:
            self._compare(grey)
            new = corners(grey, self._at)
            self._at = np.concatenate([self._at, new])
            self._ids = np.concatenate([self._ids, self._born + np.arange(len(new))])
            self._looks = np.concatenate([self._looks, patches(grey, new)])
            self._turned = np.concatenate([self._turned, np.tile(np.eye(2), (len(new), 1, 1))])
            self._compared = self._at
            self._born += len(new)
        self._before = grey
        self._frames += 1
        return Seen(self._ids.copy(), self._at + np.float32(0.5))

    def _compare(self, grey: np.ndarray) -> None:
        """Pulls every point to where its first appearance fits best; what looks otherwise by now is taken anew."""
        self._turned = local_affine(self._compared, self._at) @ self._turned
        pulled, alike = fitted(self._looks, grey, self._at, self._turned)
        good = (alike > ALIKE) & (np.linalg.norm(pulled - self._at, axis=1) < PULL)
        at = np.where(good[:, None], pulled, self._at)
        changed = ~good & (alike >= STRANGE)
        self._looks[changed] = patches(grey, at[changed])
        self._turned[changed] = np.eye(2)
        self._keep(alike >= STRANGE, at[alike >= STRANGE])
        _, first = np.unique((self._at // TOGETHER).astype(np.int64), axis=0, return_index=True)
        first.sort()  # ids rise: of several in a square, the oldest
        self._keep(first, self._at[first])

    def _keep(self, kept: np.ndarray, at: np.ndarray) -> None:
        """Only some of the points, which are now at `at`."""
        self._at, self._ids, self._looks = at, self._ids[kept], self._looks[kept]
        self._turned, self._compared = self._turned[kept], self._compared[kept]


def carried(before: np.ndarray, now: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where points [N, 2] of the frame before are now, float32 [N, 2], and bool [N], whether the way back confirms it.

    before, now: grey, uint8 [H, W]. Pixels, centres at whole numbers.
    """
    there, found = _flow(before, now, at)
    back, again = _flow(now, before, there)
    return there, found & again & (np.linalg.norm(back - at, axis=1) < DOUBT)


def corners(grey: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """The best corner of each square of a grid that holds no point of `taken` [K, 2] yet: float32 [N, 2], centres at
    whole numbers.
    """
    cell = max(SMALLEST, max(grey.shape) // ACROSS)
    rows, columns = grey.shape[0] // cell, grey.shape[1] // cell
    if not rows or not columns:
        return np.zeros((0, 2), np.float32)
    strength = cv2.cornerMinEigenVal(grey, 5)[: rows * cell, : columns * cell]
    squares = strength.reshape(rows, cell, columns, cell).transpose(0, 2, 1, 3).reshape(rows * columns, -1)
    best = squares.argmax(axis=1)
    y, x = np.divmod(np.arange(rows * columns), columns)
    found = np.stack([x * cell + best % cell, y * cell + best // cell], axis=1).astype(np.float32)  # [squares, 2]
    good = squares.max(axis=1) > CORNER
    if len(taken):
        column, row = np.clip((taken // cell).astype(np.int64), 0, (columns - 1, rows - 1)).T
        good[row * columns + column] = False
        apart = np.abs(found[:, None] - taken[None]).max(axis=2).min(axis=1)  # [squares]
        good &= apart >= cell / 2
    return found[good]


def _flow(before: np.ndarray, now: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        before, now, at[:, None], np.empty_like(at[:, None]), winSize=(WINDOW, WINDOW), maxLevel=LEVELS
    )
    return np.asarray(there)[:, 0], np.asarray(found)[:, 0] > 0
