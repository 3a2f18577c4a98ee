"""Sharp enlargement of a small picture: one filter in shaders and, for machines without a GPU, on arrays.

Twice the size by cubic convolution, an unsharp mask held within the range of the source pixels around (steep
edges, no ringing), then bilinear to the final size. At 1:1 the picture stays as it is; shrinking is bilinear. An
enlarged frame is given the photograph's own pixels where there is one (see detail.py).

An OpenGL that runs on the CPU needs about five times as long for this as array code does, and takes that time
from the model; hence the second form. A test holds one against the other. Both draw into the rectangle of a
plate (see renderer.py) and leave the rest of it alone. Thread: the context's.
"""

from dataclasses import dataclass
from typing import Protocol

import cv2
import moderngl
import numpy as np

from render.board import Board
from render.detail import Box, Photograph, blend, not_the_photograph
from render.frame_textures import FrameTextures
from render.shaders import load_program
from render.surface import Surface
from render.viewport_map import PictureRect

SHARPEN_AMOUNT = 1.5
SOFTWARE_SCALE = 3  # times the frame's width: detail beyond that takes too much of the model's cores

_REACH = 3  # source pixels around a place that its enlargement looks at
_THREE_BY_THREE = np.ones((3, 3), np.uint8)

Detail = tuple[Photograph, np.ndarray]  # with the newest frame's motion, as agreed


class Upscaler(Protocol):
    """What the renderer asks of either form."""

    def load(self, image: np.ndarray) -> None:
        """Takes the next frame, uint8 [H, W, 4]."""

    def prepare(self, image: np.ndarray, size: tuple[int, int], detail: Detail | None) -> None:
        """`paint` will be asked for this image, size and detail: what can be done ahead. Needs no context."""

    def clear(self, size: tuple[int, int], colour: tuple[float, float, float]) -> None:
        """The plate is of this size (width, height) and colour."""

    def paint(self, rect: PictureRect, detail: Detail | None = None) -> None:
        """Draws the newest frame into `rect` of the plate (y down from its top), `detail` in it where it grows."""

    def show(self, framebuffer: moderngl.Framebuffer) -> None:
        """Copies the plate over all of a framebuffer of its size."""

    def release(self) -> None:
        """Frees what it holds on the GPU."""


class ShaderUpscaler:
    """The filter in three passes on the GPU."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._textures = FrameTextures(ctx)
        names = ("double", "sharpen", "present", "detail")
        self._programs = {name: load_program(ctx, "screen", name) for name in names}
        self._passes = {name: ctx.vertex_array(program, []) for name, program in self._programs.items()}
        self._programs["sharpen"]["doubled"], self._programs["sharpen"]["picture"] = 0, 1
        self._programs["sharpen"]["amount"] = SHARPEN_AMOUNT
        for unit, name in enumerate(("frame", "photograph", "motion")):
            self._programs["detail"][name] = unit
        self._plate: Surface | None = None
        self._stages: list[Surface] = []  # doubled, sharpened
        self._photograph = _Kept(ctx, "f1")
        self._motion = _Kept(ctx, "f4")
        self._detailed: Surface | None = None

    def load(self, image: np.ndarray) -> None:
        """Takes the next frame, uint8 [H, W, 4]."""
        self._textures.upload(image)

    def prepare(self, image: np.ndarray, size: tuple[int, int], detail: Detail | None) -> None:
        """Nothing: the GPU does all of it when it paints."""

    def clear(self, size: tuple[int, int], colour: tuple[float, float, float]) -> None:
        """The plate is of this size and colour."""
        if self._plate is None or self._plate.size != size:
            if self._plate is not None:
                self._plate.release()
            self._plate = Surface(self._ctx, size)
        self._plate.clear(colour)

    def show(self, framebuffer: moderngl.Framebuffer) -> None:
        """Copies the plate."""
        assert self._plate is not None, "clear it first"
        self._plate.show(framebuffer)

    def paint(self, rect: PictureRect, detail: Detail | None = None) -> None:
        """Draws the newest frame into `rect` of the plate."""
        plate = self._plate
        assert plate is not None, "clear it first"
        source = self._textures.front
        assert source is not None, "load a frame first"
        if rect.width > source.width:
            source = self._enlarge(source)
            if detail is not None:
                source = self._detail(source, detail, (rect.width, rect.height))
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

    def _detail(self, enlarged: moderngl.Texture, detail: Detail, size: tuple[int, int]) -> moderngl.Texture:
        photograph, motion = detail
        size = photograph.working_size(size)
        if self._detailed is None or self._detailed.size != size:
            if self._detailed is not None:
                self._detailed.release()
            self._detailed = Surface(self._ctx, size)
        self._detailed.use()
        enlarged.filter = moderngl.LINEAR, moderngl.LINEAR
        enlarged.use(0)
        self._photograph.of(photograph.at(size)).use(1)
        self._motion.of(motion).use(2)
        self._programs["detail"]["size"] = size
        self._passes["detail"].render(vertices=3)
        return self._detailed.texture

    def _release_stages(self) -> None:
        for stage in self._stages:
            stage.release()
        self._stages = []

    def release(self) -> None:
        """Frees textures, stages and programs."""
        self._textures.release()
        if self._plate is not None:
            self._plate.release()
        self._release_stages()
        self._photograph.release()
        self._motion.release()
        if self._detailed is not None:
            self._detailed.release()
        for name in self._programs:
            self._passes[name].release()
            self._programs[name].release()


class _Kept:
    """A texture of the array it was last asked for; the same array is not sent twice. dtype: moderngl's name of it."""

    def __init__(self, ctx: moderngl.Context, dtype: str) -> None:
        self._ctx, self._dtype = ctx, dtype
        self._array: np.ndarray | None = None
        self._texture: moderngl.Texture | None = None

    def of(self, array: np.ndarray) -> moderngl.Texture:
        """`array` is [H, W, 4], its row 0 at the top."""
        size = (array.shape[1], array.shape[0])
        if self._texture is None or self._texture.size != size:
            self.release()
            self._texture = self._ctx.texture(size, 4, dtype=self._dtype)
            self._texture.repeat_x = self._texture.repeat_y = False
        if array is not self._array:
            self._texture.write(np.ascontiguousarray(array))
            self._array = array
        return self._texture

    def release(self) -> None:
        if self._texture is not None:
            self._texture.release()
        self._texture = self._array = None


