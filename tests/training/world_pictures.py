"""A tiny library of drawn pictures, so that the world's tests need no download."""

from functools import cache

import cv2
import numpy as np

from training.world.library import Entry, Library


def drawn_object(shape: str) -> np.ndarray:
    """uint8 [128, 128, 4]: a textured shape with a soft edge."""
    y, x = np.mgrid[-1:1:128j, -1:1:128j]
    inside = {
        "ball": 0.9 - np.hypot(x, y),
        "box": 0.8 - np.maximum(abs(x), abs(y)),
        "ring": 0.25 - abs(np.hypot(x, y) - 0.6),
    }[shape]
    colour = 127 + 80 * np.stack([np.sin(9 * x), np.cos(7 * y), np.sin(5 * (x + y))], axis=2)
    alpha = np.clip(inside * 64 + 0.5, 0, 1) * 255
    return np.dstack([colour, alpha]).astype(np.uint8)


def drawn_place(seed: int) -> np.ndarray:
    """uint8 [128, 256, 3]: smooth noise that joins at the ends."""
    noise = np.random.default_rng(seed).normal(size=(128, 256, 3))
    wide = cv2.GaussianBlur(np.tile(noise, (1, 3, 1)), (0, 0), 3)[:, 256:512]
    return np.clip(128 + wide * 500, 0, 255).astype(np.uint8)


@cache
def tiny_library(split: str = "train") -> Library:
    objects = tuple(Entry(shape, drawn_object(shape)) for shape in ("ball", "box", "ring"))
    return Library(split, objects, (Entry("noise", drawn_place(1)), Entry("fog", drawn_place(2))))
