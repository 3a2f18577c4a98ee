"""A smooth curve through knots, and a smooth time along it.

Owns the mathematics: the centripetal Catmull-Rom curve (it passes every knot and neither overshoots nor loops between
two), its length, and the monotone cubic that says how far along it one is at a time. No clock, no state; any thread.
"""

from __future__ import annotations

import numpy as np

_STEPS = 64  # straight pieces by which a segment's length is measured
_TINY = 1e-12  # stands for the distance between two knots at one place


class Spline:
    """A curve through knots, float64 [K, 2] with K >= 2 in units that are alike in both directions. closed: the last
    knot leads back to the first. Two knots in one place make a segment without length, which is a rest.
    """

    def __init__(self, knots: np.ndarray, closed: bool = False) -> None:
        if closed:
            ring = np.concatenate([knots[-1:], knots, knots[:2]])  # [K + 3, 2]
        else:
            ring = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])  # [K + 2, 2]
        self._from, self._to = ring[1:-2], ring[2:-1]  # [S, 2] each
        spans = np.maximum(np.sqrt(np.linalg.norm(np.diff(ring, axis=0), axis=1)), _TINY)[:, None]  # centripetal
        before, own, after = spans[:-2], spans[1:-1], spans[2:]
        middle = self._to - self._from
        self._leave = own * ((self._from - ring[:-3]) / before - (self._to - ring[:-3]) / (before + own) + middle / own)
        self._reach = own * (
            middle / own - (ring[3:] - self._from) / (own + after) + (ring[3:] - self._to) / after
        )  # tangents [S, 2]
        segments = len(self._from)
        self._places = np.arange(segments * _STEPS + 1) / _STEPS  # segment + share of it
        points = self._evaluate(self._places)
        steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        self._lengths = np.concatenate([[0.0], np.cumsum(steps)])  # up to each place
        self.at_knots = self._lengths[::_STEPS]  # [S + 1]: the length up to each knot, and back to the first if closed

    @property
    def length(self) -> float:
        return float(self._lengths[-1])

    def at(self, lengths: np.ndarray) -> np.ndarray:
        """Where the curve is after these lengths, float64 [T, 2]; on the curve itself, not between samples of it."""
        return self._evaluate(np.interp(lengths, self._lengths, self._places))

    def _evaluate(self, places: np.ndarray) -> np.ndarray:
        segment = np.minimum(places.astype(np.int64), len(self._from) - 1)
        u = (places - segment)[:, None]
        start, end = self._from[segment], self._to[segment]
        leave, reach = self._leave[segment], self._reach[segment]
        one = start + u * (leave + u * (-3 * start + 3 * end - 2 * leave - reach))
        return one + u**3 * (2 * start - 2 * end + leave + reach)


def monotone(times: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The cubic through (times, values), both rising, that is smooth and never turns back (Fritsch and Carlson 1980).

    times: float64 [K], strictly rising; at: float64 [T], kept within the first and the last time.
    """
    spans = np.diff(times)
    rises = np.diff(values) / spans  # [K - 1]
    slopes = np.concatenate([rises[:1], np.zeros(len(times) - 2), rises[-1:]])
    moving = (rises[:-1] > 0) & (rises[1:] > 0)  # at a rest the slope is 0
    early, late = 2 * spans[1:] + spans[:-1], spans[1:] + 2 * spans[:-1]
    slopes[1:-1][moving] = (early + late)[moving] / (
        early[moving] / rises[:-1][moving] + late[moving] / rises[1:][moving]
    )
    k = np.clip(np.searchsorted(times, at, "right") - 1, 0, len(spans) - 1)
    u = np.clip((at - times[k]) / spans[k], 0.0, 1.0)
    span = spans[k]
    cubic = (
        values[k] * (1 + 2 * u) * (1 - u) ** 2
        + span * slopes[k] * u * (1 - u) ** 2
        + values[k + 1] * u**2 * (3 - 2 * u)
        + span * slopes[k + 1] * u**2 * (u - 1)
    )
    return np.clip(cubic, values[k], values[k + 1])
