"""Photo pieces: regions with random organic outlines cut from places, so that motion is learnt for any texture.

Owns the outline and the cut. Pure functions of a picture and a given random generator, any thread.
"""

import cv2
import numpy as np


def outline(rng: np.random.Generator, angle: np.ndarray) -> np.ndarray:
    """Radius of a random closed shape over angles in radians, its mean about 0.75 and at most 1."""
    radius = np.ones_like(angle)
    for wave in range(2, 7):
        radius += rng.normal(0, 0.34 / wave) * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
    radius = np.maximum(radius, 0.35)
    return radius / radius.max()


def cut_piece(rng: np.random.Generator, panorama: np.ndarray) -> np.ndarray:
    """uint8 [h, w, 4] premultiplied, cut from the middle band of an equirectangular picture; a thin lit rim."""
    height, width = panorama.shape[:2]
    side = int(rng.uniform(0.16, 0.3) * height)
    left = int(rng.integers(0, width - side))
    top = int(rng.uniform(0.33, 0.62) * height - side / 2)
    colour = panorama[top : top + side, left : left + side].astype(np.float32)
    stretch = np.exp(rng.uniform(-0.35, 0.35))
    y, x = np.mgrid[0:side, 0:side] / (side - 1) * 2.1 - 1.05
    x, y = x * max(stretch, 1), y * max(1 / stretch, 1)
    angle = np.linspace(-np.pi, np.pi, 257)
    radius = np.interp(np.arctan2(y, x), angle, outline(rng, angle))
    inside = (radius - np.hypot(x, y)) * side / 2.1
    alpha = np.clip(inside / 1.5 + 0.5, 0, 1)
    light = 1 + 0.25 * np.clip(1 - inside / (0.05 * side), 0, 1) * (-x - y) / 1.4
    rgba = np.concatenate([np.clip(colour * light[..., None], 0, 255) * alpha[..., None], alpha[..., None] * 255], 2)
    rows, columns = np.flatnonzero(alpha.max(1)), np.flatnonzero(alpha.max(0))
    cut = rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return cv2.copyMakeBorder((cut + 0.5).astype(np.uint8), 2, 2, 2, 2, cv2.BORDER_CONSTANT)
