"""The gizmo: a frame around the selected points that moves, turns and scales them together.

Owns the frame, its handles and the drag on them. What a drag does to the points is in `desktop.similarity`, the edit in
`desktop.edits`. UI thread.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QMouseEvent

from desktop.edits import PointEditor
from desktop.handles import XY, Point
from desktop.similarity import MAX_GROW, MIN_GROW, Similarity
from desktop.viewport import Viewport
from render.overlay import GREEN, WHITE, Overlay, OverlayDots, OverlayLine

Part = Literal["corner", "knob", "inside"]

MARGIN_PX = 20.0  # from the outermost points to the frame, in logical pixels as all here
STEM_PX = 30.0  # from the frame's top to the knob
SQUARE_PX = 2.6  # half a corner's side, before the line's own width
REACH_PX = 13.0  # how near the pointer must come to a corner or the knob
SNAP = math.radians(15)  # turning with Shift goes by such steps
_TURNED_BY = {
    Qt.CursorShape.SizeFDiagCursor: ((0, 0), (1, 1)),  # top left and bottom right
    Qt.CursorShape.SizeBDiagCursor: ((1, 0), (0, 1)),
}


@dataclass(frozen=True)
class Box:
    """An upright frame in logical pixels of the picture's own corner, with its parts."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def around(cls, points: Sequence[Point], size_px: tuple[float, float]) -> Box:
        """Around these points on a picture shown this large; at least one point."""
        xs, ys = [p.xy[0] * size_px[0] for p in points], [p.xy[1] * size_px[1] for p in points]
        return cls(min(xs) - MARGIN_PX, min(ys) - MARGIN_PX, max(xs) + MARGIN_PX, max(ys) + MARGIN_PX)

    @property
    def centre(self) -> XY:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    @property
    def corners(self) -> tuple[XY, ...]:
        """Clockwise from the top left."""
        return (
            (self.left, self.top),
            (self.right, self.top),
            (self.right, self.bottom),
            (self.left, self.bottom),
        )

    @property
    def stem(self) -> XY:
        """Where the knob's stem meets the frame: the top, or the bottom where the top has no room above it."""
        return self.centre[0], self.top if self.top >= STEM_PX else self.bottom

    @property
    def knob(self) -> XY:
        return self.stem[0], self.stem[1] + (STEM_PX if self.stem[1] == self.bottom else -STEM_PX)

    def part_at(self, at: XY) -> Part | None:
        """What lies there, in logical pixels."""
        if math.dist(at, self.knob) <= REACH_PX:
            return "knob"
        if any(math.dist(at, corner) <= REACH_PX for corner in self.corners):
            return "corner"
        inside = self.left <= at[0] <= self.right and self.top <= at[1] <= self.bottom
        return "inside" if inside else None


class Grip:
    """A drag on one part of a box that stood at `start` when it began. Positions in logical pixels."""

    def __init__(self, part: Part, box: Box, start: XY, size_px: tuple[float, float]) -> None:
        self.box, self._part, self._start, self._size = box, part, start, size_px
        self._turn = 0.0  # so far, also beyond a whole turn
        self._angle = self._angle_at(start)

    def to(self, at: XY, *, snap: bool = False) -> Similarity:
        """What the drag amounts to with the pointer there; to be asked for every place on the way, in order."""
        (width, height), (x, y) = self._size, self.box.centre
        pivot, aspect = (x / width, y / height), width / height
        if self._part == "inside":
            return Similarity(shift=((at[0] - self._start[0]) / width, (at[1] - self._start[1]) / height))
        if self._part == "corner":
            grow = math.dist(at, (x, y)) / max(1.0, math.dist(self._start, (x, y)))
            return Similarity(pivot=pivot, grow=min(max(grow, MIN_GROW), MAX_GROW), aspect=aspect)
        angle = self._angle_at(at)
        self._turn += math.remainder(angle - self._angle, math.tau)
        self._angle = angle
        turn = round(self._turn / SNAP) * SNAP if snap else self._turn
        return Similarity(pivot=pivot, turn=turn, aspect=aspect)

    def _angle_at(self, at: XY) -> float:
        return math.atan2(at[1] - self.box.centre[1], at[0] - self.box.centre[0])


