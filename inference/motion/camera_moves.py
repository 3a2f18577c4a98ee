"""Moves of the camera as functions of video time: the classic ones, and paths through keyframes.

Owns their shapes. Immutable values that know no frame and no clock: the same second gives the same view. Pure, any
thread.

Every move begins where the camera is, without a jump: the classic ones are relative to it, a path is joined within
`LEAD_S`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import numpy as np

from inference.motion.camera import View, between

Kind = Literal["orbit", "dolly", "truck", "crane", "dolly zoom", "shake"]
KINDS: tuple[Kind, ...] = get_args(Kind)

LEAD_S = 0.6  # a path is joined in this time
_SWING = math.radians(14.0)  # of an orbit at full strength, to each side
_WAY = 0.22  # distances of what is seen, of the moves along a line
_TREMBLE = math.radians(0.7)
_TREMBLES_HZ = ((0.9, 0.0, 0.6), (2.3, 1.9, 0.3), (4.1, 4.4, 0.15))  # frequency, phase, share


@dataclass(frozen=True)
class Classic:
    """One of KINDS. strength: 1 is plain to see, 0 nothing; negative begins the other way. period_s: there and back."""

    key: int
    kind: Kind
    strength: float = 1.0
    period_s: float = 6.0

    def views(self, start: View, seconds: np.ndarray, distance: float) -> list[View]:
        return [self._view(start, float(second), distance) for second in seconds]

    def _view(self, start: View, second: float, distance: float) -> View:
        round_ = 2 * math.pi * second / self.period_s
        eased = min(second / (0.25 * self.period_s), 1.0)
        swing = math.sin(round_) * eased * eased * (3 - 2 * eased) * self.strength  # from rest, to both sides
        there = (1 - math.cos(round_)) / 2 * self.strength  # from rest, there and back
        numbers = start.numbers
        x, y, z = start.rotation.T  # the camera's axes in the world
        match self.kind:
            case "orbit":
                angle = swing * _SWING
                numbers[:3] += distance * (math.sin(angle) * x - (1 - math.cos(angle)) * z)
                numbers[3] += angle
            case "dolly":
                numbers[:3] -= _WAY * distance * there * z
            case "truck":
                numbers[:3] += _WAY * distance * swing * x
            case "crane":
                numbers[:3] += _WAY * distance * there * y
            case "dolly zoom":
                numbers[:3] -= _WAY * distance * there * z
                half = math.tan(math.radians(start.fov_deg) / 2) / (1 - _WAY * there)
                numbers[6] = math.degrees(2 * math.atan(half))  # what is at `distance` keeps its size
            case "shake":
                for axis, phase in enumerate((0.0, 2.1, 4.2)):
                    waves = sum(
                        share * (math.sin(2 * math.pi * hz * second + phase + own) - math.sin(phase + own))
                        for hz, own, share in _TREMBLES_HZ
                    )
                    numbers[3 + axis] += _TREMBLE * self.strength * waves
        return View.of_numbers(numbers)


@dataclass(frozen=True)
class Keyframe:
    """Where the camera is at a second of its path."""

    time_s: float
    view: View


@dataclass(frozen=True)
class Path:
    """A camera path: positions by Catmull-Rom, rotations by slerp, through keyframes of ascending times.

    It stays at its last keyframe, or begins again at its first when `loop`, having come back in the time that its first
    section takes. Raises ValueError without keyframes and for times that do not ascend.
    """

    key: int
    keyframes: tuple[Keyframe, ...]
    loop: bool = False

    def __post_init__(self) -> None:
        times = [keyframe.time_s for keyframe in self.keyframes]
        if not times:
            raise ValueError("a path needs a keyframe")
        if any(after <= before for before, after in pairwise(times)):
            raise ValueError("the times of a path must ascend")

    @property
    def length_s(self) -> float:
        """Of one round."""
        length_s = self.keyframes[-1].time_s - self.keyframes[0].time_s
        return length_s + self._back_s if self.loop else length_s

    def views(self, start: View, seconds: np.ndarray, distance: float) -> list[View]:
        views = []
        for second in seconds.tolist():
            share = min(second / LEAD_S, 1.0)
            view = self.at(second)
            views.append(view if share >= 1.0 else between(start, view, share * share * (3 - 2 * share)))
        return views

    def at(self, second: float) -> View:
        """The view `second` after the first keyframe."""
        knots = self.keyframes
        if len(knots) == 1:
            return knots[0].view
        if self.loop:
            knots = (*knots, Keyframe(knots[-1].time_s + self._back_s, knots[0].view))
        length_s = knots[-1].time_s - knots[0].time_s
        time_s = knots[0].time_s + (second % length_s if self.loop else min(max(second, 0.0), length_s))
        n = min(int(np.searchsorted([knot.time_s for knot in knots], time_s, side="right")), len(knots) - 1) - 1
        share = (time_s - knots[n].time_s) / (knots[n + 1].time_s - knots[n].time_s)
        mixed = between(knots[n].view, knots[n + 1].view, share).numbers
        mixed[:3] = self._position(knots, n, share)
        return View.of_numbers(mixed)

    @property
    def _back_s(self) -> float:
        return self.keyframes[1].time_s - self.keyframes[0].time_s if len(self.keyframes) > 1 else 0.0

    def _position(self, knots: tuple[Keyframe, ...], n: int, share: float) -> np.ndarray:
        """Cubic Hermite with Catmull-Rom tangents, on times that need not be even."""
        last = len(knots) - 1

        def tangent(k: int) -> np.ndarray:
            """Of position by time."""
            before, after = (k - 1, k + 1) if 0 < k < last else (max(k - 1, 0), min(k + 1, last))
            span_s = knots[after].time_s - knots[before].time_s
            if self.loop and k in (0, last):
                before, after = last - 1, 1
                span_s = knots[last].time_s - knots[last - 1].time_s + knots[1].time_s - knots[0].time_s
            return (np.array(knots[after].view.position) - np.array(knots[before].view.position)) / span_s

        one, other = np.array(knots[n].view.position), np.array(knots[n + 1].view.position)
        length_s, t = knots[n + 1].time_s - knots[n].time_s, share
        return (
            (2 * t**3 - 3 * t**2 + 1) * one
            + (t**3 - 2 * t**2 + t) * length_s * tangent(n)
            + (3 * t**2 - 2 * t**3) * other
            + (t**3 - t**2) * length_s * tangent(n + 1)
        )
