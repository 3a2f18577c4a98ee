"""The video transformer: Wan 2.1's, block for block and name for name, with causal attention through a cache.

Owns the network and its arithmetic; holds no state between calls, never samples, never touches the cache's
contents. `MotionTransformer.forward` is a pure function and runs on the caller's thread. Numerics follow the
weights: float32 weights compute in float32 throughout, bfloat16 weights in bfloat16 throughout.

Latents are frame-major, [B, F, C, H, W]: chunks of a stream join and split along F without a copy of each
channel, and a noise level a latent broadcasts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inference.cache import CacheContext, KeyValues, SinkWindowCache
from inference.config import CacheConfig, TransformerConfig
from inference.rotary import grid_turns
from kernels.modulate import modulate
from kernels.qk_norm_rope_cache import qk_norm_rope_cache
from kernels.sink_window_attention import sink_window_attention


class MotionTransformer(nn.Module):
    """Velocity (noise minus clean) of noisy latents, given control channels, text and what came before."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.dim
        self.patch_embedding = nn.Conv3d(config.in_channels, dim, config.patch, stride=config.patch)
        self.text_embedding = nn.Sequential(
            nn.Linear(config.text_dim, dim), nn.GELU(approximate="tanh"), nn.Linear(dim, dim)
        )
        self.time_embedding = nn.Sequential(nn.Linear(config.freq_dim, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.time_projection = nn.Sequential(nn.SiLU(), nn.Linear(dim, 6 * dim))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.head = Head(config)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Wan's initialisation; the zeroed head makes a fresh model answer zero everywhere."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        nn.init.xavier_uniform_(self.patch_embedding.weight.flatten(1))
        for name, parameter in self.named_parameters():
            if name.startswith(("text_embedding", "time_embedding")) and name.endswith("weight"):
                nn.init.normal_(parameter, std=0.02)
        nn.init.zeros_(self.head.head.weight)

    def encode_text(self, tokens: Tensor) -> KeyValues:
        """Keys and values of the cross-attention, once a prompt. tokens: [B, text_tokens, text_dim]."""
        if tokens.shape[1:] != (self.config.text_tokens, self.config.text_dim):
            raise ValueError(f"text of shape {tuple(tokens.shape)} does not fit {self.config}")
        text = self.text_embedding(tokens)  # [B, L, D]
        pairs = [block.cross_attn.keys_and_values(text) for block in self._blocks()]
        return KeyValues(tuple(k for k, _ in pairs), tuple(v for _, v in pairs))

    def empty_cache(self, config: CacheConfig, batch: int, height: int, width: int) -> SinkWindowCache:
        """A cache for latents of height x width, in the dtype and on the device of the weights."""
        weight = self.patch_embedding.weight
        return SinkWindowCache.empty(
            config,
            blocks=self.config.layers,
            batch=batch,
            heads=self.config.heads,
            head_dim=self.config.head_dim,
            latent_tokens=(height // self.config.patch[1]) * (width // self.config.patch[2]),
            dtype=weight.dtype,
            device=weight.device,
        )

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        control: Tensor | None,
        text: KeyValues,
        context: CacheContext | None = None,
        latent_mask: Tensor | None = None,
        turns: Tensor | None = None,
    ) -> tuple[Tensor, KeyValues]:
        """One evaluation.

        x: [B, F, C, H, W] noisy latents; control: [B, F, C', H, W] joined on behind x's channels, or None;
        t: [B] or, a level a latent, [B, F], 0 (clean) to 1000 (noise), may be fractional; text: the answer of
        `encode_text`, of batch B or 1.
        context: what a cache holds; x is then the next chunk, at most as long as the layout's. None: x is a
        whole clip, attending to itself in both directions, at slots 0 .. F-1, the way a teacher runs; then
        latent_mask, bool [F, F] (query, key), may say which latents see which. turns: what `grid_turns` answers, where
        it is known already.

        Returns the velocity [B, F, out_channels, H, W] and this pass's keys (turned to their slots) and
        values, which a cache commits when x was clean and t was 0.
        """
        if control is not None:
            x = torch.cat((x, control), dim=2)
        batch, frames, _, height, width = x.shape
        rows, columns = height // self.config.patch[1], width // self.config.patch[2]
        if turns is None:
            first_slot = 0 if context is None else context.first_slot
            turns = grid_turns(self.config.head_dim, first_slot, frames, rows, columns, x.device)
        attention = _Attention(context, _token_mask(latent_mask, rows * columns), turns)

        x = self._patchify(x)  # [B, F, h * w, D]
        e = self.time_embedding(self._sinusoid(t.reshape(batch, -1)))  # [B, F or 1, D]
        modulation = self.time_projection(e).unflatten(-1, (6, -1))  # [B, F or 1, 6, D]
        keys, values = [], []
        for index, block in enumerate(self._blocks()):
            x, k, v = block(x, modulation, text.k[index], text.v[index], attention, index)
            keys.append(k)
            values.append(v)
        out = self._unpatchify(self.head(x, e), rows, columns)
        return out, KeyValues(tuple(keys), tuple(values))

    def _blocks(self) -> Iterator[Block]:
        return cast("Iterator[Block]", iter(self.blocks))

    def _patchify(self, x: Tensor) -> Tensor:
        _, ph, pw = self.config.patch
        x = x.unflatten(4, (-1, pw)).unflatten(3, (-1, ph))  # [B, F, C, h, ph, w, pw]
        x = x.permute(0, 1, 3, 5, 2, 4, 6).flatten(4).flatten(2, 3)  # [B, F, h * w, C * ph * pw]
        return F.linear(x, self.patch_embedding.weight.flatten(1), self.patch_embedding.bias)

    def _unpatchify(self, x: Tensor, rows: int, columns: int) -> Tensor:
        _, ph, pw = self.config.patch
        x = x.unflatten(3, (ph, pw, -1)).unflatten(2, (rows, columns))  # [B, F, h, w, ph, pw, C]
        return x.permute(0, 1, 6, 2, 4, 3, 5).flatten(5).flatten(3, 4)  # [B, F, C, H, W]

    def _sinusoid(self, t: Tensor) -> Tensor:
        half = self.config.freq_dim // 2
        exponents = torch.arange(half, dtype=torch.float64, device=t.device) / -half
        angles = t.double()[..., None] * 10000.0**exponents
        return torch.cat((angles.cos(), angles.sin()), dim=-1).to(self.patch_embedding.weight.dtype)


@dataclass(frozen=True)
class _Attention:
    """What every block's self-attention is given: the cached past or a mask, and the turns of its tokens."""

    context: CacheContext | None
    mask: Tensor | None
    turns: Tensor


def _token_mask(latent_mask: Tensor | None, latent_tokens: int) -> Tensor | None:
    if latent_mask is None:
        return None
    return latent_mask.repeat_interleave(latent_tokens, 0).repeat_interleave(latent_tokens, 1)


class Block(nn.Module):
    """Self-attention and feed-forward, shifted, scaled and gated by the timestep; cross-attention ungated."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        dim, eps = config.dim, config.eps
        self.norm1 = nn.LayerNorm(dim, eps, elementwise_affine=False)
        self.self_attn = SelfAttention(config)
        self.norm3 = nn.LayerNorm(dim, eps) if config.cross_attn_norm else nn.Identity()
        self.cross_attn = CrossAttention(config)
        self.norm2 = nn.LayerNorm(dim, eps, elementwise_affine=False)
        self.ffn = nn.Sequential(
            nn.Linear(dim, config.ffn_dim), nn.GELU(approximate="tanh"), nn.Linear(config.ffn_dim, dim)
        )
        self.modulation = nn.Parameter(torch.randn(1, 6, dim) / math.sqrt(dim))

    def forward(
        self, x: Tensor, modulation: Tensor, text_k: Tensor, text_v: Tensor, attention: _Attention, index: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """x: [B, F, n, D]; modulation: [B, F or 1, 6, D]. Returns the new x and the keys and values."""
        shift, scale, gate, ffn_shift, ffn_scale, ffn_gate = (
            (self.modulation + modulation).unsqueeze(3).unbind(2)  # each [B, F or 1, 1, D]
        )
        _, normed = modulate(x, scale=scale, shift=shift, eps=self.norm1.eps)
        attended, k, v = self.self_attn(normed, attention, index)
        if isinstance(self.norm3, nn.LayerNorm):
            affine = self.norm3.weight, self.norm3.bias
            x, normed = modulate(x, attended, gate, affine=affine, eps=self.norm3.eps)
        else:
            x = normed = torch.addcmul(x, gate, attended)
        crossed = self.cross_attn(normed, text_k, text_v)
        x, normed = modulate(x, crossed, scale=ffn_scale, shift=ffn_shift, eps=self.norm2.eps)
        return torch.addcmul(x, ffn_gate, self.ffn(normed)), k, v


class Attention(nn.Module):
    """The four projections and two norms that self- and cross-attention share."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        dim = config.dim
        self.heads = config.heads
        self.eps = config.eps
        self.q, self.k, self.v, self.o = (nn.Linear(dim, dim) for _ in range(4))
        # Over the full width, before the split into heads.
        self.norm_q, self.norm_k = (nn.RMSNorm(dim, config.eps) if config.qk_norm else nn.Identity() for _ in range(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1))  # [B, N, D] -> [B, N, heads, d]


class SelfAttention(Attention):
    def forward(self, x: Tensor, attention: _Attention, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """x: [B, F, n, D]. Returns [B, F, n, D] and keys (turned) and values [B, heads, F * n, d]."""
        tokens = x.flatten(1, 2)  # [B, N, D]
        context, room, slots = attention.context, None, None
        held = 0 if context is None else context.k.shape[-2]
        end = held + tokens.shape[1]
        if context is not None and context.room is not None:
            room = context.room[0][index, :, :, :end], context.room[1][index, :, :, :end]
            slots = room[0][:, :, held:], room[1][:, :, held:]
        norms = None
        if isinstance(self.norm_q, nn.RMSNorm) and isinstance(self.norm_k, nn.RMSNorm):
            norms = self.norm_q.weight, self.norm_k.weight, self.eps
        projected = self.q(tokens), self.k(tokens), self.v(tokens)
        q, k, v = qk_norm_rope_cache(*projected, norms, attention.turns, self.heads, slots)
        if context is None:
            out = F.scaled_dot_product_attention(q, k, v, attn_mask=attention.mask)
        else:
            # Without a room the join leaves the cache untouched, which autograd needs. It costs 3 % of a forward.
            past = context.k[index], context.v[index]
            all_k, all_v = room or (torch.cat(pair, dim=2) for pair in zip(past, (k, v), strict=True))
            out = sink_window_attention(q, all_k, all_v, None if context.full else context.mask[..., :end])
        return self.o(out.transpose(1, 2).flatten(2)).view_as(x), k, v


class CrossAttention(Attention):
    def keys_and_values(self, text: Tensor) -> tuple[Tensor, Tensor]:
        """text: [B, L, D]. Returns keys and values [B, heads, L, d]."""
        k, v = self.norm_k(self.k(text)), self.v(text)
        return self._split(k).transpose(1, 2), self._split(v).transpose(1, 2)

    def forward(self, x: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """x: [B, F, n, D]; k, v: [B or 1, heads, L, d]."""
        q = self._split(self.norm_q(self.q(x.flatten(1, 2)))).transpose(1, 2)
        k, v = (tensor.expand(q.shape[0], -1, -1, -1) for tensor in (k, v))
        out = F.scaled_dot_product_attention(q, k, v)
        return self.o(out.transpose(1, 2).flatten(2)).view_as(x)


class Head(nn.Module):
    """The last norm, modulated by the timestep, and the projection to patches."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.dim, config.eps, elementwise_affine=False)
        self.head = nn.Linear(config.dim, math.prod(config.patch) * config.out_channels)
        self.modulation = nn.Parameter(torch.randn(1, 2, config.dim) / math.sqrt(config.dim))

    def forward(self, x: Tensor, e: Tensor) -> Tensor:
        """x: [B, F, n, D]; e: [B, F or 1, D]. Returns [B, F, n, ph * pw * out_channels], channels fastest."""
        shift, scale = (self.modulation + e[:, :, None]).unsqueeze(3).unbind(2)
        return self.head(torch.addcmul(shift, self.norm(x), 1 + scale))


def transformer_flops(config: TransformerConfig, queries: int, keys: int) -> int:
    """Floating-point operations (two a multiply-add) in the matrix products of one evaluation at batch 1.

    queries: tokens of the chunk; keys: all keys they attend to, the chunk's own included; one noise level.
    """
    dim = config.dim
    patch = math.prod(config.patch)
    time = config.freq_dim * dim + dim * dim + 6 * dim * dim
    ends = queries * dim * patch * (config.in_channels + config.out_channels)
    linear = queries * (6 * dim * dim + 2 * dim * config.ffn_dim)
    attention = 2 * queries * (keys + config.text_tokens) * dim
    return 2 * (time + ends + config.layers * (linear + attention))
