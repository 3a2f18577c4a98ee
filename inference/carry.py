"""The picture carried along the tracks: what the video would be if pixels simply went where the tracks go.

Owns the dense displacement made of sparse tracks, the warp, and how far it can be trusted. Never learns anything. Runs
on the caller's thread.

The paper hands the model identities only and lets it find the pixels (section 1). A small model trained for hours
cannot; carrying the picture's own pixels along and encoding them (the design page carries latents, which cannot follow
motion finer than a cell or within a latent's four frames) gives it a start that already moves.

Where the warp cannot be trusted its pixels are mostly wrong (the thing that left is still there), so they are replaced
by what lies around them, softly; making that sharp is the model's part. What it is told:

- `support`: is any track near, or is this cell merely assumed to stand still?
- `confidence`: do the motion there and the motion of the place it came from agree? They do not where something left,
  where something else arrived, and where the source lies outside the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from inference.autoencoder import CELL

AGREEMENT = 0.03  # picture heights: a disagreement of this much halves the confidence
FAINT = 1e-6  # below this a weight counts for nothing
SHARPNESS = 0.03  # picture heights: closer than this, neighbouring tracks count alike


@dataclass(frozen=True)
class Carried:
    """Frames [B, T, 3, H, W]; displacement in picture heights (x, y), confidence and support on latent cells [B, T, .,
    h, w].
    """

    frames: Tensor
    displacement: Tensor
    confidence: Tensor
    support: Tensor


def cell_centres(height: int, width: int, device: torch.device) -> Tensor:
    """Centres of the latent cells of a picture of that many pixels, normalised, [h*w, 2]."""
    h, w = height // CELL, width // CELL
    y = (torch.arange(h, device=device) + 0.5) / h
    x = (torch.arange(w, device=device) + 0.5) / w
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).reshape(-1, 2)


def displacement_field(
    at: Tensor, points: Tensor, moved: Tensor, visible: Tensor, reach: float
) -> tuple[Tensor, Tensor]:
    """Inverse-distance weighting of the tracks' displacements, fading to stillness beyond `reach`.

    at: [Q, 2], points: [M, N, 2] where each track counts, moved: [M, N, 2] its displacement, visible: [M, N]; all in
    picture heights. Returns the displacement [M, Q, 2] and the support [M, Q] in [0, 1].
    """
    if points.shape[1] == 0:
        shape = (points.shape[0], at.shape[0])
        return points.new_zeros(*shape, 2), points.new_zeros(shape)
    square = torch.cdist(
        at.expand(len(points), -1, -1), points, compute_mode="use_mm_for_euclid_dist"
    ).square()  # [M, Q, N]
    weight = (square + SHARPNESS**2).reciprocal_().square_() * visible[:, None]
    columns = torch.cat([moved, torch.ones_like(moved[..., :1])], dim=-1)  # [M, N, 3]
    sums = weight @ columns  # [M, Q, 3]
    nearest = weight.amax(-1)  # 1 / (d^2 + sharpness^2)^2 of the nearest visible track, 0 without one
    # Squared once more, so that it falls with the eighth power: a soft border drags the surroundings along.
    closeness = (nearest * (reach**2 + SHARPNESS**2) ** 2).square()
    support = closeness / (closeness + 1.0)
    mean = sums[..., :2] / sums[..., 2:].clamp_min(1e-12)
    return mean * support[..., None], support


def carry(picture: Tensor, origin: Tensor, xy: Tensor, visible: Tensor, reach: float) -> Carried:
    """Warps `picture` [B, 3, H, W] backwards so that each track's origin [B, N, 2] lies at xy [B, T, N, 2] where
    visible [B, T, N].
    """
    batch, _, height, width = picture.shape
    frames, h, w = xy.shape[1], height // CELL, width // CELL
    aspect = torch.tensor([width / height, 1.0], device=picture.device)
    centres = cell_centres(height, width, picture.device) * aspect  # [Q, 2] in picture heights
    start = (origin * aspect)[:, None].expand(-1, frames, -1, -1).flatten(0, 1)  # [B*T, N, 2]
    now = (xy * aspect).flatten(0, 1)
    seen = visible.flatten(0, 1).to(picture.dtype)
    moved = (now - start) * seen[..., None]

    here, support = displacement_field(centres, now, moved, seen, reach)  # [B*T, Q, 2], [B*T, Q]
    there, _ = displacement_field(centres, start, moved, seen, reach)
    source = centres - here
    there = F.grid_sample(_plane(there, h, w), _grid(source, aspect, h, w), align_corners=False, padding_mode="border")
    error = (here - there.permute(0, 2, 3, 1).reshape(here.shape)).square().sum(-1)
    inside = ((source > 0) & (source < aspect)).all(-1)
    confidence = inside / (1.0 + error / AGREEMENT**2)

    fine = F.interpolate(_plane(here, h, w), size=(height, width), mode="bilinear", align_corners=False)
    pixels = _pixel_centres(height, width, picture.device) * aspect
    grid = _grid(pixels - fine.permute(0, 2, 3, 1).reshape(len(fine), -1, 2), aspect, height, width)
    repeated = picture[:, None].expand(-1, frames, -1, -1, -1).flatten(0, 1)
    warped = F.grid_sample(repeated, grid, align_corners=False, padding_mode="border")
    trust = F.interpolate(confidence.reshape(-1, 1, h, w), size=(height, width), mode="bilinear", align_corners=False)
    return Carried(
        frames=fill(warped, trust.square().square()).unflatten(0, (batch, frames)),
        displacement=_plane(here, h, w).unflatten(0, (batch, frames)),
        confidence=confidence.reshape(batch, frames, 1, h, w),
        support=support.reshape(batch, frames, 1, h, w),
    )


def fill(frames: Tensor, weight: Tensor) -> Tensor:
    """Replaces pixels of little weight by the weighted mean of their surroundings (pull and push over a pyramid).

    frames: [M, 3, H, W]; weight: [M, 1, H, W] in [0, 1]. Pixels of weight 1 stay as they are.
    """
    levels = [(frames * weight, weight)]
    while min(weight.shape[-2:]) > 1:
        frames, weight = (F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False) for x in levels[-1])
        levels.append((frames, weight))
    coarse, mass = levels.pop()
    filled = coarse / mass.clamp_min(FAINT)
    for weighted, mass in reversed(levels):
        around = F.interpolate(filled, size=mass.shape[-2:], mode="bilinear", align_corners=False)
        share = mass / (mass + 0.1 * (1.0 - mass))
        filled = around + share * (weighted / mass.clamp_min(FAINT) - around)
    return filled


def trace_back(displacement: Tensor, at: Tensor, aspect: float) -> Tensor:
    """Where in the picture the content at `at` [N, 2] comes from, given the displacement [2, h, w] shown there;
    normalised.
    """
    grid = (at * 2.0 - 1.0)[None, None]  # [1, 1, N, 2]
    moved = F.grid_sample(displacement[None], grid, align_corners=False, padding_mode="border")[0, :, 0].T  # [N, 2]
    return at - moved / torch.tensor([aspect, 1.0], device=at.device)


def _plane(values: Tensor, h: int, w: int) -> Tensor:
    return values.unflatten(1, (h, w)).permute(0, 3, 1, 2)


def _grid(points: Tensor, aspect: Tensor, h: int, w: int) -> Tensor:
    """Points in picture heights [M, h*w, 2] as grid_sample wants them: (-1, -1) the top-left corner."""
    return (points / aspect * 2.0 - 1.0).unflatten(1, (h, w))


def _pixel_centres(height: int, width: int, device: torch.device) -> Tensor:
    y = (torch.arange(height, device=device) + 0.5) / height
    x = (torch.arange(width, device=device) + 0.5) / width
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).reshape(-1, 2)
