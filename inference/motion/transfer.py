"""Motion transfer: a video's motion laid on the picture, as a source of tracks.

Owns where borrowed tracks lie on the picture and when. Never decodes or follows anything (`inference.motion.borrow`).
Values for any thread; `TransferSource` is asked on the engine's.

The points are laid on the picture where they stand in the video's first frame, through the box that the frame is
given, and go from there as they go in the video. It is a function of video time: a slow machine or a pause never makes
it jump. A point that the video shows only later is born on the picture when it does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from inference.motion.borrow import BorrowedMotion
from inference.motion.director import Span
from inference.track_ids import source_ids
from inference.tracks import Tracks

Round = Literal["once", "loop", "back and forth"]


@dataclass(frozen=True)
class Placement:
    """Where and how a video's frame lies on the picture. centre: normalised on the picture. height: of the frame, in
    picture heights. turn_deg: clockwise. speed: 2 is twice as fast.
    """

    centre: tuple[float, float] = (0.5, 0.5)
    height: float = 1.0
    turn_deg: float = 0.0
    mirror: bool = False
    speed: float = 1.0
    round: Round = "back and forth"

    def on_picture(self, xy: np.ndarray, aspect: float, picture_aspect: float) -> np.ndarray:
        """Places [..., 2], normalised in the frame, on the picture. aspect: of the frame, width to height."""
        x, y = xy[..., 0] - 0.5, xy[..., 1] - 0.5
        x, y = (-x if self.mirror else x) * aspect * self.height, y * self.height  # picture heights from the centre
        cos, sin = math.cos(math.radians(self.turn_deg)), math.sin(math.radians(self.turn_deg))
        across, down = cos * x - sin * y, sin * x + cos * y
        return np.stack([self.centre[0] + across / picture_aspect, self.centre[1] + down], axis=-1)

    def moment_s(self, played_s: np.ndarray, seconds: float) -> np.ndarray:
        """Which moment of a video of `seconds` is shown after playing for `played_s`."""
        at = np.maximum(played_s, 0.0) * self.speed
        if self.round == "once" or seconds <= 0:
            return np.minimum(at, seconds)
        if self.round == "loop":
            return np.mod(at, seconds)
        return seconds - np.abs(np.mod(at, 2 * seconds) - seconds)


@dataclass(frozen=True, eq=False)
class TransferSource:
    """A video's motion on the picture (`inference.motion.director.TrackSource`). picture_aspect: width to height."""

    key: int
    motion: BorrowedMotion
    placement: Placement
    picture_aspect: float
    whole: ClassVar[bool] = False

    def tracks(self, span: Span, began: int) -> Tracks:
        """T = span.frames rows of the points that count in this chunk.

        A point that is new counts from the first chunk before which it was already seen, and is then in the first row
        where it was in the frame before: that is the frame by which the stream finds what it holds.
        """
        played_s = span.video_s(began)  # [T]
        before_s = played_s[0] - 1.0 / span.fps
        asked_s = np.concatenate([[before_s - span.frames / span.fps, before_s], played_s])
        xy, visible = self.motion.at(self.placement.moment_s(asked_s, self.motion.seconds))
        first_pass_s = self.motion.born_s / self.placement.speed  # when each is first seen
        from_start = first_pass_s == 0
        known = from_start | (first_pass_s <= before_s + 1e-6)
        is_new = known & ~from_start & (first_pass_s > asked_s[0] + 1e-6)
        counts = known & visible[2:].any(axis=0) & (~is_new | visible[1])
        xy, visible = xy[1:], visible[1:]
        xy[1, is_new] = xy[0, is_new]
        placed = self.placement.on_picture(xy[1:, counts], self.motion.aspect, self.picture_aspect)  # [T, K, 2]
        inside = np.all((placed >= 0) & (placed <= 1), axis=2)
        return Tracks(
            placed.astype(np.float32), visible[1:, counts] & inside, source_ids(self.key, np.flatnonzero(counts))
        )
