"""Driving videos whose motion is known: a texture, or a patch over a texture, moved by affine paths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

SIZE = (256, 144)

Path2D = Callable[[float], np.ndarray]  # seconds to an affine matrix float64 [2, 3], pixels of the first frame to now


def texture(seed: int, size: tuple[int, int]) -> np.ndarray:
    """uint8 [H, W, 3]: blobs of several sizes, as a photograph has."""
    rng = np.random.default_rng(seed)
    width, height = size
    total = np.zeros((height, width, 3), np.float32)
    for cells in (8, 24, 64):
        coarse = rng.uniform(0, 255, (max(2, height * cells // width), cells, 3)).astype(np.float32)
        total += cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    return np.clip(total / 3 * 1.6 - 80, 0, 255).astype(np.uint8)


def moved(picture: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def still(time_s: float) -> np.ndarray:
    return np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def shift(right: float, down: float) -> Path2D:
    """Pixels a second."""
    return lambda time_s: np.array([[1.0, 0.0, right * time_s], [0.0, 1.0, down * time_s]])


def turning(degrees: float, growth: float, right: float, centre: tuple[float, float]) -> Path2D:
    """A second: degrees about the centre, growth of the scale, pixels to the right."""

    def at(time_s: float) -> np.ndarray:
        matrix = cv2.getRotationMatrix2D(centre, degrees * time_s, 1.0 + growth * time_s)
        matrix[0, 2] += right * time_s
        return matrix

    return at


def frames(
    times: Sequence[float], camera: Path2D, patch: Path2D | None = None, size: tuple[int, int] = SIZE
) -> list[np.ndarray]:
    """A texture that goes along `camera`, and over it a patch, a third of the height, that goes along `patch`."""
    ground, thing = texture(1, size), texture(2, size)
    inside = patch_mask(size)
    shown = []
    for time_s in times:
        image = moved(ground, camera(time_s), size)
        if patch is not None:
            where = cv2.warpAffine(inside, patch(time_s), size, flags=cv2.INTER_LINEAR)[..., None] / 255.0
            image = (image * (1 - where) + moved(thing, patch(time_s), size) * where).astype(np.uint8)
        shown.append(image)
    return shown


def patch_mask(size: tuple[int, int] = SIZE) -> np.ndarray:
    mask = np.zeros(size[::-1], np.uint8)
    mask[size[1] // 3 : 2 * size[1] // 3, size[0] // 3 : size[0] // 3 + size[1] // 3] = 255
    return mask


def write(path: Path, times: Sequence[float], images: Sequence[np.ndarray], rate: int = 24) -> Path:
    """An .mp4 whose frames stand at exactly these times; between them the frame before stays."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "16", "preset": "veryfast"})
        stream.width, stream.height = images[0].shape[1], images[0].shape[0]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for time_s, image in zip(times, images, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = round(time_s * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def even(seconds: float, fps: float = 24.0) -> list[float]:
    return [n / fps for n in range(round(seconds * fps) + 1)]
