"""The shadow that a thing throws: how much darker every place of the picture is for it.

Owns `ShadeNet`, and light with and without. Never decides what a thing is (`inference.outline`) and never moves one
(`inference.carry`). Runs on the caller's thread, once a grab.

A thing that is dragged and leaves its shadow behind floats, and where it stood a dark spot tells of it. A shadow is a
factor on what the light falls on: taken off, the ground's own grain is there; put on elsewhere, the ground there is
what it was, darker. Where a thing has not moved, both undo each other.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from inference.config import ShadeConfig
from inference.fill import fill
from inference.pyramid import Pyramid

FINE = 2  # pixels of a place of the answer
DARKEST = 0.8  # share of the light that a shadow takes at most: what was black cannot be made bright again
AROUND = 3  # places on a side whose mean is the ground's light, grain and all
FAINT = 0.04  # of it: what is less is no shadow, and the noise of a network everywhere


class ShadeNet(Pyramid):
    """Pictures [B, 3, H, W] in [-1, 1] and outlines of a thing in each [B, 1, H, W] in [0, 1] to log odds of how much
    of the light it takes [B, 1, H/2, W/2]; H and W divide by 16.
    """

    def __init__(self, config: ShadeConfig) -> None:
        super().__init__(config, FINE**2, placed=True, inputs=4)
        self.config = config
        assert self.out.bias is not None
        torch.nn.init.constant_(self.out.bias, -4.0)  # most places lie in no shadow

    def forward(self, picture: Tensor, outline: Tensor | None = None) -> Tensor:
        assert outline is not None
        return F.pixel_shuffle(super().forward(torch.cat([picture, 2.0 * outline - 1.0], dim=1)), FINE)


@torch.no_grad()
def shade(net: ShadeNet, picture: Tensor, outline: Tensor) -> Tensor:
    """What of the light a thing leaves, [1, 1, H/2, W/2] in [1 - DARKEST, 1]; 1 on itself. outline: [1, 1, H, W]."""
    dark = net(picture, outline).sigmoid()
    dark = dark * (dark / FAINT - 1.0).clamp(0.0, 1.0)
    own = F.avg_pool2d(outline, FINE)
    dark = torch.minimum(dark.clamp_max(DARKEST), _darker(F.avg_pool2d(picture, FINE), dark, own))
    return 1.0 - dark * (1.0 - own)


def _darker(picture: Tensor, dark: Tensor, own: Tensor) -> Tensor:
    """How much darker a picture is than the ground about thing and shadow, as a share [1, 1, h, w], in the colour in
    which it is least: of more than that no shadow took the light, or the ground would shine without it.
    """
    about = 1.0 - own  # the thing's own light says nothing
    ground = fill(picture + 1.0, about * (dark <= FAINT))
    light, weight = (F.avg_pool2d(x, AROUND, stride=1, padding=AROUND // 2) for x in ((picture + 1.0) * about, about))
    share = light / (weight * ground).clamp_min(1e-3)
    return (1.0 - share.amax(1, keepdim=True)).clamp(0.0, 1.0)


def left_by_all(left: Tensor, size: tuple[int, ...]) -> Tensor:
    """What of the light several things leave together: [B, K, h, w] to pixels [B, 1, *size]."""
    return F.interpolate(left.prod(1, keepdim=True), size=size, mode="bilinear", align_corners=False)


def darkened(light: Tensor, left: Tensor, weight: Tensor | float = 1.0) -> Tensor:
    """Colours in [-1, 1], each times its weight, of which so much of the light is left."""
    return left * (light + weight) - weight


def brightened(colours: Tensor, left: Tensor) -> Tensor:
    """What `darkened` makes `colours` of; beyond 1 where that is what undoes it."""
    return (colours + 1.0) / left - 1.0
