"""A picture of the window's size, for an OpenGL that runs on the CPU: written by array code, copied into the window.

Owns its texture and framebuffer; draws nothing. Mesa blits by a shader, 9 ms of a core for 1140 x 684 pixels, unless
source and target lie alike in memory: blue first, the top row first. Then it copies bytes, 0.7 ms. So lies this one,
which takes five calls of OpenGL that moderngl has not or makes otherwise. Thread: the context's.
"""

import ctypes
from collections.abc import Callable
from functools import cache

import cv2
import moderngl
import numpy as np
from _moderngl import DefaultLoader  # type: ignore[import-untyped]

_TEXTURE_2D, _RGBA, _BGRA, _BYTES = 0x0DE1, 0x1908, 0x80E1, 0x8367  # the last: UNSIGNED_INT_8_8_8_8_REV
_READ, _DRAW, _COLOUR, _NEAREST = 0x8CA8, 0x8CA9, 0x4000, 0x2600


class Board:
    """Opaque, 8 bits a channel, of `size` (width, height) pixels."""

    def __init__(self, ctx: moderngl.Context, size: tuple[int, int]) -> None:
        self.size = size
        self._texture = ctx.texture(size, 4)
        _call("glBindTexture", _TEXTURE_2D, self._texture.glo)
        # Asked for without a size, Mesa stores it in the order of what is written.
        _call("glTexImage2D", _TEXTURE_2D, 0, _RGBA, *size, 0, _BGRA, _BYTES, None)
        self._framebuffer = ctx.framebuffer([self._texture])

    def clear(self, colour: tuple[float, float, float]) -> None:
        """All of one colour."""
        width, height = self.size
        self.write(np.full((height, width, 4), [round(255 * part) for part in (*colour, 1.0)], np.uint8), (0, 0))

    def write(self, pixels: np.ndarray, corner: tuple[int, int]) -> None:
        """uint8 [H, W, 4], row 0 at the top, its upper left corner at (x, y) from the upper left."""
        ordered = cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA)
        size = pixels.shape[1], pixels.shape[0]
        _call("glBindTexture", _TEXTURE_2D, self._texture.glo)
        _call("glTexSubImage2D", _TEXTURE_2D, 0, *corner, *size, _BGRA, _BYTES, ordered.ctypes.data)

    def show(self, framebuffer: moderngl.Framebuffer) -> None:
        """Copies it over all of a framebuffer of its size; what is drawn into is then up to the caller to say."""
        width, height = self.size
        _call("glBindFramebuffer", _READ, self._framebuffer.glo)
        _call("glBindFramebuffer", _DRAW, framebuffer.glo)
        # OpenGL's rows begin at the bottom: upside down it is the right way up.
        _call("glBlitFramebuffer", 0, height, width, 0, 0, 0, width, height, _COLOUR, _NEAREST)

    def release(self) -> None:
        """Frees both."""
        self._framebuffer.release()
        self._texture.release()


def _call(name: str, *arguments: int | None) -> None:
    _functions()[name](*arguments)


@cache
def _functions() -> dict[str, Callable[..., None]]:
    """Of OpenGL; a context must be current."""
    loader, number = DefaultLoader(), ctypes.c_int
    kinds = {
        "glBindTexture": (number,) * 2,
        "glTexImage2D": (number,) * 8 + (ctypes.c_void_p,),
        "glTexSubImage2D": (number,) * 8 + (ctypes.c_void_p,),
        "glBindFramebuffer": (number,) * 2,
        "glBlitFramebuffer": (number,) * 10,
    }
    return {name: ctypes.CFUNCTYPE(None, *kind)(loader.load_opengl_function(name)) for name, kind in kinds.items()}
