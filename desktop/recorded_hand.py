"""A recorded hand: the pointer events of the demo, and the points they put, move and leave.

Owns the demos' files (a TOML and the events it names) and the rules by which events become points, which
are the window's (`desktop.edits`). Never reads a clock, never draws. No Qt. One thread.
"""

from __future__ import annotations

import itertools
import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np

from desktop.handles import XY, HandleModel, Point
from inference.errors import UserError
from render.overlay import Overlay, OverlayHandle

What = Literal["press", "move", "release", "pin"]

_TRAIL_POINTS = 96  # as in the window


@dataclass(frozen=True)
class PointerEvent:
    """What the hand did to one point, at a time from the start; `xy` is a normalised picture position."""

    time_s: float
    what: What
    point: int
    xy: XY


@dataclass(frozen=True)
class Demo:
    """A recorded session: the picture and what a hand did to it, in order of time."""

    picture: Path
    prompt: str
    seed: int
    seconds: float
    events: tuple[PointerEvent, ...]


def load_demo(folder: Path, name: str = "demo.toml") -> Demo:
    """Reads `name` and the file of events it names. UserError where one is missing or malformed."""
    try:
        table = tomllib.loads((folder / name).read_text(encoding="utf-8"))
        rows = json.loads((folder / table["drag"]).read_text(encoding="utf-8"))["events"]
        events = tuple(_event(*row) for row in rows)
        if any(later.time_s < earlier.time_s for earlier, later in itertools.pairwise(events)):
            raise ValueError("the events are not in order of time")
        picture = folder / table["picture"]
        return Demo(picture, str(table["prompt"]), int(table["seed"]), float(table["seconds"]), events)
    except (OSError, KeyError, TypeError, ValueError) as error:  # faults in TOML and JSON are ValueErrors
        raise UserError(
            f"The recorded demo in {folder} cannot be read ({error}).",
            next="Restore the folder from the project.",
        ) from error


def _event(time_s: float, what: str, point: int, x: float, y: float) -> PointerEvent:
    if what not in get_args(What):
        raise ValueError(f"unknown event {what!r}")
    return PointerEvent(float(time_s), cast(What, what), int(point), (float(x), float(y)))


class RecordedHand:
    """Applies pointer events to points and shows them as the window does. `model` holds the points.

    A press on a point of the recording that is there already takes it up again. numbers: as in `HandleModel`.
    """

    def __init__(self, numbers: Iterator[int] | None = None) -> None:
        self.model = HandleModel(numbers)
        self.last: Point | None = None  # the one that the hand touched last
        self._ids: dict[int, int] = {}  # of the recording's points in the model
        self._trail: list[XY] = []

    def apply(self, event: PointerEvent) -> None:
        """The next event. A move or a release of a point that was never pressed raises KeyError."""
        if event.what in ("press", "pin") and event.point not in self._ids:
            point = self.model.new_point(event.xy, pinned=event.what == "pin")
            self._ids[event.point] = point.id
        else:
            before: Point = self.model.get(self._ids[event.point])
            point = replace(before, xy=event.xy, pinned=event.what in ("release", "pin"))
        self.last = point
        self.model.put(point)
        if event.what == "press":
            self._trail = [event.xy]
            self.model.hold(point.id)
        elif event.what == "move":
            self._trail = [*self._trail, event.xy][-_TRAIL_POINTS:]
        elif event.what == "release":
            self.model.hold(None)

    def overlay(self) -> Overlay:
        """The points as they are now; the one in the hand has its trail."""
        trail = np.array(self._trail, np.float32).reshape(-1, 2)  # [K, 2]
        return Overlay(
            tuple(
                OverlayHandle(point.xy, point.radius, "held", trail)
                if point.id == self.model.held
                else OverlayHandle(point.xy, point.radius, "pin")
                for point in self.model.points
            )
        )
