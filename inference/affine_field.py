"""The displacement between tracks: affine moving least squares.

Owns that one field. Weighing tracks by their distance alone is flat at each track; where a thing turns or grows it is
off by parts of a pixel, and a photograph four times as large shows them. Never learns anything. Runs on the caller's
thread. (Schaefer, McPhail, Warren: "Image deformation using moving least squares", 2006; here on displacements, and
held back where tracks lie in a line.)
"""

from __future__ import annotations

import torch
from torch import Tensor

# In picture heights:
SHARPNESS = 0.015  # closer than this, tracks count alike
HOLD = 0.005  # tracks that spread less than this say little about turning and growing


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
    weight = (places @ tracks).clamp_min_(0.5 * SHARPNESS**2).reciprocal_()  # [M, Q, N]; the product rounds
    weight = weight.square().mul_(weight)
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
