"""How things move in time: eased runs, splines, hops, and the way a hand drags.

Owns functions of time alone, in frames or shares of a clip. Knows no picture and no camera. Pure functions of arrays
and a given random generator, any thread.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Times:
    """The moments a clip is computed at, in frames: `at` [M]. `last` is the last frame's index, at least 1."""

    at: np.ndarray
    last: float


def eased(kind: str, share: np.ndarray) -> np.ndarray:
    """A run from 0 to 1 over shares of time: 'linear', 'in', 'out' or 'both'. Clamped outside."""
    s = np.clip(share, 0, 1)
    if kind == "in":
        return s * s
    if kind == "out":
        return s * (2 - s)
    if kind == "both":
        return s * s * (3 - 2 * s)
    return s


def ramp(rng: np.random.Generator, times: Times) -> np.ndarray:
    """A run from 0 towards 1 over the clip, [M]; in a long clip it comes and goes instead of growing for ever."""
    share = times.at / times.last
    legs = max(1, round(times.last / 28))
    if legs == 1:
        return eased(str(rng.choice(["linear", "both", "in", "out", "linear"])), share)
    knots = np.concatenate([[0.0], np.cumsum(rng.uniform(0.3, 1.0, legs) * np.where(np.arange(legs) % 3 == 2, -1, 1))])
    return spline(knots[:, None] / np.abs(knots).max(), share)[:, 0]


def spline(knots: np.ndarray, share: np.ndarray) -> np.ndarray:
    """A Catmull-Rom spline through knots [K, D] at even shares of time, evaluated at `share` [M] -> [M, D]."""
    padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    position = np.clip(share, 0, 1) * (len(knots) - 1)
    index = np.minimum(position.astype(int), len(knots) - 2)
    s = (position - index)[:, None]
    p0, p1, p2, p3 = (padded[index + i] for i in range(4))
    return p1 + 0.5 * s * (p2 - p0 + s * (2 * p0 - 5 * p1 + 4 * p2 - p3 + s * (3 * (p1 - p2) + p3 - p0)))


def hops(at: np.ndarray, period: float) -> tuple[np.ndarray, np.ndarray]:
    """Hopping once a `period` of frames: height from 0 to 1 [M], and the squeeze at the ground from 0 to 1 [M]."""
    phase = np.abs(np.sin(np.pi * at / period))
    return phase, np.clip(1 - phase / 0.35, 0, 1) ** 2


def minimum_jerk(share: np.ndarray) -> np.ndarray:
    """The hand's own ease: position of a reach from 0 to 1 over shares of its time, clamped outside."""
    s = np.clip(share, 0, 1)
    return s**3 * (10 - 15 * s + 6 * s * s)


def dragged(rng: np.random.Generator, times: Times, start: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """A hand's path from `start` [2] -> [M, 2]: reaches and pauses, now and then a fast one, inside low..high [2].

    Units are those of `start`, with 1 the long side of the picture.
    """
    path = np.tile(start, (len(times.at), 1)).astype(float)
    now, here = rng.choice([0.0, rng.uniform(0, 6)]), start.astype(float)
    heading = rng.uniform(0, 2 * np.pi)
    while now < times.last:
        length = rng.uniform(4, 16)
        speed = np.clip(rng.lognormal(np.log(2.6), 0.7), 0.4, 14) / 256  # of the long side, a frame
        there = here + speed * length * np.array([np.cos(heading), np.sin(heading)])
        if np.any(there < low) or np.any(there > high):
            there = np.clip(there, low, high)
            heading = rng.uniform(0, 2 * np.pi)
        path += (there - here) * minimum_jerk((times.at - now) / length)[:, None]
        # A reach blends into the next (no stop between) or ends in a pause.
        now += length * rng.uniform(0.55, 0.9) if rng.random() < 0.6 else length + rng.uniform(1, 8)
        here, heading = there, heading + rng.normal(0, 1.1)
    return path
