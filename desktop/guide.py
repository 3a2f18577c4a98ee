"""The hand that shows how: a recorded drag, played over and over through the running engine until somebody takes over.

Owns the recording's clock and its points, which the engine is told like a person's. Never talks to the engine itself
and never ends by itself. UI thread.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from desktop.handles import XY
from desktop.recorded_hand import Demo, RecordedHand
from inference.channels import Handle
from render.overlay import Overlay


class Guide(QObject):
    """`changed` when its points moved. The recording ends where it began, so that it can go round.

    numbers: where its points' ids come from, shared with the person's points.
    """

    changed = Signal()

    def __init__(self, demo: Demo, numbers: Iterator[int], parent: QObject) -> None:
        super().__init__(parent)
        self._demo = demo
        self.picture = demo.picture.resolve()  # what it was recorded on
        self._hand = RecordedHand(numbers)
        self._next = 0  # the event to come
        self._played_s = 0.0  # of the present round, up to _since_s
        self._since_s: float | None = None  # when the clock last started; None while it stands
        self._timer = QTimer(self, singleShot=True, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._play)

    def run(self, on: bool) -> None:
        """Starts the clock, or stops it: while nothing is generated nothing moves."""
        now_s = time.monotonic()
        if on and self._since_s is None:
            self._since_s = now_s
            self._play()
        elif not on and self._since_s is not None:
            self._played_s += now_s - self._since_s
            self._since_s = None
            self._timer.stop()

    @property
    def at(self) -> XY:
        """Where the hand is, before the first press over the place that it is going to take."""
        point = self._hand.last
        return point.xy if point is not None else self._demo.events[0].xy

    def controls(self) -> tuple[Handle, ...]:
        return self._hand.model.controls()

    def overlay(self) -> Overlay:
        return self._hand.overlay()

    def _play(self) -> None:
        """Everything that is due, then sleep until the next event or the next round."""
        assert self._since_s is not None
        now_s = time.monotonic()
        played_s = self._played_s + now_s - self._since_s
        if played_s >= self._demo.seconds:
            self._next, self._played_s, self._since_s, played_s = 0, 0.0, now_s, 0.0
        events, begun = self._demo.events, self._next
        while self._next < len(events) and events[self._next].time_s <= played_s:
            self._hand.apply(events[self._next])
            self._next += 1
        if self._next != begun:
            self.changed.emit()
        until_s = events[self._next].time_s if self._next < len(events) else self._demo.seconds
        self._timer.start(max(1, round((until_s - played_s) * 1000)))
