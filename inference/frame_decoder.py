"""From latents to pictures, one at a time: the decoder, the mask that lets the carried picture through, and bytes.

Owns that order, and what the decoder saw last. A person waits for the first picture of a chunk, never for its last: so
each is handed over as soon as it is there. Runs on the caller's thread.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from inference.autoencoder import StreamingDecoder
from inference.blend import BlendNet


class LatentsDecoder(nn.Module):
    """The decoder's part that looks at a chunk's latents, in tensors alone (`inference.backend`)."""

    def __init__(self, decoder: StreamingDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, latents: Tensor, *before: Tensor) -> tuple[Tensor, ...]:
        """latents: [1, F, C, h, w]; before: the state, none to start a stream. Returns two of 4F frames each, and the
        state.
        """
        coarse, base, after = self.decoder.decode_latents(latents, before)
        return coarse, base, *after


class PictureDecoder(nn.Module):
    """The decoder's part that looks at one frame, and what comes after it, in tensors alone."""

    def __init__(self, decoder: StreamingDecoder, blend: BlendNet | None) -> None:
        super().__init__()
        self.decoder, self.blend = decoder, blend

    def forward(self, coarse: Tensor, base: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        """coarse, base: [1, 1, ...] of `LatentsDecoder`; others: with a mask the carried frame [1, 3, H, W] in [-1, 1]
        and how far the picture shows it [1, 1, H, W], then the state. Returns uint8 [1, H, W, 4] and the state.
        """
        through, before = (others[:2], others[2:]) if self.blend is not None else ((), others)
        video, after = self.decoder.decode_frames(coarse, base, before)
        rgb = video[0]  # [1, 3, H, W]
        if self.blend is not None:
            rgb = self.blend(rgb, *(x.to(rgb.dtype) for x in through))
        # Joined while planes lie one after another: byte by byte it takes three milliseconds.
        rgba = torch.cat([rgb.float().clamp(-1, 1), torch.ones_like(rgb[:, :1], dtype=torch.float32)], dim=1)
        return rgba.add(1).mul(127.5).round().to(torch.uint8).permute(0, 2, 3, 1), *after


class FrameDecoder:
    """Latents to RGBA frames. A package without a mask shows the decoder's frames."""

    def __init__(self, decoder: StreamingDecoder, blend: BlendNet | None) -> None:
        self.latents, self.picture = LatentsDecoder(decoder), PictureDecoder(decoder, blend)
        self.reset()

    def reset(self) -> None:
        """What comes next starts a stream."""
        self._before: tuple[tuple[Tensor, ...], tuple[Tensor, ...]] = (), ()

    def frames(self, latents: Tensor, through: tuple[Tensor, Tensor] | None) -> Iterator[Tensor]:
        """Each of T = 4F frames when it is asked for, uint8 [H, W, 4]; all of them, before the next latents.

        latents: [1, F, C, h, w]; through: the carried frames [T, 3, H, W] in [-1, 1] and how far the picture shows
        them [T, 1, H, W], or None.
        """
        coarse, base, *seen = self.latents(latents, *self._before[0])
        self._before = tuple(seen), self._before[1]
        for j in range(coarse.shape[1]):
            carried = () if through is None or self.picture.blend is None else (x[j : j + 1] for x in through)
            rgba, *last = self.picture(coarse[:, j : j + 1], base[:, j : j + 1], *carried, *self._before[1])
            self._before = self._before[0], tuple(last)
            yield rgba[0]
