"""Attention of one chunk over [sink | window | current chunk]: the inner loop of streaming generation.

Owns the arithmetic and the choice of back end; never touches the cache's state. Runs on the caller's thread.

The kernel reads keys and values where the cache keeps them, one contiguous run of slots, in one loop with an online
softmax accumulated in float32. Empty slots are skipped by the mask, whatever they hold. Backward: the file beside.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, overload

import torch
from torch import Tensor
from torch.nn import functional as F

import kernels
from kernels.compiler import INTERPRETED, Specimen, architecture, jit, operand, power_of_two, rounded, runs_fused, tl
from kernels.launch import TRITON_DTYPE, attention_launch

LARGEST_HEAD = 128
LOG2_E = 1.4426950408889634


@overload
def sink_window_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor: ...
@overload
def sink_window_attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, *, with_lse: Literal[True]
) -> tuple[Tensor, Tensor]: ...
def sink_window_attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, *, with_lse: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """Queries of the current chunk over cached and current keys (paper, section 3.3).

    q: [B, heads, N, d]; k, v: [B, heads, L, d], sink, window and current chunk in one; mask: additive [1, 1, 1, L],
    minus infinity where a slot is empty, None where none is. At least one slot must be live. Returns [B, heads, N, d],
    and with_lse also the log-sum-exp of the scores, float32 [B, heads, N]. Differentiable in q, k and v.
    """
    backend = _backend(q, mask, with_lse)
    if backend == "triton":
        from kernels.sink_window_attention_backward import FusedAttention

        out, lse = FusedAttention.apply(q, k, v, mask, with_lse)
        return (out, lse) if with_lse else out
    if backend == "flash":
        return _flash(q, k, v)
    if backend == "sdpa":
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return attention_in_torch(q, k, v, mask, with_lse=with_lse)


def attention_in_torch(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, *, with_lse: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """The plain twin: softmax(q k^T / sqrt(d) + mask) v, every step written out. Shapes as above."""
    scores = torch.matmul(q * q.shape[-1] ** -0.5, k.transpose(-2, -1))  # [B, heads, N, L]
    scores = scores if mask is None else scores + mask
    out = torch.matmul(torch.softmax(scores, dim=-1), v)
    return (out, torch.logsumexp(scores.float(), dim=-1)) if with_lse else out


def _backend(q: Tensor, mask: Tensor | None, with_lse: bool) -> str:
    forced = kernels.forced()
    if forced == "flash" and mask is None and not with_lse:
        return "flash"
    if q.shape[-1] <= LARGEST_HEAD and runs_fused(q):
        return "triton"
    # SDPA keeps its log-sum-exp to itself; and who compiles a trace does better with the steps than with one call.
    if forced == "torch" or with_lse or torch.jit.is_tracing():
        return "torch"
    return "sdpa" if forced else _fastest(q.device.type, q.dtype)


@lru_cache
def _fastest(device: str, dtype: torch.dtype) -> str:
    # Torch's CPU flash kernel gains nothing from bfloat16, so matrix products by the processor's own bfloat16
    # instructions beat it by a fifth. Without those instructions they lose to it more than tenfold.
    if device == "cpu" and dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return "torch"
    return "sdpa"


def _flash(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """flash-attn, which takes no mask: an optional back end, installed by hand where its build works."""
    try:
        from flash_attn import flash_attn_func
    except ImportError as error:
        raise RuntimeError("the back end 'flash' needs the package flash-attn: pip install flash-attn") from error
    out: Tensor = flash_attn_func(*(x.transpose(1, 2) for x in (q, k, v)))  # [B, N, heads, d]
    return out.transpose(1, 2)


@jit
def forward_kernel(
    q, k, v, mask, out, lse,
    q_b, q_h, q_n, k_b, k_h, k_n, v_b, v_h, v_n, o_b, o_h, o_n,
    heads, queries, keys, scale,
    HAS_MASK: tl.constexpr, HAS_LSE: tl.constexpr, D: tl.constexpr, BLOCK_D: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, TMA: tl.constexpr, INTERPRET: tl.constexpr,
):  # fmt: skip
    """One program: BLOCK_M queries of one head over all keys. scale: log2(e) / sqrt(d)."""
    row = tl.program_id(1)
    b = row // heads
    h = row % heads
    m_at = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    d_at = tl.arange(0, BLOCK_D)
    in_q = (m_at < queries)[:, None] & (d_at < D)[None, :]
    queries_tile = tl.load(q + b * q_b + h * q_h + m_at[:, None] * q_n + d_at[None, :], mask=in_q, other=0.0)
    queries_tile = operand(queries_tile, INTERPRET)
    k += b * k_b + h * k_h
    v += b * v_b + h * v_h
    if TMA:  # Hopper and newer fetch whole tiles by one instruction; beyond `keys` these hold zeros
        k_tiles = tl.make_tensor_descriptor(k, [keys, D], [k_n, 1], [BLOCK_N, BLOCK_D])
        v_tiles = tl.make_tensor_descriptor(v, [keys, D], [v_n, 1], [BLOCK_N, BLOCK_D])

    largest = tl.full([BLOCK_M], float("-inf"), tl.float32)
    total = tl.zeros([BLOCK_M], tl.float32)
    acc = tl.zeros([BLOCK_M, BLOCK_D], tl.float32)
    for start in range(0, keys, BLOCK_N):
        n_at = start + tl.arange(0, BLOCK_N)
        live = n_at < keys
        if HAS_MASK:
            bias = tl.load(mask + n_at, mask=live, other=float("-inf")).to(tl.float32) * 1.4426950408889634
            live = bias > float("-inf")
        if TMA:
            keys_tile = k_tiles.load([start, 0])
            values_tile = tl.where(live[:, None], v_tiles.load([start, 0]), 0.0)
        else:
            in_kv = live[:, None] & (d_at < D)[None, :]
            keys_tile = tl.load(k + n_at[:, None] * k_n + d_at[None, :], mask=in_kv, other=0.0)
            values_tile = tl.load(v + n_at[:, None] * v_n + d_at[None, :], mask=in_kv, other=0.0)
        scores = tl.dot(queries_tile, tl.trans(operand(keys_tile, INTERPRET)), input_precision="ieee") * scale
        if HAS_MASK:
            scores += bias[None, :]
        scores = tl.where(live[None, :], scores, float("-inf"))
        new_largest = tl.maximum(largest, tl.max(scores, 1))
        # A block of empty slots alone leaves minus infinity, of which no difference may be taken.
        pivot = tl.where(new_largest == float("-inf"), 0.0, new_largest)
        weights = tl.exp2(scores - pivot[:, None])
        shrink = tl.exp2(largest - pivot)
        total = total * shrink + tl.sum(weights, 1)
        weights = operand(rounded(weights, v.dtype.element_ty, INTERPRET), INTERPRET)
        values_tile = operand(values_tile, INTERPRET)
        acc = tl.dot(weights, values_tile, acc * shrink[:, None], input_precision="ieee")
        largest = new_largest

    acc = rounded(acc / total[:, None], out.dtype.element_ty, INTERPRET)
    tl.store(out + b * o_b + h * o_h + m_at[:, None] * o_n + d_at[None, :], acc, mask=in_q)
    if HAS_LSE:
        value = (largest + tl.log2(total)) * 0.6931471805599453
        tl.store(lse + row * queries + m_at, value, mask=m_at < queries)


def fused_forward(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, with_lse: bool) -> tuple[Tensor, Tensor | None]:
    """Launches the kernel; shapes as `sink_window_attention` has them."""
    batch, heads, queries, d = q.shape
    keys = k.shape[2]
    if q.stride(-1) != 1:
        q = q.contiguous()
    k, v = (x.expand(batch, -1, -1, -1) if x.stride(-1) == 1 else x.contiguous() for x in (k, v))
    out = torch.empty(batch, queries, heads, d, dtype=q.dtype, device=q.device).transpose(1, 2)
    lse = torch.empty(batch, heads, queries, dtype=torch.float32, device=q.device) if with_lse else None
    launch = attention_launch(architecture(q.device), d, q.dtype)
    tma = launch.tma and _fits_descriptors(k) and _fits_descriptors(v)
    if tma:
        allow_descriptors(q.device)
    forward_kernel[(-(-queries // launch.block_m), batch * heads)](
        q, k, v, q if mask is None else mask, out, out if lse is None else lse,
        *q.stride()[:3], *k.stride()[:3], *v.stride()[:3], *out.stride()[:3],
        heads, queries, keys, d**-0.5 * LOG2_E,
        HAS_MASK=mask is not None, HAS_LSE=with_lse, D=d, BLOCK_D=power_of_two(max(16, d)),
        BLOCK_M=launch.block_m, BLOCK_N=launch.block_n, TMA=tma, INTERPRET=INTERPRETED,
        num_warps=launch.warps, num_stages=launch.stages,
    )  # fmt: skip
    return out, lse


def _fits_descriptors(x: Tensor) -> bool:
    """What tensor descriptors demand: whole blocks along d, and 16-byte starts of storage, rows and heads."""
    size, d = x.element_size(), x.shape[-1]
    aligned = x.data_ptr() % 16 == 0 and all(stride * size % 16 == 0 for stride in x.stride()[:3])
    return aligned and d == power_of_two(d) and d * size >= 16


@lru_cache
def allow_descriptors(device: torch.device) -> None:
    """Kernels make their descriptors in scratch memory (512 to 640 bytes a launch), which Triton asks the host for."""
    import triton

    triton.set_allocator(lambda size, _alignment, _stream: torch.empty(size, dtype=torch.int8, device=device))


def specimens(arch: int | str) -> Iterator[Specimen]:
    """The kernel at every head size and format, as inference launches it; with descriptors where the table says so."""
    pointers = ("q", "k", "v", "mask", "out")
    strides = tuple(f"{tensor}_{axis}" for tensor in "qkvo" for axis in "bhn")
    for d in (64, 96, 128):
        for dtype, kind in TRITON_DTYPE.items():
            launch = attention_launch(arch, d, dtype)
            for tma in {False, launch.tma and d == power_of_two(d)}:
                signature = dict.fromkeys(pointers, f"*{kind}") | {"lse": "*fp32"}
                signature |= dict.fromkeys((*strides, "heads", "queries", "keys"), "i32") | {"scale": "fp32"}
                constants = {
                    "HAS_MASK": True, "HAS_LSE": False, "D": d, "BLOCK_D": power_of_two(d), "TMA": tma,
                    "BLOCK_M": launch.block_m, "BLOCK_N": launch.block_n, "INTERPRET": False,
                }  # fmt: skip
                options = {"num_warps": launch.warps, "num_stages": launch.stages}
                name = f"attention{'_tma' if tma else ''} {d}"
                yield Specimen(name, forward_kernel, signature, constants, options, kind != "fp32", kind, strides)
