"""What belongs together: features of every shape of picture, an affinity between places, and who goes along."""

import pytest
import torch

from inference.affinity import STRIDE, AffinityNet, square_distance
from inference.carry import belonging, moving_layer
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
    affinity = torch.exp(-square_distance(features, at)).unflatten(1, (8, 12))  # [1, 8, 12, 2]
    assert affinity[0, :, :5, 0].min() > 0.99
    assert affinity[0, :, 7:, 0].max() < 0.01
    torch.testing.assert_close(affinity[..., 0].flip(2), affinity[..., 1], atol=1e-4, rtol=0)


SEEN = torch.ones(1, 1, dtype=torch.bool)


def two_things() -> torch.Tensor:
    features = torch.zeros(1, 1, 36, 64)
    features[..., 32:] = 4.0
    return features


def test_a_thing_goes_along_as_far_as_the_reach_and_another_does_not():
    origin = torch.tensor([[[0.4, 0.5]]])
    belongs = belonging(two_things(), origin, SEEN, 0.4).view(36, 64)
    assert belongs[18, 25] > 0.99
    assert belongs[18, 16] > 0.8  # a quarter of the height away, of one thing
    assert belongs[18, 40] < 0.1  # as near, of another
    assert belongs[18, 2] < 0.1  # of one thing, out of reach


def test_what_lies_at_a_track_goes_along_by_half_whatever_it_is():
    origin = torch.tensor([[[0.49, 0.5]]])
    belongs = belonging(two_things(), origin, SEEN, 0.4).view(36, 64)
    assert belongs[18, 32] > 0.6
    assert 0.3 < belongs[18, 33] < 0.7
    assert belongs[18, 29] > 0.9


def test_neighbouring_tracks_say_together_what_belongs_to_them():
    """One of five tracks lies beside the thing: it takes little along."""
    origin = torch.tensor([[[0.40, 0.45], [0.42, 0.45], [0.40, 0.5], [0.42, 0.5], [0.52, 0.5]]])
    belongs = belonging(two_things(), origin, SEEN.expand(1, 5), 0.4).amax(-1).view(36, 64)
    assert belongs[18, 45] < 0.4
    assert belongs[18, 20] > 0.6


def test_only_visible_tracks_take_anything_along():
    belongs = torch.tensor([[[0.9, 0.2], [0.1, 0.8]]])  # [B, Q, N]
    visible = torch.tensor([[[True, True], [False, True], [False, False]]])  # [B, T, N]
    torch.testing.assert_close(moving_layer(belongs, visible), torch.tensor([[[0.9, 0.8], [0.2, 0.8], [0.0, 0.0]]]))
    nobody = belonging(two_things(), torch.zeros(1, 0, 2), SEEN[:, :0], 0.4)
    assert not moving_layer(nobody, torch.zeros(1, 4, 0, dtype=torch.bool)).any()
