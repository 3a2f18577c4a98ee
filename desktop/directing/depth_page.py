"""The page of the depth brush.

Owns the layout. What its buttons do is in `desktop.directing.depth_brush`. UI thread.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from desktop.directing.depth_brush import MAX_RADIUS, MIN_RADIUS, DepthBrush
from desktop.pictures import FILE_FILTER

NAME = "Depth"  # in the dock
_STEPS = 100
_ABOUT = (
    "How near everything is decides how the picture moves when the camera flies. "
    "Where the guess is wrong, paint over it: yellow is near, violet is far."
)
_HOW = "Left button paints, right button the other way, wheel sets the size, Ctrl+Z takes back."


class DepthPage(QWidget):
    """Follows the brush and asks it."""

    def __init__(self, brush: DepthBrush) -> None:
        super().__init__()
        self._brush = brush
        self.paint = _button("Paint depth", checkable=True)
        self.nearer, self.farther = _button("Nearer", checkable=True), _button("Farther", checkable=True)
        self.from_picture, self.flat = _button("From the picture"), _button("Flat")
        self.from_file = _button("From a file…")
        self.size = QSlider(Qt.Orientation.Horizontal, minimum=0, maximum=_STEPS)
        self.size.setAccessibleName("Brush size")
        self.size.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._size_row = QWidget()
        size_row = QHBoxLayout(self._size_row)
        size_row.setContentsMargins(0, 0, 0, 0)
        size_row.addWidget(QLabel("Size"))
        size_row.addWidget(self.size, 1)
        self._sides = QButtonGroup(self, exclusive=True)
        for side in (self.nearer, self.farther):
            self._sides.addButton(side)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(10)
        column.addWidget(_words(_ABOUT))
        column.addWidget(self.paint)
        column.addLayout(_beside(self.nearer, self.farther))
        column.addWidget(self._size_row)
        column.addLayout(_beside(self.from_picture, self.flat))
        column.addWidget(self.from_file)
        column.addWidget(_words(_HOW))
        column.addStretch(1)
        self.paint.clicked.connect(brush.turn)
        self.nearer.clicked.connect(lambda: brush.paint_nearer(True))
        self.farther.clicked.connect(lambda: brush.paint_nearer(False))
        self.size.valueChanged.connect(lambda step: brush.resize(_radius(step)))
        self.from_picture.clicked.connect(brush.return_to_picture)
        self.flat.clicked.connect(brush.make_flat)
        self.from_file.clicked.connect(self._choose_file)
        brush.switched.connect(self._refresh)
        brush.changed.connect(self._refresh)
        self._refresh()

    def _choose_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open depth picture (white is near)", "", FILE_FILTER)
        if name:
            self._brush.open_file(Path(name))

    def _refresh(self) -> None:
        brush = self._brush
        self.paint.setChecked(brush.on)
        (self.nearer if brush.nearer else self.farther).setChecked(True)
        self.size.blockSignals(True)
        self.size.setValue(round((brush.radius - MIN_RADIUS) / (MAX_RADIUS - MIN_RADIUS) * _STEPS))
        self.size.blockSignals(False)
        for part in (self.nearer, self.farther, self._size_row):
            part.setEnabled(brush.on)
        for part in (self.from_picture, self.flat, self.from_file):
            part.setEnabled(brush.on and brush.ready)


def _radius(step: int) -> float:
    return MIN_RADIUS + step / _STEPS * (MAX_RADIUS - MIN_RADIUS)


def _button(text: str, *, checkable: bool = False) -> QPushButton:
    button = QPushButton(text, checkable=checkable)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return button


def _beside(*parts: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for part in parts:
        row.addWidget(part, 1)
    return row


def _words(text: str) -> QLabel:
    label = QLabel(text, wordWrap=True)
    label.setObjectName("dim")
    return label
