"""From the QKV projection to attention in one pass: norms of q and k, rotary turns, keys and values to their slots.

Owns that arithmetic and the choice between kernel and twin; never decides which slots. Runs on the caller's thread.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.compiler import INTERPRETED, Specimen, jit, power_of_two, rounded, runs_fused, tl
from kernels.launch import TRITON_DTYPE


def qk_norm_rope_cache(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    norms: tuple[Tensor, Tensor, float] | None,
    turns: Tensor,
    heads: int,
    slots: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """RMSNorm of q and k over their full width, before the split into heads as Wan does; then their turns.

    q, k, v: [B, N, heads * d], may be slices of one fused projection; norms: the weights [heads * d] of q and of k and
    epsilon, None for no norm; turns: complex64 [N, 1, d / 2], one factor for each pair of neighbours; slots: where the
    cache keeps the keys and values of this chunk, [B, heads, N, d] each, written in place and returned, or None: new
    tensors. Returns q and k turned and v, each [B, heads, N, d]. With gradients on give no slots.
    """
    if slots is not None and not torch.is_grad_enabled() and runs_fused(q):
        return _fused(q, k, v, norms, turns, heads, slots)
    return qk_norm_rope_in_torch(q, k, v, norms, turns, heads, slots)


def qk_norm_rope_in_torch(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    norms: tuple[Tensor, Tensor, float] | None,
    turns: Tensor,
    heads: int,
    slots: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The plain twin. Shapes as above."""
    if norms is not None:
        q_weight, k_weight, eps = norms
        q, k = F.rms_norm(q, q_weight.shape, q_weight, eps), F.rms_norm(k, k_weight.shape, k_weight, eps)
    q, k = (turn(x.unflatten(-1, (heads, -1)), turns).transpose(1, 2) for x in (q, k))  # [B, heads, N, d]
    v = v.unflatten(-1, (heads, -1)).transpose(1, 2)
    if slots is None:
        return q, k, v
    return q, slots[0].copy_(k), slots[1].copy_(v)


def turn(x: Tensor, turns: Tensor) -> Tensor:
    """Turn neighbouring pairs of the last dimension by complex factors, in float32; keeps the dtype of x.

    x: [..., d]; turns: complex64, broadcastable to [..., d / 2]; or their real and imaginary parts, float32 [..., d /
    2, 2], for compilers that know no complex numbers.
    """
    if not turns.is_complex():
        # Neighbours by rolls: OpenVINO takes a tenth of the time that it takes for pairs split and joined again.
        cos, sin = turns.unbind(-1)
        own, to_even, to_odd = (
            torch.stack(pair, dim=-1).flatten(-2) for pair in ((cos, cos), (-sin, 0 * sin), (0 * sin, sin))
        )
        whole = x.float()
        return (whole * own + whole.roll(-1, -1) * to_even + whole.roll(1, -1) * to_odd).to(x.dtype)
    # One complex product is seven times faster on a CPU than the same written out in cosines and sines.
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * turns).flatten(-2).to(x.dtype)


def _fused(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    norms: tuple[Tensor, Tensor, float] | None,
    turns: Tensor,
    heads: int,
    slots: tuple[Tensor, Tensor],
) -> tuple[Tensor, Tensor, Tensor]:
    batch, tokens, width = q.shape
    d = width // heads
    q, k, v = (x if x.stride(-1) == 1 else x.contiguous() for x in (q, k, v))
    out = torch.empty(batch, heads, tokens, d, dtype=q.dtype, device=q.device)
    q_weight, k_weight, eps = (q, q, 0.0) if norms is None else norms
    factors = torch.view_as_real(turns)  # [N, 1, d / 2, 2], contiguous
    block = power_of_two(width)
    kernel[(tokens, batch)](
        q, k, v, q_weight, k_weight, factors, out, *slots,
        *q.stride()[:2], *k.stride()[:2], *v.stride()[:2], *out.stride()[:3],
        *slots[0].stride()[:3], *slots[1].stride()[:3], eps,
        HAS_NORM=norms is not None, WIDTH=width, D=d, BLOCK=block, INTERPRET=INTERPRETED, num_warps=_warps(block),
    )  # fmt: skip
    return out, *slots


