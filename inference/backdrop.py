"""What lies behind the things that were taken away: the picture without them, imagined once for every set of things.

Owns `BackdropNet` and where its picture stands in for the one that was given. Never moves a pixel (`inference.carry`).
Runs on the caller's thread.

When a thing is dragged off its place, the picture shows nothing of what was behind it. Filling each frame's hole by
what lies around it there smears the thing itself into it and changes with every frame. Here the hole is filled once,
where the thing stood, from the rest of the picture alone: softly by arithmetic (`inference.fill`), then corrected by a
network that learnt from pictures of the world with and without a thing (`training.backdrop`), then with the texture of
what is shown elsewhere (`inference.texture`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inference.config import BackdropConfig
from inference.fill import fill
from inference.layer import grid_of, moved_share, moving_layer
from inference.pyramid import STRIDE, Pyramid
from inference.texture import textured

RIM = 3  # cells of STRIDE pixels: the rim of a thing is a mixture of both, and goes with it
GONE = 0.7  # a place of which this much went tells nothing of what was behind
SOME, MOST = 0.35, 0.6  # shares of the picture: with less than the first taken away the rest tells what was behind it,
# with more than the second nothing does (a camera moves, not a thing)


class BackdropNet(nn.Module):
    """Pictures with holes to pictures without; H and W divide by 16."""

    def __init__(self, config: BackdropConfig) -> None:
        super().__init__()
        self.config = config
        self.net = Pyramid(config, 3 * STRIDE**2, placed=True, inputs=4)

    def forward(self, picture: Tensor, hole: Tensor) -> Tensor:
        """picture: [B, 3, H, W] in [-1, 1]; hole: [B, 1, H, W] in [0, 1]. What is not in the hole stays as it is."""
        softly = fill(picture, 1.0 - hole)
        correction = F.pixel_shuffle(self.net(torch.cat([softly, hole], dim=1)), STRIDE)
        return softly + hole * correction


def behind_moving(
    net: BackdropNet | None, picture: Tensor, belongs: Tensor, origin: Tensor, moved: Tensor, seen: Tensor
) -> Tensor:
    """`backdrop` for what `taken_away` finds."""
    return backdrop(net, picture, hole_of(taken_away(belongs, origin, moved, seen, *picture.shape[2:])))


def taken_away(belongs: Tensor, origin: Tensor, moved: Tensor, seen: Tensor, height: int, width: int) -> Tensor:
    """What moved from its place in a picture of height x width pixels: [B, 1, H/4, W/4] in [0, 1].

    Of tracks that begin at `origin` [B, N, 2]: belongs [B, Q, N] as `inference.carry`; moved: bool [B, N], of
    `has_moved`; seen: bool [B, N], the tracks that are ever visible.
    """
    h, w = height // STRIDE, width // STRIDE
    share = moved_share(origin, moved, seen, h, w).view(-1, 1, h, w)
    layer = moving_layer(belongs, moved[:, None]).unflatten(2, grid_of(belongs.shape[1], height, width))
    return F.adaptive_avg_pool2d(layer, (h, w)) * share


def hole_of(layer: Tensor) -> Tensor:
    """How far something was taken from each place of the picture [B, 1, h, w], as a hole in it [B, 1, 4h, 4w]."""
    wider = F.max_pool2d(layer, RIM, stride=1, padding=RIM // 2)
    hole = F.interpolate(wider, scale_factor=float(STRIDE), mode="bilinear", align_corners=False)
    return (hole / GONE).clamp(0.0, 1.0)


def backdrop(net: BackdropNet | None, picture: Tensor, hole: Tensor, *, texture: bool = False) -> Tensor:
    """The picture [B, 3, H, W] without what moves, and how far that is to be shown in place of a hole: [B, 4, H, W].

    hole: [B, 1, H, W] in [0, 1], of `hole_of` what was taken away at any time. net: None for a package that has none;
    the hole is then filled softly and no more. texture: of a batch of one; costs a tenth of a second.
    """
    behind = fill(picture, 1.0 - hole) if net is None else net(picture, hole).clamp(-1.0, 1.0)
    taken = hole.mean((1, 2, 3), keepdim=True)
    valid = ((MOST - taken) / (MOST - SOME)).clamp(0.0, 1.0)
    if texture and bool((valid > 0).any()):
        behind = textured(picture, behind, hole)
    return torch.cat([behind, valid.expand_as(hole)], dim=1)
