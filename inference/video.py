"""Video files through PyAV.

Owns one encoder and its file: written under a temporary name, renamed when it is whole, playable even after a
crash (fragments, header first). Never drops or reorders frames and never reads a clock: a frame's time is its
index. One thread at a time.
"""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np

from inference.errors import UserError

log = logging.getLogger(__name__)

_ENCODERS: tuple[tuple[str, dict[str, str]], ...] = (
    ("libx264", {"crf": "18", "preset": "veryfast"}),
    ("mpeg4", {"q:v": "3"}),  # in builds without the GPL encoder
)

# A crash costs what came after the last key frame: two seconds.
_FRAGMENTS = {"movflags": "+frag_keyframe+empty_moov", "flush_packets": "1"}
_KEY_FRAME_S = 2


class VideoWriter:
    """Writes RGB or RGBA frames to an .mp4; used as a context manager, an exception inside leaves no file
    behind.

    The encoder opens on the first frame and takes its size, padded to even numbers by repeating the last row
    or column. comment: text kept in the file's metadata. short_side: pixels to which smaller frames are enlarged; 0 for
    none.
    """

    def __init__(self, path: str | Path, fps: float, *, comment: str = "", short_side: int = 0) -> None:
        self.path = Path(path)
        self._fps = Fraction(fps).limit_denominator(1001)
        self._comment = comment
        self._short_side = short_side
        self._part = self.path.with_name(self.path.name + ".part")
        self._container: Any = None
        self._stream: Any = None
        self._next_index = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def write(self, image: np.ndarray, index: int | None = None) -> None:
        """Append uint8 [H, W, 3] or [H, W, 4]. index: its place in time in frames, by default the one after
        the last; it may leave gaps but not go back (ValueError). UserError when the file cannot be
        written."""
        index = self._next_index if index is None else index
        if index < self._next_index:
            raise ValueError(f"frame {index} comes after frame {self._next_index - 1}")
        image = np.ascontiguousarray(_even(image[:, :, :3]))
        try:
            if self._container is None:
                self._open(image.shape[1], image.shape[0])
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = index
            frame.time_base = 1 / self._fps
            if (frame.width, frame.height) != (self._stream.width, self._stream.height):
                frame = frame.reformat(self._stream.width, self._stream.height, interpolation="LANCZOS")
            self._container.mux(self._stream.encode(frame))
        except (OSError, av.FFmpegError) as error:
            raise self._unwritable(error) from error
        self._next_index = index + 1

    def close(self) -> None:
        """Finish the file and give it its name. Without a frame there is no file."""
        if self._container is None:
            return
        container, self._container = self._container, None
        try:
            container.mux(self._stream.encode(None))
            container.close()
            self._part.replace(self.path)
        except (OSError, av.FFmpegError) as error:
            raise self._unwritable(error) from error

    def discard(self) -> None:
        """Give up and remove what was written."""
        container, self._container = self._container, None
        if container is not None:
            try:
                container.close()
            except (OSError, av.FFmpegError) as error:
                log.warning("closing the unfinished %s failed: %s", self._part, error)
        self._part.unlink(missing_ok=True)

    def _open(self, width: int, height: int) -> None:
        name, options = next(encoder for encoder in _ENCODERS if encoder[0] in av.codecs_available)
        self._container = av.open(str(self._part), "w", format="mp4", options=_FRAGMENTS)
        self._container.metadata["comment"] = self._comment
        self._stream = self._container.add_stream(name, rate=self._fps, options=options)
        scale = max(1.0, self._short_side / min(width, height))
        self._stream.width, self._stream.height = (2 * round(side * scale / 2) for side in (width, height))
        self._stream.pix_fmt = "yuv420p"
        self._stream.gop_size = round(_KEY_FRAME_S * self._fps)
        self._stream.codec_context.time_base = 1 / self._fps

    def _unwritable(self, error: Exception) -> UserError:
        return UserError(
            f"The video {self.path} cannot be written ({error}).",
            next="Choose another folder, or make room on the disk.",
        )


def _even(image: np.ndarray) -> np.ndarray:
    """[H, W, 3] with even sides: yuv420p halves both."""
    down, right = image.shape[0] % 2, image.shape[1] % 2
    return np.pad(image, ((0, down), (0, right), (0, 0)), mode="edge") if down or right else image