@dataclass(frozen=True, eq=False)
class _Ready:
    """An enlarged frame."""

    image: np.ndarray
    size: tuple[int, int]
    detail: Detail | None
    pixels: np.ndarray

    def answers(self, image: np.ndarray | None, size: tuple[int, int], detail: Detail | None) -> bool:
        """Whether it is what `paint` is asked for: the same arrays, not equal ones."""
        return self.image is image and self.size == size and self.detail is detail


class SoftwareUpscaler:
    """The filter on the CPU; only the finished pixels go to OpenGL."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._board: Board | None = None
        cv2.setNumThreads(1)  # two were no faster here and spun on the model's cores
        self._image: np.ndarray | None = None
        self._given: np.ndarray | None = None  # what `_image` is a copy of
        self._ready: _Ready | None = None

    def load(self, image: np.ndarray) -> None:
        """Takes the next frame, uint8 [H, W, 4]."""
        self._image, self._given = image.copy(), image

    def prepare(self, image: np.ndarray, size: tuple[int, int], detail: Detail | None) -> None:
        """Enlarges it."""
        self._ready = _Ready(image, size, detail, _enlarged(image, size, detail))

    def clear(self, size: tuple[int, int], colour: tuple[float, float, float]) -> None:
        """The plate is of this size and colour."""
        if self._board is None or self._board.size != size:
            if self._board is not None:
                self._board.release()
            self._board = Board(self._ctx, size)
        self._board.clear(colour)

    def show(self, framebuffer: moderngl.Framebuffer) -> None:
        """Copies the plate."""
        assert self._board is not None, "clear it first"
        self._board.show(framebuffer)

    def paint(self, rect: PictureRect, detail: Detail | None = None) -> None:
        """Draws the newest frame into `rect` of the plate."""
        assert self._image is not None, "load a frame first"
        assert self._board is not None, "clear it first"
        size = (rect.width, rect.height)
        if self._ready is not None and self._ready.answers(self._given, size, detail):
            pixels = self._ready.pixels
        else:
            pixels = _enlarged(self._image, size, detail)
        self._board.write(pixels, (rect.x, rect.y))

    def release(self) -> None:
        """Frees the plate."""
        if self._board is not None:
            self._board.release()
        self._image = self._given = self._board = self._ready = None


def _enlarged(image: np.ndarray, size: tuple[int, int], detail: Detail | None) -> np.ndarray:
    opaque = image.copy()
    opaque[..., 3] = 255
    if detail is None or size[0] <= image.shape[1]:
        return enlarge(opaque, size)
    return detailed(opaque, *detail, size)


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


def enlarged_part(image: np.ndarray, scale: int, box: Box) -> np.ndarray:
    """The box's part of the image `scale` times as large, as `enlarge` makes it of the whole."""
    around, inside = [], []
    for part, length in zip(box, image.shape, strict=False):
        start, stop = max(0, part.start // scale - _REACH), min(length, -(-part.stop // scale) + _REACH)
        around.append(slice(start, stop))
        inside.append(slice(part.start - start * scale, part.stop - start * scale))
    source = np.ascontiguousarray(image[around[0], around[1]])
    return enlarge(source, (scale * source.shape[1], scale * source.shape[0]))[inside[0], inside[1]]


def detailed(image: np.ndarray, photograph: Photograph, motion: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`enlarge` with the photograph's own pixels: uint8 [H, W, 4] -> uint8 [height, width, 4]; `motion` as agreed."""
    working = photograph.working_size(size, SOFTWARE_SCALE * image.shape[1])
    pixels = photograph.at(working)
    box = not_the_photograph(motion, working)
    if box is not None:  # elsewhere no enlargement is needed
        scale = working[0] // image.shape[1]
        whole_steps = working == (scale * image.shape[1], scale * image.shape[0])
        frame = enlarged_part(image, scale, box) if whole_steps else enlarge(image, working)[box]
        picture, pixels = pixels, pixels.copy()
        pixels[box] = blend(frame, picture, motion, box)
    return pixels if working == size else cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR)
