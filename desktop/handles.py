"""The points a person has put on the picture: what they are, which is held, selected or under the pointer.

Owns the set of points and nothing of how it is edited (`desktop.edits`) or drawn (`desktop.viewport`). No
Qt. UI thread.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from inference.channels import Handle

XY = tuple[float, float]

# Half extent of a point's grid, in picture heights. The default puts each of the 5 x 5 tracks into a latent
# cell of its own (8 pixels of 144), within the 0.03 to 0.12 that the model was trained on; a larger grid takes more
# of a large thing along. The limits keep it visible and inside the picture.
DEFAULT_RADIUS = 16 / 144
MIN_RADIUS = 4 / 144
MAX_RADIUS = 48 / 144


@dataclass(frozen=True)
class Point:
    """One point on the picture, in normalised coordinates.

    origin: where it took hold; hold: a number that every taking hold gets anew. pinned: it holds its place (drawn
    red); a free point is shown but controls nothing.
    """

    id: int
    origin: XY
    xy: XY
    pinned: bool
    radius: float
    hold: int


class HandleModel:
    """The set of points, with who is held, selected and hovered. Listeners are called after every change.

    numbers: where ids come from; two models that steer one stream share it.
    """

    def __init__(self, numbers: Iterator[int] | None = None) -> None:
        self._points: dict[int, Point] = {}
        self.numbers = numbers or itertools.count(1)
        self._listeners: list[Callable[[], None]] = []
        self.held: int | None = None
        self.selected: int | None = None
        self.hovered: int | None = None
        self.held_at: XY | None = None  # where on the screen the pointer has the held one, while the camera is away

    def subscribe(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    @property
    def points(self) -> tuple[Point, ...]:
        """All points, oldest first."""
        return tuple(self._points.values())

    def get(self, point_id: int) -> Point:
        return self._points[point_id]

    def new_point(self, xy: XY, *, pinned: bool, radius: float = DEFAULT_RADIUS) -> Point:
        """A point with an id of its own, not yet in the set."""
        return Point(next(self.numbers), xy, xy, pinned, radius, next(self.numbers))

    def taking_hold(self, point: Point) -> Point:
        """The point as it takes hold where it stands: what it held before may have moved on."""
        return replace(point, origin=point.xy, hold=next(self.numbers))

    def put(self, point: Point) -> None:
        """Adds the point, or replaces the one with its id."""
        self._points[point.id] = point
        self._changed()

    def discard(self, point_id: int) -> None:
        """Removes the point and every mark on it."""
        self._points.pop(point_id, None)
        self.held = None if self.held == point_id else self.held
        self.selected = None if self.selected == point_id else self.selected
        self.hovered = None if self.hovered == point_id else self.hovered
        self._changed()

    def clear(self) -> None:
        self._points.clear()
        self.held = self.selected = self.hovered = None
        self._changed()

    def hold(self, point_id: int | None) -> None:
        self.held = point_id
        if point_id is not None:
            self.selected = point_id
        self._changed()

    def select(self, point_id: int | None) -> None:
        self.selected = point_id
        self._changed()

    def hover(self, point_id: int | None) -> None:
        if point_id != self.hovered:
            self.hovered = point_id
            self._changed()

    def nearest(
        self,
        xy: XY,
        size_px: tuple[float, float],
        reach_px: float,
        place: Callable[[XY, XY], XY | None] = lambda xy, _: xy,
    ) -> int | None:
        """The point closest to `xy` on a picture shown `size_px` large, if it is within `reach_px`.

        place: where a point at xy, of this origin, is seen.
        """
        width, height = size_px
        best, best_distance = None, reach_px
        for point in self._points.values():
            if (seen := place(point.xy, point.origin)) is None:
                continue
            distance = math.hypot((seen[0] - xy[0]) * width, (seen[1] - xy[1]) * height)
            if distance <= best_distance:
                best, best_distance = point.id, distance
        return best

    def controls(self) -> tuple[Handle, ...]:
        """What the engine is told: every point that is held or pinned. Free points are unspecified, hence
        absent.
        """
        return tuple(
            Handle(
                id=p.id,
                xy=p.xy,
                pinned=p.pinned,
                held=p.id == self.held,
                radius=p.radius,
                hold=p.hold,
                origin=p.origin,
                screen=self.held_at if p.id == self.held else None,
            )
            for p in self._points.values()
            if p.pinned or p.id == self.held
        )

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()
