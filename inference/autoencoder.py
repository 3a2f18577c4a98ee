"""The pocket autoencoder: four frames and 8x8 pixels to one latent cell, and back as a stream.

Owns `Encoder`, `StreamingDecoder` and their carried state. Never touches the transformer. Runs on the caller's thread.

A latent holds four frames; latent 0 holds the picture, taken as four equal frames, so that a carried picture and a
moving one live in one space. The encoder looks at one latent's frames alone: any chunk can be encoded by itself. The
decoder is causal: each block mixes in what it saw one latent (or one frame) before, and that is all its state.

Both ends have a linear path, started from the principal components of 4x8x8 blocks (`training.components`); the
networks correct it and begin at zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inference.config import AutoencoderConfig

FRAMES = 4  # of a latent
CELL = 8  # pixels of a latent cell's side
BLOCK = 3 * FRAMES * CELL * CELL  # values that one latent cell stands for


def group_frames(video: Tensor) -> Tensor:
    """[B, 1 + 4k, 3, H, W] to [B, 1 + k, 12, H, W]: the picture four times, then groups of four frames."""
    first, rest = video[:, :1], video[:, 1:]
    if rest.shape[1] % FRAMES:
        raise ValueError(f"a clip has 1 + 4k frames, not {video.shape[1]}")
    frames = torch.cat([first.expand(-1, FRAMES, -1, -1, -1), rest], dim=1)  # [B, 4 + 4k, 3, H, W]
    return frames.unflatten(1, (-1, FRAMES)).flatten(2, 3)


class Residual(nn.Module):
    """Two 3x3 convolutions over a skip; with `past`, what stood here one step before is mixed in first."""

    def __init__(self, width: int, *, causal: bool) -> None:
        super().__init__()
        self.past = nn.Conv2d(width, width, 1, bias=False) if causal else None
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]  # Conv2d.bias is Optional in the stubs
        if self.past is not None:
            nn.init.zeros_(self.past.weight)

    def forward(self, x: Tensor, before: Tensor | None = None) -> Tensor:
        y = self.conv1(F.silu(x)) if self.past is None else self.conv1(F.silu(x + self.past(before)))
        return x + self.conv2(F.silu(y))


class Encoder(nn.Module):
    """[B, F, 12, H, W] in [-1, 1] to normalised latents [B, F, C, H/8, W/8]."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        quarter, eighth = config.encoder_quarter, config.encoder_eighth
        self.linear = nn.Conv2d(BLOCK, config.channels, 1)
        self.stem = nn.Conv2d(3 * FRAMES * 16, quarter, 3, padding=1)
        self.fine = Residual(quarter, causal=False)
        self.down = nn.Conv2d(quarter * 4, eighth, 1)
        self.blocks = nn.ModuleList([Residual(eighth, causal=False) for _ in range(config.encoder_blocks)])
        self.out = nn.Conv2d(eighth, config.channels, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]
        self.register_buffer("mean", torch.zeros(config.channels))
        self.register_buffer("std", torch.ones(config.channels))

    def forward(self, frames: Tensor) -> Tensor:
        x = frames.flatten(0, 1)  # [BF, 12, H, W]
        quarter = F.pixel_unshuffle(x, 4)  # [BF, 192, H/4, W/4]
        linear = self.linear(F.pixel_unshuffle(x, CELL))
        y = self.fine(self.stem(quarter))
        y = self.down(F.pixel_unshuffle(y, 2))
        for block in self.blocks:
            y = block(y)
        z = linear + self.out(F.silu(y))
        z = (z - self.mean[:, None, None]) / self.std[:, None, None]
        return z.unflatten(0, frames.shape[:2])


@dataclass
class DecoderState:
    """What each causal block saw last: [B, width, h, w] a block, latents first, then frames."""

    latents: list[Tensor]
    frames: list[Tensor]


