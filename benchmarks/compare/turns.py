"""Several ways to do a thing, timed in turns, so that a machine that is shared or grows hot disturbs all alike.

Owns the turns, the order in them and the medians. Never knows what is timed. One thread.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Taken:
    """Milliseconds of one way, a value a round: by the clock on the wall, and of all the process's threads together."""

    wall_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)

    @property
    def median_ms(self) -> float:
        return statistics.median(self.wall_ms)

    @property
    def median_cpu_ms(self) -> float:
        return statistics.median(self.cpu_ms)


def in_turns(ways: Mapping[str, Callable[[], float | None]], rounds: int) -> dict[str, Taken]:
    """Each way once a round, in an order that turns round every time.

    A way that answers a number says itself how many milliseconds of the wall's clock count; None: the whole call.
    """
    taken = {name: Taken() for name in ways}
    order = list(ways)
    for _ in range(rounds):
        for name in order:
            began_s, began_cpu_s = time.perf_counter(), time.process_time()
            own_ms = ways[name]()
            took_ms, took_cpu_ms = (time.perf_counter() - began_s) * 1e3, (time.process_time() - began_cpu_s) * 1e3
            taken[name].wall_ms.append(took_ms if own_ms is None else own_ms)
            taken[name].cpu_ms.append(took_cpu_ms)
        order.reverse()
    return taken


def spread(above: list[float], below: list[float]) -> tuple[float, float]:
    """What the ratio of medians would be in 95 of 100 like runs, by drawing the rounds anew with replacement."""
    rng = np.random.default_rng(0)
    places = rng.integers(0, len(above), (1000, len(above)))
    ratios = np.median(np.array(above)[places], axis=1) / np.median(np.array(below)[places], axis=1)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return float(low), float(high)
