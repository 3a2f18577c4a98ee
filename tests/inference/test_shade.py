"""Shadows: taken off and put on they undo each other, and with a thing its shadow goes along."""

import numpy as np
import pytest
import torch

from inference.carry import carry
from inference.config import ShadeConfig
from inference.holding import Holding
from inference.shade import DARKEST, ShadeNet, brightened, darkened, left_by_all, shade
from tests.tiny import random_weights

HEIGHT, WIDTH = 48, 96
THING, SHADOW = np.s_[16:32, 20:36], np.s_[32:38, 18:38]  # rows and columns
GROUND, RED = 0.2, (0.8, -0.6, -0.6)


def scene() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A red thing on grainy ground and in it the shadow, the thing's outline [H, W], and what of the light it leaves
    [1, 1, H/2, W/2].
    """
    grain = 0.1 * torch.randn(1, 1, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    picture = (GROUND + grain).expand(1, 3, -1, -1).clone()
    left = torch.ones(1, 1, HEIGHT, WIDTH)
    left[..., *SHADOW] = 0.5
    picture = darkened(picture, left)
    outline = torch.zeros(HEIGHT, WIDTH)
    outline[THING] = 1.0
    picture[0, :, *THING] = torch.tensor(RED)[:, None, None]
    return picture, outline, torch.nn.functional.avg_pool2d(left, 2)


def moved(dx: float, *, shaded: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    """The picture, and it with the thing dx picture widths further, [3, H, W] each."""
    picture, outline, left = scene()
    rows, columns = HEIGHT // 2, WIDTH // 2
    belongs = torch.nn.functional.avg_pool2d(outline[None, None], 2).view(1, rows * columns, 1).expand(-1, -1, 4)
    origin = torch.tensor([[[0.25, 0.4], [0.33, 0.4], [0.25, 0.6], [0.33, 0.6]]])
    xy = (origin + torch.tensor([dx, 0.0]))[:, None]
    bright = brightened(picture, left_by_all(left, (HEIGHT, WIDTH))) if shaded else picture
    behind = torch.cat([torch.where(outline > 0, GROUND, bright), torch.ones(1, 1, HEIGHT, WIDTH)], dim=1)
    visible = torch.ones(1, 1, 4, dtype=torch.bool)
    things = np.zeros(4, np.int64)
    found = carry(picture, belongs, behind, origin, xy, visible, things, left=left if shaded else None)
    return picture[0], found.frames[0, 0]


def test_taken_off_and_put_on_again_they_undo_each_other() -> None:
    colours, left = torch.rand(1, 3, 8, 8) * 2 - 1, 0.2 + 0.8 * torch.rand(1, 1, 8, 8)
    torch.testing.assert_close(darkened(brightened(colours, left), left), colours)
    weight = torch.rand(1, 1, 8, 8)  # of the part of a pixel that lies in the shadow
    torch.testing.assert_close(darkened(weight * colours, left, weight), weight * darkened(colours, left))


def test_at_home_nothing_changes() -> None:
    picture, frame = moved(0.0)
    rim = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    rim[12:36, 16:40] = True  # of the thing, which is resampled
    torch.testing.assert_close(frame[:, ~rim], picture[:, ~rim], atol=1e-4, rtol=0)


def test_the_shadow_goes_along_and_the_grain_stays() -> None:
    picture, frame = moved(1 / 3)  # 32 pixels
    _, behind = moved(1 / 3, shaded=False)
    home, there = np.s_[:, 34:37, 22:34], np.s_[:, 34:37, 54:66]
    assert frame[home].mean() == pytest.approx(GROUND, abs=0.05), "the shadow stayed behind"
    assert behind[home].mean() < -0.2, "without it there is nothing to see here"
    torch.testing.assert_close(frame[there], darkened(picture[there], torch.tensor(0.5)), atol=0.02, rtol=0)
    bright = brightened(picture[home], torch.tensor(0.5))
    torch.testing.assert_close(frame[home], bright, atol=0.02, rtol=0)
    np.testing.assert_allclose(frame[:, 18:30, 55:65].mean((1, 2)), RED, atol=0.05)  # the thing is not darkened


def test_a_thing_lies_in_no_shadow_of_its_own_and_no_shadow_is_black() -> None:
    net = random_weights(ShadeNet(ShadeConfig(quarter=8, eighth=8, sixteenth=8, layers=1, heads=2)), 3)
    torch.nn.init.constant_(net.out.bias, 6.0)  # darkness everywhere
    outline = torch.zeros(1, 1, 32, 48)
    outline[..., 8:24, 8:24] = 1.0
    picture = torch.full((1, 3, 32, 48), -1.0)  # black, but for the ground far off
    picture[..., 40:] = 1.0
    left = shade(net.eval(), picture, outline)
    assert left.shape == (1, 1, 16, 24)
    assert (left[..., 4:12, 4:12] == 1.0).all()
    torch.nn.init.constant_(net.out.bias, -60.0)
    assert (shade(net, picture, outline) == 1.0).all()


def test_no_ground_shines_without_its_shadow() -> None:
    """A network that takes too much is held to what the ground about it is, in every colour."""
    net = ShadeNet(ShadeConfig(quarter=8, eighth=8, sixteenth=8, layers=1, heads=2)).eval()
    dark = torch.zeros(1, 1, 64, 96)
    dark[..., 40:52, 20:70] = 1.0
    net.forward = lambda picture, outline: 20.0 * torch.nn.functional.avg_pool2d(dark, 2) - 10.0
    outline = torch.zeros(1, 1, 64, 96)
    outline[..., 20:40, 30:60] = 1.0
    ground = torch.tensor([-0.4, 0.2, -0.6]).view(1, 3, 1, 1).expand(1, 3, 64, 96)
    for takes in (0.5, 0.0, 0.95):  # of the light, in truth; the network says 1 of it
        picture = (ground + 1.0) * (1.0 - takes * dark) - 1.0
        left = shade(net, picture, outline)
        deep = left[..., 22:24, 14:30]
        assert deep.sub(1.0 - min(takes, DARKEST)).abs().max() < 0.05
        bright = brightened(picture, left_by_all(left, (64, 96)))
        assert (bright - ground)[..., 44:48, 28:60].max() < 0.05


def test_who_holds_one_thing_twice_darkens_once() -> None:
    """Two hands on one thing: its shadow is one."""
    features = torch.zeros(1, 4, HEIGHT // 4, WIDTH // 4)
    _, outline, left = scene()
    likely = torch.nn.functional.avg_pool2d(outline[None, None], 2)[0, 0]
    holding = Holding(features, (HEIGHT, WIDTH), 0.7, lambda on, beside: likely, lambda cut: left)
    origin = torch.tensor([[[0.24, 0.4], [0.34, 0.6]]])
    held = holding.held(origin, torch.ones(1, 2, dtype=torch.bool), np.array([1, 2]))
    assert held.things.tolist() == [0, 0]
    assert held.left is not None
    torch.testing.assert_close(held.left.prod(1, keepdim=True), left)
    none = Holding(features, (HEIGHT, WIDTH), 0.7, lambda on, beside: likely)
    assert none.held(origin, torch.ones(1, 2, dtype=torch.bool), np.array([1, 2])).left is None
