"""Tracks as input channels: the identity canvas and the track head (paper section 1).

Owns the sinusoidal identities and the 1x1 head that packs four frames into one
latent. Never sees pixels. Runs on the caller's thread.

Beside its identity a track writes where it lies within its 8-pixel cell: a cell alone would leave about 3 px of error.
One track a cell, by the rule of `kernels.tracks_to_canvas`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from inference.autoencoder import FRAMES
from inference.config import ControlConfig
from kernels.tracks_to_canvas import OFFSETS, tracks_to_canvas


def identity_encoding(ids: Tensor, dim: int) -> Tensor:
    """Sinusoids of the identities [...], float32 [..., dim]: [cos, sin] of ids / 10000^(j / (dim/2)), as for
    timesteps.
    """
    half = dim // 2
    rates = torch.exp(torch.arange(half, device=ids.device) * (-torch.log(torch.tensor(1e4)) / half))
    angles = ids[..., None].float() * rates
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def track_canvas(xy: Tensor, visible: Tensor, ids: Tensor, h: int, w: int, dim: int) -> Tensor:
    """Scatters tracks onto latent cells.

    xy: [B, T, N, 2] normalised; visible: bool [B, T, N]; ids: [B, N]. Returns [B, T, dim + 2, h, w], zero where no
    track is: c[t, floor(y h), floor(x w)] = visible * phi_id, and the offset from that cell's centre.
    """
    return tracks_to_canvas(xy, visible, identity_encoding(ids, dim), h, w)


class TrackHead(nn.Module):
    """Canvas of a latent's four frames [B, 4F, dim + 2, h, w] to control channels [B, F, head_channels, h, w]."""

    def __init__(self, config: ControlConfig) -> None:
        super().__init__()
        self.conv = nn.Conv2d(FRAMES * (config.id_dim + OFFSETS), config.head_channels, 1)

    def forward(self, canvas: Tensor) -> Tensor:
        packed = canvas.unflatten(1, (-1, FRAMES)).flatten(2, 3)  # [B, F, 4*(dim+2), h, w]
        return self.conv(packed.flatten(0, 1)).unflatten(0, packed.shape[:2])
