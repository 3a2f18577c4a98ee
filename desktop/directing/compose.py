"""A picture composed of toys on a background, as a value, and what it looks like.

Owns the arithmetic of placing, the drawing and the JSON of a composition. Never reads a picture file (that is
`desktop.directing.cutouts`) and never shows one. No Qt. Any thread.

The soft shadows are those of the starter pictures (`training.starter_pictures`): the outline laid on the ground, and a
dark narrow line of contact.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from desktop.handles import XY

MIN_HEIGHT, MAX_HEIGHT = 0.04, 1.6  # of a toy, in picture heights
MAX_TOYS = 40
_VERSION = 1
_SHADOWS = ((0.2, 0.25, 0.025, 0.5), (0.06, 0.0, 0.008, 0.6))  # flatness, lean, blur in picture heights, strength


@dataclass(frozen=True)
class Placed:
    """A toy on the picture. cutout: its name; at: its middle, normalised; height: upright, in picture heights; angle:
    degrees, clockwise.
    """

    cutout: str
    at: XY
    height: float
    angle: float = 0.0
    mirrored: bool = False
    shadow: bool = True


@dataclass(frozen=True)
class Composition:
    """A background by its name, drawn `size` (width, height) pixels large, and toys, the farthest first."""

    background: str
    size: tuple[int, int]
    toys: tuple[Placed, ...] = ()

    def with_toy(self, toy: Placed) -> Composition:
        """One more, in front. Raises ValueError when there are MAX_TOYS."""
        if len(self.toys) >= MAX_TOYS:
            raise ValueError("a composition holds no more toys")
        return replace(self, toys=(*self.toys, toy))

    def changed(self, index: int, toy: Placed) -> Composition:
        """The toy there replaced: its middle stays in the picture, and its size within bounds."""
        x, y = (min(max(each, 0.0), 1.0) for each in toy.at)
        height = min(max(toy.height, MIN_HEIGHT), MAX_HEIGHT)
        toy = replace(toy, at=(x, y), height=height, angle=(toy.angle + 180.0) % 360.0 - 180.0)
        return replace(self, toys=(*self.toys[:index], toy, *self.toys[index + 1 :]))

    def without(self, index: int) -> Composition:
        return replace(self, toys=self.toys[:index] + self.toys[index + 1 :])

    def moved_to(self, index: int, place: int) -> Composition:
        """The toy there brought to another place in the order."""
        rest = list(self.without(index).toys)
        rest.insert(place, self.toys[index])
        return replace(self, toys=tuple(rest))

    def reshaped(self, size: tuple[int, int]) -> Composition:
        """In another shape: every toy where it was on the picture, and as large against its shorter side."""
        shrunk = (min(size) / size[1]) / (min(self.size) / self.size[1])
        made = replace(self, size=size)
        for index, toy in enumerate(self.toys):
            made = made.changed(index, replace(toy, height=toy.height * shrunk))
        return made

    @property
    def aspect(self) -> float:
        return self.size[0] / self.size[1]


def to_json(composition: Composition) -> str:
    return json.dumps({"version": _VERSION, **asdict(composition)}, indent=1)


def from_json(text: str) -> Composition:
    """Raises ValueError for anything that `to_json` does not write."""
    try:
        table: dict[str, Any] = json.loads(text)
        if table["version"] != _VERSION or len(table["toys"]) > MAX_TOYS:
            raise ValueError("another version")
        width, height = (int(each) for each in table["size"])
        if not (16 <= width <= 4096 and 16 <= height <= 4096):
            raise ValueError("an impossible size")
        composition = Composition(str(table["background"]), (width, height))
        for number, toy in enumerate(table["toys"]):
            numbers = [float(each) for each in (*toy["at"], toy["height"], toy["angle"])]
            if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
                raise ValueError("a number is not finite")
            x, y, tall, angle = numbers
            placed = Placed(str(toy["cutout"]), (x, y), tall, angle, bool(toy["mirrored"]), bool(toy["shadow"]))
            composition = composition.with_toy(placed).changed(number, placed)
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"not a composition: {error}") from error
    return composition


def corners(toy: Placed, sprite_aspect: float, aspect: float) -> np.ndarray:
    """The corners of a toy's frame, clockwise from its own top left, normalised [4, 2]. sprite_aspect: the cut-out's
    width over its height; aspect: the picture's.
    """
    half = np.array([sprite_aspect, 1.0]) * toy.height / 2  # in picture heights
    box = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    cos, sin = math.cos(math.radians(toy.angle)), math.sin(math.radians(toy.angle))
    turned = box @ np.array([[cos, sin], [-sin, cos]])
    return np.array(toy.at) + turned / (aspect, 1.0)


def holds(toy: Placed, sprite_aspect: float, aspect: float, xy: XY) -> bool:
    """Whether a place of the picture lies in a toy's frame."""
    off = (np.array(xy) - toy.at) * (aspect, 1.0)
    cos, sin = math.cos(math.radians(toy.angle)), math.sin(math.radians(toy.angle))
    across, down = off @ np.array([[cos, -sin], [sin, cos]])
    return abs(across) <= sprite_aspect * toy.height / 2 and abs(down) <= toy.height / 2


