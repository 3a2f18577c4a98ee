"""Painting depth: soft dabs along a stroke, and how a map is shown.

Owns the arithmetic alone: no Qt, no engine. Maps are relative inverse depth, float32 [h, w]: 1 is nearest. Pure, any
thread.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.motion.ground import FARTHEST

FLAT = 0.5  # what a flat map says everywhere: everything moves alike
DABS_A_RADIUS = 4  # along a stroke
STRENGTH = 0.12  # share of the way that the middle of one dab goes
SHADE = 0.35  # how dark the picture's black is under the tint

_FAR, _MIDDLE, _NEAR = (np.array(colour, np.float32) for colour in ((38, 62, 140), (196, 74, 128), (255, 224, 130)))

XY = tuple[float, float]


class Stroke:
    """A stroke on a copy of `depth`: `values` is the map so far. radius: in picture heights; nearer: or farther."""

    def __init__(self, depth: np.ndarray, start: XY, radius: float, *, nearer: bool) -> None:
        self.values = depth.copy()
        self._radius, self._target = radius, 1.0 if nearer else FARTHEST
        self._at, self._since = start, 0.0  # how far the hand has come since the last dab
        self._dab(start)

    def to(self, xy: XY) -> None:
        """On to another place. Dabs lie evenly along the way, however many moves it is told in."""
        height, width = self.values.shape
        (x0, y0), (x1, y1) = self._at, xy
        length = float(np.hypot((x1 - x0) * width / height, y1 - y0))  # in heights
        step = self._radius / DABS_A_RADIUS
        at = step - self._since
        while at <= length:
            share = at / length
            self._dab((x0 + share * (x1 - x0), y0 + share * (y1 - y0)))
            at += step
        self._since = length - (at - step)
        self._at = xy

    def _dab(self, xy: XY) -> None:
        height, width = self.values.shape
        radius = self._radius * height
        x, y = xy[0] * width - 0.5, xy[1] * height - 0.5  # in pixels whose centres are whole numbers
        left, right = max(0, int(np.ceil(x - radius))), min(width, int(np.floor(x + radius)) + 1)
        top, bottom = max(0, int(np.ceil(y - radius))), min(height, int(np.floor(y + radius)) + 1)
        if left >= right or top >= bottom:
            return
        away = ((np.arange(left, right) - x)[None] ** 2 + (np.arange(top, bottom) - y)[:, None] ** 2) / radius**2
        soft = STRENGTH * np.clip(1.0 - away, 0.0, 1.0) ** 2
        part = self.values[top:bottom, left:right]
        part += (soft * (self._target - part)).astype(np.float32)


def of_picture(pixels: np.ndarray) -> np.ndarray:
    """A depth picture, uint8 [h, w, 3], as depth estimators write them: white is nearest."""
    return np.clip(pixels.astype(np.float32).mean(2) / 255.0, FARTHEST, 1.0)


@dataclass(frozen=True, eq=False)
class Change:
    """Where two maps differ, and how; small however large the map."""

    top: int
    left: int
    before: np.ndarray
    after: np.ndarray

    @classmethod
    def between(cls, before: np.ndarray, after: np.ndarray) -> Change | None:
        """None where nothing differs."""
        rows, columns = (np.flatnonzero((before != after).any(axis)) for axis in (1, 0))
        if not rows.size:
            return None
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        return cls(int(rows[0]), int(columns[0]), before[box].copy(), after[box].copy())

    def done(self, depth: np.ndarray) -> np.ndarray:
        return self._with(depth, self.after)

    def undone(self, depth: np.ndarray) -> np.ndarray:
        return self._with(depth, self.before)

    def _with(self, depth: np.ndarray, part: np.ndarray) -> np.ndarray:
        made = depth.copy()
        made[self.top : self.top + part.shape[0], self.left : self.left + part.shape[1]] = part
        return made


def tinted(picture: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """The picture, uint8 [h, w, 3], in the colours of its depth: yellow is near, violet and blue are far."""
    luma = picture.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32) / 255.0  # [h, w]
    nearness = depth[..., None] ** 0.7  # most of a picture is far: its differences should be seen too
    low, high = np.clip(2.0 * nearness, 0.0, 1.0), np.clip(2.0 * nearness - 1.0, 0.0, 1.0)
    colour = _FAR + (_MIDDLE - _FAR) * low + (_NEAR - _MIDDLE) * high  # [h, w, 3]
    return (colour * (SHADE + (1.0 - SHADE) * luma[..., None]) + 0.5).astype(np.uint8)
