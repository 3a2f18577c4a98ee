"""Flying: what hands ask of the camera, and the rig that turns it into views.

Owns the speed and where the camera has flown. Never reads a clock. The rig lives on the engine's thread; what is asked
is immutable.

Levels overwrite (a key that is held, a stick), deltas add up (a mouse that looks round). Both come with their time, and
the rig integrates them exactly, so that neither a slow machine nor the length of a chunk changes where the camera goes:
a key let go in the middle of a long chunk stops it there. The speed follows a level with a half-life.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from inference.motion.camera import HOME, View

if TYPE_CHECKING:
    from collections.abc import Sequence

HALF_LIFE_S = 0.06  # of the difference between the speed and what is asked
HOME_S = 0.8  # how long the way back takes
MAX_PITCH = math.radians(85.0)
_STEP_S = 1.0 / 120.0  # turning and moving at once is integrated in such steps
_STILL = 1e-5  # units or radians a second: no longer moving


@dataclass(frozen=True)
class Levels:
    """Speeds. forward, right, up: in distances of what is seen (`Scene.distance`) a second; up is the world's, the
    others the view's. yaw (left), pitch (up), roll (anticlockwise): radians a second.
    """

    forward: float = 0.0
    right: float = 0.0
    up: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    def __post_init__(self) -> None:
        if not all(math.isfinite(level) for level in astuple(self)):
            raise ValueError(f"levels must be finite: {self}")

    def __add__(self, other: Levels) -> Levels:
        return Levels(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))

    def __bool__(self) -> bool:
        return any(astuple(self))


@dataclass(frozen=True)
class Look:
    """Turned by hand: radians, to the left and up."""

    yaw: float
    pitch: float


@dataclass(frozen=True)
class GoHome:
    """Back to where the picture was taken from."""


Ask = Levels | Look | GoHome


class CameraMove(Protocol):
    """A move of the camera as a function of video time. An immutable value.

    key: a number of its own; a new one begins anew, where the camera then is.
    """

    @property
    def key(self) -> int: ...

    def views(self, start: View, seconds: np.ndarray, distance: float) -> list[View]:
        """The view at each of `seconds` [T] since it began at `start`. distance: of what is seen, in world units."""


@dataclass(frozen=True)
class CameraControl:
    """What is asked of the camera. asked: (time_s, what) in the span of the snapshot, times ascending. move: what
    plays, flying adds to it.
    """

    asked: tuple[tuple[float, Ask], ...] = ()
    move: CameraMove | None = None


class FlyRig:
    """Where the camera has flown, chunk after chunk; beside it a move may play, to which this is added."""

    def __init__(self) -> None:
        self._levels = np.zeros(6)
        self.reset()

    def reset(self) -> None:
        """At home and at rest; levels that are asked stay asked."""
        self._flown = np.zeros(7)  # added to the numbers of the move's view, or of HOME
        self._speed = np.zeros(6)
        self._owed = np.zeros(2)  # yaw and pitch that were asked at once and are still to be turned
        self._homing: tuple[np.ndarray, float] | None = None  # from where, and for how long now
        self.view = HOME

    @property
    def idle(self) -> bool:
        """At home, and nothing asks it to leave."""
        return not (self._flown.any() or self._levels.any() or self._speed.any() or self._owed.any())

    def add_to(self, base: View) -> None:
        """From now on what is flown is added to `base`; the camera stays where it is."""
        self._flown = self.view.numbers - base.numbers

    def fly(
        self,
        asked: Sequence[tuple[float, Ask]],
        since_s: float,
        times_s: np.ndarray,
        bases: Sequence[View],
        distance: float,
    ) -> list[View]:
        """The view of each frame: the pose at the control time that it samples, added to its base."""
        views, at_s, waiting = [], since_s, list(asked)
        for time_s, base in zip(times_s.tolist(), bases, strict=True):
            while waiting and waiting[0][0] <= time_s:
                asked_s, what = waiting.pop(0)
                self._run(asked_s - at_s, base, distance)
                at_s = max(at_s, asked_s)
                self._heed(what)
            self._run(time_s - at_s, base, distance)
            at_s = max(at_s, time_s)
            views.append(View.of_numbers(base.numbers + self._flown) if self._flown.any() else base)
        for _, what in waiting:  # never in practice: a snapshot's events lie in its span
            self._heed(what)
        self.view = views[-1]
        return views

    def _heed(self, what: Ask) -> None:
        if isinstance(what, GoHome):
            self._speed[:] = 0.0
            self._owed[:] = 0.0
            self._levels = np.zeros(6)
            self._flown[3:6] = (self._flown[3:6] + math.pi) % (2 * math.pi) - math.pi
            self._homing = (self._flown.copy(), 0.0) if self._flown.any() else None
            return
        if isinstance(what, Look):
            self._owed += (what.yaw, what.pitch)
            self._homing = None
        else:
            self._levels = np.array(astuple(what))
            if what:
                self._homing = None

    def _run(self, seconds: float, base: View, distance: float) -> None:
        if seconds <= 0.0:
            return
        if self._homing is not None:
            start, so_far = self._homing
            so_far += seconds
            share = min(so_far / HOME_S, 1.0)
            self._flown = start * (1.0 - share * share * (3.0 - 2.0 * share))
            self._homing = (start, so_far) if share < 1.0 else None
            return
        if not (self._levels.any() or self._speed.any() or self._owed.any()):
            return
        steps = max(1, math.ceil(seconds / _STEP_S))
        for _ in range(steps):
            self._step(seconds / steps, base, distance)
        if not self._levels.any() and np.abs(self._speed).max() < _STILL and np.abs(self._owed).max() < _STILL:
            self._speed[:] = 0.0
            self._owed[:] = 0.0

    def _step(self, seconds: float, base: View, distance: float) -> None:
        """The exact integral of an exponential approach; direction from the middle of the step."""
        rate = math.log(2.0) / HALF_LIFE_S
        kept = math.exp(-rate * seconds)
        way = self._levels * seconds + (self._speed - self._levels) * ((1.0 - kept) / rate)
        self._speed = self._levels + (self._speed - self._levels) * kept
        turn = way[3:].copy()
        turn[:2] += self._owed * (1.0 - kept)
        self._owed *= kept
        numbers = base.numbers + self._flown
        middle = numbers[3:6] + turn / 2
        forward, right, up = way[:3] * distance
        self._flown[:3] += View.of_numbers(np.array([0, 0, 0, *middle, 0])).rotation @ np.array([right, 0.0, -forward])
        self._flown[1] += up
        pitch = np.clip(numbers[4] + turn[1], min(-MAX_PITCH, numbers[4]), max(MAX_PITCH, numbers[4]))
        turn[1] = pitch - numbers[4]
        self._flown[3:6] += turn
