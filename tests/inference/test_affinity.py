"""What belongs together: features of every shape of picture, and an affinity between places."""

import pytest
import torch

from inference.affinity import STRIDE, AffinityNet, feature_distance
from tests.tiny import random_weights, tiny_config


@pytest.mark.parametrize("size", [(144, 256), (192, 192), (256, 144)])
def test_features_lie_on_a_quarter_of_the_picture(size):
    net = random_weights(AffinityNet(tiny_config().affinity))
    features = net(torch.rand(2, 3, *size))
    assert features.shape == (2, 4, size[0] // STRIDE, size[1] // STRIDE)


def test_the_whole_picture_is_looked_at():
    """A place's features change with what is shown at the far end."""
    net = random_weights(AffinityNet(tiny_config().affinity))
    picture = torch.rand(1, 3, 64, 128)
    other = picture.clone()
    other[..., -16:] = 1.0
    assert (net(picture) - net(other))[..., 0].abs().max() > 1e-4


def test_affinity_is_one_with_itself_and_falls_with_the_distance_of_features():
    features = torch.zeros(1, 2, 8, 12)
    features[..., 6:] = 2.0
    at = torch.tensor([[[1.5 / 12, 0.5], [9.5 / 12, 0.5]]])
    affinity = torch.exp(-feature_distance(features, at)).unflatten(1, (8, 12))  # [1, 8, 12, 2]
    assert affinity[0, :, :5, 0].min() > 0.99
    assert affinity[0, :, 7:, 0].max() < 0.01
    torch.testing.assert_close(affinity[..., 0].flip(2), affinity[..., 1], atol=1e-4, rtol=0)
