"""How attention is launched: tile sizes, warps and pipeline stages per architecture, head size and number format.

Owns the table, checked in so that a start needs no tuning and `kernels.aot` compiles what will run. Chosen without a
device, by compiling: nothing spills and everything fits. Which of the fitting ones is fastest only a GPU can tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch

TRITON_DTYPE = {torch.bfloat16: "bf16", torch.float16: "fp16", torch.float32: "fp32"}
HEAD_SIZES = (64, 96, 128)


@dataclass(frozen=True)
class Launch:
    """block_m queries by block_n keys a tile; tma: fetch keys and values through tensor descriptors."""

    block_m: int
    block_n: int
    warps: int
    stages: int
    tma: bool = False


# (architecture, head size): the launch in either 16-bit format; float32 has one for all. By `kernels.aot`, descriptors
# save registers on 90 and 100 (117 for 125 and 144 for 180 at sizes 64 and 128) and cost some on 120 (194 for 147).
FORWARD: dict[tuple[int | str, int], Launch] = {
    **{(arch, d): Launch(128, 64, warps=8, stages=2) for arch in (80, 86, 89, 120) for d in HEAD_SIZES},
    **{(arch, d): Launch(128, 64, warps=8, stages=2, tma=True) for arch in (90, 100) for d in HEAD_SIZES},
    **{("gfx942", d): Launch(128, 64, warps=8, stages=1) for d in HEAD_SIZES},
}
BACKWARD: dict[tuple[int | str, int], Launch] = {
    **{key: Launch(64, 64, warps=8, stages=1) for key in FORWARD},
    **{(arch, 64): Launch(64, 32, warps=8, stages=1) for arch in (86, 89)},
    **{(arch, 128): Launch(64, 32, warps=8, stages=1) for arch in (80, 86, 89, 120)},
    **{("gfx942", d): Launch(32, 32, warps=4, stages=1) for d in (96, 128)},
    (120, 64): Launch(64, 32, warps=4, stages=1),
    (90, 128): Launch(64, 64, warps=4, stages=1),
}
FLOAT32 = Launch(64, 32, 8, 1)  # exact products without tensor cores: registers are the limit
INTERPRETER = Launch(128, 128, 4, 1)  # whose cost is by the tile, whatever its size


def attention_launch(arch: int | str, head_dim: int, dtype: torch.dtype) -> Launch:
    """How `sink_window_attention` runs. arch: as `compiler.architecture` says it; head_dim: at most 128."""
    return _launch("forward", arch, head_dim, dtype)


def backward_launch(arch: int | str, head_dim: int, dtype: torch.dtype) -> Launch:
    """How its derivative runs."""
    return _launch("backward", arch, head_dim, dtype)


@lru_cache
def _launch(direction: str, arch: int | str, head_dim: int, dtype: torch.dtype) -> Launch:
    if arch == 0:
        return INTERPRETER
    if dtype == torch.float32:
        return FLOAT32
    head = min(size for size in HEAD_SIZES if size >= head_dim)
    table = FORWARD if direction == "forward" else BACKWARD
    if isinstance(arch, str):
        return table["gfx942", head]
    known = [each for each, _ in table if isinstance(each, int) and each <= arch]
    return table[max(known, default=80), head]
