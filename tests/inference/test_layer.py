"""The moving layer: what is held, as far as it reaches, and nothing that merely looks alike."""

import pytest
import torch

from inference.layer import belonging, grown, moving_layer

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


@pytest.mark.parametrize(("affinity", "least", "most"), [(0.5, 0.7, 0.9), (0.25, 0.0, 0.08)])
def test_what_half_belongs_goes_along_and_what_hardly_does_is_no_ghost(affinity, least, most):
    features = torch.zeros(1, 1, 36, 64)
    features[..., 30:] = (-torch.tensor(affinity).log()).sqrt()
    belongs = belonging(features, torch.tensor([[[0.4, 0.5]]]), SEEN, 0.4).view(36, 64)
    assert least < belongs[18, 32] < most + 0.03
    assert least < belongs[18, 34] < most


def test_only_visible_tracks_take_anything_along():
    belongs = torch.tensor([[[0.9, 0.2], [0.1, 0.8]]])  # [B, Q, N]
    visible = torch.tensor([[[True, True], [False, True], [False, False]]])  # [B, T, N]
    torch.testing.assert_close(moving_layer(belongs, visible), torch.tensor([[[0.9, 0.8], [0.2, 0.8], [0.0, 0.0]]]))
    nobody = belonging(two_things(), torch.zeros(1, 0, 2), SEEN[:, :0], 0.4)
    assert not moving_layer(nobody, torch.zeros(1, 4, 0, dtype=torch.bool)).any()


def test_the_layer_grows_through_what_belongs_and_not_across_a_gap():
    within = torch.zeros(1, 1, 8, 20)
    within[..., 2:6, 2:9] = 0.9
    within[..., 3, 9:12] = 0.6  # a thin neck
    within[..., 2:6, 12:15] = 0.8
    within[..., 2:6, 17:19] = 0.9  # as good, but apart
    seeds = torch.zeros_like(within)
    seeds[..., 4, 4] = 1.0
    layer = grown(seeds, within)[0, 0]
    torch.testing.assert_close(layer[2:6, 2:9], torch.full((4, 7), 0.9))
    torch.testing.assert_close(layer[2:6, 12:15], torch.full((4, 3), 0.6))
    assert not layer[:, 16:].any()


def test_another_thing_that_looks_alike_stays():
    features = torch.full((1, 1, 36, 64), 4.0)
    features[..., 10:26, 6:20] = 0.0
    features[..., 10:26, 26:40] = 0.0
    belongs = belonging(features, torch.tensor([[[0.2, 0.5]]]), SEEN, 1.0).view(36, 64)
    assert belongs[12:24, 8:18].min() > 0.9
    assert belongs[:, 28:38].max() < 0.05


def test_tracks_that_are_seen_throughout_are_looked_at_once_and_give_the_same():
    belongs, visible = torch.rand(2, 12, 5), torch.rand(2, 1, 5).gt(0.4).expand(-1, 3, -1)
    otherwise = visible.clone()
    otherwise[:, 2] = ~otherwise[:, 2]
    assert torch.equal(moving_layer(belongs, visible)[:, :2], moving_layer(belongs, otherwise)[:, :2])
    assert torch.equal(moving_layer(belongs, visible)[:, 2], moving_layer(belongs, visible)[:, 0])
