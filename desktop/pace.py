"""When to repaint for the stream: on the moment a frame is due, and never for any other reason. And when there is time
to prepare the next.

Owns one single-shot timer; the due times are the engine's. No timer runs while no frame waits. UI thread.
"""

import math
import time

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from inference.channels import FrameRing


class FramePacer(QObject):
    """Emits `frame_due(Frame)` at each waiting frame's time, and `frame_coming(Frame)` while nothing is due: again and
    again for the same one.
    """

    frame_due = Signal(object)
    frame_coming = Signal(object)

    def __init__(self, ring: FrameRing, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ring = ring
        self._timer = QTimer(self, singleShot=True, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.wake)

    def wake(self) -> None:
        """New frames may wait: shows what is due and sleeps until the next."""
        now_s = time.monotonic()
        frame = self._ring.due(now_s)
        if frame is not None:
            self.frame_due.emit(frame)
        coming = self._ring.coming
        if coming is None:
            self._timer.stop()
        else:
            self._timer.start(max(0, math.ceil((coming.due_s - now_s) * 1000.0)))
            if frame is None:
                self.look_ahead()

    def look_ahead(self) -> None:
        """The frame before is on the screen: tells which one comes, where it waits already and there is time."""
        coming = self._ring.coming
        if coming is not None and coming.due_s > time.monotonic():
            self.frame_coming.emit(coming)

    def stop(self) -> None:
        """Shows nothing more until the next `wake`."""
        self._timer.stop()
