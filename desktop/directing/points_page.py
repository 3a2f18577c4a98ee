"""The dock's page "Points": tools, brush, selection, what a release means, speed, and what holds still.

Owns the layout; all it does is asked of `desktop.directing.points`. UI thread.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from desktop.directing.brush import MAX_SIZE, MAX_SPACING, MIN_SIZE, MIN_SPACING
from desktop.directing.points import DEFAULT_SPEED, PointsDesk
from desktop.handles import TRACK_BUDGET

_STEPS = 100  # of a slider
_MIN_SPEED, _MAX_SPEED = 0.2, 4.0  # picture heights in a second
_QUIET = Qt.FocusPolicy.NoFocus  # the keys stay the picture's


class PointsPage(QWidget):
    """Shows the desk as it is, after every change of it."""

    def __init__(self, desk: PointsDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._tools = {
            "hand": _button("Hand", "Take points and move them (V)", lambda: desk.choose("hand"), checkable=True),
            "lasso": _button("Lasso", "Draw around points to select them (L)", lambda: desk.choose("lasso"), True),
            "brush": _button("Brush", "Paint points over a large thing (B)", lambda: desk.choose("brush"), True),
        }
        self._size = _Slider("Size", MIN_SIZE, MAX_SIZE, desk.brush.set_size, lambda v: f"{v * 100:.0f} %")
        self._spacing = _Slider(
            "Spacing", MIN_SPACING, MAX_SPACING, desk.brush.set_spacing, lambda v: f"{v * 100:.0f} %"
        )
        self.group = _button("Group", "What is selected goes together (Ctrl+G)", desk.group)
        self.ungroup = _button("Ungroup", "Each for itself again (Ctrl+Shift+G)", desk.ungroup)
        self.stays = _button("Stay as a pin", "A point stays where it is let go", lambda: desk.set_lets_go(False), True)
        self.lets_go = _button(
            "Let go", "The picture springs back (G; with Alt the other one, once)", lambda: desk.set_lets_go(True), True
        )
        self.limit = QCheckBox("Limit the speed", focusPolicy=_QUIET)
        self.limit.setToolTip("Points follow the hand no faster than this; a band shows how far they are behind")
        self.limit.clicked.connect(self._on_limit)
        self._speed = _Slider("At most", _MIN_SPEED, _MAX_SPEED, desk.set_speed_limit, lambda v: f"{v:.1f} heights/s")
        self._speed.show_value(DEFAULT_SPEED)
        self.still = _button(
            "Hold everything else still", "Red pins where nothing is grabbed (X)", desk.hold_still, True
        )
        self._budget = QLabel()
        self._budget.setObjectName("dim")
        self._exclusive = [self._one_of(*self._tools.values()), self._one_of(self.stays, self.lets_go)]
        self._lay_out()
        desk.changed.connect(self._refresh)
        self._refresh()

    def _lay_out(self) -> None:
        whole = QVBoxLayout(self)
        whole.setContentsMargins(16, 12, 16, 12)
        whole.setSpacing(8)
        for title, *parts in (
            ("Tool", _row(*self._tools.values())),
            ("Brush", self._size, self._spacing),
            ("Selected points", _row(self.group, self.ungroup)),
            ("When released", _row(self.stays, self.lets_go)),
            ("Speed", self.limit, self._speed),
            ("Everything else", self.still),
        ):
            heading = QLabel(title)
            heading.setObjectName("heading")
            whole.addWidget(heading)
            for part in parts:
                whole.addWidget(part)
            whole.addSpacing(8)
        whole.addWidget(self._budget)
        whole.addStretch(1)

    def _one_of(self, *buttons: QPushButton) -> QButtonGroup:
        group = QButtonGroup(self)
        for button in buttons:
            group.addButton(button)
        return group

    def _on_limit(self, on: bool) -> None:
        self._desk.set_speed_limit(self._speed.value if on else math.inf)

    def showEvent(self, event: object) -> None:
        super().showEvent(event)  # type: ignore[arg-type]
        self._refresh()

    def _refresh(self) -> None:
        if not self.isVisible():
            return
        desk = self._desk
        self._tools[desk.tool].setChecked(True)
        self._size.show_value(desk.brush.size)
        self._spacing.show_value(desk.brush.spacing)
        selected = len(desk.model.selection)
        self.group.setEnabled(selected > 1)
        self.ungroup.setEnabled(any(desk.model.get(point_id).group for point_id in desk.model.selection))
        (self.lets_go if desk.lets_go else self.stays).setChecked(True)
        limited = not math.isinf(desk.speed_limit)
        self.limit.setChecked(limited)
        self._speed.setEnabled(limited)
        if limited:
            self._speed.show_value(desk.speed_limit)
        self.still.setChecked(bool(desk.stills))
        self._budget.setText(f"{_counted(len(desk.model.points))} · {desk.model.tracks} of {TRACK_BUDGET} tracks")


class _Slider(QWidget):
    """A named slider over a range of real numbers, with its value in words."""

    def __init__(
        self, name: str, least: float, most: float, on_moved: Callable[[float], None], words: Callable[[float], str]
    ) -> None:
        super().__init__()
        self._least, self._most, self._words, self._moved = least, most, words, on_moved
        self._slider = QSlider(Qt.Orientation.Horizontal, maximum=_STEPS, focusPolicy=_QUIET)
        self._text = QLabel()
        self._text.setObjectName("dim")
        self._text.setMinimumWidth(84)
        self._text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        label = QLabel(name)
        label.setMinimumWidth(56)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(label)
        row.addWidget(self._slider, 1)
        row.addWidget(self._text)
        self._slider.valueChanged.connect(lambda _: self._text.setText(words(self.value)))
        # By the mouse and a click beside the knob, which change the value before and after the signal.
        self._slider.sliderMoved.connect(self._on_moved)
        self._slider.actionTriggered.connect(lambda _: self._on_moved(self._slider.sliderPosition()))

    @property
    def value(self) -> float:
        return self._value_at(self._slider.value())

    def _on_moved(self, position: int) -> None:
        self._moved(self._value_at(position))

    def _value_at(self, position: int) -> float:
        return self._least + position / _STEPS * (self._most - self._least)

    def show_value(self, value: float) -> None:
        """Without telling anybody, and not while a hand is on it."""
        if not self._slider.isSliderDown():
            self._slider.setValue(round((value - self._least) / (self._most - self._least) * _STEPS))
        self._text.setText(self._words(value))


def _button(text: str, tip: str, on_click: Callable[[], object], checkable: bool = False) -> QPushButton:
    button = QPushButton(text, checkable=checkable, focusPolicy=_QUIET)
    button.setToolTip(tip)
    button.clicked.connect(lambda _: on_click())
    return button


def _counted(points: int) -> str:
    return "1 point" if points == 1 else f"{points} points"


def _row(*widgets: QWidget) -> QWidget:
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(6)
    for widget in widgets:
        layout.addWidget(widget, 1)
    return row
