"""Holes filled softly from what lies around them, by a pyramid.

Owns that one filter. Learns nothing and moves nothing. Runs on the caller's thread.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

FAINT = 1e-6  # below this a weight counts for nothing
SQUEEZE = 4
STAYS = 0.1  # a pixel of this weight stays by about a half


def fill_coarsely(weighted: Tensor, weight: Tensor, cell: int) -> Tensor:
    """`fill`, with colours looked for on cells of `cell` x `cell` pixels: as soft, in half the time.

    weighted: frames times their weight, [M, C, H, W].
    """
    total, mass = F.avg_pool2d(weighted, cell), F.avg_pool2d(weight, cell)
    around = fill(total / mass.clamp_min(FAINT), mass)
    around = F.interpolate(around, size=weighted.shape[-2:], mode="bilinear", align_corners=False)
    # torch.lerp(around, weighted / weight, _share(weight)), in fewer passes over all colours.
    scale = (weight + STAYS * (1.0 - weight)).reciprocal()
    return torch.addcmul(weighted * scale, around, STAYS * (1.0 - weight) * scale)


def fill(frames: Tensor, weight: Tensor) -> Tensor:
    """Replaces pixels of little weight by the weighted mean of their surroundings (pull and push over a pyramid).

    frames: [M, C, H, W]; weight: [M, 1, H, W] in [0, 1]. Pixels of weight 1 stay as they are.
    """
    levels = [(frames * weight, weight)]
    while min(levels[-1][1].shape[-2:]) > 1:
        frames, weight = (F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False) for x in levels[-1])
        levels.append((frames, weight))
    coarse, mass = levels.pop()
    filled = coarse / mass.clamp_min(FAINT)
    for weighted, mass in reversed(levels):
        around = F.interpolate(filled, size=mass.shape[-2:], mode="bilinear", align_corners=False)
        filled = around + _share(mass) * (weighted / mass.clamp_min(FAINT) - around)
    return filled


def fill_along_rows(frames: Tensor, weight: Tensor) -> Tensor:
    """`fill`, where what lies beside counts as much as what is four times as near above and below: skies, ridges and
    floors lie in rows.
    """
    squeezed, mass = (F.avg_pool2d(x, (1, SQUEEZE), ceil_mode=True) for x in (frames * weight, weight))
    filled = fill(squeezed / mass.clamp_min(FAINT), mass)
    around = F.interpolate(filled, size=frames.shape[-2:], mode="bilinear", align_corners=False)
    return torch.lerp(around, frames, weight)


def _share(weight: Tensor) -> Tensor:
    """How much of a pixel stays: nearly all until its weight is faint."""
    return weight / (weight + STAYS * (1.0 - weight))
