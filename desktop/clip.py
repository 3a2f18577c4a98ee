"""The last half minute of what was shown, kept in little memory, and written as a video when asked.

Owns the ring of frames, each compressed as it comes (about a tenth of its size, a millisecond). Never grows beyond its
span and never reads a clock: the time is the frames' own. No Qt. The ring belongs to one thread; a `Clip` is a value
for any.
"""

from __future__ import annotations

import io
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from inference.channels import Frame
from inference.video import VideoWriter

SPAN_S = 30.0
_LONGEST_STEP_S = 0.25  # a pause is shown this long: nothing moved in it
_QUALITY = 95
_SHORT_SIDE = 288  # of the video, pixels: players enlarge smaller ones badly, and larger ones cost the engine seconds


@dataclass(frozen=True)
class Clip:
    """Frames as (time_s from the first, JPEG), of one size."""

    frames: tuple[tuple[float, bytes], ...]

    @property
    def seconds(self) -> float:
        return self.frames[-1][0] if self.frames else 0.0


class ClipRing:
    """Fed with every frame that reaches the screen. A frame of another size begins anew."""

    def __init__(self, span_s: float = SPAN_S) -> None:
        self._span_s = span_s
        self._frames: deque[tuple[float, bytes]] = deque()
        self._shape: tuple[int, ...] = ()
        self._last_due_s = 0.0

    def add(self, frame: Frame) -> None:
        if frame.image.shape != self._shape:
            self.clear()
            self._shape = frame.image.shape
        at_s = 0.0
        if self._frames:
            at_s = self._frames[-1][0] + min(max(frame.due_s - self._last_due_s, 0.0), _LONGEST_STEP_S)
        self._last_due_s = frame.due_s
        height, width = self._shape[:2]
        pixels, packed = np.ascontiguousarray(frame.image), io.BytesIO()
        Image.frombuffer("RGB", (width, height), pixels, "raw", "RGBX", 0, 1).save(packed, "JPEG", quality=_QUALITY)
        self._frames.append((at_s, packed.getvalue()))
        while at_s - self._frames[0][0] > self._span_s:
            self._frames.popleft()

    def clear(self) -> None:
        self._frames.clear()

    def clip(self) -> Clip:
        """What is in the ring now."""
        begun_s = self._frames[0][0] if self._frames else 0.0
        return Clip(tuple((at_s - begun_s, packed) for at_s, packed in self._frames))

    @property
    def size_bytes(self) -> int:
        return sum(len(packed) for _, packed in self._frames)


def write_clip(path: Path, clip: Clip, fps: float) -> None:
    """Encodes the clip as an .mp4 at `fps`, frames at their own times. UserError where it cannot be written."""
    place = -1
    with VideoWriter(path, fps, short_side=_SHORT_SIDE) as video:
        for at_s, packed in clip.frames:
            place = max(round(at_s * fps), place + 1)
            video.write(np.asarray(Image.open(io.BytesIO(packed))), place)
