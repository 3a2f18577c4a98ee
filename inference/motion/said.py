"""What a sentence moves, as tracks and as a move of the camera.

Owns the meaning of a motion's numbers, the values `Said` and `SaidThing`, and their courses in time. Never reads a
sentence (`inference.words`) and never looks at a picture. `SaidSource` is safe on both threads; all else is immutable.

In time: what goes somewhere, grows or shrinks arrives after SECONDS, eased, and stays. What spins goes on spinning.
What hops, swings or sways goes on where the thing stays, and ends as it arrives where it travels. Words that come
while others are at work begin from where things then are. A thing stays in the picture, as far as that leaves it
something of its way.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from inference.motion.camera import View
from inference.motion.director import STANDS_ON, Span
from inference.track_ids import source_ids
from inference.tracks import Tracks

SECONDS = 2.0  # that the motion of a sentence takes
# How a thing moves. right, down: picture heights; turn: radians in SECONDS, clockwise; grow: log of its size; hop:
# height of a hop in picture heights; swing: radians to each side; sway: how far its top leans, in its own heights.
MOTION = ("right", "down", "turn", "grow", "hop", "swing", "sway")
# How the camera moves, 1 being plain to see: turns (right, down, clockwise), the log of its zoom, ways (forward, right,
# up) and a part of a circle to the right around what it sees.
CAMERA = ("pan", "tilt", "roll", "zoom", "forward", "right", "up", "circle")

_LEAST = np.array([0.05, 0.05, 0.5, 0.08, 0.04, 0.06, 0.08])  # of a motion's numbers: less is not meant
_LEAST_OF_CAMERA = 0.25
_BEGINS_S = 0.4  # until what goes on is in full swing, and until what passes is over
_HOP_S, _SWING_S, _SWAY_S = 0.55, 0.9, 2.0  # a hop, there and back
# A thing stays in the picture: its middle comes no nearer to the rim than EDGE (picture heights), but it goes at least
# this share of the way.
EDGE, SHORTEST = 0.1, 0.35
CAMERA_S = 3.0  # until the camera has arrived
_PAN, _TILT, _ROLL, _ZOOM = 0.25, 0.14, 0.2, 0.3  # radians, and the log of the zoom, for 1
_FORWARD, _ASIDE, _UP, _CIRCLE = 0.25, 0.2, 0.15, 0.3  # distances of what is seen, and radians, for 1


@dataclass(frozen=True, eq=False)
class SaidThing:
    """A thing that a sentence moves. numbers: int [N], of its places, the same for one place in every sentence; places:
    float [N, 2], in the picture, normalised; motion: [len(MOTION)].
    """

    numbers: np.ndarray
    places: np.ndarray
    motion: np.ndarray


@dataclass(frozen=True, eq=False)
class Said:
    """What a sentence moves in a picture: things, and the camera by [len(CAMERA)]; nothing, as it comes."""

    things: tuple[SaidThing, ...] = ()
    camera: np.ndarray | None = None


def meant(motion: np.ndarray) -> np.ndarray:
    """A motion without what is too little to be meant."""
    return np.where(np.abs(motion) < _LEAST, 0.0, motion)


def camera_meant(camera: np.ndarray) -> np.ndarray | None:
    """The camera's numbers without what is too little to be meant; None where it stays."""
    clear = np.where(np.abs(camera) < _LEAST_OF_CAMERA, 0.0, camera)
    return clear if clear.any() else None


