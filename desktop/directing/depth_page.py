"""The page of the depth brush.

Owns the layout. What its buttons do is in `desktop.directing.depth_brush` and `desktop.directing.depth_estimates`. UI
thread.
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
from desktop.directing.depth_estimates import DepthEstimates
from desktop.pictures import FILE_FILTER

NAME = "Depth"  # in the dock
_MODEL_FILTER = "Depth models (*.onnx *.pt *.pth);;All files (*)"
_STEPS = 100
_ABOUT = (
    "How near everything is decides how the picture moves when the camera flies. "
    "Where the guess is wrong, paint over it: yellow is near, violet is far."
)
_HOW = "Left button paints, right button the other way, wheel sets the size, Ctrl+Z takes back."


class DepthPage(QWidget):
    """Follows the brush and the estimates, and asks them."""

    def __init__(self, brush: DepthBrush, estimates: DepthEstimates) -> None:
        super().__init__()
        self._brush, self._estimates = brush, estimates
        self.paint = _button("Paint depth", checkable=True)
        self.nearer, self.farther = _button("Nearer", checkable=True), _button("Farther", checkable=True)
        self.from_picture, self.flat = _button("From the picture"), _button("Flat")
        self.from_file = _button("From a file…")
        self.estimate, self.forget = _button("Estimate with…"), _button("Forget it")
        self.estimate.setToolTip("a depth model that you have: Depth Anything V2 in ONNX, or MoGe's model.pt")
        self.model = _words("")
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
        column.addLayout(_beside(self.estimate, self.forget))
        column.addWidget(self.model)
        column.addWidget(_words(_HOW))
        column.addStretch(1)
        self.paint.clicked.connect(brush.turn)
        self.nearer.clicked.connect(lambda: brush.paint_nearer(True))
        self.farther.clicked.connect(lambda: brush.paint_nearer(False))
        self.size.valueChanged.connect(lambda step: brush.resize(_radius(step)))
        self.from_picture.clicked.connect(brush.return_to_picture)
        self.flat.clicked.connect(brush.make_flat)
        self.from_file.clicked.connect(self._choose_file)
        self.estimate.clicked.connect(self._choose_model)
        self.forget.clicked.connect(lambda: estimates.choose(None))
        estimates.changed.connect(self._refresh)
        brush.switched.connect(self._refresh)
        brush.changed.connect(self._refresh)
        self._refresh()

    def _choose_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open depth picture (white is near)", "", FILE_FILTER)
        if name:
            self._brush.open_file(Path(name))

    def _choose_model(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open a depth model", "", _MODEL_FILTER)
        if name:
            self._estimates.choose(Path(name))

    def _refresh(self) -> None:
        brush, estimates = self._brush, self._estimates
        self.estimate.setEnabled(brush.on and brush.ready and not estimates.busy)
        self.forget.setEnabled(estimates.file is not None)
        told = f"Every picture is looked at by {estimates.file.name}." if estimates.file else ""
        self.model.setText("A depth model looks at the picture…" if estimates.busy else told)
        self.model.setVisible(bool(self.model.text()))
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
