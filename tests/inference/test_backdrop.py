"""What lies behind what moves: the rest stays, the thing does not show through, and nothing is claimed for a camera."""

import pytest
import torch

from inference.backdrop import BackdropNet, backdrop, behind_moving, hole_of
from inference.carry import carry
from tests.tiny import random_weights, tiny_config

HEIGHT, WIDTH = 48, 64


def thing_on_a_slope() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A red square on a slope of grey [1, 3, H, W], its layer on quarter cells, and the slope alone."""
    slope = torch.linspace(-0.5, 0.5, WIDTH).expand(1, 3, HEIGHT, WIDTH).clone()
    picture, layer = slope.clone(), torch.zeros(1, 1, HEIGHT // 4, WIDTH // 4)
    picture[:, :, 16:32, 24:40] = torch.tensor([1.0, -1.0, -1.0])[:, None, None]
    layer[:, :, 4:8, 6:10] = 1.0
    return picture, layer, slope


def test_without_a_network_the_slope_goes_on_behind_the_thing():
    picture, layer, slope = thing_on_a_slope()
    behind = backdrop(None, picture, hole_of(layer))
    assert (behind[:, :3] - slope).abs()[:, :, 16:32, 24:40].max() < 0.15
    assert torch.equal(behind[:, :3, :8], picture[:, :, :8])
    assert (behind[:, 3] == 1.0).all()


def test_a_network_corrects_the_hole_and_nothing_else():
    picture, layer, _ = thing_on_a_slope()
    net = BackdropNet(tiny_config().backdrop)
    random_weights(net)
    with torch.no_grad():
        found, softly = (backdrop(each, picture, hole_of(layer))[:, :3] for each in (net, None))
    outside = hole_of(layer).expand_as(found) == 0
    assert torch.equal(found[outside], picture[outside])
    assert (found - softly).abs()[:, :, 20:28, 28:36].max() > 1e-3


@pytest.mark.parametrize(("share", "valid"), [(0.1, True), (1.0, False)])
def test_it_claims_nothing_where_nearly_all_moves(share, valid):
    layer = torch.zeros(1, 1, 12, 16)
    layer[..., : round(12 * share), :] = 1.0
    assert bool(backdrop(None, torch.rand(1, 3, HEIGHT, WIDTH), hole_of(layer))[:, 3].max() > 0) is valid


def test_texture_is_laid_into_the_hole_only_and_only_where_something_is_claimed():
    picture, layer = (torch.nn.functional.interpolate(x, scale_factor=3) for x in thing_on_a_slope()[:2])
    picture = picture + 0.2 * (torch.arange(3 * WIDTH) // 4 % 2)  # stripes
    hole = hole_of(layer)
    plain, rich = (backdrop(None, picture, hole, texture=each) for each in (False, True))
    outside = hole.expand_as(plain[:, :3]) == 0
    torch.testing.assert_close(rich[:, :3][outside], picture[outside])
    roughness = [behind[:, :3, 60:84, 84:108].diff(dim=3).abs().mean() for behind in (plain, rich)]
    assert roughness[1] > 2 * roughness[0]
    everything = torch.ones_like(hole)
    assert torch.equal(*(backdrop(None, picture, everything, texture=each) for each in (False, True)))


def test_a_thing_that_was_dragged_away_leaves_the_backdrop_and_one_that_stays_leaves_nothing():
    picture, layer, slope = thing_on_a_slope()
    belongs = layer.flatten(2).transpose(1, 2)  # [1, Q, 1]
    origin, visible = torch.tensor([[[0.5, 0.5]]]), torch.ones(1, 1, 1, dtype=torch.bool)
    for away, wanted in ((0.3, slope), (0.0, picture)):
        xy = origin[:, None] + torch.tensor([away, 0.0])
        behind = behind_moving(None, picture, belongs, origin, torch.tensor([[away > 0]]), visible[:, 0])
        shown = carry(picture, belongs, behind, origin, xy, visible).frames[0, 0]
        assert (shown - wanted[0]).abs()[:, 20:28, 28:36].max() < 0.15


def test_tracks_that_stand_still_beside_a_moved_one_keep_their_places():
    """The layer of several tracks is one for all of them: without the share the hole would be the whole picture, and
    nothing would be claimed.
    """
    picture = torch.rand(1, 3, HEIGHT, WIDTH)
    across = (torch.arange(8) + 0.5) / 8
    origin = torch.stack(torch.meshgrid(across, across, indexing="xy"), -1).reshape(1, -1, 2)
    belongs = torch.ones(1, HEIGHT // 4 * (WIDTH // 4), 64)
    moved, seen = (origin - 0.5).norm(dim=-1) < 0.15, torch.ones(1, 64, dtype=torch.bool)
    assert moved.sum() == 4
    claimed = behind_moving(None, picture, belongs, origin, moved, seen)
    assert claimed[:, 3].min() == 1.0
    there = (claimed[:, :3] - picture).abs().amax(1)[0]
    assert there[: HEIGHT // 5].max() < 1e-3
    assert there[2 * HEIGHT // 5 : 3 * HEIGHT // 5, 2 * WIDTH // 5 : 3 * WIDTH // 5].mean() > 0.05
    alone = behind_moving(None, picture, belongs[..., :1], origin[:, :1], seen[:, :1], seen[:, :1])
    assert alone[:, 3].max() == 0.0, "one track that takes everything along leaves nothing to tell what was behind"
