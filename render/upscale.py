"""Sharp enlargement of a small picture: one filter in shaders and, for machines without a GPU, on arrays.

Twice the size by cubic convolution, an unsharp mask held within the range of the source pixels around (steep
edges, no ringing), then bilinear to the final size. At 1:1 the picture stays as it is; shrinking is bilinear.

An OpenGL that runs on the CPU needs about five times as long for this as array code does, and takes that time
from the model; hence the second form. A test holds one against the other. Both draw into the rectangle of a
plate (see renderer.py) and leave the rest of it alone. Thread: the context's.
"""

from typing import Protocol

import cv2
import moderngl
import numpy as np

from render.frame_textures import FrameTextures
from render.shaders import load_program
from render.surface import Surface
from render.viewport_map import PictureRect

SHARPEN_AMOUNT = 1.5

_THREE_BY_THREE = np.ones((3, 3), np.uint8)


class Upscaler(Protocol):
    """What the renderer asks of either form."""

    def load(self, image: np.ndarray) -> None:
        """Takes the next frame, uint8 [H, W, 4]."""

    def paint(self, plate: Surface, rect: PictureRect) -> None:
        """Draws the newest frame into `rect` of the plate (y down from its top)."""

    def release(self) -> None:
        """Frees what it holds on the GPU."""


class ShaderUpscaler:
    """The filter in three passes on the GPU."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._textures = FrameTextures(ctx)
        names = ("double", "sharpen", "present")
        self._programs = {name: load_program(ctx, "screen", name) for name in names}
        self._passes = {name: ctx.vertex_array(program, []) for name, program in self._programs.items()}
        self._programs["sharpen"]["doubled"], self._programs["sharpen"]["picture"] = 0, 1
        self._programs["sharpen"]["amount"] = SHARPEN_AMOUNT
        self._stages: list[Surface] = []  # doubled, sharpened

    def load(self, image: np.ndarray) -> None:
        """Takes the next frame, uint8 [H, W, 4]."""
        self._textures.upload(image)

    def paint(self, plate: Surface, rect: PictureRect) -> None:
        """Draws the newest frame into `rect` of the plate."""
        source = self._textures.front
        assert source is not None, "load a frame first"
        if rect.width > source.width:
            source = self._enlarge(source)
        lower_left = (rect.x, plate.size[1] - rect.y - rect.height)
        plate.use(lower_left, (rect.width, rect.height))
        source.filter = moderngl.LINEAR, moderngl.LINEAR
        source.use(0)
        self._programs["present"]["origin"] = lower_left
        self._programs["present"]["size"] = rect.width, rect.height
        self._passes["present"].render(vertices=3)

    def _enlarge(self, picture: moderngl.Texture) -> moderngl.Texture:
        size = (2 * picture.width, 2 * picture.height)
        if not self._stages or self._stages[0].size != size:
            self._release_stages()
            self._stages = [Surface(self._ctx, size) for _ in range(2)]
        doubled, sharpened = self._stages
        doubled.use()
        picture.use(0)
        self._passes["double"].render(vertices=3)
        sharpened.use()
        doubled.texture.use(0)
        picture.use(1)
        self._passes["sharpen"].render(vertices=3)
        return sharpened.texture

    def _release_stages(self) -> None:
        for stage in self._stages:
            stage.release()
        self._stages = []

    def release(self) -> None:
        """Frees textures, stages and programs."""
        self._textures.release()
        self._release_stages()
        for name in self._programs:
            self._passes[name].release()
            self._programs[name].release()


class SoftwareUpscaler:
    """The filter on the CPU; only the finished pixels go to OpenGL."""

    def __init__(self) -> None:
        cv2.setNumThreads(1)  # two were no faster here and spun on the model's cores
        self._image: np.ndarray | None = None

    def load(self, image: np.ndarray) -> None:
        """Takes the next frame, uint8 [H, W, 4]."""
        self._image = np.ascontiguousarray(image[::-1])  # OpenGL's rows begin at the bottom
        self._image[..., 3] = 255

    def paint(self, plate: Surface, rect: PictureRect) -> None:
        """Draws the newest frame into `rect` of the plate."""
        assert self._image is not None, "load a frame first"
        pixels = enlarge(self._image, (rect.width, rect.height))
        lower_left = (rect.x, plate.size[1] - rect.y - rect.height)
        plate.texture.write(pixels, viewport=(*lower_left, rect.width, rect.height))

    def release(self) -> None:
        """Nothing is held on the GPU."""
        self._image = None


def enlarge(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The filter as plain array code: uint8 [H, W, C] -> uint8 [height, width, C]."""
    height, width = image.shape[:2]
    if (width, height) == size:
        return image
    if size[0] <= width:
        return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    twice = (2 * width, 2 * height)
    doubled = cv2.resize(image, twice, interpolation=cv2.INTER_CUBIC)
    blurred = cv2.GaussianBlur(doubled, (3, 3), 0, borderType=cv2.BORDER_REPLICATE)
    sharpened = cv2.addWeighted(doubled, 1 + SHARPEN_AMOUNT, blurred, -SHARPEN_AMOUNT, 0)
    low, high = (
        cv2.resize(extreme(image, _THREE_BY_THREE), twice, interpolation=cv2.INTER_NEAREST)
        for extreme in (cv2.erode, cv2.dilate)
    )
    return cv2.resize(cv2.max(low, cv2.min(high, sharpened)), size, interpolation=cv2.INTER_LINEAR)
