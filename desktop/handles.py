"""The points a person has put on the picture: what they are, which are held, selected or under the pointer.

Owns the set of points and nothing of how it is edited (`desktop.edits`) or drawn (`desktop.viewport`). No
Qt. UI thread.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from inference.channels import Handle

XY = tuple[float, float]

# Half extent of a point's grid, in picture heights. The default puts each of the 5 x 5 tracks into a latent
# cell of its own (8 pixels of 144), within the 0.03 to 0.12 that the model was trained on; a larger grid takes more
# of a large thing along. The limits keep it visible and inside the picture.
DEFAULT_RADIUS = 16 / 144
MIN_RADIUS = 4 / 144
MAX_RADIUS = 48 / 144
SIDE = 5  # tracks along a side of a point's grid
TRACK_BUDGET = 400  # of the shipped model; the stream leaves out what is beyond


@dataclass(frozen=True)
class Point:
    """One point on the picture, in normalised coordinates.

    origin: where it took hold; hold: a number that every taking hold gets anew. pinned: it holds its place (drawn
    red); a free point is shown but controls nothing. side: of its grid of tracks; turn (radians) and grow: how the grid
    has turned and grown since it took hold. group: points with the same number go together, 0 for none. still: a pin
    among those that hold everything still that nobody grabbed; a new point takes its place.
    """

    id: int
    origin: XY
    xy: XY
    pinned: bool
    radius: float
    hold: int
    side: int = SIDE
    turn: float = 0.0
    grow: float = 1.0
    group: int = 0
    still: bool = False


class HandleModel:
    """The set of points, with who is held, selected and hovered. Listeners are called after every change.

    numbers: where ids come from; two models that steer one stream share it. speed: the most that a point moves in a
    second of video, in picture heights.
    """

    def __init__(self, numbers: Iterator[int] | None = None) -> None:
        self._points: dict[int, Point] = {}
        self.numbers = numbers or itertools.count(1)
        self._listeners: list[Callable[[], None]] = []
        self.held: int | None = None  # the one in the hand
        self.moving: frozenset[int] = frozenset()  # with those that go along
        self.selection: tuple[int, ...] = ()  # the latest last
        self.hovered: int | None = None
        self.held_at: XY | None = None  # where on the screen the pointer has the held one, while the camera is away
        self.speed = math.inf

    def subscribe(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    @property
    def points(self) -> tuple[Point, ...]:
        """All points, oldest first."""
        return tuple(self._points.values())

    @property
    def selected(self) -> int | None:
        """The point that was selected last."""
        return self.selection[-1] if self.selection else None

    @property
    def tracks(self) -> int:
        """How many tracks all points would bring, were each of them held or pinned."""
        return sum(point.side**2 for point in self._points.values())

    @property
    def room(self) -> int:
        """How many more tracks the model would take."""
        return max(0, TRACK_BUDGET - self.tracks)

    def get(self, point_id: int) -> Point:
        return self._points[point_id]

    def new_point(
        self, xy: XY, *, pinned: bool, radius: float = DEFAULT_RADIUS, side: int = SIDE, still: bool = False
    ) -> Point:
        """A point with an id of its own, not yet in the set."""
        return Point(next(self.numbers), xy, xy, pinned, radius, next(self.numbers), side, still=still)

    def taking_hold(self, point: Point) -> Point:
        """The point as it takes hold where it stands: what it held before may have moved on."""
        return replace(point, origin=point.xy, hold=next(self.numbers), turn=0.0, grow=1.0)

    def companions(self, point_id: int) -> tuple[int, ...]:
        """The point and all that go where it goes: the selection that it is in, and its group."""
        with_it = set(self.selection) if point_id in self.selection else {point_id}
        return tuple(sorted(with_it | self._groups_of(with_it)))

    def put(self, *points: Point) -> None:
        """Adds points, or replaces those with their ids."""
        self.exchange(points, ())

    def discard(self, *ids: int) -> None:
        """Removes points and every mark on them."""
        self.exchange((), ids)

    def exchange(self, points: Iterable[Point], gone: Iterable[int]) -> None:
        """Both at once, one change."""
        self._points |= {point.id: point for point in points}
        for point_id in gone:
            self._points.pop(point_id, None)
        self.held = self.held if self.held in self._points else None
        self.moving = self.moving & self._points.keys() if self.held is not None else frozenset()
        self.selection = tuple(point_id for point_id in self.selection if point_id in self._points)
        self.hovered = self.hovered if self.hovered in self._points else None
        self._changed()

    def clear(self) -> None:
        self.discard(*self._points)

    def hold(self, point_id: int | None, others: Iterable[int] = ()) -> None:
        """Takes a point in the hand, with others that go along; None lets all of them go."""
        self.held = point_id
        self.moving = frozenset() if point_id is None else frozenset({point_id, *others})
        if point_id is not None:
            chosen = self.selection if point_id in self.selection else sorted(self.moving)
            self.selection = (*(other for other in chosen if other != point_id), point_id)
        self._changed()

    def select(self, *ids: int) -> None:
        """Selects these points, each with its group, and no others; the last one counts as the latest."""
        chosen = dict.fromkeys((*sorted(self._groups_of(ids)), *ids))
        for point_id in ids:  # moved to the end
            del chosen[point_id]
            chosen[point_id] = None
        if tuple(chosen) != self.selection:
            self.selection = tuple(chosen)
            self._changed()

    def toggle(self, point_id: int) -> None:
        """Adds a point and its group to the selection, or takes them out."""
        group = {point_id} | self._groups_of({point_id})
        if point_id in self.selection:
            self.select(*(chosen for chosen in self.selection if chosen not in group))
        else:
            self.select(*self.selection, point_id)

    def hover(self, point_id: int | None) -> None:
        if point_id != self.hovered:
            self.hovered = point_id
            self._changed()

    def nearest(
        self,
        xy: XY,
        size_px: tuple[float, float],
        reach_px: float,
        *,
        still: bool = False,
        place: Callable[[XY, XY], XY | None] = lambda xy, _: xy,
    ) -> int | None:
        """The point closest to `xy` on a picture shown `size_px` large, if it is within `reach_px`. still: whether
        the still pins count. place: where a point at xy, of this origin, is seen.
        """
        width, height = size_px
        best, best_distance = None, reach_px
        for point in self._points.values():
            if (seen := place(point.xy, point.origin)) is None or (point.still and not still):
                continue
            distance = math.hypot((seen[0] - xy[0]) * width, (seen[1] - xy[1]) * height)
            if distance <= best_distance:
                best, best_distance = point.id, distance
        return best

    def handle(self, point: Point) -> Handle:
        """What the engine is told of a point."""
        return Handle(
            id=point.id,
            xy=point.xy,
            pinned=point.pinned,
            held=point.id in self.moving,
            radius=point.radius,
            hold=point.hold,
            side=point.side,
            turn=point.turn,
            grow=point.grow,
            speed=self.speed,
            origin=point.origin,
            screen=self.held_at if point.id == self.held else None,
        )

    def controls(self) -> tuple[Handle, ...]:
        """What the engine is told: every point that is held or pinned. Free points are unspecified, hence
        absent.
        """
        return tuple(self.handle(p) for p in self._points.values() if p.pinned or p.id in self.moving)

    def _groups_of(self, ids: Iterable[int]) -> set[int]:
        """All members of the groups that these points are in."""
        groups = {self._points[i].group for i in ids} - {0}
        return {point.id for point in self._points.values() if point.group in groups} if groups else set()

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()
