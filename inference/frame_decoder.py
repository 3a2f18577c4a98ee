"""From latents to pictures: the decoder, the mask that lets the carried picture through, and bytes.

Owns that order. Holds no state between calls: the decoder's is handed in and out. Runs on the caller's thread.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from inference.autoencoder import DecoderState, StreamingDecoder
from inference.blend import BlendNet


class FrameDecoder(nn.Module):
    """Latents to RGBA frames. A package without a mask shows the decoder's frames."""

    def __init__(self, decoder: StreamingDecoder, blend: BlendNet | None) -> None:
        super().__init__()
        self.decoder, self.blend = decoder, blend

    def forward(
        self, latents: Tensor, through: tuple[Tensor, Tensor] | None, state: DecoderState | None
    ) -> tuple[Tensor, DecoderState]:
        """latents: [1, F, C, h, w]; through: the carried frames [T, 3, H, W] in [-1, 1] and how far the picture shows
        them [T, 1, H, W], or None. Returns uint8 [T, H, W, 4] and the state to hand to the next call; None starts a
        stream.
        """
        video, after = self.decoder(latents, state)
        rgb = video[0].flatten(0, 1)  # [T, 3, H, W]
        if through is not None and self.blend is not None:
            rgb = self.blend(rgb, *(x.to(rgb.dtype) for x in through))
        # Joined while planes lie one after another: byte by byte it takes three milliseconds.
        rgba = torch.cat([rgb.float().clamp(-1, 1), torch.ones_like(rgb[:, :1], dtype=torch.float32)], dim=1)
        return rgba.add(1).mul(127.5).round().to(torch.uint8).permute(0, 2, 3, 1), after
