"""The transformer as it is streamed, against plain eager float32 torch with the same weights and evaluations.

Owns that comparison. Both streams get the same picture, seed and tracks and make the same chunks in turns; what counts
is each one's own stage "transformer": the sampler, its evaluations and the cache's move. One thread.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from benchmarks.compare.streams import Driven, plain_package
from benchmarks.compare.turns import in_turns, spread
from inference.package import ModelPackage

BAR = 2.0
FIRST_CHUNKS = 4  # pay for lazy set-up, and fill the window


def compare_transformer(package: ModelPackage, path: Path, rounds: int) -> dict[str, float | int | list[float]]:
    """ratio: plain time over streamed time, medians of so many chunks; ratio_range: `turns.spread`. difference: of
    the last chunk's latents, its deviation over their own.
    """
    plain = Driven(plain_package(package, path), plain=True)  # first: a package in use may have other forwards
    streamed = Driven(package)
    latents: dict[str, Tensor] = {}

    def chunk(name: str, driven: Driven) -> Callable[[], float]:
        def make() -> float:
            made = driven.make()
            latents[name] = made.latents
            return made.timings_ms["transformer"]

        return make

    ways = {"streamed": chunk("streamed", streamed), "plain": chunk("plain", plain)}
    in_turns(ways, FIRST_CHUNKS)
    taken = in_turns(ways, rounds)
    expected = latents["plain"].float()
    off = (latents["streamed"].float() - expected).std() / expected.std()
    settings = package.config.sampler
    low, high = spread(taken["plain"].wall_ms, taken["streamed"].wall_ms)
    return {
        "ratio": taken["plain"].median_ms / taken["streamed"].median_ms,
        "ratio_range": [low, high],
        "streamed_ms": taken["streamed"].median_ms,
        "plain_ms": taken["plain"].median_ms,
        "evaluations": len(settings.timesteps) + settings.clean_pass,
        "chunks": rounds,
        "difference": float(off),
    }
