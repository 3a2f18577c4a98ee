"""The telemetry dock: what the engine does, in figures and short curves.

Owns its labels, curves and one 10 Hz timer on the UI thread that reads snapshots; the engine never calls it. Hidden it
costs nothing: its content is made when it is first shown, and the timer stands while it is not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import psutil
from PySide6.QtCore import QRectF, Qt, QTimer
from PySide6.QtGui import QColor, QHideEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QDockWidget, QGridLayout, QLabel, QVBoxLayout, QWidget

from desktop import theme
from inference.pacing import EngineStats

PERIOD_MS = 100
_WIDTH = 330
_HISTORY = 300  # readings: half a minute
_STAGE_COLOURS = {"control": "#ffb454", "transformer": "#7cc4ff", "decode": "#5fd38d"}
_OTHER_COLOUR = "#b48ef0"


@dataclass(frozen=True)
class Readings:
    """One look at everything. fps, shown_frames: what reached the screen. latency_ms: p50 and p95."""

    stats: EngineStats
    fps: float
    shown_frames: int
    latency_ms: tuple[float, float] | None


class TelemetryDock(QDockWidget):
    """`read` is called at 10 Hz while the dock can be seen."""

    def __init__(self, read: Callable[[], Readings], parent: QWidget) -> None:
        super().__init__("Telemetry", parent)
        self.setObjectName("telemetry")
        self.setFeatures(QDockWidget.DockWidgetFeature.DockWidgetClosable)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMaximumWidth(_WIDTH)
        self._read = read
        self.panel: TelemetryPanel | None = None
        self._timer = QTimer(self, interval=PERIOD_MS)
        self._timer.timeout.connect(self._update)
        self.hide()

    @property
    def ticking(self) -> bool:
        return self._timer.isActive()

    def showEvent(self, event: QShowEvent) -> None:
        if self.panel is None:
            self.panel = TelemetryPanel()
            self.setWidget(self.panel)
        super().showEvent(event)
        self._timer.start()
        self._update()

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()
        super().hideEvent(event)

    def _update(self) -> None:
        if self.panel is not None:
            self.panel.show_readings(self._read())


class TelemetryPanel(QWidget):
    """The dock's content: a table of figures, the frames in the model's view, and three curves."""

    def __init__(self) -> None:
        super().__init__()
        import pyqtgraph  # here: it takes longer to import than the window to open, and few ask for it

        self._graph = pyqtgraph
        self.setMinimumWidth(300)
        self._process = psutil.Process()
        self.figures: dict[str, QLabel] = {}
        self._context = ContextStrip()
        self._times_s: deque[float] = deque(maxlen=_HISTORY)
        self._curves: dict[str, tuple[object, deque[float]]] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 8, 14, 12)
        column.setSpacing(6)
        column.addLayout(self._table())
        column.addWidget(_heading("Frames in the model's view"))
        column.addWidget(self._context)
        self._rates = self._plot(column, "Frames/s")
        self._stages = self._plot(column, "Chunk, ms by stage")
        self._latency = self._plot(column, "Latency, ms")

    def text(self, name: str) -> str:
        """A figure as it is shown."""
        return self.figures[name].text()

    def show_readings(self, readings: Readings) -> None:
        stats = readings.stats
        latency = readings.latency_ms
        for name, text in {
            "shown": f"{readings.shown_frames}",
            "made": f"{stats.made_frames}",
            "dropped": f"{stats.dropped}",
            "rate": f"{readings.fps:.1f} of {stats.target_fps:.0f}",
            "capacity": f"{stats.capacity_fps:.1f}",
            "chunk": f"{stats.chunk_ms['total']:.0f} ms" if stats.chunk_ms else "-",
            "latency": f"{latency[0]:.0f} / {latency[1]:.0f} ms" if latency else "drag to measure",
            "memory": f"{self._process.memory_info().rss / 2**20:.0f} MB",
        }.items():
            self.figures[name].setText(text)
        self._context.show_context(stats.context)
        self._draw(self._rates, "shown", readings.fps, theme.ACCENT)
        self._draw(self._rates, "can make", stats.capacity_fps, theme.DIM)
        for stage, value in stats.chunk_ms.items():
            if stage != "total":
                self._draw(self._stages, stage, value, _STAGE_COLOURS.get(stage, _OTHER_COLOUR))
        if latency:
            self._draw(self._latency, "p50", latency[0], theme.ACCENT)
            self._draw(self._latency, "p95", latency[1], theme.WARM)

    def _table(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setVerticalSpacing(3)
        names = {
            "rate": "Frames/s",
            "capacity": "could make",
            "shown": "Frames shown",
            "made": "made",
            "dropped": "dropped",
            "chunk": "Chunk",
            "latency": "Latency p50 / p95",
            "memory": "Memory",
        }
        for row, (name, title) in enumerate(names.items()):
            label = QLabel(title)
            label.setObjectName("dim")
            value = QLabel("-", alignment=Qt.AlignmentFlag.AlignRight)
            self.figures[name] = value
            grid.addWidget(label, row, 0)
            grid.addWidget(value, row, 1)
        return grid

    def _plot(self, column: QVBoxLayout, title: str):
        column.addWidget(_heading(title))
        plot = self._graph.PlotWidget(background=theme.SURFACE)
        plot.setMinimumHeight(90)
        plot.setMouseEnabled(False, False)
        plot.setMenuEnabled(False)
        plot.hideButtons()
        plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        plot.getAxis("bottom").hide()
        plot.getAxis("left").setTextPen(theme.DIM)
        plot.getAxis("left").setPen(theme.LINE)
        plot.getAxis("left").setWidth(34)
        plot.setXRange(-_HISTORY * PERIOD_MS / 1000, 0, padding=0)
        plot.addLegend(offset=(4, 2), labelTextColor=theme.DIM, labelTextSize="8pt", colCount=3, verSpacing=-6)
        column.addWidget(plot, 1)
        return plot

    def _draw(self, plot, name: str, value: float, colour: str) -> None:
        """One more value of a curve, the newest at the right edge."""
        if name not in self._curves:
            pen = self._graph.mkPen(colour, width=1.5)
            self._curves[name] = plot.plot(pen=pen, name=name), deque(maxlen=_HISTORY)
        curve, values = self._curves[name]
        values.append(value)
        count = len(values)
        plot.setYRange(0, 1.25 * max(max(own) for line, own in self._curves.values() if line in plot.listDataItems()))
        curve.setData([(i - count + 1) * PERIOD_MS / 1000 for i in range(count)], list(values))


class ContextStrip(QWidget):
    """Sink, window and current frames as blocks in time, with their numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(46)
        self.context: dict[str, tuple[int, int]] = {}

    def show_context(self, context: dict[str, tuple[int, int]]) -> None:
        if context != self.context:
            self.context = context
            self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = {"sink": theme.WARM, "window": "#3d5a78", "current": theme.ACCENT}
        shares = {"sink": 0.18, "window": 0.44, "current": 0.38}  # of the width: the sink alone is far away in time
        left, gap = 0.0, 6.0
        for name, share in shares.items():
            width = self.width() * share - gap
            box = QRectF(left, 0, width, 18)
            left += width + gap
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colours[name] if name in self.context else theme.RAISED))
            painter.drawRoundedRect(box, 4, 4)
            painter.setPen(QColor(theme.DIM))
            first, last = self.context.get(name, (0, -1))
            span = "" if last < first else f"  {first}" if first == last else f"  {first} to {last}"
            painter.drawText(box.adjusted(0, 22, 0, 24), Qt.AlignmentFlag.AlignLeft, name + span)


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName("heading")
    return label
