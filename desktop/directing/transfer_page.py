"""The page of motion transfer: the driving video with its tracks, and how its motion is lent.

Owns the layout and the little screen. Never opens, follows or lends anything (`desktop.directing.transfer`). UI thread.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDropEvent,
    QHideEvent,
    QImage,
    QPainter,
    QPaintEvent,
    QPen,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSlider,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop import theme
from inference.motion.borrow import Lend
from inference.motion.transfer import Round
from inference.motion.webcam import Camera

FILE_FILTER = "Videos (*.mp4 *.mov *.mkv *.webm *.avi *.m4v *.gif *.mpg *.mpeg *.ogv);;All files (*)"
CHECKPOINT_FILTER = "CoTracker3 (*.pth *.pt);;All files (*)"

_LEND: tuple[tuple[Lend, str, str], ...] = (
    ("all", "All", "everything that moves in the video"),
    ("camera", "Camera", "only how the camera moved"),
    ("objects", "Things", "only what moves beside the camera"),
)
_ROUND: tuple[tuple[Round, str], ...] = (
    ("back and forth", "Back and forth"),
    ("loop", "Again from the start"),
    ("once", "Once"),
)
_HEIGHT = 150
_SPEED_STEPS = 20  # of the slider on each side: from a quarter to four times as fast


class Screen(QWidget):
    """The driving video's frame with its points. picture: as it was compressed; points: normalised, [N, 2]."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._image = QImage()
        self._points = np.zeros((0, 2), np.float32)

    def sizeHint(self) -> QSize:
        return QSize(260, _HEIGHT)

    def show_frame(self, picture: bytes, points: np.ndarray) -> None:
        self._image = QImage.fromData(picture)
        self._points = points
        self.update()

    def clear(self) -> None:
        self._image = QImage()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(self.rect(), QColor(theme.BACKGROUND))
        if self._image.isNull():
            painter.setPen(QPen(QColor(theme.LINE), 1.0, Qt.PenStyle.DashLine))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 8, 8)
            painter.setPen(QColor(theme.DIM))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "Drop a video here")
            return
        size = self._image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        frame = QRectF((self.width() - size.width()) / 2, (self.height() - size.height()) / 2, *size.toTuple())
        painter.drawImage(frame, self._image)
        painter.setClipRect(frame)
        painter.setPen(QPen(QColor(0, 0, 0, 150), 0.8))
        painter.setBrush(QColor(theme.ACCENT))
        for x, y in self._points.tolist():
            painter.drawEllipse(QPointF(frame.x() + x * frame.width(), frame.y() + y * frame.height()), 1.8, 1.8)


