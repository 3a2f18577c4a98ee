"""An off-screen picture that can be drawn into, read as a texture, and read back.

Owns its texture and framebuffer; draws nothing itself. Thread: the context's.
"""

import moderngl
import numpy as np


class Surface:
    """RGBA, 8 bits a channel, of `size` (width, height) pixels."""

    def __init__(self, ctx: moderngl.Context, size: tuple[int, int]) -> None:
        self.size = size
        self._ctx = ctx
        self.texture = ctx.texture(size, 4)
        self.texture.repeat_x = self.texture.repeat_y = False
        self.framebuffer = ctx.framebuffer([self.texture])

    def use(self, lower_left: tuple[int, int] = (0, 0), size: tuple[int, int] | None = None) -> None:
        """Draw into it, or a part of it, from now on; OpenGL's rows begin at the bottom."""
        self.framebuffer.use()
        self.framebuffer.viewport = (*lower_left, *(size or self.size))

    def clear(self, colour: tuple[float, float, float]) -> None:
        """All of one colour, and opaque."""
        self.use()
        self.framebuffer.clear(*colour, 1.0)

    def show(self, framebuffer: moderngl.Framebuffer) -> None:
        """Copies it over all of a framebuffer of its size."""
        self._ctx.copy_framebuffer(framebuffer, self.framebuffer)

    def read(self) -> np.ndarray:
        """What was drawn, uint8 [H, W, 4], row 0 at the top."""
        pixels = np.frombuffer(self.framebuffer.read(components=4), np.uint8)
        return pixels.reshape(self.size[1], self.size[0], 4)[::-1]

    def release(self) -> None:
        """Frees both."""
        self.framebuffer.release()
        self.texture.release()
