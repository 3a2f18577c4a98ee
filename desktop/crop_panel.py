"""The crop of a person's picture: the whole picture with a rectangle to drag and zoom, and what the model
will see.

Owns the rectangle while it is being chosen. Says which crop was chosen, or that the old one stays. UI thread.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from desktop import theme
from desktop.crop import Bucket, Crop, shape_name, to_qimage
from inference.picture import MAX_ZOOM, Picture

_SLIDER_STEPS = 1000
_CORNER_REACH_PX = 22.0
_PREVIEW_MS = 30  # a crop of a large picture costs tens of milliseconds: once a pause in the movement is enough


class CropCanvas(QWidget):
    """The whole picture, dark outside the rectangle. Drag moves it, a corner or the wheel resizes it."""

    changed = Signal(object)  # Crop

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._picture = Picture(np.zeros((1, 1, 3), np.uint8))
        self._image = QPixmap()
        self._crop = Crop((1, 1))
        self._grip: tuple[QPointF, Crop] | None = None
        self._resizing = False
        self.setMinimumSize(200, 150)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)

    def set_picture(self, picture: Picture) -> None:
        self._picture = picture
        self._image = QPixmap.fromImage(to_qimage(picture.pixels))

    @property
    def box(self) -> tuple[float, float, float, float]:
        return self._crop.box(self._picture)

    def set_crop(self, crop: Crop) -> None:
        self._crop = crop
        self.update()

    def frame(self) -> QRectF:
        """The crop rectangle in this widget's pixels."""
        shown = self._shown()
        left, top, right, bottom = self.box
        corner = QPointF(shown.x() + left * shown.width(), shown.y() + top * shown.height())
        return QRectF(corner, QSizeF((right - left) * shown.width(), (bottom - top) * shown.height()))

    def _shown(self) -> QRectF:
        width, height = self._picture.size
        scale = min((self.width() - 8) / width, (self.height() - 8) / height)
        width, height = width * scale, height * scale
        return QRectF((self.width() - width) / 2, (self.height() - height) / 2, width, height)

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        shown, frame = self._shown(), self.frame()
        painter.drawPixmap(shown, self._image, QRectF(self._image.rect()))
        painter.setClipRect(shown)
        shade = QColor(8, 9, 12, 190)
        for part in (
            QRectF(shown.left(), shown.top(), shown.width(), frame.top() - shown.top()),
            QRectF(shown.left(), frame.bottom(), shown.width(), shown.bottom() - frame.bottom()),
            QRectF(shown.left(), frame.top(), frame.left() - shown.left(), frame.height()),
            QRectF(frame.right(), frame.top(), shown.right() - frame.right(), frame.height()),
        ):
            painter.fillRect(part, shade)
        painter.setClipping(False)
        painter.setPen(QPen(QColor(255, 255, 255, 60), 1.0))
        for third in (1 / 3, 2 / 3):
            x, y = frame.left() + frame.width() * third, frame.top() + frame.height() * third
            painter.drawLine(QPointF(x, frame.top()), QPointF(x, frame.bottom()))
            painter.drawLine(QPointF(frame.left(), y), QPointF(frame.right(), y))
        painter.setPen(QPen(QColor(255, 255, 255, 190), 1.5))
        painter.drawRect(frame)
        painter.setPen(QPen(QColor(theme.ACCENT), 4.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        for corner, right, down in self._corners():
            painter.drawLine(corner, corner + QPointF(18 * right, 0))
            painter.drawLine(corner, corner + QPointF(0, 18 * down))

    def _corners(self) -> tuple[tuple[QPointF, int, int], ...]:
        f = self.frame()
        return (
            (f.topLeft(), 1, 1),
            (f.topRight(), -1, 1),
            (f.bottomLeft(), 1, -1),
            (f.bottomRight(), -1, -1),
        )

    def _near_corner(self, position: QPointF) -> bool:
        return any(
            math.hypot(position.x() - c.x(), position.y() - c.y()) < _CORNER_REACH_PX for c, _, _ in self._corners()
        )

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._resizing = self._near_corner(event.position())
            self._grip = (event.position(), self._crop)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grip is None:
            near = self._near_corner(event.position())
            self.setCursor(Qt.CursorShape.SizeFDiagCursor if near else Qt.CursorShape.SizeAllCursor)
            return
        start, crop = self._grip
        shown = self._shown()
        if self._resizing:
            centre = QPointF(shown.x() + crop.centre[0] * shown.width(), shown.y() + crop.centre[1] * shown.height())
            before = math.hypot(start.x() - centre.x(), start.y() - centre.y())
            now = math.hypot(event.position().x() - centre.x(), event.position().y() - centre.y())
            self.changed.emit(replace(crop, zoom=crop.zoom * before / max(now, 1.0)).inside(self._picture))
        else:
            moved = event.position() - start
            x, y = crop.centre[0] + moved.x() / shown.width(), crop.centre[1] + moved.y() / shown.height()
            self.changed.emit(replace(crop, centre=(x, y)).inside(self._picture))

    def mouseReleaseEvent(self, _: QMouseEvent) -> None:
        self._grip = None

    def wheelEvent(self, event: QWheelEvent) -> None:
        zoom = self._crop.zoom * 1.1 ** (event.angleDelta().y() / 120.0)
        self.changed.emit(replace(self._crop, zoom=zoom).inside(self._picture))


class CropPanel(QWidget):
    """Covers the viewport while a crop is being chosen."""

    used = Signal(object)  # Crop
    cancelled = Signal()

    def __init__(self, buckets: tuple[Bucket, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("crop")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._picture: Picture | None = None
        self.crop = Crop(buckets[0])
        self._canvas = CropCanvas(self)
        self._canvas.changed.connect(self._set_crop)
        self._preview = QLabel(alignment=Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self._preview.setFixedSize(max(w for w, _ in buckets), max(h for _, h in buckets))
        self._preview_timer = QTimer(self, singleShot=True, interval=_PREVIEW_MS)
        self._preview_timer.timeout.connect(self._show_preview)
        self._shapes = QButtonGroup(self)
        self._zoom = QSlider(Qt.Orientation.Horizontal, maximum=_SLIDER_STEPS, focusPolicy=Qt.FocusPolicy.NoFocus)
        self._zoom.setAccessibleName("Zoom")
        self._zoom.valueChanged.connect(self._on_zoom)
        self._lay_out(buckets)

    @property
    def canvas(self) -> CropCanvas:
        return self._canvas

    @property
    def shapes(self) -> tuple[QAbstractButton, ...]:
        """The buttons of the buckets, in their order."""
        return tuple(self._shapes.buttons())

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of what is chosen, normalised."""
        return self._canvas.box

    def edit(self, picture: Picture, crop: Crop) -> None:
        """Begins with `crop`."""
        self._picture = picture
        self._canvas.set_picture(picture)
        self._set_crop(crop)

    def choose_bucket(self, bucket: Bucket) -> None:
        self._set_crop(replace(self.crop, bucket=bucket))

    def use(self) -> None:
        self.used.emit(self.crop)

    def _lay_out(self, buckets: tuple[Bucket, ...]) -> None:
        side = QVBoxLayout()
        side.setSpacing(12)
        heading = QLabel("Choose what comes alive")
        heading.setObjectName("heading")
        hint = QLabel("Drag the frame, pull a corner or turn the wheel.", wordWrap=True)
        hint.setObjectName("dim")
        side.addWidget(heading)
        side.addWidget(hint)
        shapes = QHBoxLayout()
        for index, bucket in enumerate(buckets):
            button = QPushButton(shape_name(bucket), checkable=True, focusPolicy=Qt.FocusPolicy.NoFocus)
            button.clicked.connect(lambda _=False, chosen=bucket: self.choose_bucket(chosen))
            self._shapes.addButton(button, index)
            shapes.addWidget(button)
        self._buckets = buckets
        side.addLayout(shapes)
        zoom = QGridLayout()
        label = QLabel("Zoom")
        label.setObjectName("dim")
        zoom.addWidget(label, 0, 0)
        zoom.addWidget(self._zoom, 0, 1)
        side.addLayout(zoom)
        side.addSpacing(8)
        caption = QLabel("What the model will see")
        caption.setObjectName("dim")
        side.addWidget(caption)
        side.addWidget(self._preview)
        side.addStretch()
        cancel = QPushButton("Cancel", focusPolicy=Qt.FocusPolicy.NoFocus)
        cancel.clicked.connect(self.cancelled)
        use = QPushButton("Use this crop", focusPolicy=Qt.FocusPolicy.NoFocus)
        use.setObjectName("primary")
        use.clicked.connect(self.use)
        buttons = QHBoxLayout()
        buttons.addWidget(cancel)
        buttons.addWidget(use, 1)
        side.addLayout(buttons)
        row = QHBoxLayout(self)
        row.setContentsMargins(20, 20, 24, 20)
        row.setSpacing(24)
        row.addWidget(self._canvas, 1)
        row.addLayout(side)

    def _set_crop(self, crop: Crop) -> None:
        if self._picture is None:
            return
        self.crop = crop.inside(self._picture)
        self._canvas.set_crop(self.crop)
        self._shapes.button(self._buckets.index(self.crop.bucket)).setChecked(True)
        self._zoom.blockSignals(True)  # the slider follows here; it must not answer
        self._zoom.setValue(round(math.log(self.crop.zoom) / math.log(MAX_ZOOM) * _SLIDER_STEPS))
        self._zoom.blockSignals(False)
        if not self._preview_timer.isActive():
            self._preview_timer.start()

    def _on_zoom(self, value: int) -> None:
        self._set_crop(replace(self.crop, zoom=MAX_ZOOM ** (value / _SLIDER_STEPS)))

    def _show_preview(self) -> None:
        if self._picture is not None:
            self._preview.setPixmap(QPixmap.fromImage(to_qimage(self.crop.apply(self._picture))))
