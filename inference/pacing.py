"""When to take the controls and when each frame is due: the engine's clockwork, as plain arithmetic.

Owns the estimates of how long a chunk takes and the schedule made from them, and the meters a status line
shows. Never reads a clock and never waits: the engine tells it the time. Any thread.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

_SMOOTHING = 0.2  # of the newest chunk in the running estimates: settles within about ten chunks
_OUTLIER = 2.0  # one hiccup counts as at most this many usual chunks, so that it cannot slow the clock for seconds
_MARGIN_FLOOR_S = 0.016  # a wake-up is late by a few milliseconds, and a window takes a dozen to lay out a frame
_MARGIN_DEVIATIONS = 2.0
_SLOWED = 1.02  # a stretch below this is measurement noise, not a slower clock


class Pacer:
    """Due times that run evenly at the package's rate, or slower where the machine needs it.

    A chunk of T frames is due at due0, due0 + period, ...; due0 follows on the chunk before. The controls are
    taken as late as the estimated time for a chunk, plus a margin for its spread, allows. A chunk that comes
    late moves the schedule by as much, never more; after a gap the schedule begins anew at once.
    """

    def __init__(self, fps: float, frames: int) -> None:
        self._nominal_s = 1.0 / fps
        self._frames = frames
        self._lock = threading.Lock()
        self._usual_s = 0.0  # running mean of the time from taking the controls to the first frame
        self._spread_s = 0.0  # running mean deviation from it
        self._pace_s = 0.0  # running mean of the time from chunk to chunk: less, where stages overlap
        self._next_due_s: float | None = None
        self._unscheduled = 0  # chunks taken that come first

    @property
    def period_s(self) -> float:
        """Seconds from one frame to the next."""
        return max(self._nominal_s, self._pace_s / self._frames)

    @property
    def slowed(self) -> bool:
        """Whether the clock runs slower than the package's rate."""
        return self.period_s > _SLOWED * self._nominal_s

    @property
    def margin_s(self) -> float:
        """Seconds kept free between the estimated end of a chunk and the time its first frame is due."""
        return _MARGIN_FLOOR_S + _MARGIN_DEVIATIONS * self._spread_s

    def take_at(self, now_s: float) -> float:
        """When to take the controls for the next chunk; now where nothing is scheduled."""
        with self._lock:
            if self._next_due_s is None:
                return now_s
            due_s = self._next_due_s + self._unscheduled * self._frames * self.period_s
            return due_s - self._usual_s - self.margin_s

    def taken(self) -> None:
        """The controls of a chunk were taken; it will be scheduled."""
        with self._lock:
            self._unscheduled += 1

    def schedule(self, now_s: float) -> list[float]:
        """A chunk's first frame is ready now: the due time of each of its frames."""
        with self._lock:
            due_s = now_s if self._next_due_s is None else max(self._next_due_s, now_s)
            self._next_due_s = due_s + self._frames * self.period_s
            self._unscheduled = max(0, self._unscheduled - 1)
            return [due_s + frame * self.period_s for frame in range(self._frames)]

    def learn(self, took_s: float, pace_s: float | None = None) -> None:
        """A chunk's frames could be shown, each a period after the one before, `took_s` after its controls were taken.
        pace_s: of its stages the slowest one's time, where they overlap with those of other chunks; None where they do
        not."""
        pace_s = took_s if pace_s is None else pace_s
        with self._lock:
            if self._usual_s == 0.0:
                self._usual_s, self._pace_s = took_s, pace_s
                return
            deviation_s = min(took_s, _OUTLIER * self._usual_s) - self._usual_s
            self._spread_s += _SMOOTHING * (abs(deviation_s) - self._spread_s)
            self._usual_s += _SMOOTHING * deviation_s
            self._pace_s += _SMOOTHING * (min(pace_s, _OUTLIER * self._pace_s) - self._pace_s)

    def snap(self) -> None:
        """Forget the schedule, keep the estimates: the next chunk is taken at once and due when it is
        ready."""
        with self._lock:
            self._next_due_s, self._unscheduled = None, 0


@dataclass(frozen=True)
class EngineStats:
    """What a status line shows. Rates and percentiles are over the last chunks, not the whole run.

    capacity_fps: frames made a second of the time not spent waiting, which is the slowest stage's where they overlap.
    chunk_ms: median by stage, "total"
    included. latency_ms: from a pointer event to the due time of the first frame that contains it; NaN before
    the first event. context: the first and last frame of what the last chunk was made of ("sink", "window", "current").
    backend: who computes the networks.
    """

    made_frames: int = 0
    capacity_fps: float = 0.0
    target_fps: float = 0.0
    clock_fps: float = 0.0
    slowed: bool = False
    margin_ms: float = 0.0
    dropped: int = 0
    chunk_ms: dict[str, float] = field(default_factory=dict)
    chunk_p95_ms: dict[str, float] = field(default_factory=dict)
    latency_p50_ms: float = float("nan")
    latency_p95_ms: float = float("nan")
    latency_n: int = 0
    context: dict[str, tuple[int, int]] = field(default_factory=dict)
    backend: str = "torch"


class Meters:
    """The last chunks' times and the last events' latencies."""

    _CHUNKS = 120
    _EVENTS = 240

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        with self._lock:
            self._made_frames = 0
            self._chunks: deque[tuple[int, float, dict[str, float]]] = deque(maxlen=self._CHUNKS)
            self._latencies_ms: deque[float] = deque(maxlen=self._EVENTS)
            self._latency_n = 0

    def chunk(self, frames: int, took_s: float, stages_ms: dict[str, float], pace_s: float | None = None) -> None:
        """One chunk of `frames` took `took_s` from taking the controls to handing the frames over. pace_s: as in
        `Pacer.learn`."""
        with self._lock:
            self._made_frames += frames
            self._chunks.append((frames, pace_s or took_s, stages_ms | {"total": took_s * 1000}))

    def latency(self, seconds: float) -> None:
        with self._lock:
            self._latencies_ms.append(seconds * 1000)
            self._latency_n += 1

    def stats(
        self,
        pacer: Pacer | None,
        target_fps: float,
        dropped: int,
        context: Mapping[str, tuple[int, int]] = MappingProxyType({}),
    ) -> EngineStats:
        """The readings now. Reads of the pacer's few numbers from another thread may be one chunk old, no
        worse."""
        with self._lock:
            chunks, latencies_ms = list(self._chunks), list(self._latencies_ms)
            made_frames, latency_n = self._made_frames, self._latency_n
        busy_s = sum(pace_s for _, pace_s, _ in chunks)
        stages = sorted({stage for _, _, by_stage in chunks for stage in by_stage})
        times_ms = {stage: [c[2][stage] for c in chunks if stage in c[2]] for stage in stages}
        return EngineStats(
            made_frames=made_frames,
            capacity_fps=sum(frames for frames, _, _ in chunks) / busy_s if busy_s > 0 else 0.0,
            target_fps=target_fps,
            clock_fps=1.0 / pacer.period_s if pacer else 0.0,
            slowed=pacer.slowed if pacer else False,
            margin_ms=pacer.margin_s * 1000 if pacer else 0.0,
            dropped=dropped,
            chunk_ms={stage: float(np.percentile(values, 50)) for stage, values in times_ms.items()},
            chunk_p95_ms={stage: float(np.percentile(values, 95)) for stage, values in times_ms.items()},
            latency_p50_ms=float(np.percentile(latencies_ms, 50)) if latencies_ms else float("nan"),
            latency_p95_ms=float(np.percentile(latencies_ms, 95)) if latencies_ms else float("nan"),
            latency_n=latency_n,
            context=dict(context),
        )
