"""A picture laid over the whole of the shown one, for instance a map that is painted.

Owns one texture. Thread: the context's, with the context current in every call.
"""

from __future__ import annotations

from dataclasses import dataclass

import moderngl
import numpy as np

from render.shaders import load_program
from render.viewport_map import PictureRect


@dataclass(frozen=True, eq=False)
class Cover:
    """What hides the picture: uint8 [h, w, 3], row 0 at the top, stretched over it. A change is a new Cover."""

    pixels: np.ndarray


class CoverPainter:
    """Draws covers; one that was drawn before is not uploaded again."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._program = load_program(ctx, "screen", "present")
        self._pass = ctx.vertex_array(self._program, [])
        self._texture: moderngl.Texture | None = None
        self._cover: Cover | None = None

    def draw(self, cover: Cover, rect: PictureRect, viewport_size: tuple[int, int]) -> None:
        """Into the framebuffer in use, whose viewport is the whole of it again afterwards."""
        if cover is not self._cover:
            self._upload(cover.pixels)
            self._cover = cover
        assert self._texture is not None
        framebuffer = self._ctx.fbo
        lower_left = rect.x, viewport_size[1] - rect.y - rect.height
        framebuffer.viewport = (*lower_left, rect.width, rect.height)
        self._texture.use(0)
        self._program["origin"] = lower_left
        self._program["size"] = rect.width, rect.height
        self._pass.render(vertices=3)
        framebuffer.viewport = (0, 0, *viewport_size)

    def _upload(self, pixels: np.ndarray) -> None:
        size = (pixels.shape[1], pixels.shape[0])
        if self._texture is None or self._texture.size != size:
            if self._texture is not None:
                self._texture.release()
            self._texture = self._ctx.texture(size, 3, alignment=1)
            self._texture.repeat_x = self._texture.repeat_y = False
        self._texture.write(np.ascontiguousarray(pixels), alignment=1)

    def release(self) -> None:
        """Frees texture and program."""
        for thing in (self._pass, self._program, self._texture):
            if thing is not None:
                thing.release()
