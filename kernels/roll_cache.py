"""The window moves on by one chunk: keys and values shift in place, keys are turned to their new slots.

Owns that move and the choice between kernel and twin; never touches the sink. Runs on the caller's thread.

A token's new place is another's old one, so order matters: one program owns a column, the tokens that stand a whole
shift apart, and walks it from the oldest on. Two programs sharing one would race on a GPU, and Triton's interpreter,
which runs programs one by one, would never show it.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from kernels.compiler import INTERPRETED, Specimen, jit, power_of_two, rounded, runs_fused, tl
from kernels.launch import TRITON_DTYPE
from kernels.qk_norm_rope_cache import turn

BLOCK_T = 16  # tokens a program


def roll_cache(k: Tensor, v: Tensor, start: int, stop: int, shift: int, turns: Tensor) -> None:
    """The tokens start .. stop-1 take what stands `shift` tokens later, keys turned by `turns`; all else stays.

    k, v: [..., heads, L, d] with L at least stop + shift, evenly strided over all dimensions before L; turns: complex64
    [d_t / 2], the factors of the leading d_t dimensions, which are time's. In place; gradients never pass. Raises
    ValueError where the move would read beyond the end.
    """
    if stop + shift > k.shape[-2] or shift < 1:
        raise ValueError(f"a shift by {shift} of the tokens {start} to {stop} does not fit {k.shape[-2]}")
    if start == stop:
        return
    if runs_fused(k):
        _fused(k, v, start, stop, shift, turns)
    else:
        roll_in_torch(k, v, start, stop, shift, turns)


@torch.no_grad()
def roll_in_torch(k: Tensor, v: Tensor, start: int, stop: int, shift: int, turns: Tensor) -> None:
    """The plain twin: chunk after chunk, the oldest first, so that nothing is overwritten before it has moved."""
    time = 2 * turns.shape[-1]
    for at in range(start, stop, shift):
        to, source = slice(at, min(at + shift, stop)), slice(at + shift, min(at + shift, stop) + shift)
        k[..., to, :time] = turn(k[..., source, :time], turns)
        k[..., to, time:] = k[..., source, time:]
        v[..., to, :] = v[..., source, :]


def _fused(k: Tensor, v: Tensor, start: int, stop: int, shift: int, turns: Tensor) -> None:
    tokens, d = k.shape[-2:]
    rows = k.numel() // (tokens * d)
    k, v = k.view(rows, tokens, d), v.view(rows, tokens, d)  # a ValueError here: not evenly strided
    kernel[(-(-shift // BLOCK_T), rows)](
        k, v, torch.view_as_real(turns), k.stride(0), v.stride(0), k.stride(1), v.stride(1), start, stop, shift,
        TIME=2 * turns.shape[-1], D=d, BLOCK_T=BLOCK_T, BLOCK=power_of_two(d), INTERPRET=INTERPRETED,
    )  # fmt: skip


@jit
def kernel(
    k, v, turns, k_row, v_row, k_n, v_n, start, stop, shift,
    TIME: tl.constexpr, D: tl.constexpr, BLOCK_T: tl.constexpr, BLOCK: tl.constexpr, INTERPRET: tl.constexpr,
):  # fmt: skip
    """One program: BLOCK_T columns of one head, walked from the oldest token to the newest."""
    row = tl.program_id(1).to(tl.int64)  # a cache of many layers has more than 2^31 elements
    column = tl.program_id(0) * BLOCK_T + tl.arange(0, BLOCK_T)
    at = tl.arange(0, BLOCK)
    factors = tl.load(turns + at, mask=at < TIME, other=0.0)  # cosine and sine in turn
    # What is not time's passes through 1 x + 0 y, which is exact.
    factors = tl.where(at < TIME, factors, 1.0 - at % 2)[None, :]
    cos, sin = tl.split(tl.reshape(factors, [1, BLOCK // 2, 2]))
    k += row * k_row + at[None, :]
    v += row * v_row + at[None, :]
    for chunk in range(start, stop, shift):
        to = (chunk + column)[:, None]
        inside = ((column < shift)[:, None] & (to < stop)) & (at < D)[None, :]
        value = tl.load(v + (to + shift) * v_n, mask=inside, other=0.0)
        key = tl.load(k + (to + shift) * k_n, mask=inside, other=0.0).to(tl.float32)
        even, odd = tl.split(tl.reshape(key, [BLOCK_T, BLOCK // 2, 2]))
        key = tl.reshape(tl.join(even * cos - odd * sin, even * sin + odd * cos), [BLOCK_T, BLOCK])
        tl.store(k + to * k_n, rounded(key, k.dtype.element_ty, INTERPRET), mask=inside)
        tl.store(v + to * v_n, value, mask=inside)
        # The next round writes what this one read, perhaps by other threads of the program.
        tl.debug_barrier()


def specimens(_arch: int | str) -> Iterator[Specimen]:
    """At Wan's head size."""
    integers = ("k_row", "v_row", "k_n", "v_n", "start", "stop", "shift")
    constants = {"TIME": 44, "D": 128, "BLOCK_T": BLOCK_T, "BLOCK": 128, "INTERPRET": False}
    for kind in TRITON_DTYPE.values():
        signature = {"k": f"*{kind}", "v": f"*{kind}", "turns": "*fp32"} | dict.fromkeys(integers, "i32")
        yield Specimen("roll_cache", kernel, signature, constants, {}, False, kind, ("k_row", "v_row", "k_n", "v_n"))
