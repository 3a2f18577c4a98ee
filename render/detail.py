"""The photograph's own pixels in the model's frames: a frame is small and soft, but most of it is the picture, moved.

Owns where the photograph may stand in for the frame, the blend on arrays, and the sizes it is wanted at. Knows how a
frame is made of the picture only through its `motion`, float32 [h, w, 4] on a coarse grid: the displacement (x, y) of
a moving layer in picture heights, the share of that layer, and the share of one that stands still. What is missing to
1 the picture never showed: that stays the frame's. Draws nothing itself (see upscale.py). Pure, but for a cache;
thread: its renderer's.

The motion is the stream's own, since the model was shown the picture moved by it. Estimating it again from the frames
was tried and is worse: the frames are softer than the picture is wrong.
"""

from functools import lru_cache

import cv2
import numpy as np

AGREEMENT = 30.0  # of 255: a difference of mean colour, over a cell, at which a share falls to 0.6
FOLD = 0.3  # a place that shows less than this share of the photograph's area per area is about to show it backwards
WHOLE = 0.97  # a share of so much counts as all: what it lacks could not be seen, and would be paid for everywhere
GRID = 4  # frame pixels a cell: of the comparison, and of the motion where none is given

Box = tuple[slice, slice]  # rows and columns


class Photograph:
    """A picture at its own resolution, uint8 [H, W, 3], and its smaller copies."""

    def __init__(self, pixels: np.ndarray) -> None:
        self._pixels = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])  # [H, W, 4]
        self._copies: dict[tuple[int, int], np.ndarray] = {}

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self._pixels.shape[1], self._pixels.shape[0]

    def at(self, size: tuple[int, int]) -> np.ndarray:
        """uint8 [height, width, 4] of another size, kept: a frame's and a viewport's are asked for again and again."""
        if size == self.size:
            return self._pixels
        if size not in self._copies:
            if len(self._copies) > 2:  # a window that is being resized
                self._copies.clear()
            self._copies[size] = cv2.resize(self._pixels, size, interpolation=cv2.INTER_AREA)
        return self._copies[size]

    def matches(self, image: np.ndarray) -> bool:
        """Whether a frame [h, w, ...] has its shape, up to a pixel."""
        height, width = image.shape[:2]
        return abs(width * self.size[1] - height * self.size[0]) <= max(self.size) + max(width, height)

    def working_size(self, size: tuple[int, int], widest: int | None = None) -> tuple[int, int]:
        """The size to blend at for a rectangle of this size: no larger than the photograph, and no wider than asked."""
        width = min(size[0], self.size[0], widest or size[0])
        return size if width == size[0] else (width, round(width * self.size[1] / self.size[0]))


