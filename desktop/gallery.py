"""Pictures to choose from, as tiles: the strip at the window's left edge, and the start panel, which shows them all.

Owns the tiles and their layout. Only says what was chosen. UI thread.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QEnterEvent, QImage, QImageReader, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractButton,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from desktop import theme

_TILE = QSize(112, 70)
_CORNER = 8.0
_COLUMNS = 3


@dataclass(frozen=True)
class Choice:
    """A picture that can be chosen. image: small, of the picture's own shape."""

    path: Path
    title: str
    credit: str
    image: QImage


class Tile(QAbstractButton):
    """One thumbnail, cropped to the tile."""

    def __init__(self, choice: Choice, size: QSize, parent: QWidget) -> None:
        super().__init__(parent)
        self._choice = choice
        self.setText(choice.title)
        self.setToolTip(f"{choice.title}\n{choice.credit}" if choice.credit else choice.title)
        self.setAccessibleName(choice.title)
        self.setFixedSize(size)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the keyboard belongs to the picture
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def image(self) -> QImage:
        """What it shows, asked for when it is painted."""
        return self._choice.image

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
        image = self.image()
        painter.drawImage(frame, image, _covering(image, frame))
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


class _Column(QScrollArea):
    """Tiles under one another, scrolled where they do not fit. `chosen(path)` when one is clicked."""

    chosen = Signal(Path)

    def __init__(self, width: int) -> None:
        super().__init__()
        self.setObjectName("strip")
        self.setFixedWidth(width)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(QWidget())
        self._tiles: dict[Path, Tile] = {}

    def _tile(self, choice: Choice, size: QSize = _TILE) -> Tile:
        tile = Tile(choice, size, self.widget())
        tile.clicked.connect(lambda: self.chosen.emit(choice.path))
        self._tiles[choice.path] = tile
        return tile

    def check(self, path: Path) -> None:
        """Shows which picture is the current one."""
        for known, tile in self._tiles.items():
            tile.setChecked(known == path)
        if path in self._tiles:
            self.ensureWidgetVisible(self._tiles[path])


class Gallery(_Column):
    """The strip: one picture under the other, those that a person opened on top."""

    def __init__(self, choices: Iterable[Choice]) -> None:
        super().__init__(_TILE.width() + 28)
        self._column = QVBoxLayout(self.widget())
        self._column.setContentsMargins(10, 10, 8, 10)
        self._column.setSpacing(6)
        self._column.addStretch()
        for choice in choices:
            self._column.insertWidget(self._column.count() - 1, self._tile(choice))

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """Top to bottom."""
        items = (self._column.itemAt(i).widget() for i in range(self._column.count()))
        return tuple(widget for widget in items if isinstance(widget, Tile))

    def mark(self, choice: Choice) -> None:
        """Shows the current picture; one never seen before gets a tile at the top."""
        if choice.path not in self._tiles:
            self._column.insertWidget(0, self._tile(choice))
        self.check(choice.path)


class StartPanel(_Column):
    """All pictures at once, beside the one that already moves; starters in their own shapes.

    `open_asked` when a person wants one of their own.
    """

    open_asked = Signal()

    def __init__(self, starters: Iterable[Choice], recent: Iterable[Choice]) -> None:
        super().__init__(_COLUMNS * _TILE.width() + 46)
        self._layout = QVBoxLayout(self.widget())
        self._layout.setContentsMargins(18, 16, 14, 16)
        self._layout.setSpacing(8)
        self._say("Pictures that follow your hand", "title")
        self._say("Grab the one that moves, choose another, or open your own.", "dim")
        own = QPushButton("Open your own…", focusPolicy=Qt.FocusPolicy.NoFocus)
        own.setObjectName("primary")
        own.clicked.connect(self.open_asked)
        self._layout.addSpacing(4)
        self._layout.addWidget(own)
        self._layout.addSpacing(6)
        self._recent_heading = self._say("Recent", "heading")
        self._recent = QGridLayout()
        self._recent.setSpacing(6)
        self._recent.setAlignment(Qt.AlignmentFlag.AlignLeft)
        self._layout.addLayout(self._recent)
        self._say("To start with", "heading")
        self._layout.addLayout(self._wall(tuple(starters)))
        self._layout.addStretch()
        self.show_recent(recent)

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """The starters' tiles, then the recent ones'."""
        return tuple(self._tiles.values())

    def show_recent(self, choices: Iterable[Choice]) -> None:
        """A person's own pictures, the latest first."""
        while (item := self._recent.takeAt(0)) is not None:
            tile = item.widget()
            self._tiles = {path: known for path, known in self._tiles.items() if known is not tile}
            tile.deleteLater()
        for place, choice in enumerate(choices):
            self._recent.addWidget(self._tile(choice), *divmod(place, _COLUMNS))
        self._recent_heading.setVisible(self._recent.count() > 0)

    def _wall(self, choices: tuple[Choice, ...]) -> QHBoxLayout:
        """Columns of tiles of one width and their pictures' heights; each goes where there is most room."""
        wall = QHBoxLayout()
        wall.setSpacing(6)
        columns = [QVBoxLayout() for _ in range(_COLUMNS)]
        filled = [0] * _COLUMNS
        for column in columns:
            column.setSpacing(6)
            wall.addLayout(column)
        for choice in choices:
            height = round(_TILE.width() * choice.image.height() / max(1, choice.image.width()))
            least = filled.index(min(filled))
            columns[least].addWidget(self._tile(choice, QSize(_TILE.width(), height)))
            filled[least] += height + 6
        for column in columns:
            column.addStretch()
        return wall

    def _say(self, text: str, name: str) -> QLabel:
        label = QLabel(text, wordWrap=True)
        label.setObjectName(name)
        self._layout.addWidget(label)
        return label
