"""What a hand does to the points, as edits that can be undone.

Owns the gestures (press, drag, release, pin, resize, remove) and the undo stack. Never draws, never talks
to the engine. UI thread.

The rules a person meets:
- A left press puts a point, or takes the one under the pointer; on release it stays as a pin.
- A right press puts a pin; on a pin it frees it (the point stays visible but controls nothing), and back.
- Escape lets go of the selected point, or else of the newest; in a drag, of the point in the hand. Delete
  removes the selected one.
- Undo brings a removed point back as it was: it holds what it held, not what lies there now.
- Restart returns every point to where it took hold, as the picture returns to its start; that, too, can be
  undone.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtGui import QUndoCommand, QUndoStack

from desktop.handles import MAX_RADIUS, MIN_RADIUS, XY, HandleModel, Point

Change = tuple[Point | None, Point | None]  # before, after; None where there was or will be no point

_RESIZE_STEP = 1.15  # one notch of the wheel
_RESIZE_COMMAND_ID = 1  # notches on one point merge into one edit
_TRAIL_POINTS = 96
TRAIL_FADE_S = 0.6  # how long a trail stays after release


class Edit(QUndoCommand):
    """One undoable change of the set of points."""

    def __init__(self, model: HandleModel, text: str, changes: tuple[Change, ...], *, resize: bool = False) -> None:
        super().__init__(text)
        self._model = model
        self.changes = changes
        self._id = _RESIZE_COMMAND_ID if resize else -1

    def redo(self) -> None:
        for before, after in self.changes:
            self._apply(before, after)

    def undo(self) -> None:
        for before, after in self.changes:
            self._apply(after, before)

    def id(self) -> int:
        return self._id

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, Edit) or len(self.changes) != 1 or len(other.changes) != 1:
            return False
        (before, after), (next_before, next_after) = self.changes[0], other.changes[0]
        if after != next_before:
            return False
        self.changes = ((before, next_after),)
        return True

    def _apply(self, old: Point | None, new: Point | None) -> None:
        if new is not None:
            self._model.put(new)
        elif old is not None:
            self._model.discard(old.id)


class PointEditor:
    """Turns gestures in normalised picture coordinates into edits on a `HandleModel`."""

    def __init__(self, model: HandleModel) -> None:
        self.model = model
        self.undo_stack = QUndoStack()
        self._before_drag: Point | None = None
        self._way: list[tuple[float, XY]] = []
        self._trail: deque[XY] = deque(maxlen=_TRAIL_POINTS)
        self._trail_point: int | None = None
        self._trail_ends_s = 0.0

    @property
    def dragging(self) -> bool:
        return self.model.held is not None

    def press(self, xy: XY, hit: int | None) -> None:
        """Takes the point `hit`, or puts a new one at `xy`."""
        if self.dragging:
            return
        self._before_drag = self.model.get(hit) if hit is not None else None
        point = self._before_drag or self.model.new_point(xy, pinned=False)
        if hit is not None and not point.pinned:
            point = self.model.taking_hold(point)
        self._trail.clear()
        self._trail.append(point.xy)
        self._trail_point = point.id
        self.model.held_at = None
        self.model.put(point)
        self.model.hold(point.id)

    def drag(self, xy: XY, way: Sequence[tuple[float, XY]] = (), screen: XY | None = None) -> None:
        """Moves the held point, never out of the picture. way: (time_s, xy) of moves before this one that waited:
        the set of points changes once for all of them. screen: where the pointer is while the camera is away; xy is
        then wherever in the scene that is.
        """
        if self.model.held is None:
            return
        if screen is None:
            xy, way = inside(xy), [(time_s, inside(earlier)) for time_s, earlier in way]
        self._way = list(way)
        self._trail.extend(earlier for _, earlier in self._way)
        self._trail.append(xy)
        self.model.held_at = screen
        self.model.put(replace(self.model.get(self.model.held), xy=xy))

    def take_way(self) -> list[tuple[float, XY]]:
        """Where the held point was since the last change of the set of points, for the engine; each once."""
        way, self._way = self._way, []
        return way

    def release(self) -> None:
        """Ends the drag; the point stays as a pin."""
        if self.model.held is None:
            return
        point = replace(self.model.get(self.model.held), pinned=True)
        self.model.held = None
        self._trail_ends_s = time.monotonic() + TRAIL_FADE_S
        text = "Place point" if self._before_drag is None else "Move point"
        self._push(text, (self._before_drag, point))

    def toggle_pin(self, xy: XY, hit: int | None) -> None:
        """Pins the picture at `xy`, or frees or pins again the point `hit`."""
        if self.dragging:
            return
        if hit is None:
            point = self.model.new_point(xy, pinned=True)
            self._push("Pin", (None, point))
            self.model.select(point.id)
            return
        before = self.model.get(hit)
        after = replace(before, pinned=False) if before.pinned else self.model.taking_hold(replace(before, pinned=True))
        self._push("Free point" if before.pinned else "Pin", (before, after))
        self.model.select(hit)

    def resize(self, notches: float) -> bool:
        """Grows or shrinks the grid of the point that is held, hovered or selected. False when there is
        none.
        """
        for target in (self.model.held, self.model.hovered, self.model.selected):
            if target is not None:
                break
        else:
            return False
        before = self.model.get(target)
        radius = min(max(before.radius * _RESIZE_STEP**notches, MIN_RADIUS), MAX_RADIUS)
        after = replace(before, radius=radius)
        if target == self.model.held:
            self.model.put(after)  # part of the drag's own edit
        elif after != before:
            self.undo_stack.push(Edit(self.model, "Resize point", ((before, after),), resize=True))
        return True

    def remove_selected(self) -> None:
        """Delete: the selected point goes."""
        if self.model.selected is not None and not self.dragging:
            self._push("Remove point", (self.model.get(self.model.selected), None))

    def let_go(self) -> None:
        """Escape: the point in the hand, else the selected, else the newest, no longer holds the picture."""
        if self.model.held is not None:
            point_id, before = self.model.held, self._before_drag
            if before is None:
                self.model.discard(point_id)
            else:
                self._push("Let go", (before, None))
            return
        if not self.model.points:
            return
        selected = self.model.selected
        point = self.model.get(selected) if selected is not None else self.model.points[-1]
        self._push("Let go", (point, None))

    def remove_all(self) -> None:
        if self.model.points and not self.dragging:
            self._push("Let go of everything", *((point, None) for point in self.model.points))

    def return_to_origins(self) -> None:
        """The picture starts again: every point goes back to where it took hold."""
        self.release()
        changes = tuple((p, replace(p, xy=p.origin)) for p in self.model.points if p.xy != p.origin)
        if changes:
            self._push("Restart", *changes)

    def reset(self) -> None:
        """A new picture: no points and nothing to undo."""
        self.undo_stack.clear()
        self.model.clear()

    def trail_of(self, point_id: int, now_s: float) -> tuple[XY, ...]:
        """The path the hand drew with this point, while it is held and a moment longer."""
        if point_id != self._trail_point or (point_id != self.model.held and now_s >= self._trail_ends_s):
            return ()
        return tuple(self._trail)

    def _push(self, text: str, *changes: Change) -> None:
        self.undo_stack.push(Edit(self.model, text, changes))


def inside(xy: XY) -> XY:
    """The nearest place on the picture."""
    return min(max(xy[0], 0.0), 1.0), min(max(xy[1], 0.0), 1.0)