class TransferPage(QWidget):
    """What a person asks for comes out as signals. `changed`: any of the settings below, all of them properties."""

    open_asked = Signal()
    dropped = Signal(object)  # Path
    camera_asked = Signal(object)  # Camera
    play_asked = Signal()
    cancel_asked = Signal()
    tracker_asked = Signal(bool)  # CoTracker, rather than OpenCV
    changed = Signal()
    seen = Signal(bool)  # the page came into sight or went

    def __init__(self) -> None:
        super().__init__()
        self.setAcceptDrops(True)
        self.screen = Screen()
        self._open = self._button("Open video…", "a file whose motion the picture borrows", self.open_asked)
        self.camera = QComboBox(toolTip="a camera that is plugged in", focusPolicy=Qt.FocusPolicy.NoFocus)
        self.camera.activated.connect(self._on_camera)
        self.title = QLabel("Nothing is borrowed yet", wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self.title.setObjectName("dim")
        self._progress = QProgressBar(textVisible=False, maximum=1000)
        self._progress.setFixedHeight(6)
        self._cancel = self._button("Cancel", "keep what was there before", self.cancel_asked)
        self._source = QStackedWidget()
        self._source.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._lend = QButtonGroup(self, exclusive=True)
        lend_row = QHBoxLayout()
        lend_row.setSpacing(4)
        for number, (_, text, tip) in enumerate(_LEND):
            button = QPushButton(text, checkable=True, checked=number == 0, toolTip=tip)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            self._lend.addButton(button, number)
            lend_row.addWidget(button)
        self._lend.idClicked.connect(lambda _: self.changed.emit())
        self._tracker = QComboBox(focusPolicy=Qt.FocusPolicy.NoFocus)
        self._tracker.addItems(["OpenCV", "CoTracker3…"])
        self._tracker.setToolTip("what follows a video's points; CoTracker3 if you have it, non-commercial")
        self._tracker.activated.connect(lambda index: self.tracker_asked.emit(index == 1))
        self._round = QComboBox(focusPolicy=Qt.FocusPolicy.NoFocus)
        for way, text in _ROUND:
            self._round.addItem(text, way)
        self._round.activated.connect(lambda _: self.changed.emit())
        self._speed, self._speed_text = self._slider(_SPEED_STEPS)
        self._turn, self._turn_text = self._slider(180)
        self._mirror = QCheckBox("Mirrored", focusPolicy=Qt.FocusPolicy.NoFocus)
        self._mirror.toggled.connect(lambda _: self.changed.emit())
        self.play = self._button("Lend to the picture", "what the points hold goes along", self.play_asked)
        self.play.setObjectName("primary")
        self._lay_out(lend_row)
        self._on_slid()
        self.show_cameras(())
        self.show_busy(None)
        self.show_ready(False, frozenset(), live=False)

    def _lay_out(self, lend_row: QHBoxLayout) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(9)
        column.addWidget(self.screen)
        column.addWidget(self.title)
        for parts in ((self._open, self.camera), (self._progress, self._cancel)):  # one in the place of the other
            one = QWidget()
            row = QHBoxLayout(one)
            row.setContentsMargins(0, 0, 0, 0)
            row.addWidget(parts[0], 1)
            row.addWidget(parts[1], int(parts[1] is self.camera))
            self._source.addWidget(one)
        column.addWidget(self._source)
        column.addSpacing(6)
        settings = QGridLayout()
        settings.setVerticalSpacing(9)
        settings.setColumnStretch(1, 1)
        settings.setColumnMinimumWidth(2, 40)
        rows = (("Followed by", self._tracker, None), ("Lend", lend_row, None), ("At the end", self._round, None))
        rows += (("Speed", self._speed, self._speed_text), ("Turn", self._turn, self._turn_text))
        for number, (name, part, value) in enumerate(rows):
            label = QLabel(name)
            label.setObjectName("dim")
            settings.addWidget(label, number, 0)
            span = 1 if value is not None else 2
            if isinstance(part, QWidget):
                settings.addWidget(part, number, 1, 1, span)
            else:
                settings.addLayout(part, number, 1, 1, span)
            if value is not None:
                settings.addWidget(value, number, 2, Qt.AlignmentFlag.AlignRight)
        settings.addWidget(self._mirror, len(rows), 1)
        column.addLayout(settings)
        column.addSpacing(4)
        column.addWidget(self.play)
        hint = QLabel("The blue box says where on the picture: drag its ring or its corners.", wordWrap=True)
        hint.setObjectName("dim")
        column.addWidget(hint)
        column.addStretch()

    # ---- settings ---------------------------------------------------------------------------------

    @property
    def lend(self) -> Lend:
        return _LEND[self._lend.checkedId()][0]

    @lend.setter
    def lend(self, kind: Lend) -> None:
        self._lend.button([known for known, _, _ in _LEND].index(kind)).setChecked(True)

    @property
    def round(self) -> Round:
        return self._round.currentData()

    @property
    def speed(self) -> float:
        return 4.0 ** (self._speed.value() / _SPEED_STEPS)

    @property
    def turn_deg(self) -> float:
        return float(self._turn.value())

    @property
    def mirror(self) -> bool:
        return self._mirror.isChecked()

    # ---- what is shown ----------------------------------------------------------------------------

    def show_cameras(self, cameras: tuple[Camera, ...]) -> None:
        self.camera.clear()
        self.camera.addItem("Camera…" if cameras else "No camera")
        for camera in cameras:
            self.camera.addItem(camera.name, camera)
        self.camera.setEnabled(bool(cameras))

    def show_tracker(self, checkpoint: Path | None) -> None:
        """What follows the points of a video; None is OpenCV."""
        self._tracker.setItemText(1, f"CoTracker3 ({checkpoint.name})" if checkpoint else "CoTracker3…")
        self._tracker.setCurrentIndex(int(checkpoint is not None))

    def show_busy(self, share: float | None) -> None:
        """How much of a video was looked at, in 0 to 1; None when none is."""
        self._source.setCurrentIndex(int(share is not None))
        self._progress.setValue(round(1000 * (share or 0.0)))

    def show_ready(self, ready: bool, kinds: frozenset[Lend], *, live: bool) -> None:
        """Whether there is something to lend, what of it moves, and whether it is a camera's."""
        self.play.setEnabled(ready)
        for number, (kind, _, _) in enumerate(_LEND):
            self._lend.button(number).setEnabled(kind in kinds)
        for part in (self._round, self._speed):
            part.setEnabled(not live)

    def show_playing(self, playing: bool) -> None:
        self.play.setText("Stop" if playing else "Lend to the picture")

    # ---- parts ------------------------------------------------------------------------------------

    def _button(self, text: str, tip: str, asked: Signal) -> QPushButton:
        button = QPushButton(text, toolTip=tip, focusPolicy=Qt.FocusPolicy.NoFocus)
        button.clicked.connect(lambda: asked.emit())
        return button

    def _slider(self, steps: int) -> tuple[QSlider, QLabel]:
        slider = QSlider(Qt.Orientation.Horizontal, minimum=-steps, maximum=steps, focusPolicy=Qt.FocusPolicy.NoFocus)
        slider.valueChanged.connect(self._on_slid)
        return slider, QLabel()

    def _on_slid(self) -> None:
        self._speed_text.setText(f"{self.speed:.2g} x")
        self._turn_text.setText(f"{self.turn_deg:.0f}°")
        self.changed.emit()

    def _on_camera(self, index: int) -> None:
        camera = self.camera.itemData(index)
        if camera is not None:
            self.camera_asked.emit(camera)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        event.setAccepted(any(url.isLocalFile() for url in event.mimeData().urls()))

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        local = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if local:
            self.dropped.emit(local[0])

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.seen.emit(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.seen.emit(False)
