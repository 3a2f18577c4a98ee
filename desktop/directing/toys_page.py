"""The page of the toy box: backgrounds, toys to drag or click, and what can be done with the one that is selected.

Owns the layout. What happens is in `desktop.directing.toys`. UI thread.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from PIL import Image
from PySide6.QtCore import QByteArray, QMimeData, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QDrag, QEnterEvent, QImage, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPixmap
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from desktop import theme
from desktop.crop import Bucket, shape_name, to_qimage
from desktop.directing.toys import ToyBox
from desktop.gallery import Choice, Tile
from desktop.pictures import TOY_FORMAT

NAME = "Toy box"
_TOY, _PLACE = QSize(60, 60), QSize(82, 48)
_TOY_COLUMNS, _PLACE_COLUMNS = 4, 3


class ToyTile(QAbstractButton):
    """A cut-out: a click adds it, and it can be dragged onto the picture. read: its picture, asked for when it is first
    seen: a window opens sooner than all toys are decoded.
    """

    def __init__(self, name: str, title: str, read: Callable[[], QImage], parent: QWidget) -> None:
        super().__init__(parent)
        self.name, self._image = name, cache(read)
        self._pressed_at = None
        self.setText(title)
        self.setToolTip(f"{title}: click, or drag onto the picture")
        self.setAccessibleName(title)
        self.setFixedSize(_TOY)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setCursor(Qt.CursorShape.OpenHandCursor)

    def mime(self) -> QMimeData:
        """What a drag of this toy carries."""
        mime = QMimeData()
        mime.setData(TOY_FORMAT, QByteArray(self.name.encode()))
        return mime

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pressed_at = event.position()
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        far = QApplication.startDragDistance()
        if self._pressed_at is None or (event.position() - self._pressed_at).manhattanLength() < far:
            return
        self._pressed_at = None
        self.setDown(False)
        drag = QDrag(self)
        drag.setMimeData(self.mime())
        pixmap = QPixmap.fromImage(self._image())
        drag.setPixmap(pixmap)
        drag.setHotSpot(pixmap.rect().center())
        drag.exec(Qt.DropAction.CopyAction)

    def enterEvent(self, event: QEnterEvent) -> None:
        self.update()
        super().enterEvent(event)

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        shape = QPainterPath()
        shape.addRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 8.0, 8.0)
        painter.fillPath(shape, QColor("#313845" if self.underMouse() else theme.RAISED))
        image = self._image()
        size = image.size().scaled(_TOY - QSize(14, 14), Qt.AspectRatioMode.KeepAspectRatio)
        left, top = (self.width() - size.width()) / 2, (self.height() - size.height()) / 2
        painter.drawImage(QRectF(left, top, size.width(), size.height()), image)


class PlaceTile(Tile):
    """A background; its picture is read when it is first seen, too."""

    def __init__(self, name: str, title: str, read: Callable[[], QImage], parent: QWidget) -> None:
        super().__init__(Choice(Path(name), title, "", QImage()), _PLACE, parent)
        self.setCheckable(False)
        self._read = cache(read)

    def image(self) -> QImage:
        return self._read()


class ToysPage(QWidget):
    """One page of the dock."""

    def __init__(self, box: ToyBox, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._box = box
        self.toys: list[ToyTile] = []
        self.places: list[Tile] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(14, 12, 10, 14)
        self._column.setSpacing(8)
        self._say("Compose a picture of your own", "title")
        self._say("Click toys or drag them onto the picture, then make it live.", "dim")
        self.live = self._button("Make it live", box.make_live)
        self.live.setObjectName("primary")
        self.cancel = self._button("Cancel", box.leave)
        self._column.addLayout(_row(self.live, self.cancel))
        self._selected = self._lay_out_selected()
        self._column.addWidget(self._selected)
        self.shapes = [self._shape(bucket) for bucket in box.buckets]
        background = QLabel("Background")
        background.setObjectName("heading")
        self._column.addLayout(_row(background, *self.shapes))
        self._lay_out_places()
        kinds = dict.fromkeys(toy.kind for toy in box.shelf.toys)
        for kind in kinds:
            self._say(kind, "heading")
            self._lay_out_toys(kind)
        self.own = self._button("Add your own cut-out…", self._open_dialog)
        self.own.setToolTip("A PNG or WebP picture whose surroundings are transparent")
        self._column.addWidget(self.own)
        self._earlier_heading = self._say("Earlier compositions", "heading")
        self._earlier = QGridLayout()
        self._earlier.setSpacing(6)
        self._earlier.setAlignment(Qt.AlignmentFlag.AlignLeft)
        self._column.addLayout(self._earlier)
        self._column.addStretch()
        box.changed.connect(self._refresh)
        box.composing_changed.connect(self._show_earlier)
        self._refresh()
        self._show_earlier()

    def _lay_out_selected(self) -> QWidget:
        whole = QWidget()
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        self.mirror, self.shadow, self.remove = (
            self._button(text, does)
            for text, does in (
                ("Mirror", self._box.mirror),
                ("Shadow", self._box.toggle_shadow),
                ("Remove", self._box.remove_selected),
            )
        )
        self.shadow.setCheckable(True)
        self.nearer = self._button("Nearer", lambda: self._box.bring(1))
        self.farther = self._button("Farther", lambda: self._box.bring(-1))
        column.addLayout(_row(self.mirror, self.shadow, self.remove))
        column.addLayout(_row(self.nearer, self.farther))
        return whole

    def _shape(self, bucket: Bucket) -> QPushButton:
        button = self._button(shape_name(bucket), lambda: self._box.set_shape(bucket))
        button.setCheckable(True)
        button.setToolTip("the shape of the picture")
        return button

    def _lay_out_places(self) -> None:
        grid = QGridLayout()
        grid.setSpacing(6)
        grid.setAlignment(Qt.AlignmentFlag.AlignLeft)
        self.present = self._button("The picture that is shown", self._box.use_present_picture)
        grid.addWidget(self.present, 0, 0, 1, _PLACE_COLUMNS)
        for number, place in enumerate(self._box.shelf.backgrounds):
            tile = PlaceTile(place.name, place.title, partial(self._small_place, place.name), self)
            tile.clicked.connect(lambda _=False, name=place.name: self._box.set_background(name))
            self.places.append(tile)
            grid.addWidget(tile, 1 + number // _PLACE_COLUMNS, number % _PLACE_COLUMNS)
        self._column.addLayout(grid)

    def _lay_out_toys(self, kind: str) -> None:
        grid = QGridLayout()
        grid.setSpacing(6)
        grid.setAlignment(Qt.AlignmentFlag.AlignLeft)
        for number, toy in enumerate(toy for toy in self._box.shelf.toys if toy.kind == kind):
            tile = ToyTile(toy.name, toy.title, partial(self._small_toy, toy.name), self)
            tile.clicked.connect(lambda _=False, name=toy.name: self._box.add(name))
            self.toys.append(tile)
            grid.addWidget(tile, *divmod(number, _TOY_COLUMNS))
        self._column.addLayout(grid)

    def _small_place(self, name: str) -> QImage:
        return _qimage(self._box.shelf.picture(name).resize((2 * _PLACE.width(), 2 * _PLACE.height())))

    def _small_toy(self, name: str) -> QImage:
        small = self._box.shelf.picture(name).copy()
        small.thumbnail((2 * _TOY.width(), 2 * _TOY.height()))
        return _qimage(small)

    def _show_earlier(self) -> None:
        while (item := self._earlier.takeAt(0)) is not None:
            item.widget().deleteLater()
        for number, (path, pixels) in enumerate(self._box.earlier()):
            tile = Tile(Choice(path, "Take it up again", "", to_qimage(pixels)), _PLACE, self)
            tile.setCheckable(False)
            tile.clicked.connect(lambda _=False, path=path: self._box.take_up(path))
            self._earlier.addWidget(tile, *divmod(number, _PLACE_COLUMNS))
        self._earlier_heading.setVisible(self._earlier.count() > 0)

    def _refresh(self) -> None:
        composition, selected = self._box.composition, self._box.selected
        self.live.setEnabled(composition is not None)
        self.cancel.setEnabled(composition is not None)
        for button, bucket in zip(self.shapes, self._box.buckets, strict=True):
            button.setChecked(bucket == self._box.bucket)
        self._selected.setVisible(composition is not None)
        self._selected.setEnabled(selected is not None)
        self.shadow.setChecked(composition is not None and selected is not None and composition.toys[selected].shadow)

    def _open_dialog(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Add your own cut-out", "", "Cut-outs (*.png *.webp)")
        if name:
            self._box.open_file(Path(name))

    def _say(self, text: str, name: str) -> QLabel:
        label = QLabel(text, wordWrap=True)
        label.setObjectName(name)
        self._column.addWidget(label)
        return label

    def _button(self, text: str, does: Callable[[], None]) -> QPushButton:
        button = QPushButton(text, focusPolicy=Qt.FocusPolicy.NoFocus)
        button.clicked.connect(lambda _=False: does())
        return button


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(6)
    for widget in widgets:
        row.addWidget(widget, 1)
    return row


def _qimage(picture: Image.Image) -> QImage:
    rgba = picture.convert("RGBA")
    return QImage(rgba.tobytes(), rgba.width, rgba.height, 4 * rgba.width, QImage.Format.Format_RGBA8888).copy()
