"""The second half of a chunk: decoded, given its time, and handed to the window.

Owns what is between the halves. Never decides what is made. `frames` runs on the decoding thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.channels import Frame
from inference.motion.camera import Shot
from inference.motion.director import Span
from inference.pacing import Meters, Pacer
from inference.stream_like import StreamLike


@dataclass(frozen=True, eq=False)
class Making:
    """A chunk between its halves.

    chunk: what `make` gave; motion and stages_ms: as `Stream` says. made_s: how long that took; interval_s: how long
    after the chunk before it began, 0 where it was waited for. event_s: the oldest event that it contains. performing,
    behind, shots: how it was directed, as `Director` says.
    """

    chunk: Any
    motion: np.ndarray
    stages_ms: dict[str, float]
    span: Span
    made_s: float
    interval_s: float
    event_s: float | None
    performing: dict[int, int]
    behind: list[dict[int, tuple[float, float]]]
    shots: tuple[Shot | None, ...]

    def frames(self, stream: StreamLike, pacer: Pacer, meters: Meters, clock: Callable[[], float]) -> list[Frame]:
        """Decodes it; each frame gets the time at which it is due."""
        started_s = clock()
        images = stream.decode(self.chunk)
        now_s, span = clock(), self.span
        took_s = self.made_s + now_s - started_s  # not counted: how long it waited for the chunk before
        pace_s = max(self.made_s, now_s - started_s, self.interval_s)
        due_s = pacer.finished(took_s, now_s, pace_s)
        sampled_s = span.times_s.tolist()
        if self.event_s is not None:
            first = next(j for j in range(span.frames) if sampled_s[j] >= self.event_s)
            meters.latency(due_s[first] - self.event_s)
        meters.chunk(span.frames, took_s, dict(self.stages_ms), pace_s)
        rows = zip(images, due_s, sampled_s, self.motion, strict=True)
        return [
            Frame(span.frame + j, *row, self.performing, self.behind[j], self.shots[j]) for j, row in enumerate(rows)
        ]
