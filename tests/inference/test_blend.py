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


def test_light_and_grain_are_let_through_apart(net):
    """A shadow is the decoder's and the grain under it the picture's: a mask that says so gives just that."""
    with torch.no_grad():
        net.out.weight.zero_()
        net.out.bias.copy_(torch.tensor([-30.0, 30.0]).repeat_interleave(16))  # nothing of the coarse, all of the fine
        shade = torch.full((1, 3, 32, 48), -0.5)
        grain = 0.1 * (-1.0) ** torch.arange(48).expand(1, 3, 32, 48)  # its mean over any eight pixels is none
        made = net(shade, grain, torch.ones(1, 1, 32, 48))
    torch.testing.assert_close(made, shade + grain, atol=1e-5, rtol=0)


@pytest.mark.parametrize("level", [-30.0, 30.0])
def test_a_mask_of_one_mind_gives_one_of_both(net, level):
    decoded, carried = frames(0), frames(1)
    with torch.no_grad():
        net.out.weight.zero_()
        net.out.bias.fill_(level)
        made = net(decoded, carried, torch.ones(2, 1, 32, 48))
    torch.testing.assert_close(made, carried if level > 0 else decoded, atol=1e-5, rtol=0)


def test_untrained_it_lets_half_through():
    decoded, carried = frames(0), frames(1)
    with torch.no_grad():
        made = BlendNet(tiny_config().blend)(decoded, carried, torch.ones(2, 1, 32, 48))
    torch.testing.assert_close(made, (decoded + carried) / 2)