def agreed(image: np.ndarray, photograph: Photograph, motion: np.ndarray | None) -> np.ndarray:
    """The motion with its shares held to where the photograph looks like the frame: float32 [h, w, 4], shares of 1 at
    most in all.

    image: uint8 [H, W, 4]; motion None: nothing has moved. Compared are means over cells of GRID pixels: the frame may
    be softer, not of another colour.
    """
    half = image.shape[1] // 2, image.shape[0] // 2  # of a frame is fine enough for means, and four times as fast
    if motion is None:
        motion = np.zeros((image.shape[0] // GRID, image.shape[1] // GRID, 4), np.float32)
        motion[..., 3] = 1.0
    held = motion.copy()
    held[..., 2:] /= np.maximum(motion[..., 2:].sum(2, keepdims=True), 1.0)
    small = cv2.resize(image, half, interpolation=cv2.INTER_AREA)
    laid = blend(small, photograph.at(half), held)
    cells = image.shape[1] // GRID, image.shape[0] // GRID
    means = [cv2.resize(x, cells, interpolation=cv2.INTER_AREA)[..., :3].astype(np.float32) for x in (laid, small)]
    difference = cv2.blur(((means[0] - means[1]) ** 2).mean(2), (3, 3), borderType=cv2.BORDER_REPLICATE)
    likeness = cv2.resize(np.exp(difference / (-2.0 * AGREEMENT**2)), motion.shape[1::-1])
    held[..., 2:] *= likeness[..., None]
    held[..., 2] *= np.clip(_stretch(motion) / FOLD, 0.0, 1.0)
    held[held[..., 3] >= WHOLE, 2:] = 0.0, 1.0
    return held


def not_the_photograph(motion: np.ndarray, size: tuple[int, int]) -> Box | None:
    """The rows and columns outside which `blend` would show the photograph as it is; None where it is that everywhere.

    motion: as `agreed`; size: of the picture to blend.
    """
    return _box(motion[..., 3] < 1.0, size)


def blend(frame: np.ndarray, picture: np.ndarray, motion: np.ndarray, box: Box | None = None) -> np.ndarray:
    """Each layer of the photograph by its share, and the frame for the rest: uint8 of the frame's shape.

    picture: uint8 [H, W, 4]; frame: of its size or, with a box, of the box's, and so is what comes back; motion:
    float32 [h, w, 4], shares of 1 at most in all. Weights are 8 bits: half the time of float weights, within two levels
    of them.
    """
    size = picture.shape[1], picture.shape[0]
    part = box or (slice(0, size[1]), slice(0, size[0]))
    shares = (motion[..., 2:] * 255.0 + 0.5).astype(np.uint8)
    still = _weight(shares[..., 1], size, part)
    rest = cv2.bitwise_not(still)
    mixed = cv2.multiply(picture[part], _in_every_channel(still), scale=1 / 255)
    around = _box(motion[..., 2] > 0.5 / 255, size)
    if around is not None:
        there = _common(part[0], around[0]), _common(part[1], around[1])
        inside = tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(there, part, strict=True))
        moving = cv2.min(_weight(shares[..., 0], size, there), rest[inside])
        rest[inside] = cv2.subtract(rest[inside], moving)
        moved = _moved(picture, motion, there)
        cv2.add(mixed[inside], cv2.multiply(moved, _in_every_channel(moving), moved, scale=1 / 255), mixed[inside])
    return cv2.add(mixed, cv2.multiply(frame, _in_every_channel(rest), scale=1 / 255), mixed)


def _stretch(motion: np.ndarray) -> np.ndarray:
    """How much of the photograph's area a place or its neighbours show at least, float32 [h, w]: 1 where nothing grows;
    below 0 where the displacement folds, as between tracks of two things.
    """
    cells = motion.shape[0]  # a picture height
    (xx, xy), (yx, yy) = (
        [cv2.Sobel(np.ascontiguousarray(motion[..., i]), cv2.CV_32F, dx, dy, ksize=1, scale=cells / 2)
         for dx, dy in ((1, 0), (0, 1))]
        for i in (0, 1)
    )  # fmt: skip
    return cv2.erode((1.0 - xx) * (1.0 - yy) - xy * yx, np.ones((3, 3), np.uint8))


def _weight(share: np.ndarray, size: tuple[int, int], box: Box) -> np.ndarray:
    """uint8 [h, w] -> the box's part of [height, width]."""
    return cv2.resize(np.ascontiguousarray(share), size, interpolation=cv2.INTER_LINEAR)[box]


def _in_every_channel(weight: np.ndarray) -> np.ndarray:
    """uint8 [h, w] -> [h, w, 4]."""
    return cv2.merge([weight] * 4)


def _moved(picture: np.ndarray, motion: np.ndarray, box: Box) -> np.ndarray:
    """The moving layer inside the box."""
    height, width = picture.shape[:2]
    places = cv2.resize(motion[..., :2] * np.float32(-height), (width, height))[box]
    places += _pixels(width, height)[box]
    one_map = None  # x and y are in one
    return cv2.remap(picture, places, one_map, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]


@lru_cache(2)
def _pixels(width: int, height: int) -> np.ndarray:
    """Where each pixel is, (x, y): float32 [height, width, 2]."""
    return np.dstack(np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)))


def _common(a: slice, b: slice) -> slice:
    return slice(max(a.start, b.start), min(a.stop, b.stop))


def _box(there: np.ndarray, size: tuple[int, int]) -> Box | None:
    """The rows and columns that cells bool [h, w] reach in a picture of this size; None where there is none."""
    if not there.any():
        return None
    rows, columns = (np.flatnonzero(there.any(axis)) for axis in (1, 0))
    found = []
    for cells, count, pixels in ((rows, there.shape[0], size[1]), (columns, there.shape[1], size[0])):
        cell = pixels / count
        found.append(slice(max(0, int((cells[0] - 1) * cell)), min(pixels, int((cells[-1] + 2) * cell) + 1)))
    return found[0], found[1]
