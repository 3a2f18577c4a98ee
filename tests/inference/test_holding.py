"""Holding: tracks that lie together hold one thing, outlined; a crowd of tracks holds the scene."""

import numpy as np
import torch

from inference.holding import KEPT, Holding, linked
from inference.layer import belonging, grid_of

REACH = 0.7
LEFT, RIGHT = np.s_[48:96, 48:96], np.s_[48:96, 160:208]


def two_things() -> tuple[torch.Tensor, torch.Tensor]:
    """A picture of a red and a blue square on grey, and features that know both, each a cell too wide."""
    noise = np.random.default_rng(0).normal(0.0, 0.05, (144, 256, 3))
    pixels = np.full((144, 256, 3), 0.1) + noise
    pixels[LEFT] += (0.7, -0.6, -0.6)
    pixels[RIGHT] += (-0.6, -0.6, 0.7)
    features = torch.zeros(1, 2, 36, 64)
    features[:, 0, 11:25, 11:25] = 3.0
    features[:, 1, 11:25, 39:53] = 3.0
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float().clamp(-1, 1), features


def grid(x: float, y: float, step: float = 0.04) -> torch.Tensor:
    offsets = torch.linspace(-2 * step, 2 * step, 5)
    across, down = torch.meshgrid(offsets * 144 / 256, offsets, indexing="xy")
    return torch.stack([across.flatten() + x, down.flatten() + y], -1)


def shown(belongs: torch.Tensor) -> torch.Tensor:
    """On the features' grid, [36, 64]."""
    plane = belongs[0].amax(-1)
    grid = grid_of(len(plane), 144, 256)
    return torch.nn.functional.adaptive_avg_pool2d(plane.view(1, *grid), (36, 64))[0]


def seen(origin: torch.Tensor) -> torch.Tensor:
    return torch.ones(origin.shape[:2], dtype=torch.bool)


def test_a_thing_goes_along_up_to_its_edge_and_no_further() -> None:
    picture, features = two_things()
    origin = grid(72 / 256, 0.5)[None]
    held = shown(Holding(picture, features, REACH).belongs(origin, seen(origin)))
    without = shown(belonging(features, origin, seen(origin), REACH))
    assert held[18, 18] > 0.9
    assert without[18, 11] > 0.8  # the features take in a cell too much,
    assert held[18, 11] < 0.3  # the outline does not
    assert held[18, 46] < 0.05


def test_two_hands_hold_two_things_each_of_its_own() -> None:
    picture, features = two_things()
    origin = torch.cat([grid(72 / 256, 0.5), grid(184 / 256, 0.5)])[None]
    belongs = Holding(picture, features, REACH).belongs(origin, seen(origin))
    assert shown(belongs[..., :25])[18, 18] > 0.9
    assert shown(belongs[..., :25])[18, 46] < 0.05
    assert shown(belongs[..., 25:])[18, 46] > 0.9


def test_the_same_tracks_get_the_same_tensor_and_a_second_hand_leaves_the_first_ones_answer() -> None:
    picture, features = two_things()
    holding = Holding(picture, features, REACH)
    one = grid(72 / 256, 0.5)[None]
    first = holding.belongs(one, seen(one))
    assert holding.belongs(one.clone(), seen(one)) is first
    both = torch.cat([one, grid(184 / 256, 0.5)[None]], 1)
    assert torch.equal(holding.belongs(both, seen(both))[..., :25], first)


def test_tracks_that_do_not_count_hold_nothing() -> None:
    picture, features = two_things()
    origin = torch.cat([grid(72 / 256, 0.5), torch.zeros(3, 2)])[None]
    counted = seen(origin)
    counted[0, 25:] = False
    assert Holding(picture, features, REACH).belongs(origin, counted)[..., 25:].abs().max() == 0
    nothing = torch.zeros(1, 0, 2)
    assert Holding(picture, features, REACH).belongs(nothing, seen(nothing)).shape == (1, 72 * 128, 0)


def test_many_scattered_tracks_move_the_scene_as_ever() -> None:
    picture, features = two_things()
    origin = torch.rand(1, 12, 2, generator=torch.Generator().manual_seed(0)) * 0.01
    origin += torch.tensor([[i % 4 * 0.25 + 0.1, i // 4 * 0.33 + 0.1] for i in range(12)])
    found = Holding(picture, features, REACH).belongs(origin, seen(origin))
    assert torch.equal(found, belonging(features, origin, seen(origin), REACH))


def test_what_is_no_part_of_the_thing_in_the_middle_is_not_held_with_it() -> None:
    picture, features = two_things()
    wide = grid(72 / 256, 0.5, step=0.13)
    together = Holding(picture, features, REACH).together(wide, 12)
    assert together.reshape(5, 5)[1:4, 1:4].all()
    assert not together.reshape(5, 5)[[0, 4]].any()


def test_memory_of_answers_is_bounded() -> None:
    picture, features = two_things()
    holding = Holding(picture, features, REACH)
    for i in range(KEPT + 3):
        origin = grid(0.25 + 0.005 * i, 0.5)[None]
        holding.belongs(origin, seen(origin))
    assert len(holding._things) == KEPT


def test_points_are_linked_through_others() -> None:
    chain = torch.tensor([[0.0, 0.0], [0.9, 0.0], [0.15, 0.0], [0.3, 0.0], [0.95, 0.1]])
    assert linked(chain).tolist() == [0, 1, 0, 0, 1]
    assert linked(torch.zeros(0, 2)).tolist() == []
