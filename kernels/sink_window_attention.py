"""Attention of one chunk over [sink | window | current chunk]: the inner loop of streaming generation.

Owns the arithmetic and the choice of back end; never touches the cache's state. Runs on the caller's thread.
"""

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

import kernels


def sink_window_attention(
    q: Tensor, k_context: Tensor, v_context: Tensor, k_new: Tensor, v_new: Tensor, mask: Tensor
) -> Tensor:
    """Queries of the current chunk over cached and current keys (paper, section 3.3).

    q, k_new, v_new: [B, heads, N, d]; k_context, v_context: [B, heads, C, d]; mask: additive,
    broadcastable to [B, heads, N, C + N], minus infinity where a cache slot is still empty. Returns
    [B, heads, N, d].
    """
    # The join costs 3 % of a forward and leaves the cache untouched, which autograd needs.
    k = torch.cat((k_context, k_new), dim=2)  # [B, heads, C + N, d]
    v = torch.cat((v_context, v_new), dim=2)
    if (kernels.forced() or _fastest(q.device.type, q.dtype)) == "torch":
        return attention_in_torch(q, k, v, mask)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def attention_in_torch(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """The plain twin: softmax(q k^T / sqrt(d) + mask) v, every step written out. Shapes as above."""
    scores = torch.matmul(q * q.shape[-1] ** -0.5, k.transpose(-2, -1)) + mask  # [B, heads, N, C + N]
    return torch.matmul(torch.softmax(scores, dim=-1), v)


@lru_cache
def _fastest(device: str, dtype: torch.dtype) -> str:
    # Torch's CPU flash kernel gains nothing from bfloat16, so matrix products by the processor's own bfloat16
    # instructions beat it by a fifth. Without those instructions they lose to it more than tenfold.
    if device == "cpu" and dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return "torch"
    return "sdpa"
