"""The page "Paths" of the dock: draw, play, the timeline, and the settings of the chosen path.

Owns the layout and its fields. Never knows what they do. UI thread.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from desktop.directing.timeline import Timeline
from inference.motion.paths import MAX_DELAY_S, MAX_DURATION_S, MIN_DURATION_S, Path

_EASES = (("none", "Even"), ("in", "Starts slowly"), ("out", "Ends slowly"), ("both", "Slow at both ends"))
_REPEATS = (("once", "Once"), ("loop", "Loop"), ("ping-pong", "There && back"))
_HINT = (
    "Drag on the picture to draw: the path keeps your hand's timing. Drag a knot to move it, double click the line for "
    "one more, Del removes it."
)


class Seconds(QDoubleSpinBox):
    """A time in seconds. While it has the focus its keys belong to it; Enter and Escape are `left`."""

    left = Signal()

    def __init__(self, least: float, most: float, name: str) -> None:
        super().__init__()
        self.setRange(least, most)
        self.setDecimals(2)
        self.setSingleStep(0.1)
        self.setSuffix(" s")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setKeyboardTracking(False)  # a number half typed is none
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        super().keyPressEvent(event)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape):
            self.left.emit()


class PathsPage(QWidget):
    """`asked(field, value)` when a field of the chosen path is set: "duration_s", "delay_s", "ease", "repeat"."""

    asked = Signal(str, object)

    def __init__(self) -> None:
        super().__init__()
        self.draw = _button("Draw a path", checkable=True)
        self.play, self.stop = _button("Play"), _button("Stop")
        self.play.setObjectName("primary")
        self.timeline = Timeline()
        self.duration = Seconds(MIN_DURATION_S, MAX_DURATION_S, "Duration")
        self.start = Seconds(0.0, MAX_DELAY_S, "Start")
        self.ease = QComboBox(focusPolicy=Qt.FocusPolicy.NoFocus)
        for value, text in _EASES:
            self.ease.addItem(text, value)
        self.repeat = QButtonGroup(self)
        self.even, self.remove = _button("Same speed"), _button("Remove")
        self.size = QComboBox(focusPolicy=Qt.FocusPolicy.NoFocus)
        for field in (self.ease, self.size):  # the dock is narrow, whatever they hold
            field.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            field.setMinimumContentsLength(8)
            field.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.bring, self.keep = _button("Open…"), _button("Save…")
        self._lay_out()
        self.duration.valueChanged.connect(lambda value: self.asked.emit("duration_s", value))
        self.start.valueChanged.connect(lambda value: self.asked.emit("delay_s", value))
        self.ease.activated.connect(lambda: self.asked.emit("ease", self.ease.currentData()))
        self.repeat.idClicked.connect(lambda index: self.asked.emit("repeat", _REPEATS[index][0]))

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 14)
        column.setSpacing(10)
        hint = QLabel(_HINT, wordWrap=True)
        hint.setObjectName("dim")
        column.addWidget(self.draw)
        column.addWidget(hint)
        column.addWidget(_heading("Timeline, in seconds"))
        column.addWidget(self.timeline)
        column.addLayout(_row(self.play, self.stop))
        self._settings = QWidget()
        form = QFormLayout(self._settings)
        form.setContentsMargins(0, 4, 0, 0)
        form.setVerticalSpacing(8)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow(_heading("The chosen path"))
        form.addRow("Starts at", self.start)
        form.addRow("Takes", self.duration)
        form.addRow("Speed", self.ease)
        ways = QHBoxLayout()
        ways.setSpacing(6)
        for index, (_, text) in enumerate(_REPEATS):
            button = _button(text, checkable=True)
            button.setStyleSheet("padding: 6px 4px;")
            self.repeat.addButton(button, index)
            ways.addWidget(button, 1)
        form.addRow(ways)
        form.addRow(_row(self.even, self.remove))
        column.addWidget(self._settings)
        column.addWidget(_heading("Files"))
        pixels = QFormLayout()
        pixels.addRow("Pixels of", self.size)
        self.size.setToolTip("what size a track file (.npy, .pth) is made for; files of paths do not need it")
        column.addLayout(_row(self.bring, self.keep))
        column.addLayout(pixels)
        column.addStretch()

    def show_path(self, path: Path | None, start_s: float | None) -> None:
        """The chosen path in the fields; where only tracks are chosen, their start alone; nothing without both."""
        self._settings.setEnabled(start_s is not None)
        for field in (self.duration, self.ease, self.even, *self.repeat.buttons()):
            field.setEnabled(path is not None)
        blocked = [QSignalBlocker(field) for field in (self.duration, self.start, self.ease)]
        if start_s is not None:
            self.start.setValue(start_s)
        if path is not None:
            self.duration.setValue(path.duration_s)
            self.ease.setCurrentIndex([value for value, _ in _EASES].index(path.ease))
            self.repeat.button([value for value, _ in _REPEATS].index(path.repeat)).setChecked(True)
        del blocked

    def show_sizes(self, sizes: tuple[tuple[int, int], ...]) -> None:
        """The sizes that a track file may be made for; the first is the picture's own."""
        self.size.clear()
        for index, (width, height) in enumerate(sizes):
            self.size.addItem(f"{width} x {height}" + ("  (the picture)" if index == 0 else ""), (width, height))


def _button(text: str, *, checkable: bool = False) -> QPushButton:
    return QPushButton(text, checkable=checkable, focusPolicy=Qt.FocusPolicy.NoFocus)


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName("heading")
    return label


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(8)
    for widget in widgets:
        widget.setMinimumWidth(60)
        row.addWidget(widget, 1)
    return row
