"""The toolbar's icons, drawn as paths so that they are sharp at any size and need no image plug-in.

Owns the shapes, each in a 24 x 24 box. UI thread (QPixmap).
"""

import math
from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap

from desktop import theme

_BOX = 24.0
_SCALE = 3  # drawn larger than shown, for screens with a device pixel ratio up to three


def _pause(painter: QPainter) -> None:
    painter.drawLine(QPointF(9, 6), QPointF(9, 18))
    painter.drawLine(QPointF(15, 6), QPointF(15, 18))


def _play(painter: QPainter) -> None:
    path = QPainterPath(QPointF(8, 5.5))
    path.lineTo(18.5, 12)
    path.lineTo(8, 18.5)
    path.closeSubpath()
    painter.drawPath(path)


def _arrow_head(painter: QPainter, tip: QPointF, angle_deg: float, length: float = 5.0) -> None:
    for turn in (-35, 35):
        angle = math.radians(angle_deg + 180 + turn)
        painter.drawLine(tip, tip + QPointF(math.cos(angle), math.sin(angle)) * length)


def _restart(painter: QPainter) -> None:
    painter.drawArc(QRectF(5, 5, 14, 14), 40 * 16, 290 * 16)
    start = math.radians(40)
    _arrow_head(painter, QPointF(12 + 7 * math.cos(start), 12 - 7 * math.sin(start)), 50)


def _undo(painter: QPainter) -> None:
    path = QPainterPath(QPointF(4.5, 9))
    path.lineTo(14, 9)
    path.arcTo(QRectF(9, 9, 10, 10), 90, -180)
    path.lineTo(9, 19)
    painter.drawPath(path)
    _arrow_head(painter, QPointF(4.5, 9), 180)


def _redo(painter: QPainter) -> None:
    painter.translate(_BOX, 0)
    painter.scale(-1, 1)
    _undo(painter)


def _open(painter: QPainter) -> None:
    painter.drawRoundedRect(QRectF(3.5, 5, 17, 14), 2.5, 2.5)
    painter.drawEllipse(QPointF(8.5, 10), 1.4, 1.4)
    path = QPainterPath(QPointF(4, 17))
    path.lineTo(10.5, 12.5)
    path.lineTo(13.5, 15)
    path.lineTo(16.5, 12)
    path.lineTo(20, 15.5)
    painter.drawPath(path)


def _save(painter: QPainter) -> None:
    painter.drawLine(QPointF(12, 4), QPointF(12, 14.5))
    _arrow_head(painter, QPointF(12, 14.5), 90)
    path = QPainterPath(QPointF(4.5, 15.5))
    path.lineTo(4.5, 19.5)
    path.lineTo(19.5, 19.5)
    path.lineTo(19.5, 15.5)
    painter.drawPath(path)


def _crop(painter: QPainter) -> None:
    for points in (((7, 3), (7, 17), (21, 17)), ((3, 7), (17, 7), (17, 21))):
        path = QPainterPath(QPointF(*points[0]))
        for point in points[1:]:
            path.lineTo(QPointF(*point))
        painter.drawPath(path)


def _help(painter: QPainter) -> None:
    painter.drawEllipse(QPointF(12, 12), 8.5, 8.5)
    path = QPainterPath(QPointF(9.3, 9.8))
    path.cubicTo(9.6, 6.2, 15, 6.6, 14.7, 9.8)
    path.cubicTo(14.5, 11.6, 12, 11.6, 12, 13.8)
    painter.drawPath(path)
    painter.drawPoint(QPointF(12, 16.8))


def _lets_go(painter: QPainter) -> None:
    painter.drawEllipse(QPointF(6.5, 17.5), 2.6, 2.6)
    path = QPainterPath(QPointF(9, 14))
    path.cubicTo(10, 7.5, 14, 5.5, 19, 6)
    painter.drawPath(path)
    _arrow_head(painter, QPointF(8.9, 14.3), 105, 4.5)
    painter.drawPoint(QPointF(19, 6))


_DRAWINGS: dict[str, Callable[[QPainter], None]] = {
    "pause": _pause,
    "play": _play,
    "restart": _restart,
    "undo": _undo,
    "redo": _redo,
    "open": _open,
    "save": _save,
    "crop": _crop,
    "help": _help,
    "lets_go": _lets_go,
}


def icon(name: str) -> QIcon:
    """The icon called `name`, with a dimmer variant for disabled actions. KeyError for an unknown name."""
    result = QIcon()
    for mode, colour in ((QIcon.Mode.Normal, theme.TEXT), (QIcon.Mode.Disabled, "#4a515d")):
        result.addPixmap(_pixmap(_DRAWINGS[name], colour), mode)
    return result


def _pixmap(draw: Callable[[QPainter], None], colour: str) -> QPixmap:
    pixmap = QPixmap(int(_BOX * _SCALE), int(_BOX * _SCALE))
    pixmap.setDevicePixelRatio(_SCALE)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(colour), 1.7, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
    draw(painter)
    painter.end()
    return pixmap
