"""The lasso: selects points by drawing around them, and by a click with Shift.

Owns the line that is drawn. UI thread.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QMouseEvent

from desktop.handles import XY, HandleModel
from desktop.viewport import Viewport
from render.overlay import WHITE, Overlay, OverlayLine

_DASH_PX, _GAP_PX = 9.0, 7.0
_CLICK_PX = 6.0  # a line that stays within this is a click


def enclosed(line: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Which of `places` [N, 2] lie inside the closed line [K, 2], by the even-odd rule: bool [N]."""
    (ax, ay), (bx, by) = line.T, np.roll(line, -1, axis=0).T  # [K] each
    x, y = places[:, :1], places[:, 1:]  # [N, 1]
    crosses = (ay > y) != (by > y)  # [N, K]
    with np.errstate(divide="ignore", invalid="ignore"):
        at = ax + (y - ay) / (by - ay) * (bx - ax)
    return np.count_nonzero(crosses & (x < at), axis=1) % 2 == 1


class Lasso:
    """A tool and a layer. active: a press beside a point draws; with Shift it does so at any time, and adds."""

    def __init__(self, model: HandleModel, viewport: Viewport) -> None:
        self.active = False
        self._model, self._viewport = model, viewport
        self._line: list[XY] = []
        self._before: tuple[int, ...] = ()  # what was selected and stays so

    def press(self, xy: XY, event: QMouseEvent) -> bool:
        adds = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        hit = self._viewport.pointer.hit(xy)
        if event.button() != Qt.MouseButton.LeftButton or (hit is not None and not adds) or not (adds or self.active):
            return False
        if hit is not None:
            self._model.toggle(hit)
        self._before = self._model.selection if adds else ()
        self._line = [xy] if hit is None else []
        return True

    def drag(self, xy: XY, way: Sequence[tuple[float, XY]], event_position: tuple[float, float]) -> None:
        if self._line:
            self._line += [*(earlier for _, earlier in way), xy]
            self._viewport.repaint_soon()

    def release(self, xy: XY) -> None:
        line, self._line = np.array(self._line).reshape(-1, 2), []
        if not len(line):
            return
        size = self._viewport.picture_size()
        points = [point for point in self._model.points if not point.still]
        inside: list[int] = []
        if points and (np.ptp(line, axis=0) * (size.width(), size.height())).max() > _CLICK_PX:
            chosen = enclosed(line, np.array([point.xy for point in points]))
            inside = [point.id for point, is_in in zip(points, chosen, strict=True) if is_in]
        self._model.select(*self._before, *inside)
        self._viewport.repaint_soon()

    def hover(self, xy: XY) -> None:
        pass

    def wheel(self, xy: XY, notches: float, modifiers: Qt.KeyboardModifier) -> bool:
        return False

    def cursor(self, xy: XY) -> Qt.CursorShape | None:
        inside = 0.0 <= xy[0] <= 1.0 and 0.0 <= xy[1] <= 1.0
        return Qt.CursorShape.CrossCursor if self.active and inside and self._viewport.pointer.hit(xy) is None else None

    def overlay(self) -> Overlay:
        """The line, and in dashes how it would close."""
        if len(self._line) < 2:
            return Overlay()
        line, size = np.array(self._line, np.float32), self._viewport.picture_size()
        (x, y), (to_x, to_y) = self._line[-1], self._line[0]
        length = math.hypot((to_x - x) * size.width(), (to_y - y) * size.height())
        starts = np.arange(0.0, max(0.0, length - _DASH_PX), _DASH_PX + _GAP_PX)[:, None] / max(length, 1.0)
        ends = starts + _DASH_PX / max(length, 1.0)
        end, way = np.array([x, y]), np.array([to_x - x, to_y - y])
        dashes = np.stack([end + starts * way, end + ends * way], axis=1).astype(np.float32)  # [D, 2, 2]
        return Overlay(lines=(OverlayLine(line, WHITE), *(OverlayLine(dash, WHITE, 0.6) for dash in dashes)))
