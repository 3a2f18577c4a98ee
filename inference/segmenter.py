"""What a hold means: the thing under some places of a picture, as far as pixels of 2x2 go (interactive segmentation).

Owns `SegmenterNet` and how places on a thing, and beside it, are shown to it. Never sees motion, and never learns what
the networks whose eyes it has see: `inference.affinity`, which knows the world's things, and `inference.recogniser`,
which has seen photographs of a thousand kinds. Runs on the caller's thread, once a grab.

Affinity alone compares places two by two; a thing of several colours is one thing to whoever sees all of it
(docs/log.md, "What a hold means").
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inference.affinity import AffinityNet, feature_distance
from inference.config import SegmenterConfig
from inference.layer import grid_centres, square_distance
from inference.pyramid import STRIDE, Block, doubled
from inference.recogniser import Recogniser

FINE = 2  # pixels of a place of the answer
NEAR, AROUND = 0.03, 0.15  # picture heights: how wide a place is shown, sharply and softly
MAPS = 5  # channels in which places are shown


@dataclass(frozen=True, eq=False)
class Sight:
    """What is seen of B pictures at a quarter, an eighth and a sixteenth of their size, [B, ., h, w] each, and the
    affinity network's features [B, D, H/4, W/4].
    """

    quarter: Tensor
    eighth: Tensor
    sixteenth: Tensor
    features: Tensor

    @classmethod
    def of(cls, picture: Tensor, affinity: AffinityNet, recogniser: Recogniser) -> Sight:
        """picture: float32 [B, 3, H, W] in [-1, 1]; H and W divide by 16."""
        own = affinity.levels(picture)
        quarter, eighth, sixteenth, coarse = recogniser.levels(picture)
        coarse = F.interpolate(coarse, size=sixteenth.shape[2:], mode="bilinear")
        return cls(
            torch.cat([_even(own[0]), _even(quarter), F.pixel_unshuffle(picture, STRIDE)], dim=1),
            torch.cat([_even(own[1]), _even(eighth)], dim=1),
            torch.cat([_even(own[2]), _even(sixteenth), _even(coarse)], dim=1),
            affinity.said(own),
        )


class SegmenterNet(nn.Module):
    """Sight and shown places to how likely every place of 2x2 pixels is of the thing."""

    def __init__(self, config: SegmenterConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.quarter, config.eighth, config.sixteenth
        self.seen = nn.ModuleList([nn.Conv2d(seen, width, 1) for seen, width in zip(config.seen, widths, strict=True)])
        self.shown = nn.ModuleList([nn.Conv2d(MAPS, width, 3, padding=1) for width in widths])
        self.blocks = nn.ModuleList([Block(width) for width in widths])
        layer = nn.TransformerEncoderLayer(
            widths[2], config.heads, 2 * widths[2], dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.whole = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.up = nn.ModuleList([nn.Conv2d(widths[1], widths[0], 1), nn.Conv2d(widths[2], widths[1], 1)])
        self.last = Block(widths[0])
        self.out = nn.Conv2d(widths[0], (STRIDE // FINE) ** 2, 3, padding=1)

    def forward(self, sight: Sight, maps: Tensor) -> Tensor:
        """maps: [B, K, MAPS, H/4, W/4] of `shown`, K holds a picture: logits [B, K, H/2, W/2]."""
        batch, holds = maps.shape[:2]
        flat = maps.flatten(0, 1)  # [B*K, MAPS, H/4, W/4]

        def entered(level: int, seen: Tensor) -> Tensor:
            here: Tensor = self.seen[level](seen)[:, None]  # [B, 1, ., h, w], the same for each hold
            said: Tensor = self.shown[level](F.avg_pool2d(flat, 2**level))
            return (here + said.unflatten(0, (batch, holds))).flatten(0, 1)

        x = self.blocks[2](entered(2, sight.sixteenth))
        x = self.whole(x.flatten(2).transpose(1, 2)).transpose(1, 2).unflatten(2, x.shape[2:])
        x = self.blocks[1](entered(1, sight.eighth) + doubled(self.up[1](x)))
        x = self.last(self.blocks[0](entered(0, sight.quarter) + doubled(self.up[0](x))))
        found: Tensor = F.pixel_shuffle(self.out(F.silu(x)), STRIDE // FINE)
        return found[:, 0].unflatten(0, (batch, holds))

    def likely(self, sight: Sight, on: Tensor, beside: Tensor) -> Tensor:
        """Of one picture and one hold at places [1, n, 2], not of what is at [1, m, 2]: [H/2, W/2] in [0, 1]."""
        return torch.sigmoid(self(sight, shown(sight.features, on, beside)[None]))[0, 0]


def shown(features: Tensor, on: Tensor, beside: Tensor) -> Tensor:
    """How holds of one picture are shown: [1, D, h, w] and places on things [K, n, 2] and beside them [K, m, 2],
    normalised, NaN where there is none, to [K, MAPS, h, w].
    """
    return torch.cat([_places(features, on, (NEAR, AROUND)), _places(features, beside, (NEAR,))], dim=1)


def _places(features: Tensor, at: Tensor, widths: tuple[float, ...]) -> Tensor:
    """[K, len(widths) + 1, h, w]: nearness to the nearest of the places, and the affinity to the likest."""
    h, w = features.shape[2:]
    known = ~at.isnan().any(-1)  # [K, n]
    if not at.shape[1]:
        return features.new_zeros(len(at), len(widths) + 1, h, w)
    aspect = torch.tensor([w / h, 1.0], device=features.device)
    at = torch.where(known[..., None], at, 0.0)
    apart = square_distance(grid_centres(h, w, features.device) * aspect, at * aspect)  # [K, Q, n]
    nearest = torch.where(known[:, None], apart, torch.inf).amin(-1)
    alike = torch.exp(-feature_distance(features.expand(len(at), -1, -1, -1), at))
    likest = torch.where(known[:, None], alike, 0.0).amax(-1)
    found = torch.stack([*(torch.exp(-nearest / width**2) for width in widths), likest], dim=1)
    return found.unflatten(2, (h, w))


def _even(x: Tensor) -> Tensor:
    """Each picture's channels together of mean 0 and deviation 1: two networks' numbers side by side."""
    return F.group_norm(x, 1)
