"""Which clips the tables are made of.

Owns two small sets of cases. Never measures. One process.

Choices (guidance weights, layouts, steps) are looked at on the split "held"; the table that compares contenders is made
on the frozen clips of the split "test" (`benchmarks.quality.clips`), cut to the length that the teacher has learnt.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import numpy as np

from benchmarks.quality.clips import LIST, SIZE, STRATA, Case, case_of, load_cases, why_not
from inference.tracks import Tracks
from training.world import Library, make_clip


def held_cases(library: Library, count_of_clips: int, frames: int) -> Iterator[Case]:
    """The first clips of each stratum in turn that move enough, by the frozen list's own rule."""
    strata = [_worthy(library, stratum, frames) for stratum in STRATA]
    for i in range(count_of_clips):
        yield next(strata[i % len(strata)])


def _worthy(library: Library, stratum: str, frames: int) -> Iterator[Case]:
    for seed in count():
        clip = make_clip(library, seed, width=SIZE[0], height=SIZE[1], frames=frames, style=stratum)
        case = case_of(clip, f"{stratum} {seed}", stratum)
        if case is not None and not why_not(case):
            yield case


def frozen_cases(library: Library, count_of_clips: int, frames: int, length: int) -> Iterator[Case]:
    """Of the frozen list of `length` clips, so many evenly over it, each cut to its first frames."""
    chosen = np.unique(np.linspace(0, length - 1, count_of_clips).astype(int)).tolist()
    for case in load_cases(library, chosen, LIST):
        yield shortened(case, frames)


def shortened(case: Case, frames: int) -> Case:
    """The first frames of a case."""
    hand = None if case.hand is None else _first(case.hand, frames)
    return replace(
        case, frames=case.frames[:frames], tracks=_first(case.tracks, frames), hand=hand,
        shown=None if case.shown is None else case.shown[:frames],
        uncovered=None if case.uncovered is None else case.uncovered[:frames],
    )  # fmt: skip


def _first(tracks: Tracks, frames: int) -> Tracks:
    return Tracks(tracks.xy[:frames], tracks.visible[:frames], tracks.ids)
