"""The sink-and-window cache of keys and values (paper, section 3.3).

Owns which latents the next chunk may look at and the time slot each one has; never runs the model. One thread
at a time: inference owns its cache, training makes a new one every chunk.

Slots along the time axis: the sink at 0 .. S-1, the window right-aligned at S .. S+W-1 with its newest latent
last, the chunk being made at the constant slots S+W .. . Keys are stored turned to their slot, so that the
current chunk is always turned by the same constants, window latents keep their true distance to it, and the
sink keeps one constant distance for ever. Shapes never change; empty slots are masked.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from inference.config import CacheConfig
from inference.rotary import move_in_time, time_turns
from kernels.roll_cache import roll_cache


@dataclass(frozen=True)
class KeyValues:
    """Keys and values of one pass, one pair a block, each [B, heads, N, d]."""

    k: tuple[Tensor, ...]
    v: tuple[Tensor, ...]

    def detach(self) -> KeyValues:
        return KeyValues(tuple(k.detach() for k in self.k), tuple(v.detach() for v in self.v))


@dataclass(frozen=True)
class CacheContext:
    """What the transformer reads of a cache: views, valid until the next commit.

    k, v: [blocks, B, heads, C, d], keys turned to their slots. mask: additive [1, 1, 1, C + chunk tokens]; full: it is
    zero throughout. room: the same k and v with the slots of the chunk being made behind them, [blocks, B, heads,
    C + chunk tokens, d], where attention reads all keys in one run and an evaluation leaves its own, valid until the
    next one; None where gradients pass.
    """

    k: Tensor
    v: Tensor
    mask: Tensor
    first_slot: int
    full: bool = False
    room: tuple[Tensor, Tensor] | None = None


class SinkWindowCache:
    """Keys and values of the sink and the window, for any batch. See the module's docstring for the slots."""

    def __init__(self, config: CacheConfig, latent_tokens: int, k: Tensor, v: Tensor, sunk: int, seen: int) -> None:
        self.config = config
        self.latent_tokens = latent_tokens
        held = self._tokens(0, config.first_slot)
        self._room = (k, v) if k.shape[-2] > held.stop else None
        self.k = k[..., held, :]  # [blocks, B, heads, first_slot * latent_tokens, d]
        self.v = v[..., held, :]
        self.sunk = sunk  # sink latents filled
        self.seen = seen  # window latents filled
        tokens = (config.first_slot + config.chunk) * latent_tokens
        self.mask = torch.empty(1, 1, 1, tokens, dtype=k.dtype, device=k.device)
        self._mask_empty_slots()

    @classmethod
    def empty(
        cls,
        config: CacheConfig,
        *,
        blocks: int,
        batch: int,
        heads: int,
        head_dim: int,
        latent_tokens: int,
        dtype: torch.dtype,
        device: torch.device | str,
    ) -> SinkWindowCache:
        """A cache with nothing in it; latent_tokens is how many tokens one latent frame has."""
        shape = (blocks, batch, heads, (config.first_slot + config.chunk) * latent_tokens, head_dim)
        k, v = (torch.zeros(shape, dtype=dtype, device=device) for _ in range(2))
        return cls(config, latent_tokens, k, v, sunk=0, seen=0)

    def context(self) -> CacheContext:
        full = self.sunk == self.config.sink and self.seen == self.config.window_latents
        return CacheContext(self.k, self.v, self.mask, self.config.first_slot, full, self._writable_room())

    def empty_context(self) -> CacheContext:
        """The context of a cache with nothing in it: what the first latent sees, whenever it is written."""
        mask = torch.zeros_like(self.mask)
        mask[..., self._tokens(0, self.config.first_slot)] = -torch.inf
        return CacheContext(self.k, self.v, mask, self.config.first_slot, room=self._writable_room())

    def reset(self) -> None:
        """Forget everything, keeping the buffers."""
        self.sunk = self.seen = 0
        self._mask_empty_slots()

    @torch.no_grad()
    def rewrite_sink(self, new: KeyValues) -> None:
        """Put the sink's first latents in place again, or for the first time; all others stay."""
        k, v, latents = self._taken(new)
        sink = self._tokens(0, latents)
        self.k[..., sink, :] = move_in_time(k, -self.config.first_slot)
        self.v[..., sink, :] = v
        self.sunk = max(self.sunk, latents)
        self._mask_empty_slots()

    @torch.no_grad()
    def commit(self, new: KeyValues) -> None:
        """Take a clean chunk's keys and values in, in place. For inference: gradients never pass.

        Raises ValueError where the chunk is longer than the layout's, or would straddle the end of the sink.
        """
        k, v, latents = self._taken(new)
        if self.sunk < self.config.sink:
            sink = self._tokens(self.sunk, self.sunk + latents)
            self.k[..., sink, :] = move_in_time(k, self.sunk - self.config.first_slot)
            self.v[..., sink, :] = v
            self.sunk += latents
        else:
            window = self._tokens(self.config.sink, self.config.first_slot)
            if self._room is None:
                self.k[..., window, :], self.v[..., window, :] = self._shifted_window(k, v, latents)
            else:
                turns = time_turns(k.shape[-1], -latents, k.device)
                roll_cache(*self._room, window.start, window.stop, latents * self.latent_tokens, turns)
            self.seen = min(self.seen + latents, self.config.window_latents)
        self._mask_empty_slots()

    def committed(self, new: KeyValues) -> SinkWindowCache:
        """A new cache with the chunk taken in; this one stays as it was. For training: gradients flow into
        `new` and through the older chunks; pass `new.detach()` to cut them. Raises as `commit` does.
        """
        k, v, latents = self._stacked(new)
        sunk, seen = self.sunk, self.seen
        if sunk < self.config.sink:
            k = move_in_time(k, sunk - self.config.first_slot)
            before, after = self._tokens(0, sunk), self._tokens(sunk + latents, self.config.first_slot)
            k = torch.cat((self.k[..., before, :], k, self.k[..., after, :]), dim=-2)
            v = torch.cat((self.v[..., before, :], v, self.v[..., after, :]), dim=-2)
            sunk += latents
        else:
            sink = self._tokens(0, self.config.sink)
            k, v = self._shifted_window(k, v, latents)
            k = torch.cat((self.k[..., sink, :], k), dim=-2)
            v = torch.cat((self.v[..., sink, :], v), dim=-2)
            seen = min(seen + latents, self.config.window_latents)
        return SinkWindowCache(self.config, self.latent_tokens, k, v, sunk, seen)

    def _writable_room(self) -> tuple[Tensor, Tensor] | None:
        return None if torch.is_grad_enabled() else self._room

    def _taken(self, new: KeyValues) -> tuple[Tensor, Tensor, int]:
        """The chunk in the slots behind the window, where an evaluation may have left it already; else stacked."""
        if self._room is None:
            return self._stacked(new)
        latents = self._latents(new)
        behind = self._tokens(self.config.first_slot, self.config.first_slot + latents)
        k, v = (tensor[..., behind, :] for tensor in self._room)
        if not _same_place(new.k[0], k[0]):
            for block, (new_k, new_v) in enumerate(zip(new.k, new.v, strict=True)):
                k[block], v[block] = new_k, new_v
        return k, v, latents

    def _stacked(self, new: KeyValues) -> tuple[Tensor, Tensor, int]:
        latents = self._latents(new)
        k, v = (torch.stack(tensors).to(self.k.dtype) for tensors in (new.k, new.v))
        return k, v, latents  # [blocks, B, heads, latents * latent_tokens, d]

    def _latents(self, new: KeyValues) -> int:
        latents, rest = divmod(new.k[0].shape[2], self.latent_tokens)
        room = self.config.sink - self.sunk
        if rest or not 0 < latents <= self.config.chunk:
            raise ValueError(f"a chunk of {new.k[0].shape[2]} tokens does not fit the layout {self.config}")
        if 0 < room < latents:
            raise ValueError(f"a chunk of {latents} latents would straddle the end of the sink ({room} free)")
        return latents

    def _shifted_window(self, k: Tensor, v: Tensor, latents: int) -> tuple[Tensor, Tensor]:
        # The new chunk stands right behind the window, so one move by its own length serves both.
        kept = self._tokens(self.config.sink + latents, self.config.first_slot)
        lost = slice(max(0, latents - self.config.window_latents) * self.latent_tokens, None)
        k = torch.cat((self.k[..., kept, :], k[..., lost, :]), dim=-2)
        v = torch.cat((self.v[..., kept, :], v[..., lost, :]), dim=-2)
        return move_in_time(k, -latents), v

    def _tokens(self, start: int, stop: int) -> slice:
        return slice(start * self.latent_tokens, stop * self.latent_tokens)

    def _mask_empty_slots(self) -> None:
        config = self.config
        self.mask.fill_(0)
        self.mask[..., self._tokens(self.sunk, config.sink)] = -torch.inf
        self.mask[..., self._tokens(config.sink, config.first_slot - self.seen)] = -torch.inf


def _same_place(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors begin at one place of one storage; asked without an address, which traced tensors lack."""
    same = a.untyped_storage()._cdata == b.untyped_storage()._cdata
    return same and a.storage_offset() == b.storage_offset()
