"""Two textures for the frames of the video: one is shown, the next frame is written into the other.

Owns both textures; never draws. Thread: the context's.
"""

import moderngl
import numpy as np


class FrameTextures:
    """`front` is always a whole frame: it changes only once an upload into the back texture has succeeded."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._textures: list[moderngl.Texture | None] = [None, None]
        self._front = 0

    @property
    def front(self) -> moderngl.Texture | None:
        """The newest whole frame, its row 0 at the top; None before the first."""
        return self._textures[self._front]

    def upload(self, image: np.ndarray) -> None:
        """Writes uint8 [H, W, 4] into the back texture and swaps; a pixel buffer between gained nothing."""
        back = 1 - self._front
        size = (image.shape[1], image.shape[0])
        texture = self._textures[back]
        if texture is None or texture.size != size:
            if texture is not None:
                self._textures[back] = None
                texture.release()
            texture = self._textures[back] = self._ctx.texture(size, 4)
            texture.repeat_x = texture.repeat_y = False
        texture.write(np.ascontiguousarray(image))
        self._front = back

    def release(self) -> None:
        """Frees both textures; `front` is None afterwards."""
        for texture in self._textures:
            if texture is not None:
                texture.release()
        self._textures = [None, None]
