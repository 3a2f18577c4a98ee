"""Which part of the picture goes along with the tracks: the moving layer.

Owns how tracks, nearness and affinity make a layer. Never warps anything (`inference.carry`) and learns nothing itself.
Runs on the caller's thread.

What lies right at a track goes along whatever it is. Further out the affinity network decides (`inference.affinity`),
and the layer grows from the tracks through what belongs to them: another thing that merely resembles the one held, and
does not touch it, stays where it is.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from inference.affinity import feature_distance

# In picture heights:
AT = 0.045  # what lies this near to a track belongs to it whatever it is,
NEAR = 0.08  # and what lies this near unless the affinity denies it
MOVED = 0.015  # a track this far from its origin has moved: two pixels of 144
BESIDE = 0.015  # closer than this, tracks speak alike for a place
TOGETHER = 0.05  # tracks this near to each other say together what belongs to them
# Elsewhere:
DOUBT = 0.5  # how far the affinity may deny what lies near
LEANING = 0.3  # added to the affinity's log odds: half a thing left behind is worse than a wrong border
CONTRAST = 4.0  # times their sum: what hardly belongs would come along as a ghost
FAINT = 1e-6  # below this a weight counts for nothing


def belonging(features: Tensor, origin: Tensor, seen: Tensor, reach: float) -> Tensor:
    """How far each place of the picture goes along with each track, in [0, 1]: [B, H/4 * W/4, N].

    features: [B, D, H/4, W/4] of `inference.affinity`; origin: [B, N, 2]; seen: bool [B, N], the tracks that are ever
    visible; reach: picture heights, how far a track takes anything along. It is a matter of the picture and the tracks'
    origins alone: a stream asks once for each set of tracks.
    """
    batch, _, h, w = features.shape
    if origin.shape[1] == 0:
        return features.new_zeros(batch, h * w, 0)
    aspect = torch.tensor([w / h, 1.0], device=features.device)
    distance = square_distance(grid_centres(h, w, features.device) * aspect, origin * aspect)  # [B, Q, N]
    at, near, within = (1.0 / (1.0 + (distance / r**2).square().square()) for r in (AT, NEAR, reach))
    # Neighbouring tracks hold one thing: what they say together errs less than any one of them.
    weight = (distance + TOGETHER**2).reciprocal() * seen[:, None]
    affinity = torch.exp(-feature_distance(features, origin))
    together = (weight * affinity).sum(-1) / weight.sum(-1).clamp_min(FAINT)  # [B, Q]
    together = torch.sigmoid(CONTRAST * (torch.logit(together, 1e-4) + LEANING))
    seeds = together * (near * seen[:, None]).amax(-1)
    whole = grown(seeds.view(batch, 1, h, w), together.view(batch, 1, h, w)).view(batch, -1, 1)
    near = near * (1.0 - DOUBT * (1.0 - whole))
    return torch.maximum(at, torch.maximum(near, within * whole))


def within_reach(origin: Tensor, h: int, w: int, reach: float) -> Tensor:
    """How far each place of an h x w grid lies within a track's reach, in picture heights: [B, N, 2] to [B, h * w, N]
    in [0, 1].
    """
    aspect = torch.tensor([w / h, 1.0], device=origin.device)
    distance = square_distance(grid_centres(h, w, origin.device) * aspect, origin * aspect)
    return 1.0 / (1.0 + (distance / reach**2).square().square())


def grown(seeds: Tensor, within: Tensor) -> Tensor:
    """Morphological reconstruction [B, 1, h, w]: how well each place is joined to a seed, the worst step of the best
    way through `within` telling.
    """
    reached = torch.minimum(seeds, within)
    for _ in range(seeds.shape[-1] + seeds.shape[-2]):
        wider = torch.minimum(within, F.max_pool2d(reached, 3, stride=1, padding=1))
        if torch.equal(wider, reached):
            break
        reached = wider
    return reached


def moving_layer(belongs: Tensor, visible: Tensor) -> Tensor:
    """How far each place of the picture goes along with some visible track: [B, Q, N] and [B, T, N] to [B, T, Q]."""
    if visible.shape[2] == 0:
        return belongs.new_zeros(*visible.shape[:2], belongs.shape[1])
    frames = visible.shape[1]
    if visible.device.type == "cpu" and torch.equal(visible, visible[:, :1].expand(-1, frames, -1)):  # as a rule
        return (belongs * visible[:, :1]).amax(-1)[:, None].expand(-1, frames, -1)
    return (belongs[:, None] * visible[:, :, None]).amax(-1)


def moved_share(origin: Tensor, moved: Tensor, seen: Tensor, h: int, w: int) -> Tensor:
    """How far the tracks near each place of an h x w grid are among the moved ones: [B, N, 2] and bool [B, N] twice to
    [B, h * w] in [0, 1]. `belonging` says what would go along with a track were it alone; where others stand still
    beside it, the nearer ones say (as in `inference.affine_field`).
    """
    aspect = torch.tensor([w / h, 1.0], device=origin.device)
    apart = square_distance(grid_centres(h, w, origin.device) * aspect, origin * aspect) + BESIDE**2  # [B, Q, N]
    weight = (BESIDE**2 / apart).pow(3) * seen[:, None]
    return (weight * moved[:, None]).sum(-1) / weight.sum(-1).clamp_min(FAINT**3)


def has_moved(origin: Tensor, xy: Tensor, visible: Tensor, aspect: float) -> Tensor:
    """Which tracks are ever seen away from their origins: [B, N, 2], [B, T, N, 2] and [B, T, N] to bool [B, N]."""
    scale = torch.tensor([aspect, 1.0], device=xy.device)
    return (((xy - origin[:, None]) * scale).norm(dim=-1).gt(MOVED) & visible).any(1)


def grid_of(places: int, height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the grid of square cells that so many places make over a picture."""
    side = math.sqrt(height * width / places)
    return round(height / side), round(width / side)


@lru_cache(16)
def grid_centres(h: int, w: int, device: torch.device) -> Tensor:
    """Centres of an h x w grid over the picture, normalised, [h*w, 2], row after row. Kept: not to be written into."""
    with torch.inference_mode(False):  # others may take gradients through it
        y = (torch.arange(h, device=device) + 0.5) / h
        x = (torch.arange(w, device=device) + 0.5) / w
        return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).reshape(-1, 2)


def square_distance(at: Tensor, points: Tensor) -> Tensor:
    """[Q, 2] and [M, N, 2] to [M, Q, N]."""
    return torch.cdist(at.expand(len(points), -1, -1), points, compute_mode="use_mm_for_euclid_dist").square_()
