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

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from inference.affine_field import affine_field
from inference.affinity import STRIDE
from inference.autoencoder import CELL
from inference.fill import fill_coarsely
from inference.layer import grid_centres, grid_of, moved_share, moving_layer
from inference.shade import brightened, darkened, left_by_all

# In picture heights:
AGREEMENT = 0.03  # a disagreement of this much halves the confidence
BEYOND = 0.2  # this far outside the picture, its mirror image counts half,
CUT = 0.03  # and that of a thing which the picture's border cuts
# Elsewhere:
FINE = STRIDE  # pixels: the grid of displacements, which are smooth
RIM = 1  # cells of the grid on which layers are weighed


@dataclass(frozen=True)
class Carried:
    """Frames [B, T, 3, H, W], with as many channels as the picture, and how far the picture shows what belongs there,
    `shown` [B, T, 1, H, W] in [0, 1]; confidence and support in [0, 1] on latent cells [B, T, 1, h, w].

    On the grid of what belongs, [B, T, ., h', w']: displacement (x, y) of what is shown, in picture heights; layers, of
    what the frames are mixed: the moving layer's displacement, and the shares of the moving and the still layer. What
    is missing to 1 the photograph does not show.
    """

    frames: Tensor
    shown: Tensor
    layers: Tensor
    displacement: Tensor
    confidence: Tensor
    support: Tensor


def carry(
    picture: Tensor,
    belongs: Tensor,
    behind: Tensor,
    origin: Tensor,
    xy: Tensor,
    visible: Tensor,
    things: np.ndarray | None = None,
    scene: Carried | None = None,
    left: Tensor | None = None,
    *,
    hides: bool = False,
) -> Carried:
    """Moves the picture so that each visible track's origin comes to lie where the track is.

    picture: float32 [B, 3, H, W] in [-1, 1], or of more channels; belongs: [B, Q, N], what `inference.layer.belonging`
    says of it, on its grid or a finer one (`inference.holding`); behind: [B, 4, H, W] or likewise more, what
    `inference.backdrop` says is behind what moves; origin: [B, N, 2]; xy: [B, T, N, 2]; visible: bool [B, T, N].

    things: int [N], which of them each track is of (all of one, unless told): each moves by its own tracks alone.
    scene: what things move before where that moves too, with a fourth channel, how far it is the picture's own; else
    the picture stands still. left: [B, K, h, w], what of the light the things of numbers under K leave
    (`inference.shade`): their shadows go along. hides: where a thing's nearest tracks are hidden, something that moves
    too is before it.
    """
    batch, _, height, width = picture.shape
    frames = xy.shape[1]
    cells = height // CELL, width // CELL
    fine = grid_of(belongs.shape[1], height, width)
    aspect = torch.tensor([width / height, 1.0], device=picture.device)
    # Of several things the one that is most there is in front.
    are_things = things is not None
    things = np.zeros(xy.shape[2], np.int64) if things is None else things
    of = [np.flatnonzero(things == thing) for thing in np.unique(things)] or [things]
    layers_of = (
        _Moved.by(
            picture,
            belongs[..., n],
            origin[:, n],
            xy[:, :, n],
            visible[:, :, n],
            _left_by(left, things[n]),
            is_thing=are_things,
            hides=hides,
        )
        for n in of
    )
    front = functools.reduce(_Moved.before, layers_of)
    here, support, agreement = front.here, front.support, front.agreement
    mirrored, stayed = support * front.near * front.is_outside, front.stayed

    moving = support * agreement.square().square()
    if scene is None:
        still = (1.0 - support) * stayed.square().square()
        rest = 1.0 - support - still
    else:
        still, rest = torch.zeros_like(support), 1.0 - support
    # What is left of a place that nothing covers any more is what was behind. All of it is decided on this grid, and
    # only then laid over the pixels: what costs is each pass over those.
    shares = torch.cat([moving + mirrored, still, rest, moving + still], dim=1)
    laid, unmoved, bared, shown = _resized(shares, (height, width)).split(1, dim=1)  # [M, 1, H, W] each
    warped = F.grid_sample(
        picture[:, None].expand(-1, frames, -1, -1, -1).flatten(0, 1),  # [M, 3, H, W]
        _sources(here, aspect, height, width),
        align_corners=False,
        padding_mode="reflection",
    )
    per_frame = (batch, frames)
    mixed = (laid * warped).unflatten(0, per_frame)
    around = mixed if left is None else torch.zeros_like(mixed)  # what lies about the things, and in their shadows
    if scene is None:
        lit = picture if left is None else brightened(picture, left_by_all(left, (height, width)))
        around = torch.addcmul(around, unmoved.unflatten(0, per_frame), lit[:, None])
        bared = bared.unflatten(0, per_frame) * behind[:, None, -1:]  # [B, T, 1, H, W]
        around = torch.addcmul(around, bared, behind[:, None, :-1]).flatten(0, 1)
        bared = bared.flatten(0, 1)
        layers = torch.cat([here, moving, still], dim=1)
        displacement = here * (moving > still)
        confidence, trusted = support * agreement + (1.0 - support) * stayed, support
    else:
        own = scene.frames[:, :, 3:] * scene.shown
        shown = shown + bared * own.flatten(0, 1)
        around = torch.addcmul(around, bared.unflatten(0, per_frame), scene.frames[:, :, :3]).flatten(0, 1)
        beyond = _resized(scene.layers.flatten(0, 1), fine)
        own = F.adaptive_avg_pool2d(own.flatten(0, 1), fine)  # what was imagined there is no photograph's
        front_is = (support > 0.5).to(support)
        layers = torch.lerp(beyond, torch.cat([here, moving, still], dim=1), front_is)
        displacement = layers[:, :2] * (layers[:, 2:3] > layers[:, 3:])
        # Between two displacements there is none: what is laid on a finer grid would be of neither's place.
        border = F.max_pool2d(front_is, 3, stride=1, padding=1) + F.max_pool2d(-front_is, 3, stride=1, padding=1)
        is_photograph = torch.maximum(own, front_is) * (1.0 - border)
        layers = torch.cat([layers[:, :2], layers[:, 2:] * is_photograph], dim=1)
        scene_confidence, scene_support = (_resized(x.flatten(0, 1), fine) for x in (scene.confidence, scene.support))
        confidence = torch.lerp(scene_confidence, agreement, support)
        trusted = torch.maximum(support, scene_support)
    if left is not None:
        among = unmoved + bared
        darker = darkened(around, _resized(front.left, (height, width)), among)
        around = mixed.flatten(0, 1) + torch.minimum(darker, among)
    weight = (laid + unmoved + bared).clamp_(0.0, 1.0)
    mixed = fill_coarsely(around, weight, FINE)
    cell = fine[0] // cells[0]
    return Carried(
        frames=mixed.unflatten(0, per_frame),
        shown=shown.clamp_max(1.0).unflatten(0, per_frame),
        layers=layers.unflatten(0, per_frame),
        displacement=displacement.unflatten(0, per_frame),
        confidence=_on_cells(confidence, batch, cell),
        support=_on_cells(trusted, batch, cell),
    )


