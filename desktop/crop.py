"""A part of a picture with the shape of a size that the model makes, as a value.

Owns its arithmetic. Never draws. Any thread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from PySide6.QtGui import QImage

from inference.picture import MAX_ZOOM, Picture, best_bucket

Bucket = tuple[int, int]  # (width, height) in pixels


@dataclass(frozen=True)
class Crop:
    """A part of a picture with a bucket's shape. centre: normalised; zoom 1: the largest that fits."""

    bucket: Bucket
    centre: tuple[float, float] = (0.5, 0.5)
    zoom: float = 1.0

    def box(self, picture: Picture) -> tuple[float, float, float, float]:
        """Left, top, right, bottom in normalised picture coordinates."""
        return picture.crop_box(self.bucket, self.centre, self.zoom)

    def inside(self, picture: Picture) -> Crop:
        """The same crop, its zoom within bounds and its centre moved so that it lies in the picture."""
        left, top, right, bottom = self.box(picture)
        zoom = min(max(self.zoom, 1.0), MAX_ZOOM)
        return replace(self, centre=((left + right) / 2, (top + bottom) / 2), zoom=zoom)

    def apply(self, picture: Picture) -> np.ndarray:
        """uint8 [H, W, 3] at the bucket's size."""
        return picture.crop(self.bucket, self.centre, self.zoom)

    def photograph(self, picture: Picture) -> np.ndarray:
        """uint8 [H, W, 3]: the same part at the picture's own resolution."""
        return picture.photograph(self.bucket, self.centre, self.zoom)


def shape_name(bucket: Bucket) -> str:
    """As people write it: 16:9."""
    divisor = math.gcd(*bucket)
    return f"{bucket[0] // divisor}:{bucket[1] // divisor}"


def best_crop(picture: Picture, buckets: tuple[Bucket, ...]) -> Crop:
    """The largest centred crop in the bucket that loses least."""
    return Crop(best_bucket(picture, buckets))


def loses_much(crop: Crop, picture: Picture) -> bool:
    """Whether the crop leaves out more than a person would fail to notice."""
    left, top, right, bottom = crop.box(picture)
    return (right - left) * (bottom - top) < 0.97


def to_qimage(pixels: np.ndarray) -> QImage:
    """uint8 [H, W, 3] -> an image with memory of its own."""
    height, width = pixels.shape[:2]
    packed = np.ascontiguousarray(pixels)
    return QImage(packed.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
