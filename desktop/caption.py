"""What Qt paints over the picture: one quiet line of text, and the hand that shows how a drag goes.

Owns their looks. Widgets cannot lie over the viewport, so both are painted into its framebuffer, inside Qt's paint
calls. UI thread.
"""

from __future__ import annotations

import math
from functools import cache

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPainterPath, QPen

from desktop import theme

_LINE_FONT_PX = 14
_HAND_PX = 44.0
_HAND_RIM = 1.3
_TIP = QPointF(9.0, 1.4)  # of the finger, in the box that the hand is drawn in


def line_size(text: str) -> QRectF:
    """The box of a line, at the origin."""
    metrics = QFontMetricsF(_font())
    return QRectF(0, 0, metrics.horizontalAdvance(text) + 36, metrics.height() + 16)


def paint_line(painter: QPainter, text: str, box: QRectF) -> None:
    """Light text on a dark pill."""
    painter.setFont(_font())
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(12, 14, 18, 215))
    painter.drawRoundedRect(box, box.height() / 2, box.height() / 2)
    painter.setPen(QColor(theme.TEXT))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


def paint_hand(painter: QPainter, tip: QPointF) -> None:
    """A hand whose index finger touches `tip`."""
    painter.drawImage(tip - _TIP * (_HAND_PX / 24.0), _hand_image(painter.device().devicePixelRatio()))


@cache
def _hand_image(pixel_ratio: float) -> QImage:
    """Drawn in memory: Qt fills a path like this through OpenGL only where the framebuffer has a stencil."""
    image = QImage(QSize(1, 1) * math.ceil(_HAND_PX * pixel_ratio), QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(pixel_ratio)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(_HAND_PX / 24.0, _HAND_PX / 24.0)
    round_cap, round_join = Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin
    painter.setPen(QPen(QColor(20, 22, 27, 230), _HAND_RIM, Qt.PenStyle.SolidLine, round_cap, round_join))
    painter.setBrush(QColor(255, 255, 255, 240))
    painter.drawPath(_hand())
    painter.setPen(QPen(QColor(20, 22, 27, 110), 0.9, Qt.PenStyle.SolidLine, round_cap))
    for x in (10.9, 13.9, 16.8):  # between the fingers
        painter.drawLine(QPointF(x, 11.2), QPointF(x, 14.2))
    painter.end()
    return image


def _hand() -> QPainterPath:
    """A pointing hand in a 24 x 24 box: index finger up, the others folded, the thumb at the left."""
    parts = QPainterPath()
    for x, top, bottom, width in ((9.0, 1.2, 16.0, 3.4), (12.3, 7.6, 16.0, 3.2), (15.3, 8.3, 16.0, 3.2)):
        parts = parts.united(_finger(x, top, bottom, width))
    parts = parts.united(_finger(18.1, 9.4, 16.0, 3.0))
    palm = QPainterPath()
    palm.addRoundedRect(QRectF(7.3, 11.5, 12.3, 10.6), 4.6, 4.6)
    thumb = QPainterPath(QPointF(8.2, 18.6))
    thumb.cubicTo(6.4, 16.8, 5.4, 15.2, 4.2, 13.6)
    thumb.cubicTo(3.3, 12.2, 5.2, 11.0, 6.4, 12.2)
    thumb.lineTo(9.0, 14.8)
    thumb.closeSubpath()
    return parts.united(palm).united(thumb).simplified()


def _finger(x: float, top: float, bottom: float, width: float) -> QPainterPath:
    path = QPainterPath()
    path.addRoundedRect(QRectF(x - width / 2, top, width, bottom - top), width / 2, width / 2)
    return path


def _font() -> QFont:
    font = QFont()
    font.setPixelSize(_LINE_FONT_PX)
    return font
