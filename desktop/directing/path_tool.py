"""Paths under the mouse and over the picture: drawing one, editing its knots, and what it all looks like.

Owns the gestures and the drawing. What an edit is, is in `desktop.directing.path_set`; playing in
`desktop.directing.paths`. UI thread.

While the tool is on:
- a drag on the picture draws a path, with the hand's timing;
- a drag on a knot moves it, a drag on the line moves the path, a double click on the line adds a knot;
- the wheel on a path sets how much of the picture it takes along;
- over a path the time is shown at which it passes there.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QCursor, QMouseEvent
from PySide6.QtWidgets import QApplication, QToolTip

from desktop.directing.path_set import Drawn, Lent, PathSet
from desktop.handles import MAX_RADIUS, MIN_RADIUS, XY
from inference.motion.paths import Path, drawn_path
from render.overlay import BLUE, WHITE, Overlay, OverlayDots, OverlayLine

_REACH_PX = 12.0  # of a knot and of a line, in logical pixels
_MOVED_PX = 4.0  # a press that moved less is a click
_WHEEL_STEP = 1.15
_TICK_S = 0.25  # a dot on the line every quarter of a second: far apart is fast
_MAX_TICKS = 400
_FAINT = 0.35


class PathTool:
    """The mouse tool. picture_px: how large the picture is shown, (width, height) in logical pixels. on_change: called
    when what is drawn has changed.
    """

    def __init__(
        self, paths: PathSet, picture_px: Callable[[], tuple[float, float]], on_change: Callable[[], None]
    ) -> None:
        self._paths, self._picture_px, self._on_change = paths, picture_px, on_change
        self.on = False
        self.drawing: list[tuple[float, float, float]] = []  # (time_s, x, y) of the line being drawn
        self._grip: tuple[str, Drawn, XY] | None = None  # what is dragged ("knot" or "path"), as it was, from where
        self._clicked: tuple[int, XY] = (-1_000_000, (0.0, 0.0))  # Qt's time of the last press in ms, and where

    # ---- Tool -------------------------------------------------------------------------------------

    def press(self, xy: XY, event: QMouseEvent) -> bool:
        if not self.on or event.button() != Qt.MouseButton.LeftButton:
            return False
        (before_ms, before_xy), self._clicked = self._clicked, (event.timestamp(), xy)
        twice = event.timestamp() - before_ms < QApplication.doubleClickInterval() and self._near(xy, before_xy)
        hit = self._hit(xy)
        if hit is None:
            if not (0.0 <= xy[0] <= 1.0 and 0.0 <= xy[1] <= 1.0):
                self._paths.choose(None)
                return False
            self._paths.choose(None)
            self.drawing = [(time.monotonic(), *xy)]
            return True
        item, knot, time_s = hit
        if knot is None and twice:
            more = replace(item, path=item.path.with_knot_added(time_s))
            self._paths.change(more, "Add knot")
            knot = int(np.argmin(np.abs(more.path.knot_times_s - time_s)))
            item, self._clicked = more, (-1_000_000, xy)
        self._paths.choose(item.key, knot)
        self._grip = ("path" if knot is None else "knot", item, xy)
        return True

    def drag(self, xy: XY, way: Sequence[tuple[float, XY]], event_position: tuple[float, float]) -> None:
        if self.drawing:
            self.drawing += [(at_s, *earlier) for at_s, earlier in way if at_s > self.drawing[-1][0]]
            self.drawing.append((max(time.monotonic(), self.drawing[-1][0] + 1e-4), *_inside(xy)))
            self._on_change()
        elif self._grip is not None and (moved := self._moved(xy)) is not None:
            self._paths.preview(moved)

    def release(self, xy: XY) -> None:
        line, self.drawing = self.drawing, []
        grip = self._grip
        if line:
            path = self._path_of(line)
            if path is not None:
                self._paths.add((self._paths.new(path),), "Draw path")
            self._on_change()
        elif grip is not None:
            moved = self._moved(xy)
            if moved is not None and self._paths.get(moved.key) is not None:
                self._paths.change(moved, "Move knot" if grip[0] == "knot" else "Move path", before=grip[1])
        self._grip = None

    def hover(self, xy: XY) -> None:
        hit = self._hit(xy) if self.on else None
        if hit is not None:
            QToolTip.showText(QCursor.pos() + QPoint(4, -44), f"{hit[2]:.1f} s")
        elif QToolTip.isVisible():
            QToolTip.hideText()

    def wheel(self, xy: XY, notches: float, modifiers: Qt.KeyboardModifier) -> bool:
        hit = self._hit(xy) if self.on else None
        if hit is None:
            return False
        item = hit[0]
        radius = min(max(item.path.radius * _WHEEL_STEP**notches, MIN_RADIUS), MAX_RADIUS)
        self._paths.choose(item.key)
        self._paths.change(replace(item, path=replace(item.path, radius=radius)), "Size of path", merge=True)
        return True

    def cursor(self, xy: XY) -> Qt.CursorShape | None:
        if not self.on:
            return None
        if self._grip is not None:
            return Qt.CursorShape.ClosedHandCursor
        return Qt.CursorShape.CrossCursor if self.drawing or self._hit(xy) is None else Qt.CursorShape.OpenHandCursor

    @property
    def busy(self) -> bool:
        """Something is being drawn or moved."""
        return bool(self.drawing) or self._grip is not None

    def cancel(self) -> None:
        """Nothing is being drawn or moved any more; what was moved is back."""
        self.drawing = []
        if self._grip is not None and self._paths.get(self._grip[1].key) is not None:
            self._paths.preview(self._grip[1])
        self._grip = None

    # ---- what is where ----------------------------------------------------------------------------

    def _hit(self, xy: XY) -> tuple[Drawn, int | None, float] | None:
        """The path under the pointer, its knot there or None, and when the path passes there. The chosen one and then
        the newest come first, knots before lines.
        """
        width, height = self._picture_px()
        order = sorted(self._paths.paths, key=lambda item: (item.key == self._paths.key, item.key), reverse=True)
        for item in order:
            away = [math.hypot((x - xy[0]) * width, (y - xy[1]) * height) for x, y in item.path.knots]
            knot = int(np.argmin(away))
            if away[knot] <= _REACH_PX:
                return item, knot, float(item.path.knot_times_s[knot])
        for item in order:
            away_heights, time_s = item.path.nearest(xy)
            if away_heights * height <= _REACH_PX:
                return item, None, time_s
        return None

    def _near(self, one: XY, other: XY) -> bool:
        width, height = self._picture_px()
        return math.hypot((one[0] - other[0]) * width, (one[1] - other[1]) * height) <= _REACH_PX

    def _moved(self, xy: XY) -> Drawn | None:
        """What is dragged, as it is with the pointer here; None while it has not moved."""
        assert self._grip is not None
        what, item, start = self._grip
        if xy == start:
            return None
        if what == "path":
            return replace(item, path=item.path.moved_by(xy[0] - start[0], xy[1] - start[1]))
        knot = self._paths.knot
        if knot is None or knot >= len(item.path.knots):
            return None
        x, y = item.path.knots[knot]
        return replace(item, path=item.path.with_knot_at(knot, (x + xy[0] - start[0], y + xy[1] - start[1])))

    def _path_of(self, line: list[tuple[float, float, float]]) -> Path | None:
        """The path of a drawn line; None for a click. The wait between press and first move is not part of it."""
        width, height = self._picture_px()
        samples = np.array(line)
        moved = np.hypot(*((samples[:, 1:] - samples[0, 1:]) * (width, height)).T)
        if moved.max() < _MOVED_PX:
            return None
        first = int(np.argmax(moved > 0))
        pace_s = float(np.median(np.diff(samples[first:, 0]))) if len(samples) - first > 1 else 0.0
        samples[:first, 0] = samples[first, 0] - np.arange(first, 0, -1) * max(pace_s, 0.01)
        return drawn_path(samples, width / height)

    # ---- Layer ------------------------------------------------------------------------------------

    def line_being_drawn(self) -> Overlay:
        points = np.array([sample[1:] for sample in self.drawing], np.float32).reshape(-1, 2)
        return Overlay(lines=(OverlayLine(points, BLUE),))


def overlay_of(paths: PathSet, bright: bool) -> Overlay:
    """The paths as they lie: lines with a dot every quarter of a second; knots where they can be edited."""
    overlay = Overlay()
    for item in paths.items:
        if isinstance(item, Lent):
            continue
        chosen = item.key == paths.key
        path, strength = item.path, (0.95 if chosen or bright else _FAINT)
        line = path.polyline[:, 1:].astype(np.float32)
        ticks = np.arange(_TICK_S, path.duration_s, max(_TICK_S, path.duration_s / _MAX_TICKS))
        dots = [OverlayDots(path.at(ticks).astype(np.float32), WHITE, 1.6, strength * 0.9)]
        if bright:
            knots = np.array(path.knots, np.float32)
            dots.append(OverlayDots(knots[1:], BLUE, 4.0, strength))
            dots.append(OverlayDots(knots[:1], BLUE, 5.5, strength, stroke=2.0))  # where it begins
            if chosen and paths.knot is not None:
                dots.append(OverlayDots(knots[paths.knot : paths.knot + 1], WHITE, 8.0, 0.95, stroke=1.5))
        overlay = Overlay(lines=(OverlayLine(line, BLUE, strength),), dots=tuple(dots)).over(overlay)
    return overlay


def overlay_of_playing(places: Sequence[XY]) -> Overlay:
    """Where handles are on their paths, in the frame that is shown."""
    points = np.array(places, np.float32).reshape(-1, 2)
    return Overlay(dots=(OverlayDots(points, WHITE, 4.5), OverlayDots(points, BLUE, 10.0, 1.0, stroke=2.5)))


def _inside(xy: XY) -> XY:
    return min(max(xy[0], 0.0), 1.0), min(max(xy[1], 0.0), 1.0)
