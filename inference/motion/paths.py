"""Paths drawn beforehand: a curve through knots with a time at each, and the performer that leads a handle along it.

Owns the value `Path` and how a drawn line becomes one. Never reads a clock: a path is a function of the video's own
time, so that a slow machine or a pause never makes it jump. Values are frozen; any thread.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from inference.channels import XY, ControlSnapshot, Handle
from inference.motion.director import Span
from inference.motion.spline import Spline, monotone

Ease = Literal["none", "in", "out", "both"]
Repeat = Literal["once", "loop", "ping-pong"]

MAX_KNOTS = 256
MIN_DURATION_S, MAX_DURATION_S, MAX_DELAY_S = 0.1, 600.0, 3600.0
MIN_SHARE = 1e-3  # of the duration between two knots
PATH_RADIUS = 16 / 144  # as a point's own
DRAWN_TOLERANCE = 0.01  # picture heights: how far the curve may leave the hand, at any moment
_DRAWN_KNOTS = 32
_SAMPLES = 24  # of a segment, for drawing and for pointing at


@dataclass(frozen=True)
class Path:
    """A way through the picture in a time of its own.

    knots: normalised positions, which may lie a picture's size outside of it. times: of each knot, as a share of the
    duration, rising from 0; the last is 1, or less where the path is a loop, which then leads back to the first knot.
    duration_s: once along it, before easing bends the time within. delay_s: how long after the start of the playing
    it begins. radius: of the handle, in picture heights. aspect: the picture's width over its height, so that lengths
    are lengths. Raises ValueError with a sentence's end for whatever is wrong.
    """

    knots: tuple[XY, ...]
    times: tuple[float, ...]
    duration_s: float
    delay_s: float = 0.0
    ease: Ease = "none"
    repeat: Repeat = "once"
    radius: float = PATH_RADIUS
    aspect: float = 16 / 9

    def __post_init__(self) -> None:
        if not 2 <= len(self.knots) <= MAX_KNOTS:
            raise ValueError(f"has {len(self.knots):,} knots; a path has 2 to {MAX_KNOTS}")
        if len(self.times) != len(self.knots):
            raise ValueError(f"has {len(self.knots)} knots and {len(self.times)} times")
        numbers = (self.duration_s, self.delay_s, self.radius, self.aspect, *self.times, *sum(self.knots, ()))
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError("holds something that is not a number")
        if not all(-1.0 <= value <= 2.0 for knot in self.knots for value in knot):
            raise ValueError("leaves the picture by more than its own size")
        if not MIN_DURATION_S <= self.duration_s <= MAX_DURATION_S:
            raise ValueError(f"takes {self.duration_s:g} s; a path takes {MIN_DURATION_S:g} to {MAX_DURATION_S:g} s")
        if not 0.0 <= self.delay_s <= MAX_DELAY_S:
            raise ValueError(f"begins at {self.delay_s:g} s; a path begins at 0 to {MAX_DELAY_S:g} s")
        if not (0.0 < self.radius <= 1.0 and 0.0 < self.aspect < 100.0):
            raise ValueError("has a size that no picture has")
        if self.ease not in get_args(Ease) or self.repeat not in get_args(Repeat):
            raise ValueError(f"has an unknown ease or repeat: {self.ease}, {self.repeat}")
        rising = all(later > earlier for earlier, later in zip(self.times, self.times[1:], strict=False))
        ends_well = self.times[-1] < 1.0 if self.repeat == "loop" else self.times[-1] == 1.0
        if self.times[0] != 0.0 or not rising or not ends_well:
            raise ValueError("has times that do not rise from 0 to 1")

    # ---- where it is ------------------------------------------------------------------------------

    def at(self, times_s: np.ndarray) -> np.ndarray:
        """Where the path is at these times, in seconds from its own beginning: float64 [T, 2], normalised. Before the
        beginning it is at its first knot; after the end at its last, or on the next round.
        """
        rounds = np.maximum(np.asarray(times_s, np.float64), 0.0) / self.duration_s
        if self.repeat == "once":
            share = np.minimum(rounds, 1.0)
        elif self.repeat == "loop":
            share = rounds % 1.0
        else:
            share = 1.0 - np.abs(rounds % 2.0 - 1.0)
        return self._at_shares(_eased(share, self.ease))

    @property
    def ends_s(self) -> float:
        """When it is over, from the start of the playing; infinite where it repeats."""
        return self.delay_s + self.duration_s if self.repeat == "once" else math.inf

    @property
    def length(self) -> float:
        """Once along it, in picture heights."""
        return self._spline.length

    @cached_property
    def knot_times_s(self) -> np.ndarray:
        """When it first passes each knot, seconds from its own beginning, float64 [K]."""
        return _uneased(np.array(self.times), self.ease) * self.duration_s

    @cached_property
    def polyline(self) -> np.ndarray:
        """The curve once along, float64 [M, 3]: seconds from its own beginning, x, y."""
        times = self._times
        shares = [np.linspace(a, b, _SAMPLES, endpoint=False) for a, b in itertools.pairwise(times)]
        at = np.concatenate([*shares, times[-1:]])
        return np.concatenate([(_uneased(at, self.ease) * self.duration_s)[:, None], self._at_shares(at)], axis=1)

    def nearest(self, xy: XY) -> tuple[float, float]:
        """How far `xy` is from the curve in picture heights, and when the path passes there, in seconds."""
        scale = np.array([self.aspect, 1.0])
        line, point = self.polyline[:, 1:] * scale, np.array(xy) * scale
        start, step = line[:-1], np.diff(line, axis=0)
        along = np.sum((point - start) * step, axis=1) / np.maximum(np.sum(step * step, axis=1), 1e-24)
        along = np.clip(along, 0.0, 1.0)
        away = np.linalg.norm(start + along[:, None] * step - point, axis=1)
        k = int(np.argmin(away))
        times_s = self.polyline[:, 0]
        return float(away[k]), float(times_s[k] + along[k] * (times_s[k + 1] - times_s[k]))

    def _at_shares(self, shares: np.ndarray) -> np.ndarray:
        times, lengths = self._times, self._spline.at_knots
        if self.repeat == "loop":  # the round before and the one after, so that the seam is as smooth as a knot
            whole = self._spline.length
            times = np.concatenate([times[-2:-1] - 1.0, times, times[1:2] + 1.0])
            lengths = np.concatenate([lengths[-2:-1] - whole, lengths, lengths[1:2] + whole])
        return self._spline.at(monotone(times, lengths, shares)) / (self.aspect, 1.0)

    @cached_property
    def _spline(self) -> Spline:
        return Spline(np.array(self.knots) * (self.aspect, 1.0), closed=self.repeat == "loop")

    @property
    def _times(self) -> np.ndarray:
        """Of the knots, and of the return to the first one where it is a loop."""
        return np.array([*self.times, 1.0] if self.repeat == "loop" else self.times)

    # ---- edits, each a new path -------------------------------------------------------------------

    def with_knot_at(self, index: int, xy: XY) -> Path:
        """One knot moved."""
        return replace(self, knots=(*self.knots[:index], _near(xy), *self.knots[index + 1 :]))

    def with_knot_added(self, time_s: float) -> Path:
        """One more knot on the curve, where it is at `time_s` of its first round; itself where there is no room."""
        share = float(_eased(np.array([time_s / self.duration_s]), self.ease)[0])
        times = self._times
        if len(self.knots) == MAX_KNOTS or np.abs(times - share).min() < 2 * MIN_SHARE:
            return self
        index = int(np.searchsorted(times, share))
        x, y = self._at_shares(np.array([share]))[0].tolist()
        return replace(
            self,
            knots=(*self.knots[:index], (x, y), *self.knots[index:]),
            times=(*self.times[:index], share, *self.times[index:]),
        )

    def without_knot(self, index: int) -> Path | None:
        """One knot less; None where no path is left. The first and the last take the time of their neighbours."""
        if len(self.knots) == 2:
            return None
        times = [time for k, time in enumerate(self.times) if k != index]
        knots = tuple(knot for k, knot in enumerate(self.knots) if k != index)
        return replace(self, knots=knots, times=_spread(times, self.times[-1]))

    def with_knot_time(self, index: int, time_s: float) -> Path:
        """The knot passed at another time of the first round, between its neighbours. Neither the first nor the last
        of an open path has another.
        """
        times = self._times
        if not 0 < index < len(times) - 1:
            return self
        share = float(_eased(np.array([min(max(time_s / self.duration_s, 0.0), 1.0)]), self.ease)[0])
        low, high = times[index - 1] + MIN_SHARE, times[index + 1] - MIN_SHARE
        if low > high:
            return self
        share = min(max(share, float(low)), float(high))
        return replace(self, times=(*self.times[:index], share, *self.times[index + 1 :]))

    def moved_by(self, dx: float, dy: float) -> Path:
        """The whole path moved; its knots stay near the picture."""
        return replace(self, knots=tuple(_near((x + dx, y + dy)) for x, y in self.knots))

    def evenly_timed(self) -> Path:
        """The same speed everywhere."""
        lengths = self._spline.at_knots
        if lengths[-1] == 0.0:
            return self
        times = (lengths / lengths[-1])[: len(self.knots)].tolist()
        return replace(self, times=_spread(times, _last(times[-1]) if self.repeat == "loop" else 1.0))

    def repeated(self, repeat: Repeat) -> Path:
        """Another way to go on. The way back of a loop takes its share of the duration by its length."""
        if repeat == self.repeat:
            return self
        if repeat != "loop":
            return replace(self, repeat=repeat, times=_spread(list(self.times), 1.0))
        closed = Spline(np.array(self.knots) * (self.aspect, 1.0), closed=True).at_knots
        last = _last(float(closed[-2] / closed[-1]) if closed[-1] else 0.5)
        return replace(self, repeat=repeat, times=_spread([time * last for time in self.times], last))


@dataclass(frozen=True)
class PathPerformer:
    """Leads a handle along a path, by the video's time since it began. key: another one for every playing. handle,
    hold: the handle's id and hold, the same for the life of the path, so that a point put with them goes on with the
    same tracks, and the next playing too.

    The handle comes with the first frame after the delay, at the path's first knot; every frame is on the path. At
    the end it stays as a pin. Where a point has the same id, the path has it.
    """

    key: int
    handle: int
    path: Path
    hold: int | None = None

    def perform(self, snapshot: ControlSnapshot, span: Span, began: int) -> ControlSnapshot:
        times_s = span.video_s(began) - self.path.delay_s
        if times_s[-1] < 0.0:
            return snapshot
        xy = self.path.at(times_s)  # [T, 2]
        # The last frame is the handle itself: so resampling meets every frame, also in a span without length.
        line = np.concatenate([span.times_s[:-1, None], xy[:-1]], axis=1)  # [T - 1, 3]
        place = (float(xy[-1, 0]), float(xy[-1, 1]))
        handle = Handle(self.handle, place, pinned=True, held=False, radius=self.path.radius, hold=self.hold)
        others = tuple(other for other in snapshot.handles if other.id != self.handle)
        return replace(snapshot, handles=(*others, handle), paths={**snapshot.paths, self.handle: line})


def drawn_path(samples: np.ndarray, aspect: float, radius: float = PATH_RADIUS) -> Path | None:
    """A path of what a hand drew, with the hand's timing; None for a line of no length.

    samples: float64 [K, 3] of (seconds, x, y), ascending, normalised. Few knots are kept: Ramer-Douglas-Peucker by the
    distance at the same moment, so that the curve is near the hand at every time and not only somewhere.
    """
    samples = samples[np.append(np.diff(samples[:, 0]) > 0, True)]  # of moments that are the same, the last
    if len(samples) < 2 or not np.ptp(samples[:, 1:], axis=0).any():
        return None
    tolerance = DRAWN_TOLERANCE
    while len(kept := simplified(samples, aspect, tolerance)) > _DRAWN_KNOTS:
        tolerance *= 1.4
    seconds = float(samples[-1, 0] - samples[0, 0])
    times = ((samples[kept, 0] - samples[0, 0]) / seconds).tolist()
    knots = tuple(_near((x, y)) for x, y in samples[kept, 1:].tolist())
    return Path(
        knots, _spread(times, 1.0), min(max(seconds, MIN_DURATION_S), MAX_DURATION_S), radius=radius, aspect=aspect
    )


def simplified(samples: np.ndarray, aspect: float, tolerance: float) -> np.ndarray:
    """The samples to keep, ascending int64 [M]: linear in time between them, the rest is within `tolerance` picture
    heights at its own moment (Meratnia and de By 2004). samples: float64 [K, 3] of (seconds, x, y), ascending.
    """
    points = samples[:, 1:] * (aspect, 1.0)
    kept, spans = {0, len(samples) - 1}, [(0, len(samples) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        inner = slice(first + 1, last)
        share = (samples[inner, 0] - samples[first, 0]) / (samples[last, 0] - samples[first, 0])
        straight = points[first] + share[:, None] * (points[last] - points[first])
        away = np.linalg.norm(points[inner] - straight, axis=1)
        if away.max() > tolerance:
            middle = first + 1 + int(np.argmax(away))
            kept.add(middle)
            spans += [(first, middle), (middle, last)]
    return np.array(sorted(kept), np.int64)


def _eased(share: np.ndarray, ease: Ease) -> np.ndarray:
    """How much of the way's time has passed at a share of the duration; both from 0 to 1."""
    if ease == "in":
        return share**2
    if ease == "out":
        return 1.0 - (1.0 - share) ** 2
    return share**2 * (3.0 - 2.0 * share) if ease == "both" else share


