"""The derivative of `sink_window_attention`, for training the student on a GPU.

Owns the autograd function around the forward kernel and the two backward kernels: one program a block of keys for dK
and dV, one a block of queries for dQ, so that nothing is added to by two programs and every run gives the same bits.
Runs on the caller's thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from kernels.compiler import INTERPRETED, Specimen, architecture, jit, operand, power_of_two, rounded, tl
from kernels.launch import TRITON_DTYPE, backward_launch
from kernels.sink_window_attention import LOG2_E, fused_forward


class FusedAttention(torch.autograd.Function):
    """The Triton kernels as one differentiable operation of q, k and v; the mask is a constant."""

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, with_lse: bool
    ) -> tuple[Tensor, Tensor | None]:
        differentiable = any(ctx.needs_input_grad)
        out, lse = fused_forward(q, k, v, mask, with_lse or differentiable)
        if differentiable:
            ctx.save_for_backward(q, k, v, mask, out, lse)
        return out, lse

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, mask, out, lse = ctx.saved_tensors
        grad_out, grad_lse = grads
        # Through the softmax every score gets back what its row gave out in all; lse adds to that, sign turned.
        given = (grad_out.float() * out.float()).sum(-1)  # [B, heads, N]
        if grad_lse is not None:
            given = given - grad_lse
        return *_fused_backward(q, k, v, mask, grad_out.contiguous(), lse, given.contiguous()), None, None


def _fused_backward(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, grad: Tensor, lse: Tensor, given: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    batch, heads, queries, d = q.shape
    keys = k.shape[2]
    grad_q, grad_k, grad_v = (torch.empty(x.shape, dtype=x.dtype, device=x.device) for x in (q, k, v))
    launch = backward_launch(architecture(q.device), d, q.dtype)
    common = {
        "HAS_MASK": mask is not None, "D": d, "BLOCK_D": power_of_two(max(16, d)), "INTERPRET": INTERPRETED,
        "BLOCK_M": launch.block_m, "BLOCK_N": launch.block_n, "num_warps": launch.warps, "num_stages": launch.stages,
    }  # fmt: skip
    strides = (*q.stride()[:3], *k.stride()[:3], *v.stride()[:3], *grad.stride()[:3])
    sizes = (heads, queries, keys, d**-0.5 * LOG2_E, d**-0.5)
    inputs = (q, k, v, mask if mask is not None else q, grad, lse, given)
    rows = batch * heads
    keys_kernel[(-(-keys // launch.block_n), rows)](*inputs, grad_k, grad_v, *strides, *sizes, **common)
    queries_kernel[(-(-queries // launch.block_m), rows)](*inputs, grad_q, *strides, *sizes, **common)
    return grad_q, grad_k, grad_v


@jit
def keys_kernel(
    q, k, v, mask, grad, lse, given, grad_k, grad_v,
    q_b, q_h, q_n, k_b, k_h, k_n, v_b, v_h, v_n, g_b, g_h, g_n,
    heads, queries, keys, scale, slope,
    HAS_MASK: tl.constexpr, D: tl.constexpr, BLOCK_D: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, INTERPRET: tl.constexpr,
):  # fmt: skip
    """dK and dV of BLOCK_N keys of one head. scale: log2(e) / sqrt(d); slope: 1 / sqrt(d)."""
    row = tl.program_id(1)
    b = row // heads
    h = row % heads
    n_at = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    d_at = tl.arange(0, BLOCK_D)
    live = n_at < keys
    in_kv = live[:, None] & (d_at < D)[None, :]
    if HAS_MASK:
        bias = tl.load(mask + n_at, mask=live, other=float("-inf")).to(tl.float32) * 1.4426950408889634
        live = bias > float("-inf")
    read = live[:, None] & (d_at < D)[None, :]
    k_tile = operand(
        tl.load(k + b * k_b + h * k_h + n_at[:, None] * k_n + d_at[None, :], mask=read, other=0.0), INTERPRET
    )
    v_tile = operand(
        tl.load(v + b * v_b + h * v_h + n_at[:, None] * v_n + d_at[None, :], mask=read, other=0.0), INTERPRET
    )
    to_k = tl.zeros([BLOCK_N, BLOCK_D], tl.float32)
    to_v = tl.zeros([BLOCK_N, BLOCK_D], tl.float32)
    for start in range(0, queries, BLOCK_M):
        m_at = start + tl.arange(0, BLOCK_M)
        in_rows = m_at < queries
        in_q = in_rows[:, None] & (d_at < D)[None, :]
        q_tile = operand(
            tl.load(q + b * q_b + h * q_h + m_at[:, None] * q_n + d_at[None, :], mask=in_q, other=0.0), INTERPRET
        )
        g_tile = operand(
            tl.load(grad + b * g_b + h * g_h + m_at[:, None] * g_n + d_at[None, :], mask=in_q, other=0.0), INTERPRET
        )
        level = tl.load(lse + row * queries + m_at, mask=in_rows, other=0.0) * 1.4426950408889634
        sent = tl.load(given + row * queries + m_at, mask=in_rows, other=0.0)
        scores = tl.dot(k_tile, tl.trans(q_tile), input_precision="ieee") * scale  # [BLOCK_N, BLOCK_M]
        if HAS_MASK:
            scores += bias[:, None]
        weights = tl.where(live[:, None] & in_rows[None, :], tl.exp2(scores - level[None, :]), 0.0)
        narrow = operand(rounded(weights, q.dtype.element_ty, INTERPRET), INTERPRET)
        to_v = tl.dot(narrow, g_tile, to_v, input_precision="ieee")
        slopes = weights * (tl.dot(v_tile, tl.trans(g_tile), input_precision="ieee") - sent[None, :])
        slopes = operand(rounded(slopes, q.dtype.element_ty, INTERPRET), INTERPRET)
        to_k = tl.dot(slopes, q_tile, to_k, input_precision="ieee")
    at = (row * keys + n_at[:, None]) * D + d_at[None, :]
    tl.store(grad_k + at, rounded(to_k * slope, grad_k.dtype.element_ty, INTERPRET), mask=in_kv)
    tl.store(grad_v + at, rounded(to_v, grad_v.dtype.element_ty, INTERPRET), mask=in_kv)


@jit
def queries_kernel(
    q, k, v, mask, grad, lse, given, grad_q,
    q_b, q_h, q_n, k_b, k_h, k_n, v_b, v_h, v_n, g_b, g_h, g_n,
    heads, queries, keys, scale, slope,
    HAS_MASK: tl.constexpr, D: tl.constexpr, BLOCK_D: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, INTERPRET: tl.constexpr,
):  # fmt: skip
    """dQ of BLOCK_M queries of one head."""
    row = tl.program_id(1)
    b = row // heads
    h = row % heads
    m_at = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    d_at = tl.arange(0, BLOCK_D)
    in_rows = m_at < queries
    in_q = in_rows[:, None] & (d_at < D)[None, :]
    q_tile = operand(
        tl.load(q + b * q_b + h * q_h + m_at[:, None] * q_n + d_at[None, :], mask=in_q, other=0.0), INTERPRET
    )
    g_tile = operand(
        tl.load(grad + b * g_b + h * g_h + m_at[:, None] * g_n + d_at[None, :], mask=in_q, other=0.0), INTERPRET
    )
    level = tl.load(lse + row * queries + m_at, mask=in_rows, other=0.0) * 1.4426950408889634
    sent = tl.load(given + row * queries + m_at, mask=in_rows, other=0.0)
    to_q = tl.zeros([BLOCK_M, BLOCK_D], tl.float32)
    for start in range(0, keys, BLOCK_N):
        n_at = start + tl.arange(0, BLOCK_N)
        live = n_at < keys
        if HAS_MASK:
            bias = tl.load(mask + n_at, mask=live, other=float("-inf")).to(tl.float32) * 1.4426950408889634
            live = bias > float("-inf")
        read = live[:, None] & (d_at < D)[None, :]
        k_tile = operand(
            tl.load(k + b * k_b + h * k_h + n_at[:, None] * k_n + d_at[None, :], mask=read, other=0.0), INTERPRET
        )
        v_tile = operand(
            tl.load(v + b * v_b + h * v_h + n_at[:, None] * v_n + d_at[None, :], mask=read, other=0.0), INTERPRET
        )
        scores = tl.dot(q_tile, tl.trans(k_tile), input_precision="ieee") * scale  # [BLOCK_M, BLOCK_N]
        if HAS_MASK:
            scores += bias[None, :]
        weights = tl.where(live[None, :], tl.exp2(scores - level[:, None]), 0.0)
        slopes = weights * (tl.dot(g_tile, tl.trans(v_tile), input_precision="ieee") - sent[:, None])
        slopes = operand(rounded(slopes, q.dtype.element_ty, INTERPRET), INTERPRET)
        to_q = tl.dot(slopes, k_tile, to_q, input_precision="ieee")
    at = (row * queries + m_at[:, None]) * D + d_at[None, :]
    tl.store(grad_q + at, rounded(to_q * slope, grad_q.dtype.element_ty, INTERPRET), mask=in_q)


def specimens(arch: int | str) -> Iterator[Specimen]:
    """Both kernels for 16-bit training at every head size."""
    pointers = ("q", "k", "v", "mask", "grad")
    strides = tuple(f"{tensor}_{axis}" for tensor in "qkvg" for axis in "bhn")
    for d in (64, 96, 128):
        for dtype in (torch.bfloat16, torch.float16):
            launch = backward_launch(arch, d, dtype)
            kind = TRITON_DTYPE[dtype]
            for name, kernel, results in (
                ("keys", keys_kernel, ("grad_k", "grad_v")),
                ("queries", queries_kernel, ("grad_q",)),
            ):
                signature = dict.fromkeys((*pointers, *results), f"*{kind}") | {"lse": "*fp32", "given": "*fp32"}
                signature |= dict.fromkeys((*strides, "heads", "queries", "keys"), "i32") | {
                    "scale": "fp32",
                    "slope": "fp32",
                }
                constants = {
                    "HAS_MASK": True, "D": d, "BLOCK_D": power_of_two(d), "INTERPRET": False,
                    "BLOCK_M": launch.block_m, "BLOCK_N": launch.block_n,
                }  # fmt: skip
                options = {"num_warps": launch.warps, "num_stages": launch.stages}
                yield Specimen(
                    f"attention_backward_{name} {d}", kernel, signature, constants, options, True, kind, strides
                )
