"""The second half of a chunk: decoded and given its times, frame by frame.

Owns what is between the halves. Never decides what is made. `frames` runs on the decoding thread.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
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
    behind, shots, holds: how it was directed, as `Director` says.
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
    holds: dict[int, frozenset[int]]

    def frames(self, stream: StreamLike, pacer: Pacer, meters: Meters, clock: Callable[[], float]) -> Iterator[Frame]:
        """Decodes it, frame by frame; the first one's readiness says when each is due."""
        span, began_s, ready_s, due_s = self.span, clock(), 0.0, [math.inf]
        sampled_s = span.times_s.tolist()
        for j, image in enumerate(stream.decode(self.chunk)):
            now_s = clock()
            if j == 0:
                due_s = pacer.schedule(now_s)
            # Not counted: how long it waited for the chunk before. A frame may come a period after the one before it.
            ready_s = max(ready_s, self.made_s + now_s - began_s - j * pacer.period_s)
            shot, behind = self.shots[j], self.behind[j]
            yield Frame(
                span.frame + j, image, due_s[j], sampled_s[j], self.motion[j], self.performing, behind, shot, self.holds
            )  # fmt: skip
        decoded_s = clock() - began_s
        pace_s = max(self.made_s, decoded_s, self.interval_s)
        pacer.learn(ready_s, pace_s)
        if self.event_s is not None:
            first = next(j for j in range(span.frames) if sampled_s[j] >= self.event_s)
            meters.latency(due_s[first] - self.event_s)
        meters.chunk(span.frames, self.made_s + decoded_s, dict(self.stages_ms), pace_s)
