"""The gamepad's page in the dock: what is plugged in, where its sticks are, what each control does.

Layout and painting only; what happens stands in `desktop.directing.gamepad`. UI thread.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QCheckBox, QGridLayout, QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from desktop import theme
from desktop.directing.bindings import AXIS_ACTIONS, BUTTON_ACTIONS, WORDS, Bindings
from inference.motion.stick import Response

if TYPE_CHECKING:
    from desktop.directing.gamepad import Gamepad

_NONE = "No gamepad is plugged in. Plug one in at any time."
_SLIDERS = {"dead_zone": ("Dead zone", 0, 60), "curve": ("Curve", 50, 400), "sensitivity": ("Sensitivity", 10, 300)}
_CURVE_STEPS = 40


class GamepadPage(QWidget):
    def __init__(self, pad: Gamepad) -> None:
        super().__init__()
        self._pad = pad
        self.state = QLabel(wordWrap=True)
        self.sticks = StickView()
        self._buttons: dict[str, QPushButton] = {}
        self._sliders: dict[str, QSlider] = {}
        self._invert = QCheckBox("Invert up and down")
        self._first = QPushButton("Everything as at first")
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(8)
        column.addWidget(self.state)
        column.addWidget(self.sticks)
        grid = QGridLayout()
        grid.setVerticalSpacing(6)
        for row, (name, (text, low, high)) in enumerate(_SLIDERS.items()):
            slider = QSlider(Qt.Orientation.Horizontal, minimum=low, maximum=high)
            slider.setAccessibleName(text)
            slider.setMinimumHeight(20)
            slider.setSingleStep(max(1, (high - low) // 30))
            slider.valueChanged.connect(self._on_response)
            self._sliders[name] = slider
            grid.addWidget(QLabel(text), row, 0)
            grid.addWidget(slider, row, 1)
        column.addLayout(grid)
        self._invert.toggled.connect(self._on_response)
        column.addWidget(self._invert)
        for heading, actions in (("Buttons", BUTTON_ACTIONS), ("Sticks and triggers", AXIS_ACTIONS)):
            label = QLabel(heading)
            label.setObjectName("heading")
            column.addWidget(label)
            for action, (text, _) in actions.items():
                column.addLayout(self._row(action, text))
        column.addWidget(self._first)
        column.addStretch()
        self._first.clicked.connect(lambda: pad.set_bindings(Bindings()))
        pad.changed.connect(self.refresh)
        self.refresh()

    def _row(self, action: str, text: str) -> QHBoxLayout:
        row = QHBoxLayout()
        button = QPushButton()
        button.setFixedWidth(132)
        button.setToolTip("Press, then use the button or stick that shall do this")
        button.setAccessibleName(text)
        button.clicked.connect(lambda: self._pad.wait_for(None if self._pad.waiting_for == action else action))
        self._buttons[action] = button
        row.addWidget(QLabel(text), 1)
        row.addWidget(button)
        return row

    def refresh(self) -> None:
        """A pad came or went, or something was bound."""
        pad = self._pad
        name = pad.pads.name
        self.state.setText(pad.pads.problem or name or _NONE)
        self.state.setObjectName("" if name else "dim")
        for action, button in self._buttons.items():
            is_waiting = pad.waiting_for == action
            button.setText("now use it…" if is_waiting else WORDS[pad.bindings.controls[action]])
        response = pad.bindings.response
        for key, slider in self._sliders.items():
            slider.blockSignals(True)
            slider.setValue(round(getattr(response, key) * 100))
            slider.blockSignals(False)
        self._invert.blockSignals(True)
        self._invert.setChecked(response.invert_y)
        self._invert.blockSignals(False)
        self.show_axes()

    def show_axes(self) -> None:
        self.sticks.show_sticks(self._pad.axes, self._pad.bindings.response)

    def _on_response(self) -> None:
        values = {key: slider.value() / 100 for key, slider in self._sliders.items()}
        self._pad.set_response(replace(Response(**values), invert_y=self._invert.isChecked()))


class StickView(QWidget):
    """Both sticks with their dead zone, both triggers, and the curve with where the left stick is on it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(116)
        self._axes: dict[str, float] = {}
        self._response = Response()

    def sizeHint(self) -> QSize:
        return QSize(260, 116)

    def show_sticks(self, axes: dict[str, float], response: Response) -> None:
        if (axes, response) != (self._axes, self._response):
            self._axes, self._response = axes, response
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        side = 84.0
        gap = (self.width() - 3 * side) / 2
        for place, (x, y, trigger) in enumerate(
            (("leftx", "lefty", "lefttrigger"), ("rightx", "righty", "righttrigger"))
        ):
            box = QRectF(place * (side + gap) + 0.5, 0.5, side - 1, side - 1)
            self._paint_stick(painter, box, self._axes.get(x, 0.0), self._axes.get(y, 0.0))
            bar = QRectF(box.left(), box.bottom() + 12, box.width(), 6)
            self._paint_bar(painter, bar, self._axes.get(trigger, 0.0))
        self._paint_curve(painter, QRectF(2 * (side + gap), 0.5, side - 1, side - 1))
        painter.end()

    def _paint_stick(self, painter: QPainter, box: QRectF, x: float, y: float) -> None:
        painter.setPen(QPen(QColor(theme.LINE), 1.5))
        painter.setBrush(QColor(theme.BACKGROUND))
        painter.drawEllipse(box)
        painter.setBrush(QColor(theme.RAISED))
        radius = box.width() / 2
        dead = self._response.dead_zone * radius
        painter.drawEllipse(box.center(), dead, dead)
        at = box.center() + QPointF(x * radius, y * radius)
        counts = any(self._response.stick(x, y))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.ACCENT if counts else theme.DIM))
        painter.drawEllipse(at, 5.0, 5.0)

    def _paint_bar(self, painter: QPainter, box: QRectF, value: float) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.RAISED))
        painter.drawRoundedRect(box, 3, 3)
        painter.setBrush(QColor(theme.ACCENT))
        painter.drawRoundedRect(QRectF(box.left(), box.top(), box.width() * min(1.0, abs(value)), box.height()), 3, 3)

    def _paint_curve(self, painter: QPainter, box: QRectF) -> None:
        painter.setPen(QPen(QColor(theme.LINE), 1.5))
        painter.setBrush(QColor(theme.BACKGROUND))
        painter.drawRoundedRect(box, 4, 4)
        response = replace(self._response, sensitivity=1.0)

        def place(deflection: float) -> QPointF:
            return QPointF(
                box.left() + deflection * box.width(), box.bottom() - response.strength(deflection) * box.height()
            )

        painter.setPen(QPen(QColor(theme.ACCENT), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF([place(step / _CURVE_STEPS) for step in range(_CURVE_STEPS + 1)]))
        x, y = self._axes.get("leftx", 0.0), self._axes.get("lefty", 0.0)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.TEXT))
        painter.drawEllipse(place(min(1.0, (x * x + y * y) ** 0.5)), 4.0, 4.0)
