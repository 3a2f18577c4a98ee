"""The mask over the carried picture: what it never lets through, what it must, and what the shipped one does."""

import pytest
import torch

from inference.blend import BlendNet
from tests.tiny import random_weights, tiny_config


def frames(seed: int, count: int = 2) -> torch.Tensor:
    return torch.rand(count, 3, 32, 48, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.fixture
def net() -> BlendNet:
    made = BlendNet(tiny_config().blend)
    random_weights(made)
    return made


def test_what_is_shown_matters(net):
    decoded, carried = frames(0), frames(1)
    with torch.no_grad():
        shown, hidden = (net(decoded, carried, torch.full((2, 1, 32, 48), level)) for level in (1.0, 0.0))
    assert not torch.allclose(shown, hidden, atol=1e-3)


def test_it_only_ever_lies_between_the_two(net):
    decoded, carried = frames(0), frames(1)
    with torch.no_grad():
        made = net(decoded, carried, torch.rand(2, 1, 32, 48))
    low, high = torch.minimum(decoded, carried), torch.maximum(decoded, carried)
    assert ((made >= low - 1e-6) & (made <= high + 1e-6)).all()


def test_untrained_it_lets_half_through():
    decoded, carried = frames(0), frames(1)
    with torch.no_grad():
        made = BlendNet(tiny_config().blend)(decoded, carried, torch.ones(2, 1, 32, 48))
    torch.testing.assert_close(made, (decoded + carried) / 2)
