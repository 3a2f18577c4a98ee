"""A small network that looks at a picture as a whole: what `AffinityNet`, `DepthNet` and `BackdropNet` have in common.

Owns the layers between a picture and what is said of every place in it. Never knows what that is. Runs on the caller's
thread.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STRIDE = 4  # pixels of a feature's side
GROUPS = 8  # of channels that are normalised together


class PyramidConfig(Protocol):
    """Widths at a quarter, an eighth and a sixteenth of the picture's size; attention at the last."""

    @property
    def quarter(self) -> int: ...
    @property
    def eighth(self) -> int: ...
    @property
    def sixteenth(self) -> int: ...
    @property
    def layers(self) -> int: ...
    @property
    def heads(self) -> int: ...


class Block(nn.Module):
    """Two normalised 3x3 convolutions over a skip."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.GroupNorm(GROUPS, width) for _ in range(2)])
        self.convs = nn.ModuleList([nn.Conv2d(width, width, 3, padding=1) for _ in range(2)])

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for norm, conv in zip(self.norms, self.convs, strict=True):
            y = conv(F.silu(norm(y)))
        return x + y


class Pyramid(nn.Module):
    """Pictures [B, inputs, H, W] about [-1, 1] to [B, channels, H/4, W/4]; H and W divide by 16.

    Convolutions find borders; attention over the whole picture, at a sixteenth of its size, finds out what they
    enclose. `placed`: attention also knows where in the picture a place is.
    """

    def __init__(self, config: PyramidConfig, channels: int, *, placed: bool, inputs: int = 3) -> None:
        super().__init__()
        quarter, eighth, sixteenth = config.quarter, config.eighth, config.sixteenth
        self.stem = nn.Conv2d(inputs * STRIDE**2, quarter, 3, padding=1)
        self.down = nn.ModuleList([nn.Conv2d(4 * quarter, eighth, 1), nn.Conv2d(4 * eighth, sixteenth, 1)])
        self.before = nn.ModuleList([Block(width) for width in (quarter, eighth, sixteenth)])
        self.place = nn.Conv2d(2, sixteenth, 1, bias=False) if placed else None
        layer = nn.TransformerEncoderLayer(
            sixteenth, config.heads, 2 * sixteenth, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.whole = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.up = nn.ModuleList([nn.Conv2d(sixteenth, eighth, 1), nn.Conv2d(eighth, quarter, 1)])
        self.after = nn.ModuleList([Block(width) for width in (sixteenth, eighth, quarter)])
        self.out = nn.Conv2d(quarter, channels, 3, padding=1)

    def forward(self, picture: Tensor) -> Tensor:
        return self.said(self.levels(picture))

    def said(self, levels: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """The answer to a picture of which `levels` were seen."""
        found: Tensor = self.out(F.silu(levels[0]))
        return found

    def levels(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the network makes of the picture at a quarter, an eighth and a sixteenth of its size."""
        quarter = self.before[0](self.stem(F.pixel_unshuffle(picture, STRIDE)))
        eighth = self.before[1](self.down[0](F.pixel_unshuffle(quarter, 2)))
        x = self.before[2](self.down[1](F.pixel_unshuffle(eighth, 2)))  # [B, ., H/16, W/16]
        if self.place is not None:
            x = x + self.place(_places(x))
        sixteenth = self.after[0](self.whole(x.flatten(2).transpose(1, 2)).transpose(1, 2).unflatten(2, x.shape[2:]))
        eighth = self.after[1](eighth + doubled(self.up[0](sixteenth)))
        return self.after[2](quarter + doubled(self.up[1](eighth))), eighth, sixteenth


def _places(x: Tensor) -> Tensor:
    """Where the cells of [B, ., h, w] are, from -1 to 1 across and down: [1, 2, h, w]."""
    height, width = x.shape[2:]
    down = (torch.arange(height, device=x.device) + 0.5) * (2.0 / height) - 1.0
    across = (torch.arange(width, device=x.device) + 0.5) * (2.0 / width) - 1.0
    return torch.stack(torch.meshgrid(across, down, indexing="xy"))[None].to(x.dtype)


def doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
