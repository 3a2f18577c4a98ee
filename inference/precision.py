"""Which number format this machine computes fastest in.

Owns one measurement. CPUs with bf16 dot products (Zen 4, Sapphire Rapids) run bf16 at twice fp32's rate; without them
it is emulated at a seventh of it (Zen 1: 37 against 5 GFLOP/s a core), so the choice cannot be a constant. Any thread.
"""

from __future__ import annotations

import time
from functools import cache

import torch


@cache
def fastest_dtype(device: str = "cpu") -> torch.dtype:
    """torch.bfloat16 or torch.float32, whichever multiplies 256x256 matrices faster here; bfloat16 on a GPU. ~10 ms,
    once.
    """
    if torch.device(device).type != "cpu":
        return torch.bfloat16
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        a = torch.ones(256, 256, dtype=dtype)
        seconds[dtype] = min(_seconds(a) for _ in range(6))  # the best: others were interrupted
    return min(seconds, key=seconds.__getitem__)


def _seconds(a: torch.Tensor) -> float:
    start = time.perf_counter()
    a @ a
    return time.perf_counter() - start
