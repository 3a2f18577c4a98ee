"""What Qt paints over the picture: one quiet line of text, and the hand that shows how a drag goes.

Owns their looks. Widgets cannot lie over the viewport, so both are painted into its framebuffer, inside Qt's paint
calls. UI thread.
"""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter

from desktop import theme

_LINE_FONT_PX = 14
_HAND_PX = 44.0
_HAND_RIM = 0.8
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
    """A hand whose index finger touches `tip`. Rounded boxes alone: without a stencil in the framebuffer, Qt fills no
    other path through OpenGL.
    """
    painter.save()
    painter.translate(tip)
    painter.scale(_HAND_PX / 24.0, _HAND_PX / 24.0)
    painter.translate(-_TIP)
    painter.setPen(Qt.PenStyle.NoPen)
    for rim, colour in ((_HAND_RIM, QColor(20, 22, 27)), (0.0, QColor(255, 255, 255))):
        painter.setBrush(colour)
        for box, turn_deg in _HAND:
            painter.save()
            painter.translate(box.center())
            painter.rotate(turn_deg)
            grown = QRectF(-box.width() / 2, -box.height() / 2, box.width(), box.height()).adjusted(
                -rim, -rim, rim, rim
            )
            corner = min(grown.width(), grown.height()) / 2
            painter.drawRoundedRect(grown, corner, corner)
            painter.restore()
    painter.setBrush(QColor(120, 124, 132))
    for x in (10.75, 13.75, 16.65):  # between the fingers
        painter.drawRect(QRectF(x - 0.3, 11.0, 0.6, 3.4))
    painter.restore()


# The fingers, the thumb and the palm in a 24 x 24 box, each with its turn in degrees.
_HAND = (
    (QRectF(7.3, 1.2, 3.4, 15.0), 0.0),
    (QRectF(10.7, 7.6, 3.2, 9.0), 0.0),
    (QRectF(13.7, 8.3, 3.2, 9.0), 0.0),
    (QRectF(16.6, 9.4, 3.0, 9.0), 0.0),
    (QRectF(4.9, 11.6, 2.9, 8.6), -38.0),
    (QRectF(7.4, 12.6, 12.2, 9.2), 0.0),
)


def _font() -> QFont:
    font = QFont()
    font.setPixelSize(_LINE_FONT_PX)
    return font
