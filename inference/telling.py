"""Which of a picture's things words beside a name mean: "the left ball", "the small red car".

Owns the words of sides, sizes and colours, and how well a thing fits them. Knows no names (`inference.words`) and no
sentence (`inference.reading`). Pure functions, any thread.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import cv2
import numpy as np

SIDES = {  # right, down
    "left": (-1, 0), "leftmost": (-1, 0), "right": (1, 0), "rightmost": (1, 0), "upper": (0, -1), "top": (0, -1),
    "lower": (0, 1), "bottom": (0, 1),
}  # fmt: skip
MIDDLE = ("middle", "center", "centre", "central")
SIZES = {"big": 1, "bigger": 1, "biggest": 1, "large": 1, "larger": 1, "largest": 1, "huge": 1, "small": -1,
         "smaller": -1, "smallest": -1, "little": -1, "tiny": -1}  # fmt: skip
COLOURS = {  # RGB
    "red": (200, 40, 40), "orange": (235, 130, 40), "yellow": (235, 205, 60), "green": (70, 150, 60),
    "blue": (50, 100, 200), "purple": (130, 70, 180), "violet": (130, 70, 180), "pink": (235, 130, 170),
    "brown": (120, 80, 50), "white": (235, 235, 235), "black": (30, 30, 30), "grey": (130, 130, 130),
    "gray": (130, 130, 130),
}  # fmt: skip
SURE = 6.0  # log odds by which a thing at the far end of what was said is preferred to one at the other
_ACROSS = 60.0  # of Lab, in which colours are compared: so far apart are other colours


def fitting(name: str, things: Sequence[np.ndarray], picture: np.ndarray) -> np.ndarray:
    """How well things, bool [h, w] each, fit the words of a name that tell them apart, in log odds [things]; zeros for
    a name without such words. picture: uint8 [H, W, 3].
    """
    words = re.findall(r"[a-z]+", name.lower())
    odds = np.zeros(len(things))
    if len(things) < 2:
        return odds
    h, w = things[0].shape
    middles = np.array([[x.mean() / w - 0.5, y.mean() / h - 0.5] for y, x in map(np.nonzero, things)])  # right, down
    for word in words:
        if word in SIDES:
            odds += _ranked(middles @ np.array(SIDES[word], float))
        elif word in MIDDLE:
            odds += _ranked(-np.abs(middles[:, 0]))
        elif word in SIZES:
            odds += _ranked(SIZES[word] * np.log([thing.sum() for thing in things]))
        elif word in COLOURS:
            odds += SURE * _coloured(COLOURS[word], things, picture)
    return odds


def _ranked(amount: np.ndarray) -> np.ndarray:
    """SURE for the most, 0 for the least."""
    spread = np.ptp(amount)
    return SURE * (amount - amount.min()) / spread if spread > 0 else np.zeros(len(amount))


def _coloured(colour: tuple[int, int, int], things: Sequence[np.ndarray], picture: np.ndarray) -> np.ndarray:
    """How far things have a colour, 0 to 1: by the third of their places that is nearest to it."""
    h, w = things[0].shape
    seen = cv2.resize(picture, (w, h), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    wanted = np.array(colour, np.float32)[None, None] / 255
    apart = cv2.cvtColor(seen, cv2.COLOR_RGB2LAB) - cv2.cvtColor(wanted, cv2.COLOR_RGB2LAB)
    apart *= np.array([0.5, 1.0, 1.0], np.float32)  # light and shade say less than hue
    distance = np.linalg.norm(apart, axis=2)
    nearest = [np.sort(distance[thing])[: max(1, int(thing.sum()) // 3)].mean() for thing in things]
    return np.clip(1.0 - np.array(nearest) / _ACROSS, 0.0, 1.0)