@dataclass(frozen=True)
class _Moved:
    """One thing in M frames, on the grid of what belongs, [M, ., h', w']: here, the displacement (x, y) of what a place
    shows; support, how far the thing is there; agreement with the motion of the place it came from, 0 outside the
    picture; near, how near that is to the picture; stayed, how far what the picture has there did not leave; left, what
    of the light the thing leaves.
    """

    here: Tensor
    support: Tensor
    agreement: Tensor
    near: Tensor
    is_outside: Tensor
    stayed: Tensor
    left: Tensor

    @classmethod
    def by(
        cls,
        picture: Tensor,
        belongs: Tensor,
        origin: Tensor,
        xy: Tensor,
        visible: Tensor,
        left: Tensor | None,
        *,
        is_thing: bool,
        hides: bool,
    ) -> _Moved:
        """Arguments as of `carry`. is_thing: its tracks are known to be of one thing; else hidden ones say nothing."""
        height, width = picture.shape[2:]
        aspect = torch.tensor([width / height, 1.0], device=picture.device)
        start = (origin * aspect)[:, None].expand(-1, xy.shape[1], -1, -1).flatten(0, 1)  # [M = B*T, N, 2]
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
        agreement = 1.0 / (1.0 + (here - back[:, 1:]).square().sum(1, keepdim=True) / AGREEMENT**2)
        outside = (source - source.clamp(torch.zeros_like(aspect), aspect)).square().sum(-1).view_as(agreement)
        near = 1.0 / (1.0 + (outside / (CUT if is_thing else BEYOND) ** 2).square())
        gone = there.square().sum(1, keepdim=True)
        gone = gone / (gone + AGREEMENT**2)
        support, taken = back[:, :1], layer
        if is_thing:
            # Of which nothing is seen any more, it left the picture, and is not where it was.
            gone = torch.where(seen.any(1)[:, None, None, None], gone, 1.0)
            taken = moving_layer(belongs, torch.ones_like(visible)).reshape(-1, 1, *fine)
        nearest = (visible | ((xy < 0) | (xy > 1)).any(-1)).flatten(0, 1)
        if hides and not nearest.all():
            share = moved_share(xy.flatten(0, 1), nearest, torch.ones_like(nearest), *smooth)
            support = support * _resized(share.view(-1, 1, *smooth), fine)
        # Wider by a cell: the rim of a thing that left is a mixture of both, and would show as its outline.
        stayed = 1.0 - F.max_pool2d(taken, 2 * RIM + 1, stride=1, padding=RIM) * gone
        shade = torch.ones_like(support)
        if left is not None:
            taken_light = (1.0 - left).expand(-1, xy.shape[1], -1, -1).flatten(0, 1)[:, None]  # [M, 1, h, w]
            shade = 1.0 - F.grid_sample(taken_light, _grid(source, aspect, *fine), align_corners=False)
        return cls(here, support, agreement * (outside == 0), near, (outside > 0).to(near), stayed, shade)

    def before(self, other: _Moved) -> _Moved:
        """Both as one, of which the one that is more there is seen."""
        other_is = other.support > self.support

        def seen(mine: Tensor, others: Tensor) -> Tensor:
            return torch.where(other_is, others, mine)

        return _Moved(
            here=seen(self.here, other.here),
            support=seen(self.support, other.support),
            agreement=seen(self.agreement, other.agreement),
            near=seen(self.near, other.near),
            is_outside=seen(self.is_outside, other.is_outside),
            stayed=torch.minimum(self.stayed, other.stayed),
            left=self.left * other.left,
        )


def _left_by(left: Tensor | None, things: np.ndarray) -> Tensor | None:
    """Of the thing that all these tracks are of."""
    number = int(things[0]) if len(things) else 0
    return None if left is None or number >= left.shape[1] else left[:, number : number + 1]


def trace_back(displacement: Tensor, at: Tensor, aspect: float) -> Tensor:
    """Where in the picture the content at `at` [N, 2] comes from, given the displacement [2, h, w] shown there. That of
    one thing or of another: what lies at a thing's edge came from no place between.
    """
    grid = (at * 2.0 - 1.0)[None, None]  # [1, 1, N, 2]
    moved = F.grid_sample(displacement[None], grid, mode="nearest", align_corners=False, padding_mode="border")
    moved = moved[0, :, 0].T  # [N, 2]
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
