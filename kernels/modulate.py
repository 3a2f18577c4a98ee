"""What stands between two matrix products of a block in one pass: gated residual, LayerNorm, scale and shift.

Owns that arithmetic and the choice between kernel and twin; owns no parameters. Runs on the caller's thread.

tanh-GELU has no kernel here: by itself one would read and write what torch's own does, so it could gain nothing; it
pays only inside the matrix product before it.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.compiler import INTERPRETED, Specimen, jit, power_of_two, rounded, runs_fused, tl
from kernels.launch import TRITON_DTYPE


def modulate(
    x: Tensor,
    y: Tensor | None = None,
    gate: Tensor | None = None,
    scale: Tensor | None = None,
    shift: Tensor | None = None,
    affine: tuple[Tensor, Tensor] | None = None,
    eps: float = 1e-6,
) -> tuple[Tensor, Tensor]:
    """x' = x + gate * y, and LayerNorm(x') * (1 + scale) + shift.

    x, y: [B, F, n, D], y None for no residual; gate, scale, shift: [B, F or 1, 1, D] each, gate None for 1, scale and
    shift together or not at all; affine: weight and bias [D] of the norm. Returns both, [B, F, n, D].
    """
    if not torch.is_grad_enabled() and runs_fused(x):
        return _fused(x, y, gate, scale, shift, affine, eps)
    return modulate_in_torch(x, y, gate, scale, shift, affine, eps)


def modulate_in_torch(
    x: Tensor,
    y: Tensor | None,
    gate: Tensor | None,
    scale: Tensor | None,
    shift: Tensor | None,
    affine: tuple[Tensor, Tensor] | None,
    eps: float,
) -> tuple[Tensor, Tensor]:
    """The plain twin. Shapes as above."""
    if y is not None:
        x = x + y if gate is None else torch.addcmul(x, gate, y)
    weight, bias = affine or (None, None)
    normed = F.layer_norm(x, x.shape[-1:], weight, bias, eps)
    if scale is not None:
        assert shift is not None
        normed = torch.addcmul(shift, normed, 1 + scale)
    return x, normed


def _fused(
    x: Tensor,
    y: Tensor | None,
    gate: Tensor | None,
    scale: Tensor | None,
    shift: Tensor | None,
    affine: tuple[Tensor, Tensor] | None,
    eps: float,
) -> tuple[Tensor, Tensor]:
    batch, frames, tokens, width = x.shape
    x = x.contiguous()
    y = None if y is None else y.contiguous()
    total = x if y is None else torch.empty_like(x)
    normed = torch.empty_like(x)
    weight, bias = affine or (x, x)
    strides: list[int] = []
    for vector in (gate, scale, shift):
        strides += [0, 0] if vector is None else _strides(vector, batch, frames)
    block = power_of_two(width)
    kernel[(batch * frames * tokens,)](
        x, x if y is None else y, *(x if vector is None else vector for vector in (gate, scale, shift)),
        weight, bias, total, normed, *strides, frames, tokens, eps,
        HAS_Y=y is not None, HAS_GATE=gate is not None, MODULATES=scale is not None, AFFINE=affine is not None,
        WIDTH=width, BLOCK=block, INTERPRET=INTERPRETED, num_warps=_warps(block),
    )  # fmt: skip
    return total, normed


def _strides(vector: Tensor, batch: int, frames: int) -> list[int]:
    """Of batch and frame; 0 where one vector serves all."""
    vector = vector.expand(batch, frames, 1, -1)
    if vector.stride(-1) != 1:
        raise ValueError("gate, scale and shift must be contiguous along the width")
    return [vector.stride(0), vector.stride(1)]


@jit
def kernel(
    x, y, gate, scale, shift, weight, bias, total, normed,
    gate_b, gate_f, scale_b, scale_f, shift_b, shift_f, frames, tokens, eps,
    HAS_Y: tl.constexpr, HAS_GATE: tl.constexpr, MODULATES: tl.constexpr, AFFINE: tl.constexpr,
    WIDTH: tl.constexpr, BLOCK: tl.constexpr, INTERPRET: tl.constexpr,
):  # fmt: skip
    """One program: one token."""
    row = tl.program_id(0)
    b = row // (frames * tokens)
    f = row // tokens % frames
    at = tl.arange(0, BLOCK)
    inside = at < WIDTH
    kind: tl.constexpr = x.dtype.element_ty
    value = tl.load(x + row * WIDTH + at, mask=inside, other=0.0).to(tl.float32)
    if HAS_Y:
        added = tl.load(y + row * WIDTH + at, mask=inside, other=0.0).to(tl.float32)
        if HAS_GATE:
            added *= tl.load(gate + b * gate_b + f * gate_f + at, mask=inside, other=0.0).to(tl.float32)
        narrow = rounded(value + added, kind, INTERPRET)
        tl.store(total + row * WIDTH + at, narrow, mask=inside)
        value = narrow.to(tl.float32)  # the norm sees what the next block will read
    mean = tl.sum(value, 0) / WIDTH
    centred = tl.where(inside, value - mean, 0.0)
    value = centred * tl.rsqrt(tl.sum(centred * centred, 0) / WIDTH + eps)
    if AFFINE:
        value *= tl.load(weight + at, mask=inside, other=0.0).to(tl.float32)
        value += tl.load(bias + at, mask=inside, other=0.0).to(tl.float32)
    if MODULATES:
        value *= 1.0 + tl.load(scale + b * scale_b + f * scale_f + at, mask=inside, other=0.0).to(tl.float32)
        value += tl.load(shift + b * shift_b + f * shift_f + at, mask=inside, other=0.0).to(tl.float32)
    tl.store(normed + row * WIDTH + at, rounded(value, kind, INTERPRET), mask=inside)


def _warps(block: int) -> int:
    return min(8, max(1, block // 256))


def specimens(_arch: int | str) -> Iterator[Specimen]:
    """The three uses in a block, at the width of Wan's 1.3B."""
    pointers = ("x", "y", "gate", "scale", "shift", "weight", "bias", "total", "normed")
    strides = ("gate_b", "gate_f", "scale_b", "scale_f", "shift_b", "shift_f")
    uses = {  # HAS_Y, HAS_GATE, MODULATES, AFFINE
        "before attention": (False, False, True, False),
        "before cross-attention": (True, True, False, True),
        "before feed-forward": (True, False, True, False),
    }
    block = power_of_two(1536)
    for use, flags in uses.items():
        for kind in TRITON_DTYPE.values():
            signature = dict.fromkeys(pointers, f"*{kind}") | dict.fromkeys((*strides, "frames", "tokens"), "i32")
            signature["eps"] = "fp32"
            constants: dict[str, int] = dict(zip(("HAS_Y", "HAS_GATE", "MODULATES", "AFFINE"), flags, strict=True))
            constants |= {"WIDTH": 1536, "BLOCK": block, "INTERPRET": False}
            options = {"num_warps": _warps(block)}
            yield Specimen(f"modulate {use}", kernel, signature, constants, options, False, kind, strides)
