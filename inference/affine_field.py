"""The displacement between tracks, fine enough to lay a photograph's own pixels by: affine moving least squares.

Owns that one field. The carry's inverse-distance weighting is flat at each track and evaluated on latent cells, which
is enough for a frame of 256x144; where a thing turns or grows it is off by parts of a pixel, and a photograph four
times as large shows them. Never learns anything. Runs on the caller's thread. (Schaefer, McPhail, Warren: "Image
deformation using moving least squares", 2006; here on displacements, and held back where tracks lie in a line.)
"""

from __future__ import annotations

import torch
from torch import Tensor

from inference.layer import grid_centres

# In picture heights:
SHARPNESS = 0.015  # closer than this, tracks count alike
HOLD = 0.01  # tracks that spread less than this say little about turning and growing


def with_affine_displacement(layers: Tensor, origin: Tensor, xy: Tensor, visible: Tensor) -> Tensor:
    """The layers of a `Carried` with the moving one's displacement made anew: [B, T, 4, h, w].

    origin: [B, N, 2]; xy: [B, T, N, 2]; visible: bool [B, T, N], as `carry` takes them.
    """
    batch, frames, _, h, w = layers.shape
    if origin.shape[1] == 0:
        return layers
    aspect = torch.tensor([w / h, 1.0], device=layers.device)
    now, start = (xy * aspect).flatten(0, 1), (origin * aspect)[:, None]
    seen = visible.flatten(0, 1).to(layers.dtype)
    moved = (xy * aspect - start).flatten(0, 1) * seen[..., None]
    field = affine_field(grid_centres(h, w, layers.device) * aspect, now, moved, seen)  # [B * T, h * w, 2]
    displacement = field.transpose(1, 2).view(batch, frames, 2, h, w)
    return torch.cat([displacement, layers[:, :, 2:]], dim=2)


def affine_field(at: Tensor, points: Tensor, moved: Tensor, visible: Tensor) -> Tensor:
    """For each place, the affine motion that fits the tracks best, the nearest counting most.

    at: [Q, 2]; points: [M, N, 2] where each track is, moved: [M, N, 2] its displacement, visible: [M, N]; all in
    picture heights. Returns [M, Q, 2]; zero where no track is visible.
    """
    (x, y), (u, v) = points.unbind(-1), moved.unbind(-1)  # [M, N] each
    # The squared distances by one product, |a|^2 - 2 ap + |p|^2: what follows is bound by passes over Q x N numbers.
    ones = torch.ones_like(at[:, :1])
    places = torch.cat([at, at.square().sum(1, keepdim=True) + SHARPNESS**2, ones], dim=1)  # [Q, 4]
    tracks = torch.stack([-2 * x, -2 * y, torch.ones_like(x), x * x + y * y], dim=1)  # [M, 4, N]
    weight = (places @ tracks).reciprocal_().square_()  # [M, Q, N]
    columns = torch.stack([torch.ones_like(x), x, y, u, v, x * x, x * y, y * y, x * u, y * u, x * v, y * v], dim=-1)
    sums = weight @ (columns * visible[..., None])  # [M, Q, 12]
    mass, x, y, u, v, xx, xy, yy, xu, yu, xv, yv = sums.unbind(-1)
    mass = mass.clamp_min(1e-12)
    x, y, u, v = x / mass, y / mass, u / mass, v / mass
    xx, xy, yy = xx / mass - x * x + HOLD**2, xy / mass - x * y, yy / mass - y * y + HOLD**2
    determinant = (xx * yy - xy * xy).clamp_min(HOLD**4)
    out = []
    for mean, along, down in ((u, xu / mass - x * u, yu / mass - y * u), (v, xv / mass - x * v, yv / mass - y * v)):
        slope_x, slope_y = yy * along - xy * down, xx * down - xy * along
        out.append(mean + (slope_x * (at[:, 0] - x) + slope_y * (at[:, 1] - y)) / determinant)
    return torch.stack(out, dim=-1)
