"""Whether a stream grows slower as it lives: the time of a chunk at frame 10,000 over that at frame 100.

Owns that comparison. The drift of a shared machine over the minutes between would be larger than what is looked for. So
one stream is driven to frame 10,000 off-screen and without decoding, then a fresh one of the same package to frame 100,
and from there on both make chunks in turns, in one process: the ratio is of their medians. What both share, the
process's memory for instance, is old for both. One thread.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.compare.streams import Driven
from benchmarks.compare.turns import in_turns, spread
from inference.package import ModelPackage

BAR, TOLERANCE = 1.0, 0.03
OLD, YOUNG = 10_000, 100  # frames
TOLD_EVERY = 1000  # frames


def compare_ages(
    package: ModelPackage, rounds: int, say: Callable[[str], None], old_frames: int = OLD, young_frames: int = YOUNG
) -> dict[str, float | int | list[float]]:
    """ratio: old over young, medians of so many chunks each, by the wall's clock; ratio_cpu: of the threads' own time.

    ratio_range: `turns.spread`.
    """
    old, young = Driven(package), Driven(package)
    while old.frames < old_frames:
        old.make()
        if old.frames % TOLD_EVERY < old.stream.frames_per_chunk:
            say(f"  frame {old.frames} of {old_frames}")
    while young.frames < young_frames:
        young.make()

    def chunk(driven: Driven) -> Callable[[], None]:
        def make() -> None:
            driven.make()

        return make

    taken = in_turns({"old": chunk(old), "young": chunk(young)}, rounds)
    low, high = spread(taken["old"].wall_ms, taken["young"].wall_ms)
    return {
        "ratio": taken["old"].median_ms / taken["young"].median_ms,
        "ratio_cpu": taken["old"].median_cpu_ms / taken["young"].median_cpu_ms,
        "ratio_range": [low, high],
        "old_ms": taken["old"].median_ms,
        "young_ms": taken["young"].median_ms,
        "old_frame": old_frames,
        "young_frame": young_frames,
        "rounds": rounds,
    }
