"""Tracks as input channels: the identity canvas and the track head (paper section 1).

Owns the canvas of sinusoidal identities, the rule for crowded cells and the 1x1 head that packs four frames into one
latent. Never sees pixels. Runs on the caller's thread.

Beside its identity a track writes where it lies within its 8-pixel cell: a cell alone would leave about 3 px of error.
One track a cell: the visible one nearest the cell's centre, the first of equals.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from inference.autoencoder import FRAMES
from inference.config import ControlConfig

OFFSETS = 2  # x and y within the cell, each in [-0.5, 0.5]


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
    batch, frames, count = visible.shape
    canvas = torch.zeros(batch * frames, h * w, dim + OFFSETS, device=xy.device)
    if count == 0:
        return canvas.view(batch, frames, h, w, -1).permute(0, 1, 4, 2, 3)
    scaled = xy * torch.tensor([w, h], device=xy.device)
    cell = scaled.floor()
    inside = ((xy >= 0) & (xy < 1)).all(-1) & visible
    offset = scaled - cell - 0.5  # [B, T, N, 2]
    index = torch.where(inside, cell[..., 1] * w + cell[..., 0], h * w).long().flatten(0, 1)  # h*w: nowhere
    distance = torch.where(inside, offset.square().sum(-1), torch.inf).flatten(0, 1)
    nearest = torch.full((batch * frames, h * w + 1), torch.inf, device=xy.device)
    nearest = nearest.scatter_reduce(1, index, distance, "amin")
    order = torch.arange(count, device=xy.device).expand_as(index)
    tied = torch.where((distance == nearest.gather(1, index)) & inside.flatten(0, 1), order, count)
    first = torch.full((batch * frames, h * w + 1), count, device=xy.device).scatter_reduce(1, index, tied, "amin")[
        :, :-1
    ]
    values = torch.cat([identity_encoding(ids, dim)[:, None].expand(-1, frames, -1, -1), offset], dim=-1).flatten(0, 1)
    values = torch.cat([values, torch.zeros_like(values[:, :1])], dim=1)  # row `count`: no track
    canvas = values.gather(1, first[..., None].expand(-1, -1, dim + OFFSETS))
    return canvas.view(batch, frames, h, w, -1).permute(0, 1, 4, 2, 3)


class TrackHead(nn.Module):
    """Canvas of a latent's four frames [B, 4F, dim + 2, h, w] to control channels [B, F, head_channels, h, w]."""

    def __init__(self, config: ControlConfig) -> None:
        super().__init__()
        self.conv = nn.Conv2d(FRAMES * (config.id_dim + OFFSETS), config.head_channels, 1)

    def forward(self, canvas: Tensor) -> Tensor:
        packed = canvas.unflatten(1, (-1, FRAMES)).flatten(2, 3)  # [B, F, 4*(dim+2), h, w]
        return self.conv(packed.flatten(0, 1)).unflatten(0, packed.shape[:2])
