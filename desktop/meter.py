"""What the status line says about speed: distinct model frames shown a second, and how long a hand waits.

Owns two short histories. Never asks the engine and holds no timer. No Qt. UI thread.
"""

from __future__ import annotations

import statistics
from collections import deque

_FPS_SPAN_S = 2.0
_LATENCIES = 24  # about one second of dragging
_LATENCIES_KEPT = 240


class ShownMeter:
    """Fed by what was asked and what was shown; all times are `time.monotonic()` seconds."""

    def __init__(self) -> None:
        self._shown_s: deque[float] = deque()
        self._asked_s: deque[float] = deque(maxlen=512)
        self._latencies_ms: deque[float] = deque(maxlen=_LATENCIES_KEPT)
        self.frames = 0  # shown since the window opened

    def asked(self, time_s: float) -> None:
        """A hand moved a point."""
        self._asked_s.append(time_s)

    def shown(self, sampled_s: float, swap_s: float) -> None:
        """A model frame reached the screen; it contains every event up to `sampled_s`."""
        self._shown_s.append(swap_s)
        self.frames += 1
        while self._asked_s and self._asked_s[0] <= sampled_s:
            self._latencies_ms.append((swap_s - self._asked_s.popleft()) * 1000.0)

    def fps(self, now_s: float) -> float:
        while self._shown_s and self._shown_s[0] < now_s - _FPS_SPAN_S:
            self._shown_s.popleft()
        if len(self._shown_s) < 2:
            return 0.0
        return (len(self._shown_s) - 1) / max(self._shown_s[-1] - self._shown_s[0], 1e-3)

    @property
    def latency_ms(self) -> float | None:
        """Median over the last second or so of dragging; None before the first drag."""
        newest = list(self._latencies_ms)[-_LATENCIES:]
        return statistics.median(newest) if newest else None

    def latency_quantiles_ms(self) -> tuple[float, float] | None:
        """p50 and p95 over the last ten seconds or so of dragging; None before the first drag."""
        if len(self._latencies_ms) < 2:
            return None
        cuts = statistics.quantiles(self._latencies_ms, n=20, method="inclusive")
        return cuts[9], cuts[18]

    def restart(self) -> None:
        """After a pause: old frames would read as a slow stream, old questions as a slow answer."""
        self._shown_s.clear()
        self._asked_s.clear()
