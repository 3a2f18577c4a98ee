"""Draws the newest frame and the overlay into any framebuffer: the window's or an off-screen one.

Owns when the plate is painted anew, a viewport-sized picture of the enlarged frame and its bars, which the upscaler
keeps: for a new frame or size. Every draw copies it and blends the overlay over the copy, so that a moving pointer
costs little. `detail` is
the switch for the photograph's own pixels (detail.py), on until it is turned off. Knows neither Qt nor the
engine. Thread: the context's, with the context current in every call.
"""

from typing import Literal

import moderngl
import numpy as np

from render.context import is_software
from render.detail import Photograph, agreed
from render.overlay import Overlay, OverlayPainter
from render.upscale import Detail, ShaderUpscaler, SoftwareUpscaler, Upscaler
from render.viewport_map import PictureRect, letterbox

BACKGROUND = (0.075, 0.078, 0.086)

_NOTHING_OVER_IT = Overlay()


class Renderer:
    """One per GL context. `upscaler` forces one of the filter's two forms; "auto" looks at the context."""

    def __init__(self, ctx: moderngl.Context, upscaler: Literal["auto", "shader", "software"] = "auto") -> None:
        self._ctx = ctx
        software = is_software(ctx) if upscaler == "auto" else upscaler == "software"
        self._upscaler: Upscaler = SoftwareUpscaler(ctx) if software else ShaderUpscaler(ctx)
        self._overlay = OverlayPainter(ctx)
        self._size = (0, 0)  # of the plate
        self._frame: tuple[np.ndarray, np.ndarray | None] | None = None  # the image, its motion
        self._photograph: Photograph | None = None
        self._given: np.ndarray | None = None  # what the frame's image is a copy of
        self._ahead: tuple[np.ndarray | None, Detail | None] | None = None  # a given image, and what it is painted with
        self._detail = True
        self._painted: PictureRect | None = None
        self._stale = True

    @property
    def detail(self) -> bool:
        """Whether frames are given the photograph's own pixels."""
        return self._detail

    @detail.setter
    def detail(self, on: bool) -> None:
        self._detail = on
        self._ahead, self._stale = None, True

    def set_photograph(self, pixels: np.ndarray | None) -> None:
        """The picture behind the frames that follow, uint8 [H, W, 3] of their shape at its own resolution, or none."""
        self._photograph = None if pixels is None else Photograph(pixels)
        self._ahead, self._stale = None, True

    def prepare(self, image: np.ndarray, motion: np.ndarray | None = None) -> None:
        """What can be done ahead for the frame that `set_frame` will be given next: with the same image it is then only
        laid into the plate. Draws nothing and needs no context.
        """
        done = self._ahead is not None and self._ahead[0] is image
        if self._size != (0, 0) and not done:
            rect = letterbox((image.shape[1], image.shape[0]), self._size)
            self._ahead = image, self._detail_of(image, motion)
            self._upscaler.prepare(image, (rect.width, rect.height), self._ahead[1])

    def set_frame(self, image: np.ndarray, motion: np.ndarray | None = None) -> None:
        """The frame to show from the next draw on: uint8 [H, W, 4], row 0 at the top. Its alpha is not used.

        motion: float32 [h, w, 4], how it is made of the photograph (detail.py); None where nothing has moved.
        Raises ValueError for any other array; the frame before it stays.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 4 or 0 in image.shape:
            raise ValueError(f"a frame is uint8 [H, W, 4], not {image.dtype} {list(image.shape)}")
        self._upscaler.load(image)
        self._frame, self._given, self._stale = (image.copy(), motion), image, True

    def picture_rect(self, size_px: tuple[int, int]) -> PictureRect | None:
        """Where the picture lies in a viewport of (width, height) device pixels; None before a frame."""
        return letterbox((self._frame[0].shape[1], self._frame[0].shape[0]), size_px) if self._frame else None

    def draw(
        self,
        framebuffer: moderngl.Framebuffer,
        size_px: tuple[int, int],
        overlay: Overlay = _NOTHING_OVER_IT,
        pixel_ratio: float = 1.0,
    ) -> None:
        """Fills the framebuffer with the letterboxed frame and the overlay; alpha becomes 1 everywhere.

        size_px: (width, height) of the framebuffer, which must not be multisampled, in device pixels.
        pixel_ratio: device pixels per logical pixel.
        """
        size_px = max(1, size_px[0]), max(1, size_px[1])
        self._ctx.enable_only(moderngl.NOTHING)
        rect = self.picture_rect(size_px)
        if self._size != size_px or self._stale:
            self._repaint(size_px, rect)
            self._size, self._stale = size_px, False
        self._upscaler.show(framebuffer)
        framebuffer.use()
        framebuffer.viewport = (0, 0, *size_px)
        if rect is not None:
            self._overlay.draw(overlay, rect, size_px, pixel_ratio)

    def _repaint(self, size_px: tuple[int, int], rect: PictureRect | None) -> None:
        if rect is None or rect != self._painted or size_px != self._size:  # or bars of a picture of another shape
            self._upscaler.clear(size_px, BACKGROUND)
            self._painted = rect
        if rect is not None and self._frame is not None:
            if self._ahead is None or self._ahead[0] is not self._given:
                self._ahead = self._given, self._detail_of(*self._frame)
            self._upscaler.paint(rect, self._ahead[1])

    def _detail_of(self, image: np.ndarray, motion: np.ndarray | None) -> Detail | None:
        """The photograph with the frame's motion, where it is wanted and belongs to the frame."""
        if not self._detail or self._photograph is None or not self._photograph.matches(image):
            return None
        return self._photograph, agreed(image, self._photograph, motion)

    def release(self) -> None:
        """Frees everything on the GPU; the renderer is done with."""
        self._upscaler.release()
        self._overlay.release()
