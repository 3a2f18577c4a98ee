"""The brush: paints a patch of points, one track each, that goes as one large thing; with the right button, pins.

Owns the stroke, and the brush's size and spacing. UI thread.

Single tracks, since on the shipped model a thing followed a patch of them as well as a patch of small grids, at a
fraction of the tracks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QMouseEvent

from desktop.edits import PointEditor
from desktop.handles import XY, Point
from desktop.viewport import Viewport
from render.overlay import RED, SMALL_DOT_RADIUS, WHITE, Overlay, OverlayDots, OverlayLine

# In picture heights:
MIN_SIZE, MAX_SIZE = 8 / 144, 64 / 144  # the brush's radius
MIN_SPACING, MAX_SPACING = 8 / 144, 40 / 144  # a latent cell; coarser, a thing is held by too little
STEP = 1.15  # a notch of the wheel
_RING = np.stack([f(np.linspace(0.0, math.tau, 65)) for f in (np.cos, np.sin)], axis=1)  # [65, 2]

Site = tuple[int, int]


def sites(at: XY, size: float, spacing: float) -> dict[Site, XY]:
    """The places of a triangular lattice around the origin that lie within `size` of `at`, all in one unit."""
    rise = spacing * math.sqrt(3) / 2
    found: dict[Site, XY] = {}
    for row in range(math.ceil((at[1] - size) / rise), math.floor((at[1] + size) / rise) + 1):
        y, offset = row * rise, (row % 2) * spacing / 2
        half = math.sqrt(max(0.0, size**2 - (y - at[1]) ** 2))
        first, last = (at[0] - half - offset) / spacing, (at[0] + half - offset) / spacing
        for column in range(math.ceil(first), math.floor(last) + 1):
            found[row, column] = (column * spacing + offset, y)
    return found


class Brush(QObject):
    """A tool and a layer."""

    changed = Signal()  # its size or spacing

    def __init__(self, editor: PointEditor, viewport: Viewport, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.active = False
        self.size, self.spacing = 28 / 144, 16 / 144
        self._editor, self._viewport = editor, viewport
        self._at: XY | None = None  # where the pointer is
        self._anchor: XY | None = None  # where the stroke began; None while there is none
        self._stroke: dict[Site, XY] = {}
        self._pins = False  # the stroke is one of pins
        self._adds = False  # it adds to the selected patch

    def set_size(self, size: float) -> None:
        self.size = min(max(size, MIN_SIZE), MAX_SIZE)
        self._tell()

    def set_spacing(self, spacing: float) -> None:
        self.spacing = min(max(spacing, MIN_SPACING), MAX_SPACING)
        self._tell()

    # ---- as a tool ----------------------------------------------------------------------------------

    def press(self, xy: XY, event: QMouseEvent) -> bool:
        if not self.active or event.button() not in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton):
            return False
        self._pins = event.button() == Qt.MouseButton.RightButton
        self._adds = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        self._anchor, self._stroke = xy, {}
        self._paint(xy, xy)
        return True

    def drag(self, xy: XY, way: Sequence[tuple[float, XY]], event_position: tuple[float, float]) -> None:
        for place in (*(earlier for _, earlier in way), xy):
            self._paint(self._at or place, place)

    def release(self, xy: XY) -> None:
        """The stroke becomes points: one edit, one group, selected, so that the next drag moves it."""
        places, self._anchor, self._stroke = list(self._stroke.values()), None, {}
        self._viewport.repaint_soon()
        if not places:
            return
        model = self._editor.model
        group = 0 if self._pins else self._group()
        points = [self._point(place, group) for place in places]
        self._editor.add("Paint pins" if self._pins else "Paint points", points)
        if not self._pins:
            model.select(*(point.id for point in points))

    def hover(self, xy: XY) -> None:
        self._at = xy
        if self.active:
            self._viewport.repaint_soon()

    def wheel(self, xy: XY, notches: float, modifiers: Qt.KeyboardModifier) -> bool:
        if not self.active:
            return False
        if modifiers & Qt.KeyboardModifier.ShiftModifier:
            self.set_spacing(self.spacing * STEP**notches)
        else:
            self.set_size(self.size * STEP**notches)
        return True

    def cursor(self, xy: XY) -> Qt.CursorShape | None:
        return Qt.CursorShape.CrossCursor if self.active and _inside(xy) else None

    # ---- the stroke ---------------------------------------------------------------------------------

    def _paint(self, start: XY, end: XY) -> None:
        """Everything the brush passes over between two places, as far as the budget goes."""
        assert self._anchor is not None
        aspect, room = self._editor.aspect, self._editor.model.room
        length = math.hypot((end[0] - start[0]) * aspect, end[1] - start[1])
        for share in np.linspace(0.0, 1.0, 2 + math.floor(length / (self.size / 2))).tolist():
            x, y = (start[i] + share * (end[i] - start[i]) - self._anchor[i] for i in (0, 1))
            for site, (across, down) in sites((x * aspect, y), self.size, self.spacing).items():
                place = self._anchor[0] + across / aspect, self._anchor[1] + down
                if (
                    site not in self._stroke
                    and len(self._stroke) < room
                    and _inside(place)
                    and not self._is_taken(place)
                ):
                    self._stroke[site] = place
        self._at = end
        self._viewport.repaint_soon()

    def _is_taken(self, place: XY) -> bool:
        """Whether a point that is no still pin stands nearer than half the spacing."""
        across = self._editor.aspect
        return any(
            math.hypot((point.xy[0] - place[0]) * across, point.xy[1] - place[1]) < self.spacing / 2
            for point in self._editor.model.points
            if not point.still
        )

    def _group(self) -> int:
        """The selected patch's, where the stroke adds to it, else a new one."""
        model = self._editor.model
        groups = {model.get(point_id).group for point_id in model.selection} - {0}
        return groups.pop() if self._adds and len(groups) == 1 else next(model.numbers)

    def _point(self, place: XY, group: int) -> Point:
        radius = self.spacing / 2
        return replace(self._editor.model.new_point(place, pinned=self._pins, radius=radius, side=1), group=group)

    # ---- as a layer ---------------------------------------------------------------------------------

    def overlay(self) -> Overlay:
        if not self.active or self._at is None or self._editor.dragging:
            return Overlay()
        colour = RED if self._pins and self._anchor is not None else WHITE
        ring = np.array(self._at) + _RING * self.size / (self._editor.aspect, 1.0)
        places = list(self._stroke.values())
        if self._anchor is None:  # what a press here would paint
            x, y = self._at
            near = sites((0.0, 0.0), self.size, self.spacing).values()
            places = [(x + across / self._editor.aspect, y + down) for across, down in near]
        strength = 1.0 if self._anchor is not None else 0.35
        dots = np.array(places, np.float32).reshape(-1, 2)
        return Overlay(
            lines=(OverlayLine(ring.astype(np.float32), colour, 0.7),),
            dots=(OverlayDots(dots, colour, SMALL_DOT_RADIUS, strength),),
        )

    def _tell(self) -> None:
        self._viewport.repaint_soon()
        self.changed.emit()


def _inside(xy: XY) -> bool:
    return 0.0 <= xy[0] <= 1.0 and 0.0 <= xy[1] <= 1.0
