"""How fast this machine multiplies matrices: the yardstick for shares of peak.

Owns one measurement. Any thread.
"""

from __future__ import annotations

import time

import torch

SIZE, REPEATS = 1024, 20


def matmul_peak_flops(dtype: torch.dtype) -> float:
    """FLOP/s of the best of 20 products of 1024 x 1024 matrices, with torch's present threads."""
    a = torch.ones(SIZE, SIZE, dtype=dtype)
    best_s = float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        a @ a
        best_s = min(best_s, time.perf_counter() - start)
    return 2 * SIZE**3 / best_s