class Gizmo:
    """A tool and a layer: there while two or more points are selected."""

    def __init__(self, editor: PointEditor, viewport: Viewport) -> None:
        self._editor, self._viewport = editor, viewport
        self._grip: Grip | None = None
        self._change = Similarity()

    # ---- as a tool ----------------------------------------------------------------------------------

    def press(self, xy: XY, event: QMouseEvent) -> bool:
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.AltModifier
        part, box = self._part(xy), self._box()
        if box is None or part is None or event.button() != Qt.MouseButton.LeftButton or modifiers:
            return False
        selection = self._editor.model.selection
        self._grip, self._change = Grip(part, box, self._px(xy), self._size()), Similarity()
        self._editor.take(selection, selection[-1])
        return True

    def drag(self, xy: XY, way: Sequence[tuple[float, XY]], event_position: tuple[float, float]) -> None:
        if self._grip is None:
            return
        snap = bool(QGuiApplication.keyboardModifiers() & Qt.KeyboardModifier.ShiftModifier)
        changes = [(time_s, self._grip.to(self._px(earlier), snap=snap)) for time_s, earlier in way]
        self._change = self._grip.to(self._px(xy), snap=snap)
        self._editor.transform(self._change, changes)

    def release(self, xy: XY) -> None:
        self._grip = None
        self._editor.release(invert=bool(QGuiApplication.keyboardModifiers() & Qt.KeyboardModifier.AltModifier))

    def hover(self, xy: XY) -> None:
        pass

    def wheel(self, xy: XY, notches: float, modifiers: Qt.KeyboardModifier) -> bool:
        return False

    def cursor(self, xy: XY) -> Qt.CursorShape | None:
        if self._grip is not None:
            return Qt.CursorShape.ClosedHandCursor
        part, box = self._part(xy), self._box()
        if box is None or part is None:
            return None
        if part == "corner":
            right, below = (self._px(xy)[i] > box.centre[i] for i in (0, 1))
            return next(shape for shape, ends in _TURNED_BY.items() if (right, below) in ends)
        return Qt.CursorShape.OpenHandCursor if part == "knob" else Qt.CursorShape.SizeAllCursor

    # ---- as a layer ---------------------------------------------------------------------------------

    def overlay(self) -> Overlay:
        grip, size = self._grip if self._editor.dragging else None, self._size()  # Escape ends a drag, too
        box = grip.box if grip is not None else self._box()
        if box is None or min(size) <= 0.0:
            return Overlay()
        change, colour = (self._change, GREEN) if grip is not None else (Similarity(), WHITE)

        def placed(places: Sequence[XY]) -> np.ndarray:
            return np.array([change.place((x / size[0], y / size[1])) for x, y in places], np.float32)

        corners = placed(box.corners)
        lines = [
            OverlayLine(np.concatenate([corners, corners[:1]]), colour, 0.55),
            OverlayLine(placed([box.stem, box.knob]), colour, 0.55),
        ]
        square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]) * SQUARE_PX / size
        lines += [OverlayLine((corner + square).astype(np.float32), colour) for corner in corners]
        knob = placed([box.knob])
        return Overlay(lines=tuple(lines), dots=(OverlayDots(knob, colour, 6.0),))

    # ---- where it is --------------------------------------------------------------------------------

    def _box(self) -> Box | None:
        model = self._editor.model
        if len(model.selection) < 2 or (self._editor.dragging and self._grip is None):
            return None
        return Box.around([model.get(point_id) for point_id in model.selection], self._size())

    def _part(self, xy: XY) -> Part | None:
        """A point under the pointer is the hand's, which takes its companions along."""
        box = self._box()
        part = box.part_at(self._px(xy)) if box is not None else None
        return None if part == "inside" and self._viewport.pointer.hit(xy) is not None else part

    def _size(self) -> tuple[float, float]:
        size = self._viewport.picture_size()
        return size.width(), size.height()

    def _px(self, xy: XY) -> XY:
        width, height = self._size()
        return xy[0] * width, xy[1] * height
