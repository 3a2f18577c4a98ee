"""The displacement between tracks: exact for shifts, right where things turn and grow, and quiet without tracks."""

import pytest
import torch

from inference.affine_field import affine_field
from inference.layer import grid_centres


def spread(count: int = 120) -> torch.Tensor:
    return torch.rand(1, count, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([16 / 9, 1.0])


AT = grid_centres(18, 32, torch.device("cpu")) * torch.tensor([16 / 9, 1.0])
SEEN = torch.ones(1, 120)


def test_a_shift_is_exact_everywhere():
    points = spread()
    moved = torch.tensor([0.2, -0.1]).expand_as(points)
    # To a thirtieth of a pixel: the spread of tracks is a small difference of large numbers.
    torch.testing.assert_close(
        affine_field(AT, points, moved, SEEN)[0], moved[0, :1].expand(len(AT), -1), atol=2.5e-4, rtol=0
    )


def test_turning_and_growing_are_followed_more_closely_than_by_distance_alone():
    turn = torch.tensor([[0.1, 0.3], [-0.3, 0.1]])
    points = spread()
    moved = (points - 0.5) @ turn
    inner = ((AT - torch.tensor([8 / 9, 0.5])).abs() < 0.4).all(1)
    truth = ((AT - 0.5) @ turn)[inner]
    fitted = (affine_field(AT, points, moved, SEEN)[0][inner] - truth).norm(dim=1).mean()
    weight = (torch.cdist(AT, points[0]).square() + 0.03**2) ** -2.0
    weighted = ((weight @ moved[0] / weight.sum(1, keepdim=True))[inner] - truth).norm(dim=1).mean()
    assert fitted < 0.3 * weighted
    assert fitted < 0.5 / 144


@pytest.mark.parametrize("points", [torch.zeros(1, 1, 2) + 0.5, torch.linspace(0, 1, 7)[None, :, None].expand(1, 7, 2)])
def test_one_track_or_a_line_of_them_is_no_harm(points):
    moved = torch.full_like(points, 0.1)
    field = affine_field(AT, points, moved, torch.ones(points.shape[:2]))
    torch.testing.assert_close(field, torch.full_like(field, 0.1), atol=1e-3, rtol=0)


def test_invisible_tracks_do_not_count():
    points, moved = spread(), torch.full((1, 120, 2), 0.1)
    moved[:, 60:] = 5.0
    seen = (torch.arange(120) < 60).float()[None]
    assert affine_field(AT, points, moved, seen).max() < 0.11
    assert (affine_field(AT, points, moved, torch.zeros(1, 120)) == 0).all()