class Painter:
    """Draws compositions; what was drawn before and only moves is not drawn anew. picture_of: a cut-out (RGBA) or a
    background (RGB) by its name, always the same one.
    """

    def __init__(self, picture_of: Callable[[str], Image.Image]) -> None:
        self._ground = lru_cache(maxsize=4)(lambda name, size: _covering(picture_of(name), size))
        self._sprite = lru_cache(maxsize=64)(lambda name, *form: _formed(picture_of(name), *form))
        self._shadows = lru_cache(maxsize=64)(
            lambda name, height, *form: tuple(_shadows(self._sprite(name, *form), height))
        )

    def render(self, composition: Composition) -> np.ndarray:
        """The composition as uint8 [H, W, 3] of its own size."""
        canvas = self._ground(composition.background, composition.size).copy()
        width, height = composition.size
        for toy in composition.toys:
            form = max(2, round(toy.height * height)), toy.mirrored, round(toy.angle, 1)
            sprite = self._sprite(toy.cutout, *form)
            left, top = round(toy.at[0] * width - sprite.width / 2), round(toy.at[1] * height - sprite.height / 2)
            if toy.shadow:
                for shade, across, down in self._shadows(toy.cutout, height, *form):
                    canvas.paste((0, 0, 0), (left + across, top + down), shade)
            canvas.paste(sprite, (left, top), sprite)
        return np.array(canvas)


def _covering(background: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The largest middle part of the background with the shape of `size`, at `size`."""
    scale = min(background.width / size[0], background.height / size[1])
    wide, high = size[0] * scale, size[1] * scale
    left, top = (background.width - wide) / 2, (background.height - high) / 2
    box = (left, top, left + wide, top + high)
    return background.resize(size, Image.Resampling.LANCZOS, box)


def _formed(cutout: Image.Image, tall: int, mirrored: bool, angle: float) -> Image.Image:
    size = (max(2, round(tall * cutout.width / cutout.height)), tall)
    sprite = cutout.resize(size, Image.Resampling.LANCZOS)
    if mirrored:
        sprite = sprite.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return sprite.rotate(-angle, Image.Resampling.BICUBIC, expand=True) if angle else sprite


def _shadows(sprite: Image.Image, picture_height: int) -> Iterator[tuple[Image.Image, int, int]]:
    """The shadows as masks ("L"), each with how far right and down its top left lies from the sprite's."""
    box = sprite.getchannel("A").getbbox() or (0, 0, sprite.width, sprite.height)
    outline = sprite.getchannel("A").crop(box)
    for flat, lean, blur, strength in _SHADOWS:
        radius = blur * picture_height
        margin, high = math.ceil(3 * radius), max(1, round(flat * outline.height))
        leant = round(lean * outline.height)
        laid = outline.resize((outline.width, high), Image.Resampling.BOX)
        size = (outline.width + leant + 2 * margin, high + 2 * margin)
        # Output to input: the top row is shifted right by `leant`, the bottom row by nothing.
        shear = leant / high
        place = (1, shear, -margin - leant - shear * margin, 0, 1, -margin)
        mask = laid.transform(size, Image.Transform.AFFINE, place, Image.Resampling.BILINEAR)
        mask = mask.filter(ImageFilter.GaussianBlur(radius)).point(lambda a, s=strength: round(a * s))
        foot = box[3] - round(0.8 * high)  # a little of it lies before the toy
        yield mask, box[0] - margin, foot - margin
