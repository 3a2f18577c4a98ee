"""The scene of docs/guide/depth.md: the brush in the hand, a stroke just made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent

from inference.lifecycle import EngineState

if TYPE_CHECKING:
    from desktop.main_window import MainWindow

PICTURE = Path(__file__).resolve().parents[2] / "assets" / "pictures" / "fire_engine.jpg"
STROKE = ((0.60, 0.20), (0.64, 0.23), (0.69, 0.26), (0.74, 0.24), (0.79, 0.20))


def scene(window: MainWindow, wait: Callable[[Callable[[], object]], None]) -> None:
    """Brings the window there. wait: runs the event loop until its condition holds."""
    window.open_picture(PICTURE)
    wait(lambda: window.player.state is EngineState.RUNNING)
    window.actions_by_id["depth"].trigger()
    wait(lambda: window.depth_brush.ready and window.player.state is EngineState.PAUSED)
    window.depth_brush.resize(0.14)
    wait(lambda: window.direct.page == "Depth")
    brush, viewport = window.depth_brush, window.viewport
    left = Qt.MouseButton.LeftButton
    place = viewport.widget_position(STROKE[0])
    position = QPointF(viewport.mapToGlobal(QPoint(round(place.x()), round(place.y()))))
    press = QMouseEvent(QEvent.Type.MouseButtonPress, place, position, left, left, Qt.KeyboardModifier.NoModifier)
    brush.press(STROKE[0], press)
    for xy in (STROKE + STROKE[::-1]) * 3:
        brush.drag(xy, (), (0.0, 0.0))
    brush.release(STROKE[0])
