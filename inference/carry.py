"""The picture carried along the tracks: what the video would be if pixels simply went where the tracks go.

Owns the warp, and how far it can be trusted. Never decides what moves (`inference.layer`) nor how far between tracks
(`inference.affine_field`). Runs on the caller's thread.

The paper hands the model identities only and lets it find the pixels (section 1). A small model trained for hours
cannot; carrying the picture's own pixels along and encoding them (the design page carries latents, which cannot follow
motion finer than a cell or within a latent's four frames) gives it a start that already moves.

The picture is taken as a moving layer over a still one: a thing that is grabbed comes along whole, its surroundings
stay, and where it left the backdrop is shown. What comes from outside the picture is the picture mirrored at its
border, fading with distance, and where nothing at all is known, what lies around it, softly; making that right is the
model's part. What it is told:

- `support`: does a track speak for this cell, or is it merely assumed to stand still?
- `confidence`: does what is shown agree with the motion of the place it came from?
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from inference.affine_field import affine_field
from inference.affinity import STRIDE
from inference.autoencoder import CELL
from inference.fill import fill_coarsely
from inference.layer import grid_centres, grid_of, moving_layer

# In picture heights:
AGREEMENT = 0.03  # a disagreement of this much halves the confidence
BEYOND = 0.2  # this far outside the picture, its mirror image counts half
# Elsewhere:
FINE = STRIDE  # pixels: the grid of displacements, which are smooth
RIM = 1  # cells of the grid on which layers are weighed


@dataclass(frozen=True)
class Carried:
    """Frames [B, T, 3, H, W], and how far the picture shows what belongs there, `shown` [B, T, 1, H, W] in [0, 1]; on
    latent cells [B, T, ., h, w]: displacement (x, y) in picture heights, confidence and
    support in [0, 1].

    layers: [B, T, 4, h', w'], of what the frames are mixed, on the grid of what belongs: the moving layer's
    displacement (x, y) in picture heights, and the shares of the moving and the still layer. What is missing to 1 the
    picture does not show.
    """

    frames: Tensor
    shown: Tensor
    layers: Tensor
    displacement: Tensor
    confidence: Tensor
    support: Tensor


def carry(picture: Tensor, belongs: Tensor, behind: Tensor, origin: Tensor, xy: Tensor, visible: Tensor) -> Carried:
    """Moves the picture so that each visible track's origin comes to lie where the track is.

    picture: float32 [B, 3, H, W] in [-1, 1]; belongs: [B, Q, N], what `inference.layer.belonging` says of it, on its
    grid or a finer one (`inference.holding`); behind: [B, 4, H, W], what `inference.backdrop` says is behind what
    moves; origin: [B, N, 2]; xy: [B, T, N, 2]; visible: bool [B, T, N].
    """
    batch, _, height, width = picture.shape
    frames = xy.shape[1]
    aspect = torch.tensor([width / height, 1.0], device=picture.device)
    start = (origin * aspect)[:, None].expand(-1, frames, -1, -1).flatten(0, 1)  # [M = B*T, N, 2]
    now = (xy * aspect).flatten(0, 1)
    seen = visible.flatten(0, 1).to(picture.dtype)
    moved = (now - start) * seen[..., None]

    cells, smooth = (height // CELL, width // CELL), (height // FINE, width // FINE)
    fine = grid_of(belongs.shape[1], height, width)
    places, middles, centres = (grid_centres(*size, picture.device) * aspect for size in (fine, smooth, cells))
    # [M, 2, h', w']: of what is shown at a place, as finely as a photograph is laid by it, ...
    here = _resized(_plane(affine_field(middles, now, moved, seen), *smooth), fine).contiguous()
    # ... and of what the picture has there, which only says what to trust.
    there = _resized(_plane(affine_field(centres, start, moved, seen), *cells), fine)
    layer = moving_layer(belongs, visible).reshape(-1, 1, *fine)  # [M, 1, h', w']

    source = places - here.flatten(2).transpose(1, 2)  # [M, Q, 2]
    back = F.grid_sample(
        torch.cat([layer, there], dim=1), _grid(source, aspect, *fine), align_corners=False, padding_mode="border"
    )
    support = back[:, :1]
    agreement = 1.0 / (1.0 + (here - back[:, 1:]).square().sum(1, keepdim=True) / AGREEMENT**2)
    outside = (source - source.clamp(torch.zeros_like(aspect), aspect)).square().sum(-1).view_as(agreement)
    near = 1.0 / (1.0 + (outside / BEYOND**2).square())
    mirrored = support * near * (outside > 0)
    agreement = agreement * (outside == 0)
    gone = there.square().sum(1, keepdim=True)
    # Wider by a cell: the rim of a thing that left is a mixture of both, and would show as its outline.
    stayed = 1.0 - F.max_pool2d(layer, 2 * RIM + 1, stride=1, padding=RIM) * gone / (gone + AGREEMENT**2)

    moving = support * agreement.square().square()
    still = (1.0 - support) * stayed.square().square()
    # What is left of a place that nothing covers any more is what was behind. All of it is decided on this grid, and
    # only then laid over the pixels: what costs is each pass over those.
    shares = torch.cat([moving + mirrored, still, 1.0 - support - still, moving + still], dim=1)
    laid, unmoved, bared, shown = _resized(shares, (height, width)).split(1, dim=1)  # [M, 1, H, W] each
    warped = F.grid_sample(
        picture[:, None].expand(-1, frames, -1, -1, -1).flatten(0, 1),  # [M, 3, H, W]
        _sources(here, aspect, height, width),
        align_corners=False,
        padding_mode="reflection",
    )
    per_frame = (batch, frames)
    bared = bared.unflatten(0, per_frame) * behind[:, None, 3:]  # [B, T, 1, H, W]
    mixed = torch.addcmul((laid * warped).unflatten(0, per_frame), unmoved.unflatten(0, per_frame), picture[:, None])
    mixed = torch.addcmul(mixed, bared, behind[:, None, :3]).flatten(0, 1)
    weight = (laid + unmoved + bared.flatten(0, 1)).clamp_(0.0, 1.0)
    mixed = fill_coarsely(mixed, weight, FINE)

    confidence = support * agreement + (1.0 - support) * stayed
    cell = fine[0] // cells[0]
    return Carried(
        frames=mixed.unflatten(0, per_frame),
        shown=shown.clamp_max(1.0).unflatten(0, per_frame),
        layers=torch.cat([here, moving, still], dim=1).unflatten(0, per_frame),
        displacement=_on_cells(here * (moving > still), batch, cell),
        confidence=_on_cells(confidence, batch, cell),
        support=_on_cells(support, batch, cell),
    )


def trace_back(displacement: Tensor, at: Tensor, aspect: float) -> Tensor:
    """Where in the picture the content at `at` [N, 2] comes from, given the displacement [2, h, w] shown there."""
    grid = (at * 2.0 - 1.0)[None, None]  # [1, 1, N, 2]
    moved = F.grid_sample(displacement[None], grid, align_corners=False, padding_mode="border")[0, :, 0].T  # [N, 2]
    return at - moved / torch.tensor([aspect, 1.0], device=at.device)


def _plane(values: Tensor, h: int, w: int) -> Tensor:
    return values.unflatten(1, (h, w)).permute(0, 3, 1, 2)


def _resized(plane: Tensor, size: tuple[int, ...]) -> Tensor:
    if plane.shape[-2:] == size:
        return plane
    return F.interpolate(plane, size=size, mode="bilinear", align_corners=False)


def _sources(displacement: Tensor, aspect: Tensor, height: int, width: int) -> Tensor:
    """Where each pixel comes from, [M, H, W, 2] as grid_sample wants it; displacement: [M, 2, h, w] on a coarser grid,
    in picture heights.
    """
    back = _resized(displacement * (-2.0 / aspect)[:, None, None], (height, width)).permute(0, 2, 3, 1)
    return back + (grid_centres(height, width, displacement.device) * 2.0 - 1.0).view(height, width, 2)


def _on_cells(plane: Tensor, batch: int, cell: int) -> Tensor:
    return F.avg_pool2d(plane, cell).unflatten(0, (batch, -1))


def _grid(points: Tensor, aspect: Tensor, h: int, w: int) -> Tensor:
    """Points in picture heights [M, h*w, 2] as grid_sample wants them: (-1, -1) the top-left corner."""
    return (points / aspect * 2.0 - 1.0).unflatten(1, (h, w))
