"""What belongs together in a picture: features whose distance says whether two places move as one thing.

Owns `AffinityNet`, which looks at a picture once, when it is opened. Never sees a track or a second frame. Runs on the
caller's thread.

The paper leaves it to the big model to know where a grabbed thing ends. Here a small network learns it from the world's
owner maps (`training.affinity`), and `inference.layer` asks it what goes along with a track.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inference.config import AffinityConfig

STRIDE = 4  # pixels of a feature's side
GROUPS = 8  # of channels that are normalised together


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


class AffinityNet(nn.Module):
    """Pictures [B, 3, H, W] in [-1, 1] to features [B, D, H/4, W/4]; H and W divide by 16.

    exp(-|f_p - f_q|^2) is the affinity of two places: 1 where they belong to one thing. Convolutions find borders;
    attention over the whole picture, at a sixteenth of its size, finds out what they enclose.
    """

    def __init__(self, config: AffinityConfig) -> None:
        super().__init__()
        self.config = config
        quarter, eighth, sixteenth = config.quarter, config.eighth, config.sixteenth
        self.stem = nn.Conv2d(3 * STRIDE**2, quarter, 3, padding=1)
        self.down = nn.ModuleList([nn.Conv2d(4 * quarter, eighth, 1), nn.Conv2d(4 * eighth, sixteenth, 1)])
        self.before = nn.ModuleList([Block(width) for width in (quarter, eighth, sixteenth)])
        layer = nn.TransformerEncoderLayer(
            sixteenth, config.heads, 2 * sixteenth, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.whole = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.up = nn.ModuleList([nn.Conv2d(sixteenth, eighth, 1), nn.Conv2d(eighth, quarter, 1)])
        self.after = nn.ModuleList([Block(width) for width in (sixteenth, eighth, quarter)])
        self.out = nn.Conv2d(quarter, config.features, 3, padding=1)

    def forward(self, picture: Tensor) -> Tensor:
        quarter = self.before[0](self.stem(F.pixel_unshuffle(picture, STRIDE)))
        eighth = self.before[1](self.down[0](F.pixel_unshuffle(quarter, 2)))
        x = self.before[2](self.down[1](F.pixel_unshuffle(eighth, 2)))  # [B, ., H/16, W/16]
        x = self.after[0](self.whole(x.flatten(2).transpose(1, 2)).transpose(1, 2).unflatten(2, x.shape[2:]))
        x = self.after[1](eighth + _doubled(self.up[0](x)))
        x = self.after[2](quarter + _doubled(self.up[1](x)))
        return self.out(F.silu(x))


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def feature_distance(features: Tensor, at: Tensor) -> Tensor:
    """Squares of distances in features from every place to the places `at` [B, N, 2], normalised: [B, h*w, N]."""
    own = F.grid_sample(features, (at * 2.0 - 1.0)[:, None], align_corners=False, padding_mode="border")[:, :, 0]
    everywhere = features.flatten(2).transpose(1, 2)  # [B, h*w, D]
    return torch.cdist(everywhere, own.transpose(1, 2), compute_mode="use_mm_for_euclid_dist").square()
