"""Depth of a picture: the network's shapes, and the form in which depth is handed on."""

import numpy as np
import pytest
import torch

from inference.depth import DepthNet, inverse_depth, relative
from inference.motion.ground import FARTHEST
from tests.tiny import random_weights, tiny_config


def network() -> DepthNet:
    return random_weights(DepthNet(tiny_config().depth)).eval()


@pytest.mark.parametrize("size", [(144, 256), (192, 192), (256, 144)])
def test_it_answers_at_half_the_size_and_is_handed_on_at_the_whole(size):
    net, picture = network(), torch.rand(1, 3, *size) * 2 - 1
    assert net(picture).shape == (1, 1, size[0] // 2, size[1] // 2)
    found = inverse_depth(net, picture)
    assert found.shape == size
    assert found.dtype == np.float32
    assert found.min() >= np.float32(FARTHEST)
    assert found.max() == 1.0


def test_the_same_picture_has_the_same_depth():
    picture = torch.rand(1, 3, 48, 64)
    assert np.array_equal(inverse_depth(network(), picture), inverse_depth(network(), picture))


def test_it_knows_where_in_the_picture_it_is():
    """A grey picture looks the same everywhere; a network that sees only what is around could not tell rows apart."""
    net = network()
    found = net(torch.zeros(1, 3, 192, 192))[0, 0]
    inner = found[32:-32, 32:-32].mean(1)  # away from the borders, which the convolutions notice
    torch.nn.init.zeros_(net.place.weight)
    blind = net(torch.zeros(1, 3, 192, 192))[0, 0][32:-32, 32:-32].mean(1)
    assert inner[::4].std() > 3 * blind[::4].std()


def test_relative_depth_has_no_unit():
    inverse = np.random.default_rng(0).uniform(0.2, 1.0, (20, 30))
    found = relative(inverse)
    np.testing.assert_allclose(found, relative(inverse * 7), rtol=1e-6)
    below = inverse < np.quantile(inverse, 0.98)
    ratio = found[below] / inverse[below]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-5)


def test_one_wild_pixel_does_not_push_all_else_away():
    inverse = np.full((40, 40), 0.5)
    inverse[3, 3] = 100.0
    assert np.median(relative(inverse)) == pytest.approx(1.0)


@pytest.mark.parametrize("odd", [np.zeros((8, 8)), np.full((8, 8), -3.0)])
def test_an_answer_that_is_nowhere_near_is_all_far(odd):
    assert (relative(odd) == np.float32(FARTHEST)).all()
