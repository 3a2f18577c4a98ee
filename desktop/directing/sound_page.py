"""The sound's page in the dock: what is listened to, the level it makes, and the list of what that moves.

Layout only; what happens stands in `desktop.directing.sound`. The strip is redrawn 15 times a second while it can be
seen. UI thread.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QHideEvent, QPainter, QPaintEvent, QPen, QPolygonF, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from desktop import theme
from desktop.directing.sound_move import SoundMove
from inference.motion.sound import Drive

if TYPE_CHECKING:
    from desktop.directing.sound import SoundDesk

_STRIP_MS = 66
_FILES = "Sound and video (*.wav *.mp3 *.ogg *.opus *.flac *.m4a *.aac *.mp4 *.mkv *.webm *.mov);;All files (*)"
_DEFAULT_INPUT = "The system's microphone"
_FOLLOWS = {
    "loudness": "Loudness", "low": "Low tones", "mid": "Middle tones", "high": "High tones", "onset": "Strokes",
    "beat": "The beat",
}  # fmt: skip
_MOVES = {
    "right": "sideways", "down": "up and down", "grow": "larger", "camera forward": "camera forward",
    "camera turn": "camera turns", "camera tilt": "camera tilts",
}  # fmt: skip
_NOTHING = "Put a point on the picture, then press Add."


class SoundPage(QWidget):
    def __init__(self, desk: SoundDesk) -> None:
        super().__init__()
        self._desk = desk
        self._filling = False
        self._looked = False
        self.listen = QPushButton("Listen", checkable=True)
        self.input = QComboBox()
        self.input.addItem(_DEFAULT_INPUT)
        self.open = QPushButton("Sound file…")
        self.hear = QCheckBox("Hear it")
        self.state = QLabel(wordWrap=True)
        self.state.setObjectName("dim")
        self.strip = LevelStrip()
        self.list = QListWidget()
        self.list.setFixedHeight(92)
        self.add = QPushButton("Add")
        self.remove = QPushButton("Remove")
        self.follows, self.moves = QComboBox(), QComboBox()
        for box, words in ((self.follows, _FOLLOWS), (self.moves, _MOVES)):
            for key, word in words.items():
                box.addItem(word, key)
        self.amount = _slider(-40, 40, "How far")
        self.gain = _slider(-20, 40, "Gain")
        self.attack = _slider(1, 50, "Rise")
        self.release = _slider(2, 100, "Fall")
        self._lay_out()
        self._timer = QTimer(self, interval=_STRIP_MS)
        self._timer.timeout.connect(self._draw_strip)
        self._connect()
        self.refresh()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(8)
        for parts in ((self.listen, self.input), (self.open, self.hear)):
            row = QHBoxLayout()
            row.addWidget(parts[0])
            row.addWidget(parts[1], 1)
            column.addLayout(row)
        column.addWidget(self.state)
        column.addWidget(self.strip)
        heading = QLabel("What it moves")
        heading.setObjectName("heading")
        column.addWidget(heading)
        column.addWidget(self.list)
        row = QHBoxLayout()
        row.addWidget(self.add)
        row.addWidget(self.remove)
        row.addStretch()
        column.addLayout(row)
        grid = QGridLayout()
        grid.setVerticalSpacing(6)
        for line, (text, widget) in enumerate(
            (
                ("Follows", self.follows),
                ("Moves", self.moves),
                ("How far", self.amount),
                ("Gain", self.gain),
                ("Rise", self.attack),
                ("Fall", self.release),
            )
        ):
            grid.addWidget(QLabel(text), line, 0)
            grid.addWidget(widget, line, 1)
        grid.setColumnStretch(1, 1)
        column.addLayout(grid)
        column.addStretch()

    def _connect(self) -> None:
        desk = self._desk
        self.listen.clicked.connect(self._on_listen)
        self.open.clicked.connect(self._on_open)
        self.hear.clicked.connect(desk.hear)
        self.add.clicked.connect(self._on_add)
        self.remove.clicked.connect(lambda: desk.remove(self.list.currentRow()))
        self.list.currentRowChanged.connect(lambda _: self.refresh())
        for box in (self.follows, self.moves):
            box.currentIndexChanged.connect(self._on_edited)
        for slider in (self.amount, self.gain, self.attack, self.release):
            slider.valueChanged.connect(self._on_edited)
        desk.changed.connect(self.refresh)

    # ---- from the person --------------------------------------------------------------------------

    def _on_listen(self, on: bool) -> None:
        if on:
            self._desk.listen(True, self.input.currentText() if self.input.currentIndex() > 0 else None)
        else:
            self._desk.close_source()

    def _on_open(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open sound", "", _FILES)
        if name:
            self._desk.open_file(Path(name))

    def _on_add(self) -> None:
        move = self._edited()
        if not move.axis.startswith("camera"):
            move = replace(move, handles=self._desk.chosen_points())
            if not move.handles:
                self.state.setText(_NOTHING)
                return
        self._desk.add(move)
        self.list.setCurrentRow(self.list.count() - 1)

    def _on_edited(self) -> None:
        row = self.list.currentRow()
        if not self._filling and 0 <= row < len(self._desk.moves):
            kept = self._desk.moves[row]
            self._desk.change(row, replace(self._edited(), handles=kept.handles, quarters=kept.quarters))

    def _edited(self) -> SoundMove:
        """What the fields say, without points."""
        drive = Drive(
            self.follows.currentData(),
            float(self.gain.value()),
            self.attack.value() / 100,
            self.release.value() / 100,
        )
        return SoundMove(axis=self.moves.currentData(), amount=self.amount.value() / 100, drive=drive)

    # ---- to the person ----------------------------------------------------------------------------

    def show_inputs(self, names: list[str]) -> None:
        """What can be listened to."""
        chosen = self.input.currentText()
        self.input.clear()
        self.input.addItems([_DEFAULT_INPUT, *names])
        self.input.setCurrentIndex(max(0, self.input.findText(chosen)))
        if not names and not self._desk.note:
            self.state.setText("This machine has no microphone or line-in. Sound files still move points.")

    def refresh(self) -> None:
        desk = self._desk
        self._filling = True
        self.listen.setChecked(desk.listening)
        self.listen.setText("Stop listening" if desk.listening else "Listen")
        self.hear.setEnabled(desk.file is not None)
        self.hear.setChecked(desk.hearing)
        self.state.setText(desk.note or ("" if desk.moves else _NOTHING))
        row = self.list.currentRow()
        words = [_words(move) for move in desk.moves]
        if words != [self.list.item(i).text() for i in range(self.list.count())]:
            self.list.clear()
            self.list.addItems(words)
            self.list.setCurrentRow(min(max(row, 0), len(words) - 1))
        self.remove.setEnabled(bool(desk.moves))
        row = self.list.currentRow()
        if 0 <= row < len(desk.moves):
            self._show_move(desk.moves[row])
        self._filling = False

    def _show_move(self, move: SoundMove) -> None:
        self.follows.setCurrentIndex(self.follows.findData(move.drive.follow))
        self.moves.setCurrentIndex(self.moves.findData(move.axis))
        self.amount.setValue(round(move.amount * 100))
        self.gain.setValue(round(move.drive.gain_db))
        self.attack.setValue(round(move.drive.attack_s * 100))
        self.release.setValue(round(move.drive.release_s * 100))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()
        if not self._looked:
            self._looked = True
            self._desk.look_for_inputs()

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()
        super().hideEvent(event)

    def _draw_strip(self) -> None:
        self.strip.show_levels(self._desk.strip(self._edited().drive))


class LevelStrip(QWidget):
    """The levels of the last seconds, the newest at the right, where a bar shows it large."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(64)
        self._levels = np.zeros(1)

    @property
    def levels(self) -> np.ndarray:
        return self._levels

    def sizeHint(self) -> QSize:
        return QSize(260, 64)

    def show_levels(self, levels: np.ndarray) -> None:
        """From 0 to 1, oldest first, float64 [K]."""
        if not np.array_equal(levels, self._levels):
            self._levels = levels
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.BACKGROUND))
        painter.drawRoundedRect(QRectF(self.rect()), 6, 6)
        box = QRectF(self.rect()).adjusted(6, 6, -24, -6)
        count = max(2, int(box.width()))
        levels = np.interp(np.linspace(0, len(self._levels) - 1, count), np.arange(len(self._levels)), self._levels)
        points = [
            QPointF(box.left() + i * box.width() / (count - 1), box.bottom() - level * box.height())
            for i, level in enumerate(levels.tolist())
        ]
        fill = QColor(theme.ACCENT)
        fill.setAlphaF(0.25)
        painter.setBrush(fill)
        painter.drawPolygon(QPolygonF([box.bottomLeft(), *points, box.bottomRight()]))
        painter.setPen(QPen(QColor(theme.ACCENT), 1.5))
        painter.drawPolyline(QPolygonF(points))
        bar = QRectF(box.right() + 8, box.top(), 8, box.height())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.RAISED))
        painter.drawRoundedRect(bar, 3, 3)
        bar.setTop(bar.bottom() - float(self._levels[-1]) * bar.height())
        painter.setBrush(QColor(theme.ACCENT))
        painter.drawRoundedRect(bar, 3, 3)


def _slider(low: int, high: int, name: str) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal, minimum=low, maximum=high)
    slider.setAccessibleName(name)
    slider.setMinimumHeight(20)
    slider.setValue({"How far": 10, "Gain": 0, "Rise": 2, "Fall": 20}[name])
    return slider


def _words(move: SoundMove) -> str:
    moved = _MOVES[move.axis]
    if move.handles:
        moved = f"{len(move.handles)} {'point' if len(move.handles) == 1 else 'points'} {moved}"
    return f"{_FOLLOWS[move.drive.follow]}  →  {moved}"