class StreamingDecoder(nn.Module):
    """Normalised latents [B, F, C, h, w] to frames [B, F, 4, 3, 8h, 8w] about [-1, 1]; chunked equals whole."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.eighth, self.quarter = config.decoder_eighth, config.decoder_quarter
        self.linear = nn.Conv2d(config.channels, BLOCK, 1)
        self.stem = nn.Conv2d(config.channels, self.eighth, 3, padding=1)
        self.blocks = nn.ModuleList([Residual(self.eighth, causal=True) for _ in range(config.decoder_blocks)])
        self.up = nn.Conv2d(self.eighth, FRAMES * self.quarter * 4, 1)
        self.fine = nn.ModuleList([Residual(self.quarter, causal=True) for _ in range(config.decoder_quarter_blocks)])
        self.out = nn.Conv2d(self.quarter, 3 * 16, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]
        self.register_buffer("mean", torch.zeros(config.channels))
        self.register_buffer("std", torch.ones(config.channels))

    def forward(self, z: Tensor, state: DecoderState | None = None) -> tuple[Tensor, DecoderState]:
        """Returns the frames and the state to hand to the next call; None starts a stream (the first latent is its own
        past).
        """
        coarse, base, latents = self.decode_latents(z, () if state is None else state.latents)
        video, frames = self.decode_frames(coarse, base, () if state is None else state.frames)
        return video.unflatten(1, (-1, FRAMES)), DecoderState(latents, frames)

    def decode_latents(self, z: Tensor, before: Sequence[Tensor] = ()) -> tuple[Tensor, Tensor, list[Tensor]]:
        """The part that looks at latents. Returns what `decode_frames` makes frames of, [B, 4F, quarter, 2h, 2w], the
        linear path's frames [B, 4F, 3, H, W], and its blocks' state, as it takes it from the call before.
        """
        batch = z.shape[0]
        z = (z * self.std[:, None, None] + self.mean[:, None, None]).flatten(0, 1)  # [BF, C, h, w]
        base = F.pixel_shuffle(self.linear(z), CELL)  # [BF, 12, H, W]
        after: list[Tensor] = []
        x = self.stem(z)
        for i, block in enumerate(self.blocks):
            x = self._causal(block, x, batch, before[i] if before else None, after)
        x = F.pixel_shuffle(self.up(F.silu(x)), 2)  # [BF, 4*quarter, 2h, 2w]
        frames = (batch, -1)
        return (
            x.unflatten(1, (FRAMES, self.quarter)).flatten(0, 1).unflatten(0, frames),
            base.unflatten(1, (FRAMES, 3)).flatten(0, 1).unflatten(0, frames),
            after,
        )

    def decode_frames(self, coarse: Tensor, base: Tensor, before: Sequence[Tensor] = ()) -> tuple[Tensor, list[Tensor]]:
        """The part that looks at frames, of any number at a time. Returns them, [B, T, 3, H, W], and its blocks' state,
        as it takes it from the call before.
        """
        batch = coarse.shape[0]
        after: list[Tensor] = []
        x = coarse.flatten(0, 1)  # [BT, quarter, 2h, 2w]
        for i, block in enumerate(self.fine):
            x = self._causal(block, x, batch, before[i] if before else None, after)
        x = F.pixel_shuffle(self.out(F.silu(x)), 4)  # [BT, 3, H, W]
        return x.unflatten(0, (batch, -1)) + base, after

    @staticmethod
    def _causal(block: nn.Module, x: Tensor, batch: int, before: Tensor | None, after: list[Tensor]) -> Tensor:
        """Applies `block` to [B*T, ...] steps in time, each beside the step before it."""
        steps = x.unflatten(0, (batch, -1))  # [B, T, width, h, w]
        first = steps[:, :1] if before is None else before[:, None]
        after.append(steps[:, -1])
        past = torch.cat([first, steps[:, :-1]], dim=1).flatten(0, 1)
        return block(x, past)


class Autoencoder(nn.Module):
    """Encoder and decoder together, for training and for packages."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = StreamingDecoder(config)
