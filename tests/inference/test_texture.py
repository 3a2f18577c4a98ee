"""Texture in a hole: it is the picture's own, nothing else of the picture changes, and the same every time."""

import torch

from inference.fill import fill
from inference.texture import textured

HEIGHT, WIDTH = 64, 96


def striped() -> torch.Tensor:
    """Stripes of eight pixels over a plain sky, [1, 3, H, W]: a period that every level can show."""
    stripes = torch.where(torch.arange(WIDTH) // 4 % 2 == 0, 0.6, -0.6).expand(3, HEIGHT, WIDTH).clone()
    stripes[:, : HEIGHT // 2] = 0.9
    return stripes[None]


def with_hole() -> tuple[torch.Tensor, torch.Tensor]:
    """The picture with a thing on it, and the hole that the thing leaves."""
    picture, hole = striped(), torch.zeros(1, 1, HEIGHT, WIDTH)
    hole[..., 20:52, 36:60] = 1.0
    return torch.where(hole > 0, torch.tensor([1.0, -1.0, 0.0])[None, :, None, None], picture), hole


def test_stripes_and_the_border_above_them_go_on_where_the_soft_filling_has_neither():
    picture, hole = with_hole()
    softly = fill(picture, 1.0 - hole)
    found, truth, inside = textured(picture, softly, hole), striped(), hole.expand_as(picture) > 0
    assert (found - truth)[inside].square().mean() < 0.5 * (softly - truth)[inside].square().mean()
    assert found[0, 0, 42:50, 36:60].std() > 0.4  # soft: 0.1
    assert softly[0, 0, 42:50, 36:60].std() < 0.4
    sky, soft_sky = found[0, :, 21:27, 38:58], softly[0, :, 21:27, 38:58]
    assert (sky - 0.9).abs().max() < 0.7 * (soft_sky - 0.9).abs().max()  # with less of the ground's grey
    assert (sky[:, :, 1:] - sky[:, :, :-1]).abs().max() < 0.1  # and the ground's stripes are not in it


def test_a_plain_hole_gets_the_grain_of_what_is_around_it():
    """A meadow, of which the guide knows one colour."""
    chance = torch.Generator().manual_seed(0)
    rough = torch.nn.functional.avg_pool2d(torch.randn(1, 1, HEIGHT + 4, WIDTH + 4, generator=chance), 5, stride=1)
    picture = rough.expand(1, 3, -1, -1).contiguous()
    hole = torch.zeros(1, 1, HEIGHT, WIDTH)
    hole[..., 16:48, 30:66] = 1.0
    guide = torch.lerp(picture, torch.tensor(0.1), hole)
    found = textured(picture, guide, hole)[0, 0, 18:46, 32:64]
    assert found.std() > 0.5 * picture.std()


def test_what_is_no_hole_stays_as_it_is():
    picture, hole = with_hole()
    found = textured(picture, fill(picture, 1.0 - hole), hole)
    outside = hole.expand_as(picture) == 0
    assert torch.equal(found[outside], picture[outside])
    assert found.isfinite().all()


def test_the_thing_that_left_is_nowhere_in_the_filling():
    picture, hole = with_hole()
    found = textured(picture, fill(picture, 1.0 - hole), hole)
    assert (found[:, 0] - found[:, 1]).abs().max() < 0.05  # the picture is grey, the thing is not


def test_it_is_the_same_every_time():
    picture, hole = with_hole()
    softly = fill(picture, 1.0 - hole)
    assert torch.equal(textured(picture, softly, hole), textured(picture, softly, hole))


def test_where_nothing_is_shown_and_where_nothing_is_missing_the_guide_stays():
    picture = striped()
    guide = torch.zeros_like(picture)
    for hole in (torch.zeros(1, 1, HEIGHT, WIDTH), torch.ones(1, 1, HEIGHT, WIDTH)):
        assert torch.equal(textured(picture, guide, hole), guide)
