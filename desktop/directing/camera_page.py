"""The camera's page in the dock: fly mode, speed, classic moves and keyframes.

Owns the layout; every button asks the controller (`desktop.directing.camera`). UI thread.
"""

from __future__ import annotations

from math import log
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QListWidget,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from desktop.banner import Banner
from desktop.directing.camera import MAX_SPEED, MIN_SPEED, CameraDesk
from desktop.viewport import Viewport
from inference.errors import UserError
from inference.motion.camera_moves import KINDS, Kind

_FILTER = "Camera path (*.json)"
_STEPS = 100  # of a slider


class CameraPage(QWidget):
    """See the module. Problems with files are told by `banner`."""

    def __init__(self, camera: CameraDesk, viewport: Viewport, banner: Banner) -> None:
        super().__init__()
        self._camera, self._viewport, self._banner = camera, viewport, banner
        self.fly = _button("Fly  (F)", lambda: camera.set_flying(self.fly.isChecked()))
        self.fly.setCheckable(True)
        self.home = _button("Home  (H)", camera.go_home)
        self.speed = _slider()
        self.speed.valueChanged.connect(self._on_speed)
        self.strength = _slider()
        self.strength.setValue(_STEPS // 2)
        self.period = QDoubleSpinBox(minimum=1.0, maximum=60.0, value=6.0, singleStep=0.5, suffix=" s", decimals=1)
        self.moves = {kind: _button(kind.capitalize(), lambda _=False, kind=kind: self._play(kind)) for kind in KINDS}
        self.stop = _button("Stop", camera.stop)
        self.list = QListWidget()
        self.list.setFixedHeight(112)
        self.list.currentRowChanged.connect(self._on_chosen)
        self.add = _button("Add", camera.add_keyframe)
        self.go = _button("Go to", lambda: camera.go_to(self.list.currentRow()))
        self.remove = _button("Remove", lambda: camera.remove_keyframe(self.list.currentRow()))
        self.time = QDoubleSpinBox(minimum=0.0, maximum=3600.0, singleStep=0.5, suffix=" s", decimals=1)
        self.time.editingFinished.connect(self._on_time)
        self.play = _button("Play path", camera.play)
        self.play.setObjectName("primary")
        self.loop = QCheckBox("Round and round")
        self.loop.toggled.connect(camera.set_loop)
        self.load_button = _button("Open…", self._open)
        self.save_button = _button("Save…", self._save)
        self._lay_out()
        camera.changed.connect(self.refresh)
        self.refresh()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(9)
        column.addLayout(_row(self.fly, self.home))
        column.addWidget(_note("W A S D move, Q and E down and up. Shift is faster, Ctrl slower. Middle drag looks."))
        column.addLayout(_named("Speed", self.speed))
        column.addWidget(_heading("Moves"))
        grid = QGridLayout()
        for place, button in enumerate(self.moves.values()):
            grid.addWidget(button, place // 2, place % 2)
        column.addLayout(grid)
        column.addLayout(_named("Strength", self.strength))
        column.addLayout(_named("There and back", self.period))
        column.addWidget(self.stop)
        column.addWidget(_heading("Path"))
        column.addWidget(self.list)
        column.addLayout(_row(self.add, self.go, self.remove))
        column.addLayout(_named("Passes it after", self.time))
        column.addWidget(self.loop)
        column.addWidget(self.play)
        column.addLayout(_row(self.load_button, self.save_button))
        column.addStretch(1)

    def refresh(self) -> None:
        """Brings everything up to date with the controller."""
        camera = self._camera
        self.fly.setChecked(camera.flying)
        self.speed.blockSignals(True)
        self.speed.setValue(round(_STEPS * _share(camera.speed)))
        self.speed.blockSignals(False)
        self.loop.blockSignals(True)
        self.loop.setChecked(camera.loop)
        self.loop.blockSignals(False)
        row, before = self.list.currentRow(), self.list.count()
        self.list.blockSignals(True)
        self.list.clear()
        self.list.addItems(
            [f"{place}    {keyframe.time_s:.1f} s" for place, keyframe in enumerate(camera.keyframes, start=1)]
        )
        self.list.setCurrentRow(
            self.list.count() - 1 if self.list.count() > before else min(row, self.list.count() - 1)
        )
        self.list.blockSignals(False)
        self._on_chosen(self.list.currentRow())
        self.stop.setEnabled(camera.move is not None)
        self.play.setEnabled(len(camera.keyframes) > 1)
        self.save_button.setEnabled(bool(camera.keyframes))

    def _on_chosen(self, row: int) -> None:
        keyframes = self._camera.keyframes
        for part in (self.go, self.remove, self.time):
            part.setEnabled(0 <= row < len(keyframes))
        if 0 <= row < len(keyframes) and not self.time.hasFocus():
            self.time.setValue(keyframes[row].time_s)

    def _on_time(self) -> None:
        row = self.list.currentRow()
        if 0 <= row < len(self._camera.keyframes) and self.time.value() != self._camera.keyframes[row].time_s:
            self._camera.set_time(row, self.time.value())

    def _on_speed(self, value: int) -> None:
        self._camera.set_speed(MIN_SPEED * (MAX_SPEED / MIN_SPEED) ** (value / _STEPS))

    def _play(self, kind: Kind) -> None:
        self._camera.play_classic(kind, 2.0 * self.strength.value() / _STEPS, self.period.value())

    def _open(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open camera path", "", _FILTER)
        if name:
            self.open_path(Path(name))

    def open_path(self, path: Path) -> None:
        """A camera file; what is wrong with it is told, and the path that was there stays."""
        try:
            self._camera.load(path)
        except UserError as error:
            self._banner.show_problem(error)

    def _save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save camera path", "camera.json", _FILTER)
        if not name:
            return
        size = self._viewport.frame_size
        try:
            self._camera.save(Path(name), size)
        except UserError as error:
            self._banner.show_problem(error)
        else:
            self._banner.show_note(f"The camera path is saved: {Path(name).name}")


def _share(speed: float) -> float:
    """Where on its slider a speed lies: even steps are even factors."""
    return log(speed / MIN_SPEED) / log(MAX_SPEED / MIN_SPEED)


def _button(text: str, pressed: object) -> QPushButton:
    button = QPushButton(text)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the picture
    button.clicked.connect(pressed)
    return button


def _slider() -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal, minimum=0, maximum=_STEPS)
    slider.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return slider


def _row(*widgets: QWidget) -> QLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    return row


def _named(name: str, widget: QWidget) -> QLayout:
    label = QLabel(name)
    label.setObjectName("dim")
    label.setBuddy(widget)
    widget.setAccessibleName(name)
    row = QHBoxLayout()
    row.addWidget(label)
    row.addWidget(widget, 1)
    return row


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName("heading")
    return label


def _note(text: str) -> QLabel:
    label = QLabel(text, wordWrap=True)
    label.setObjectName("dim")
    return label