@jit
def _norm_and_turn(
    x, weight, to, at, inside, to_at, cos, sin, eps,
    HAS_NORM: tl.constexpr, WIDTH: tl.constexpr, BLOCK: tl.constexpr, INTERPRET: tl.constexpr,
):  # fmt: skip
    """One token's q or k: read, normed, turned, stored."""
    value = tl.load(x + at, mask=inside, other=0.0).to(tl.float32)
    if HAS_NORM:
        value *= tl.rsqrt(tl.sum(value * value, 0) / WIDTH + eps)
        value *= tl.load(weight + at, mask=inside, other=0.0).to(tl.float32)
    even, odd = tl.split(tl.reshape(value, [BLOCK // 2, 2]))
    value = tl.reshape(tl.join(even * cos - odd * sin, even * sin + odd * cos), [BLOCK])
    tl.store(to + to_at, rounded(value, to.dtype.element_ty, INTERPRET), mask=inside)


@jit
def kernel(
    q, k, v, q_weight, k_weight, turns, q_out, k_slots, v_slots,
    q_b, q_n, k_b, k_n, v_b, v_n, qo_b, qo_h, qo_n, ks_b, ks_h, ks_n, vs_b, vs_h, vs_n, eps,
    HAS_NORM: tl.constexpr, WIDTH: tl.constexpr, D: tl.constexpr, BLOCK: tl.constexpr, INTERPRET: tl.constexpr,
):  # fmt: skip
    """One program: one token, all heads."""
    n = tl.program_id(0)
    b = tl.program_id(1)
    at = tl.arange(0, BLOCK)  # within the token's row
    inside = at < WIDTH
    head = at // D
    within = at % D
    factors = tl.load(turns + n * D + within, mask=inside, other=0.0)  # cosine and sine in turn
    cos, sin = tl.split(tl.reshape(factors, [BLOCK // 2, 2]))
    _norm_and_turn(
        q + b * q_b + n * q_n, q_weight, q_out + b * qo_b + n * qo_n, at, inside, head * qo_h + within,
        cos, sin, eps, HAS_NORM, WIDTH, BLOCK, INTERPRET,
    )  # fmt: skip
    _norm_and_turn(
        k + b * k_b + n * k_n, k_weight, k_slots + b * ks_b + n * ks_n, at, inside, head * ks_h + within,
        cos, sin, eps, HAS_NORM, WIDTH, BLOCK, INTERPRET,
    )  # fmt: skip
    value = tl.load(v + b * v_b + n * v_n + at, mask=inside)
    tl.store(v_slots + b * vs_b + n * vs_n + head * vs_h + within, value, mask=inside)


def _warps(block: int) -> int:
    return min(8, max(1, block // 256))


def specimens(_arch: int | str) -> Iterator[Specimen]:
    """At the width of Wan's 1.3B, which is not a power of two."""
    pointers = ("q", "k", "v", "q_weight", "k_weight", "q_out", "k_slots", "v_slots")
    of_slots = (f"{tensor}_{axis}" for tensor in ("qo", "ks", "vs") for axis in "bhn")
    strides = ("q_b", "q_n", "k_b", "k_n", "v_b", "v_n", *of_slots)
    block = power_of_two(1536)
    constants = {"HAS_NORM": True, "WIDTH": 1536, "D": 128, "BLOCK": block, "INTERPRET": False}
    for kind in TRITON_DTYPE.values():
        signature = dict.fromkeys(pointers, f"*{kind}") | dict.fromkeys(strides, "i32")
        signature |= {"turns": "*fp32", "eps": "fp32"}
        yield Specimen(
            "qk_norm_rope_cache", kernel, signature, constants, {"num_warps": _warps(block)}, False, kind, strides
        )
