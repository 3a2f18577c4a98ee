"""What a hand does to the points, as edits that can be undone.

Owns the gestures (press, drag, release, pin, resize, turn, remove) and the undo stack. Never draws, never talks
to the engine. UI thread.

The rules a person meets:
- A left press puts a point, or takes the one under the pointer, and with it all that are selected or grouped with it.
- On release it stays as a pin, or is let go, as was chosen: a point that was new is gone then, and one that was there
  before is free where it took hold, as the picture springs back.
- A right press puts a pin; on a pin it frees it (the point stays visible but controls nothing), and back.
- Escape lets go of the selected points, or else of the newest; in a drag, of what is in the hand. Delete
  removes the selected ones.
- A new point takes the place of the still pins that lie in its grid.
- Undo brings a removed point back as it was: it holds what it held, not what lies there now.
- Restart returns every point to where it took hold, as the picture returns to its start; that, too, can be
  undone.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from PySide6.QtGui import QUndoCommand, QUndoStack

from desktop.handles import MAX_RADIUS, MIN_RADIUS, XY, HandleModel, Point
from desktop.similarity import Similarity
from inference.channels import Handle

Change = tuple[Point | None, Point | None]  # before, after; None where there was or will be no point

_RESIZE_STEP = 1.15  # one notch of the wheel
_TURN_STEP = math.radians(5)
_WHEEL_COMMAND_IDS = {"Resize point": 1, "Turn point": 2}  # notches on the same points merge into one edit
_YIELD = 1.25  # how far around a new point's grid still pins give way, as a part of it
_TRAIL_POINTS = 96
TRAIL_FADE_S = 0.6  # how long a trail stays after release


class Edit(QUndoCommand):
    """One undoable change of the set of points."""

    def __init__(self, model: HandleModel, text: str, changes: tuple[Change, ...]) -> None:
        super().__init__(text)
        self._model = model
        self.changes = changes

    def redo(self) -> None:
        self._apply(self.changes)

    def undo(self) -> None:
        self._apply(tuple((after, before) for before, after in self.changes))

    def id(self) -> int:
        return _WHEEL_COMMAND_IDS.get(self.text(), -1)

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, Edit) or [after for _, after in self.changes] != [was for was, _ in other.changes]:
            return False
        self.changes = tuple(
            (before, after) for (before, _), (_, after) in zip(self.changes, other.changes, strict=True)
        )
        return True

    def _apply(self, changes: tuple[Change, ...]) -> None:
        gone = [old.id for old, new in changes if new is None and old is not None]
        self._model.exchange([new for _, new in changes if new is not None], gone)


class PointEditor:
    """Turns gestures in normalised picture coordinates into edits on a `HandleModel`. lets_go: what a release means."""

    def __init__(self, model: HandleModel) -> None:
        self.model = model
        self.undo_stack = QUndoStack()
        self.lets_go = False
        self.aspect = 1.0  # of the picture, width over height
        self._before: dict[int, Point | None] = {}  # by id, what the drag moves as it was
        self._yielded: list[Point] = []  # still pins that it replaced
        self._taken: dict[int, Point] = {}  # what moves, as it was taken
        self._way: list[tuple[float, Handle]] = []
        self._trail: deque[XY] = deque(maxlen=_TRAIL_POINTS)
        self._trail_point: int | None = None
        self._trail_ends_s = 0.0

    @property
    def dragging(self) -> bool:
        return self.model.held is not None

    # ---- the hand -----------------------------------------------------------------------------------

    def press(self, xy: XY, hit: int | None) -> None:
        """Takes the point `hit` and its companions, or puts a new one at `xy`."""
        if self.dragging:
            return
        if hit is not None:
            self.take(self.model.companions(hit), hit)
            return
        point = self.model.new_point(xy, pinned=False)
        self._before, self._yielded = {point.id: None}, self._yielding([point])
        self._begin([point], point.id)

    def take(self, ids: Sequence[int], held: int) -> None:
        """Takes points that are there; `held` is the one in the hand."""
        if self.dragging:
            return
        points = [self.model.get(point_id) for point_id in ids]
        self._before, self._yielded = {point.id: point for point in points}, []
        self._begin([p if p.pinned else self.model.taking_hold(p) for p in points], held)

    def _begin(self, points: list[Point], held: int) -> None:
        self._taken = {point.id: point for point in points}
        self._trail.clear()
        self._trail.append(self._taken[held].xy)
        self._trail_point = held
        self.model.held_at = None
        self.model.exchange(points, [pin.id for pin in self._yielded])
        self.model.hold(held, self._taken)

    def drag(self, xy: XY, way: Sequence[tuple[float, XY]] = (), screen: XY | None = None) -> None:
        """Moves the held point, never out of the picture, and the others with it. way: (time_s, xy) of moves before
        this one that waited: the set of points changes once for all of them. screen: where the pointer is while the
        camera is away; xy is then wherever in the scene that is.
        """
        if self.model.held is None:
            return
        if screen is None:
            xy, way = inside(xy), [(time_s, inside(earlier)) for time_s, earlier in way]
        self.model.held_at = screen
        grip = self._taken[self.model.held].xy
        self._trail.extend(earlier for _, earlier in way)
        self._trail.append(xy)
        self.transform(_moving(grip, xy), [(time_s, _moving(grip, earlier)) for time_s, earlier in way])

    def transform(self, change: Similarity, way: Sequence[tuple[float, Similarity]] = ()) -> None:
        """Moves, turns and scales what is held from where it was taken. way: as for `drag`."""
        if not self.dragging:
            return
        taken = self._taken.values()
        self._way = [(time_s, self.model.handle(earlier.change(point))) for time_s, earlier in way for point in taken]
        self.model.put(*(change.change(point) for point in taken))

    def take_way(self) -> list[tuple[float, Handle]]:
        """What the held points were since the last change of the set of points, for the engine; each once."""
        way, self._way = self._way, []
        return way

    def release(self, *, invert: bool = False) -> None:
        """Ends the drag. invert: to do what was not chosen for a release, this once."""
        if not self.dragging:
            return
        moved = [self.model.get(point_id) for point_id in self._taken]
        self._open_hand()
        self._trail_ends_s = time.monotonic() + TRAIL_FADE_S
        if self.lets_go != invert:
            self._let_go_of(moved)
            return
        text = "Place point" if None in self._before.values() else "Move points" if len(moved) > 1 else "Move point"
        self._finish(text, {point.id: replace(point, pinned=True) for point in moved})

    def _let_go_of(self, moved: list[Point]) -> None:
        """New ones are gone; those that were there before are free, where what they held springs back to."""
        known = [point for point in moved if self._before[point.id] is not None]
        free = {point.id: replace(point, xy=point.origin, turn=0.0, grow=1.0, pinned=False) for point in known}
        self._finish("Let go", free)

    def _finish(self, text: str, after: dict[int, Point]) -> None:
        """Makes one edit of the drag. after: what is there now, of all that it moved."""
        changes = tuple((before, after.get(point_id)) for point_id, before in self._before.items())
        if all(change == (None, None) for change in changes):  # it came and went: as if it had never been
            self.model.exchange(self._yielded, self._before)
        else:
            self._push(text, *changes, *((pin, None) for pin in self._yielded))

    def _open_hand(self) -> None:
        # Tells nobody: the points stay held for the engine until the edit that follows at once.
        self.model.held, self.model.moving = None, frozenset()

    def toggle_pin(self, xy: XY, hit: int | None) -> None:
        """Pins the picture at `xy`, or frees or pins again the point `hit` and its companions."""
        if self.dragging:
            return
        if hit is None:
            point = self.model.new_point(xy, pinned=True)
            self._push("Pin", (None, point))
            self.model.select(point.id)
            return
        free = self.model.get(hit).pinned

        def toggled(before: Point) -> Point:
            return replace(before, pinned=False) if free else self.model.taking_hold(replace(before, pinned=True))

        befores = [self.model.get(point_id) for point_id in self.model.companions(hit)]
        changes = tuple((before, toggled(before)) for before in befores if before.pinned == free)
        self._push("Free point" if free else "Pin", *changes)
        if hit not in self.model.selection:
            self.model.select(hit)

    # ---- the wheel ----------------------------------------------------------------------------------

    def resize(self, notches: float) -> bool:
        """Grows or shrinks the grid of the point that is held, hovered or selected, and of its companions. False when
        there is none.
        """

        def resized(point: Point) -> Point:
            radius = min(max(point.radius * _RESIZE_STEP**notches, MIN_RADIUS), MAX_RADIUS)
            return replace(point, radius=radius) if point.side > 1 else point

        return self._wheel("Resize point", resized)

    def turn(self, notches: float) -> bool:
        """Turns what the point that is held, hovered or selected holds. False when there is none."""
        return self._wheel("Turn point", lambda point: replace(point, turn=point.turn + notches * _TURN_STEP))

    def _wheel(self, text: str, change: Callable[[Point], Point]) -> bool:
        model = self.model
        target = next((i for i in (model.held, model.hovered, model.selected) if i is not None), None)
        if target is None:
            return False
        befores = [model.get(point_id) for point_id in (model.moving if self.dragging else model.companions(target))]
        changes = tuple((before, after) for before in befores if (after := change(before)) != before)
        if self.dragging:  # part of the drag's own edit
            self._taken |= {point_id: change(point) for point_id, point in self._taken.items()}
            model.put(*(after for _, after in changes))
        elif changes:
            self._push(text, *changes)
        return True

    # ---- the set of points --------------------------------------------------------------------------

    def add(self, text: str, points: Sequence[Point]) -> None:
        """Puts these points; still pins give way."""
        self._push(text, *((pin, None) for pin in self._yielding(points)), *((None, point) for point in points))

    def remove(self, text: str, points: Sequence[Point]) -> None:
        self._push(text, *((point, None) for point in points))

    def group_selected(self, group: int) -> None:
        """The selected points go together from now on; 0: each for itself."""
        befores = [self.model.get(point_id) for point_id in self.model.selection]
        changes = tuple((before, replace(before, group=group)) for before in befores if before.group != group)
        if changes and not self.dragging:
            self._push("Group" if group else "Ungroup", *changes)

    def remove_selected(self) -> None:
        """Delete: the selected points go."""
        if self.model.selection and not self.dragging:
            self.remove("Remove point", [self.model.get(point_id) for point_id in self.model.selection])

    def let_go(self) -> None:
        """Escape: what is in the hand, else the selected, else the newest, no longer holds the picture."""
        if self.dragging:
            self._open_hand()
            self._finish("Let go", {})
            return
        mine = [point for point in self.model.points if not point.still]
        chosen = [self.model.get(point_id) for point_id in self.model.selection] or mine[-1:]
        if chosen:
            self.remove("Let go", chosen)

    def remove_all(self) -> None:
        if self.model.points and not self.dragging:
            self.remove("Let go of everything", self.model.points)

    def return_to_origins(self) -> None:
        """The picture starts again: every point goes back to where it took hold."""
        self.release()
        homes = ((p, replace(p, xy=p.origin, turn=0.0, grow=1.0)) for p in self.model.points)
        changes = tuple((point, home) for point, home in homes if point != home)
        if changes:
            self._push("Restart", *changes)

    def reset(self) -> None:
        """A new picture: no points and nothing to undo."""
        self.undo_stack.clear()
        self.model.clear()

    def trail_of(self, point_id: int, now_s: float) -> tuple[XY, ...]:
        """The path the hand drew with this point, while it is held and a moment longer. None where the speed is
        limited: the picture does not follow it.
        """
        if not math.isinf(self.model.speed):
            return ()
        if point_id != self._trail_point or (point_id != self.model.held and now_s >= self._trail_ends_s):
            return ()
        return tuple(self._trail)

    def _yielding(self, points: Iterable[Point]) -> list[Point]:
        """The still pins that these new points take the place of."""
        still = [point for point in self.model.points if point.still]
        return [pin for pin in still if any(self.claims(point, pin.xy) for point in points if not point.still)]

    def claims(self, point: Point, xy: XY) -> bool:
        """Whether still pins leave this place to the point."""
        reach = _YIELD * point.radius * point.grow
        return abs(point.xy[0] - xy[0]) * self.aspect <= reach and abs(point.xy[1] - xy[1]) <= reach

    def _push(self, text: str, *changes: Change) -> None:
        self.undo_stack.push(Edit(self.model, text, changes))


def _moving(grip: XY, to: XY) -> Similarity:
    return Similarity(shift=(to[0] - grip[0], to[1] - grip[1]))


def inside(xy: XY) -> XY:
    """The nearest place on the picture."""
    return min(max(xy[0], 0.0), 1.0), min(max(xy[1], 0.0), 1.0)
