"""The starter strip: thumbnails of the bundled pictures and of those a person opened, at the window's left
edge.

Owns the tiles. Only says which picture was chosen. UI thread.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QEnterEvent, QImage, QImageReader, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QScrollArea, QVBoxLayout, QWidget

from desktop import theme
from desktop.pictures import Starter

_TILE = QSize(112, 70)
_CORNER = 8.0


class Tile(QAbstractButton):
    """One thumbnail, cropped to the tile."""

    def __init__(self, image: QImage, title: str, credit: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._image = image
        self.setText(title)
        self.setToolTip(f"{title}\n{credit}" if credit else title)
        self.setAccessibleName(title)
        self.setFixedSize(_TILE)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the keyboard belongs to the picture
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def enterEvent(self, event: QEnterEvent) -> None:
        self.update()
        super().enterEvent(event)

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        frame = QRectF(self.rect()).adjusted(2, 2, -2, -2)
        shape = QPainterPath()
        shape.addRoundedRect(frame, _CORNER, _CORNER)
        painter.setClipPath(shape)
        painter.fillRect(frame, QColor(theme.RAISED))
        painter.setOpacity(1.0 if self.underMouse() or self.isChecked() else 0.8)
        painter.drawImage(frame, self._image, _covering(self._image, frame))
        painter.setOpacity(1.0)
        painter.setClipping(False)
        if self.isChecked() or self.underMouse():
            painter.setPen(QPen(QColor(theme.ACCENT if self.isChecked() else "#56606f"), 2.0))
            painter.drawPath(shape)


def _covering(image: QImage, frame: QRectF) -> QRectF:
    """The largest centred part of the image with the frame's shape."""
    scale = min(image.width() / frame.width(), image.height() / frame.height())
    width, height = frame.width() * scale, frame.height() * scale
    return QRectF((image.width() - width) / 2, (image.height() - height) / 2, width, height)


def thumbnail(path: Path) -> QImage:
    """The picture in `path`, decoded no larger than a tile on a dense screen needs."""
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    size = reader.size()
    if size.isValid():
        reader.setScaledSize(size.scaled(_TILE * 2, Qt.AspectRatioMode.KeepAspectRatioByExpanding))
    return reader.read()


class Gallery(QScrollArea):
    """`chosen(path, title)` when a tile is clicked."""

    chosen = Signal(Path, str)

    def __init__(self, starters: tuple[Starter, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("strip")
        self.setFixedWidth(_TILE.width() + 28)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        content = QWidget()
        self._column = QVBoxLayout(content)
        self._column.setContentsMargins(10, 10, 8, 10)
        self._column.setSpacing(6)
        self._column.addStretch()
        self.setWidget(content)
        self._tiles: dict[Path, Tile] = {}
        for starter in starters:
            self._add(starter.path, thumbnail(starter.path), starter.title, starter.credit, last=True)

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """Top to bottom."""
        items = (self._column.itemAt(i).widget() for i in range(self._column.count()))
        return tuple(widget for widget in items if isinstance(widget, Tile))

    def mark(self, path: Path, image: QImage, title: str) -> None:
        """Shows `path` as the current picture; one never seen before gets a tile at the top."""
        if path not in self._tiles:
            self._add(path, image, title, "", last=False)
        for known, tile in self._tiles.items():
            tile.setChecked(known == path)
        self.ensureWidgetVisible(self._tiles[path])

    def _add(self, path: Path, image: QImage, title: str, credit: str, *, last: bool) -> None:
        if image.isNull():
            return
        tile = Tile(image, title, credit, self.widget())
        tile.clicked.connect(lambda: self.chosen.emit(path, title))
        self._column.insertWidget(self._column.count() - 1 if last else 0, tile)
        self._tiles[path] = tile