def course(motion: np.ndarray, seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A motion after `seconds` [T]: what lasts, [T, 4] (right, down, turn, log of the size), and what passes, [T, 3]
    (lift, swing, lean).
    """
    right, down, turn, grow, hop, swing, sway = motion
    there = _eased(seconds / SECONDS)
    begun = np.minimum(seconds, _BEGINS_S)
    spun = np.maximum(seconds - _BEGINS_S, 0.0) + begun**2 / (2 * _BEGINS_S)  # as fast as it will be after _BEGINS_S
    lasting = np.stack([right * there, down * there, turn / SECONDS * spun, grow * there], axis=1)
    full = _eased(seconds / _BEGINS_S)
    if right or down:
        full = full * (1.0 - _eased((seconds - SECONDS) / _BEGINS_S))
    passing = np.stack(
        [
            hop * np.abs(np.sin(math.pi * seconds / _HOP_S)) * full,
            swing * np.sin(2 * math.pi * seconds / _SWING_S) * full,
            sway * np.sin(2 * math.pi * seconds / _SWAY_S) * full,
        ],
        axis=1,
    )
    return lasting, passing


def _eased(share: np.ndarray) -> np.ndarray:
    share = np.clip(share, 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


class SaidSource:
    """A thing's tracks, wherever sentences take it. A TrackSource; `say` on any thread, `tracks` on the engine's."""

    whole: ClassVar[bool] = True

    def __init__(self, key: int, thing: SaidThing, aspect: float) -> None:
        """aspect: the picture's width to its height."""
        self._key, self.thing = key, thing
        self._scale = np.array([aspect, 1.0])
        self._ids = source_ids(key, thing.numbers)
        self._pivot = (thing.places.min(0) + thing.places.max(0)) / 2
        self._at = (thing.places - self._pivot) * self._scale  # [N, 2] picture heights
        self._said = (thing.motion,)  # a new tuple for every saying
        self._hear(self._said, 0, np.zeros(4), np.zeros(3))

    @property
    def key(self) -> int:
        return self._key

    def say(self, motion: np.ndarray) -> None:
        """Another motion from the next chunk on; zeros: it stays where it is."""
        self._said = (motion,)

    def tracks(self, span: Span, began: int) -> Tracks:
        said = self._said
        if span.frame == began:  # also after a restart
            self._hear(said, span.frame, np.zeros(4), np.zeros(3))
        elif said is not self._heard:
            lasting, passing = self._pose(np.array([span.frame - 1]), span.fps)
            self._hear(said, span.frame - 1, lasting[0], passing[0])
        lasting, passing = self._pose(span.frame + np.arange(span.frames), span.fps)
        xy = self._placed(lasting, passing).astype(np.float32)
        return Tracks(xy, np.ones(xy.shape[:2], np.bool_), self._ids)

    def _hear(self, said: tuple[np.ndarray], since: int, base: np.ndarray, rest: np.ndarray) -> None:
        """said: from the frame `since` on, which found the thing so: what lasts, what passes."""
        self._heard, self._since, self._base, self._rest = said, since, base, rest
        self._motion = said[0].copy()
        middle = self._pivot * self._scale + base[:2]
        edge = np.where(self._motion[:2] > 0, self._scale - EDGE, EDGE)
        rooms = [(far - at) / way for far, at, way in zip(edge, middle, self._motion[:2], strict=True) if way]
        self._motion[:2] *= min(1.0, max(SHORTEST, min(rooms, default=1.0)))

    def _pose(self, frames: np.ndarray, fps: float) -> tuple[np.ndarray, np.ndarray]:
        seconds = (frames - self._since) / fps
        lasting, passing = course(self._motion, seconds)
        left = 1.0 - _eased(seconds / _BEGINS_S)  # of what the words before had begun
        return self._base + lasting, passing + left[:, None] * self._rest

    def _placed(self, lasting: np.ndarray, passing: np.ndarray) -> np.ndarray:
        """[T, N, 2], normalised."""
        right, down, turn, grow = (column[:, None] for column in lasting.T)
        lift, swing, lean = (column[:, None] for column in passing.T)
        x, y = self._at.T[:, None] * np.exp(grow)  # [T, N] each
        foot = self._at[:, 1].max() * np.exp(grow)
        x = x + lean * (foot - y)
        cos, sin = np.cos(turn + swing), np.sin(turn + swing)
        moved = np.stack([cos * x - sin * y + right, sin * x + cos * y + down - lift], axis=2)
        return self._pivot + moved / self._scale


@dataclass(frozen=True)
class SaidMove:
    """A CameraMove: eased from where the camera is, by what was said of it, [len(CAMERA)]; there it stays."""

    key: int
    camera: tuple[float, ...]

    def views(self, start: View, seconds: np.ndarray, distance: float) -> list[View]:
        return [self._view(start, float(share), distance) for share in _eased(seconds / CAMERA_S)]

    def _view(self, start: View, share: float, distance: float) -> View:
        pan, tilt, roll, zoom, forward, right, up, circle = (share * number for number in self.camera)
        numbers = start.numbers
        x, y, z = start.rotation.T  # the camera's axes in the world
        angle = _CIRCLE * circle
        aside = _ASIDE * right + math.sin(angle)
        numbers[:3] += distance * (aside * x + _UP * up * y - (_FORWARD * forward + 1.0 - math.cos(angle)) * z)
        numbers[3:6] += angle - _PAN * pan, -_TILT * tilt, -_ROLL * roll
        half = math.tan(math.radians(start.fov_deg) / 2) / math.exp(_ZOOM * zoom)
        numbers[6] = math.degrees(2 * math.atan(half))
        return View.of_numbers(numbers)


def overlap(one: SaidThing, other: SaidThing) -> float:
    """How far two sentences mean one thing: shared places over those of the smaller."""
    shared = len(np.intersect1d(one.numbers, other.numbers))
    return shared / max(min(len(one.numbers), len(other.numbers)), 1)


def directing(
    said: Said, aspect: float, held: np.ndarray | None = None
) -> tuple[tuple[SaidSource, ...], SaidMove | None]:
    """What brings about what was said where no window does. aspect: the picture's width to its height; held: [N, 2],
    places of the picture that somebody else moves: what they stand on is left to them.
    """
    numbers = itertools.count(1)
    scale = np.array([aspect, 1.0])

    def free(thing: SaidThing) -> bool:
        if held is None or not len(held):
            return True
        apart = np.linalg.norm((thing.places[:, None] - held[None]) * scale, axis=2)
        return bool(apart.min() > STANDS_ON)

    sources = tuple(SaidSource(next(numbers), thing, aspect) for thing in said.things if free(thing))
    move = SaidMove(next(numbers), tuple(said.camera.tolist())) if said.camera is not None else None
    return sources, move
