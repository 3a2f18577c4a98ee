"""A video file as small frames with their own times, and what is wrong with it as sentences.

Owns decoding: scaled down by the decoder's scaler before anything else sees a frame (of an 8K video no full-size
picture in RGB is ever made), turned upright, at real timestamps. Never resamples and never tracks. Any thread but the
window's and the engine's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from inference.errors import UserError

LONGEST = 512  # pixels of the longer side; more only costs
MOST_PIXELS = 8192 * 8192  # 8K and a little
_NEXT = "Choose another video, or convert it to MP4."


@dataclass(frozen=True, eq=False)
class Timed:
    """One frame: uint8 [H, W, 3], the same size in all of a video. time_s: since the first one. seconds: how long the
    file says that the whole video is, 0 where it does not.
    """

    image: np.ndarray
    time_s: float
    seconds: float


def frames_of(path: Path, *, longest: int = LONGEST) -> Iterator[Timed]:
    """Every frame of a video, times rising. longest: pixels of the longer side.

    Raises UserError where there is no video in the file, none that can be read, or one larger than any camera's.
    """
    if not path.is_file():
        raise UserError(f"There is no video at {path}.", next="Check the name, or choose another video.")
    last_s = -1.0
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise UserError(f"There is no video in {path.name}.", next=_NEXT)
            stream = container.streams.video[0]
            if stream.width * stream.height > MOST_PIXELS:
                raise UserError(f"{path.name} is {stream.width}x{stream.height}, larger than 8K.", next=_NEXT)
            seconds = float(container.duration or 0) / av.time_base
            step_s = 1.0 / float(stream.average_rate) if stream.average_rate else 1.0 / 24.0
            first, size = None, None
            for frame in container.decode(stream):
                moment = frame.time if frame.time is not None else last_s + step_s
                first = moment if first is None else first  # encoders may begin later than at 0
                if moment - first <= last_s:
                    continue  # a broken clock: time does not run back
                last_s = moment - first
                size = size or _small(frame, float(stream.sample_aspect_ratio or 1), longest)
                yield Timed(_upright(frame, size), last_s, seconds)
    except (av.FFmpegError, OSError) as error:
        if last_s < 0:
            raise UserError(f"The video {path.name} cannot be read ({error}).", next=_NEXT) from error
        return  # damaged further on: what came before is whole
    if last_s < 0:
        raise UserError(f"{path.name} holds not a single frame.", next=_NEXT)


def _small(frame: Any, pixel_ratio: float, longest: int) -> tuple[int, int]:
    """(width, height) to decode to, before turning. pixel_ratio: of one pixel, width to height; becomes 1."""
    scale = min(1.0, longest / max(frame.width * pixel_ratio, frame.height))
    return max(1, round(frame.width * pixel_ratio * scale)), max(1, round(frame.height * scale))


def _upright(frame: Any, size: tuple[int, int]) -> np.ndarray:
    """uint8 [H, W, 3], as the camera was held."""
    small = frame.reformat(width=size[0], height=size[1], format="rgb24", interpolation="AREA").to_ndarray()
    quarter = round(frame.rotation / 90) % 4  # counter-clockwise
    return np.ascontiguousarray(np.rot90(small, quarter)) if quarter else small
