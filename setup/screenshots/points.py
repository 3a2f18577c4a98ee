"""The scene for docs/guide/images/points.png: two points of a fire engine turned by the knob, all else held still."""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from desktop.directing.gizmo import MARGIN_PX, STEM_PX
from desktop.main_window import MainWindow
from desktop.resources import resource_path

_BUTTON, _KEYS = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
_PLACES = ((0.30, 0.66), (0.42, 0.66))
_TURN_DEG = -24


def scene(window: MainWindow, wait: Callable[[Callable[[], object]], None]) -> None:
    """wait: runs the event loop until its condition holds."""
    window.open_picture(resource_path("assets", "pictures", "fire_engine.jpg"))
    wait(lambda: window.player.state.value == "running")
    shown: list[int] = []
    window.player.frame_due.connect(lambda frame: shown.append(frame.index))
    wait(lambda: len(shown) > 2)
    window.direct.turn_to("Points")
    wait(lambda: window.direct.page == "Points")
    places = [window.viewport.widget_position(xy).toPoint() for xy in _PLACES]
    for place in places:
        QTest.mouseClick(window.viewport, _BUTTON, _KEYS, place)
    window.points_desk.hold_still()
    wait(lambda: window.points_desk.stills)
    window.points_desk.select_all()
    centre = (places[0] + places[1]) / 2
    reach = abs(places[0].y() - places[1].y()) / 2 + MARGIN_PX + STEM_PX

    def knob(degrees: float) -> QPoint:
        angle = math.radians(degrees)
        return centre + QPoint(round(reach * math.sin(angle)), round(-reach * math.cos(angle)))

    QTest.mousePress(window.viewport, _BUTTON, _KEYS, knob(0))
    for degrees in range(0, _TURN_DEG - 1, -3):
        QTest.mouseMove(window.viewport, knob(degrees))
        shown.clear()
        wait(lambda: shown)
    shown.clear()
    wait(lambda: len(shown) > 12)
