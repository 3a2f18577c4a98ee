"""A small timeline: one bar for everything that plays, and where the playing is.

Owns its drawing and its gestures: a drag on a bar shifts its start, a drag on its end sets its duration, a drag on one
of its marks the time at a knot. Never changes anything itself: it says what was asked. UI thread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop import theme

_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 14, 20, 6
_ROW, _BAR = 22, 16
_REACH_PX = 6.0
_LEAST_SPAN_S = 4.0


@dataclass(frozen=True)
class Bar:
    """start_s, duration_s: from the start of the playing; repeats: it goes on after its end. marks_s: the knots
    between the first and the last, in seconds from its own start. fixed: its end cannot be dragged.
    """

    key: int
    label: str
    start_s: float
    duration_s: float
    repeats: bool = False
    marks_s: tuple[float, ...] = ()
    fixed: bool = False


class Timeline(QWidget):
    """`asked(key, what, seconds)` while the mouse drags, `done()` when it is released. what: "start", "duration", or
    "mark 1", "mark 2", … for the time at a knot.
    """

    asked = Signal(int, str, float)
    done = Signal()
    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._bars: tuple[Bar, ...] = ()
        self._chosen: int | None = None
        self._playhead_s: float | None = None
        self._grip: tuple[int, str, float] | None = None  # key, what, seconds between the pointer and what it moves
        self._held_span_s: float | None = None  # the scale stands still while something is dragged
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Timeline")

    @property
    def bars(self) -> tuple[Bar, ...]:
        return self._bars

    @property
    def playhead_s(self) -> float | None:
        return self._playhead_s

    @property
    def dragging(self) -> bool:
        return self._grip is not None

    def show_bars(self, bars: tuple[Bar, ...], chosen: int | None) -> None:
        if (bars, chosen) != (self._bars, self._chosen):
            resized = len(bars) != len(self._bars)
            self._bars, self._chosen = bars, chosen
            if resized:
                self.updateGeometry()
            self.update()

    def show_playhead(self, seconds: float | None) -> None:
        """None while nothing plays."""
        if seconds != self._playhead_s:
            self._playhead_s = seconds
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, _TOP + _BOTTOM + _ROW * max(1, len(self._bars)))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())

    # ---- where things are -------------------------------------------------------------------------

    @property
    def span_s(self) -> float:
        """How many seconds are shown."""
        if self._held_span_s is not None:
            return self._held_span_s
        return max(_LEAST_SPAN_S, *(1.2 * (bar.start_s + bar.duration_s) for bar in self._bars), 0.0)

    def x_of(self, seconds: float) -> float:
        return _LEFT + seconds / self.span_s * (self.width() - _LEFT - _RIGHT)

    def bar_rect(self, index: int) -> QRectF:
        bar = self._bars[index]
        left, right = self.x_of(bar.start_s), self.x_of(bar.start_s + bar.duration_s)
        return QRectF(left, _TOP + index * _ROW, max(right - left, 4.0), _BAR)

    def _seconds_at(self, x: float) -> float:
        return (x - _LEFT) / (self.width() - _LEFT - _RIGHT) * self.span_s

    def _what_at(self, at: QPointF) -> tuple[Bar, str, float] | None:
        """The bar there, what a drag would change, and how far the pointer is off it in seconds."""
        pointed_s = self._seconds_at(at.x())
        for index, bar in enumerate(self._bars):
            box = self.bar_rect(index)
            if not box.adjusted(-_REACH_PX, -2, _REACH_PX, 2).contains(at):
                continue
            end_s = bar.start_s + bar.duration_s
            if not bar.fixed and abs(at.x() - box.right()) <= _REACH_PX:
                return bar, "duration", pointed_s - end_s
            if bar.key == self._chosen:
                for knot, mark_s in enumerate(bar.marks_s, start=1):
                    if abs(at.x() - self.x_of(bar.start_s + mark_s)) <= _REACH_PX / 2:
                        return bar, f"mark {knot}", pointed_s - bar.start_s - mark_s
            return bar, "start", pointed_s - bar.start_s
        return None

    # ---- mouse ------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        hit = self._what_at(event.position())
        if hit is None or event.button() != Qt.MouseButton.LeftButton:
            return
        bar, what, off_s = hit
        self._held_span_s = self.span_s
        self._grip = (bar.key, what, off_s)
        self.chosen.emit(bar.key)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grip is None:
            hit = self._what_at(event.position())
            shape = Qt.CursorShape.ArrowCursor
            if hit is not None:
                shape = Qt.CursorShape.OpenHandCursor if hit[1] == "start" else Qt.CursorShape.SizeHorCursor
            self.setCursor(shape)
            return
        key, what, off_s = self._grip
        bar = next((bar for bar in self._bars if bar.key == key), None)
        if bar is not None:
            to_s = self._seconds_at(event.position().x()) - off_s
            self.asked.emit(key, what, to_s if what == "start" else to_s - bar.start_s)

    def mouseReleaseEvent(self, _: QMouseEvent) -> None:
        if self._grip is not None:
            self._grip = self._held_span_s = None
            self.done.emit()
            self.update()

    # ---- drawing ----------------------------------------------------------------------------------

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPixelSize(10)
        painter.setFont(font)
        self._paint_scale(painter)
        for index, bar in enumerate(self._bars):
            self._paint_bar(painter, bar, self.bar_rect(index))
        if self._playhead_s is not None:
            x = self.x_of(min(self._playhead_s, self.span_s))
            painter.setPen(QPen(QColor(theme.TEXT), 1.5))
            painter.drawLine(QPointF(x, 4), QPointF(x, self.height() - 2))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.TEXT))
            painter.drawEllipse(QPointF(x, 5), 3.5, 3.5)

    def _paint_scale(self, painter: QPainter) -> None:
        step = next(step for step in (0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600, 1e9) if self.span_s / step <= 8)
        for k in range(math.floor(self.span_s / step) + 1):
            x = self.x_of(k * step)
            painter.setPen(QPen(QColor(theme.LINE), 1.0))
            painter.drawLine(QPointF(x, _TOP - 4), QPointF(x, self.height() - 2))
            painter.setPen(QColor(theme.DIM))
            painter.drawText(QRectF(x - 20, 0, 40, 13), Qt.AlignmentFlag.AlignCenter, f"{k * step:g}")

    def _paint_bar(self, painter: QPainter, bar: Bar, box: QRectF) -> None:
        chosen = bar.key == self._chosen
        painter.setPen(Qt.PenStyle.NoPen)
        if bar.repeats:
            painter.setBrush(QColor(85, 168, 255, 45))
            painter.drawRoundedRect(QRectF(box.left(), box.top(), self.width() - 2 - box.left(), _BAR), 4, 4)
        painter.setBrush(QColor("#55a8ff" if chosen else "#3a668f"))
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(QColor("#0b1118" if chosen else theme.TEXT))
        if box.width() > 24:
            painter.drawText(box.adjusted(6, 0, -4, 0), Qt.AlignmentFlag.AlignVCenter, bar.label)
        if chosen:
            painter.setPen(QPen(QColor(255, 255, 255, 220), 1.5))
            for mark_s in bar.marks_s:
                x = self.x_of(bar.start_s + mark_s)
                painter.drawLine(QPointF(x, box.top() + 3), QPointF(x, box.bottom() - 3))