def _uneased(share: np.ndarray, ease: Ease) -> np.ndarray:
    """What `_eased` undoes."""
    if ease == "in":
        return np.sqrt(share)
    if ease == "out":
        return 1.0 - np.sqrt(1.0 - share)
    return 0.5 - np.sin(np.arcsin(np.clip(1.0 - 2.0 * share, -1.0, 1.0)) / 3.0) if ease == "both" else share


def _spread(times: list[float], last: float) -> tuple[float, ...]:
    """The times stretched to run from 0 to `last`, none nearer to the next than MIN_SHARE where there is room."""
    first, span = times[0], times[-1] - times[0]
    gap = min(MIN_SHARE, last / (2 * len(times)))
    room = last - gap * (len(times) - 1)
    shares = [(time - first) / span if span > 0 else k / (len(times) - 1) for k, time in enumerate(times)]
    if min(b - a for a, b in itertools.pairwise(shares)) * last >= gap:
        spread = [share * last for share in shares]
    else:
        spread = [share * room + gap * k for k, share in enumerate(shares)]
    return (0.0, *spread[1:-1], last)


def _last(share: float) -> float:
    """A time for the last knot of a loop that leaves room for the way there and the way back."""
    return min(max(share, 0.1), 0.99)


def _near(xy: XY) -> XY:
    return min(max(xy[0], -1.0), 2.0), min(max(xy[1], -1.0), 2.0)
