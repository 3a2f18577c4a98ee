"""Holding: tracks that lie together hold one thing, outlined; a crowd of tracks holds the scene."""

import numpy as np
import torch

from inference.holding import FEW, HAND, KEPT, Holding, linked
from inference.layer import belonging, grid_of
from inference.track_ids import CAMERA, holder_of, source_ids

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


def ask(holding: Holding, origin: torch.Tensor, holders: list[int] | np.ndarray | None = None) -> torch.Tensor:
    """As one holder's, unless told otherwise."""
    who = np.zeros(origin.shape[1], np.int64) if holders is None else np.asarray(holders)
    return holding.belongs(origin, seen(origin), who)


def test_a_thing_goes_along_up_to_its_edge_and_no_further() -> None:
    picture, features = two_things()
    origin = grid(72 / 256, 0.5)[None]
    held = shown(ask(Holding(picture, features, REACH), origin))
    without = shown(belonging(features, origin, seen(origin), REACH))
    assert held[18, 18] > 0.9
    assert without[18, 11] > 0.8  # the features take in a cell too much,
    assert held[18, 11] < 0.3  # the outline does not
    assert held[18, 46] < 0.05


def test_two_hands_hold_two_things_each_of_its_own() -> None:
    picture, features = two_things()
    origin = torch.cat([grid(72 / 256, 0.5), grid(184 / 256, 0.5)])[None]
    belongs = ask(Holding(picture, features, REACH), origin)
    assert shown(belongs[..., :25])[18, 18] > 0.9
    assert shown(belongs[..., :25])[18, 46] < 0.05
    assert shown(belongs[..., 25:])[18, 46] > 0.9


def test_the_same_tracks_get_the_same_tensor_and_a_second_hand_leaves_the_first_ones_answer() -> None:
    picture, features = two_things()
    holding = Holding(picture, features, REACH)
    one = grid(72 / 256, 0.5)[None]
    first = ask(holding, one)
    assert ask(holding, one.clone()) is first
    both = torch.cat([one, grid(184 / 256, 0.5)[None]], 1)
    assert torch.equal(ask(holding, both)[..., :25], first)


def test_tracks_that_do_not_count_hold_nothing() -> None:
    picture, features = two_things()
    origin = torch.cat([grid(72 / 256, 0.5), torch.zeros(3, 2)])[None]
    counted = seen(origin)
    counted[0, 25:] = False
    assert Holding(picture, features, REACH).belongs(origin, counted, np.zeros(28, np.int64))[..., 25:].abs().max() == 0
    nothing = torch.zeros(1, 0, 2)
    assert ask(Holding(picture, features, REACH), nothing).shape == (1, 72 * 128, 0)


def test_neighbours_held_by_two_hands_are_two_things() -> None:
    """Nearer to each other than a hand's grid is wide: as one group, one of them would be cut away."""
    picture, features = two_things()
    between = torch.tensor([[92 / 256, 0.5], [102 / 256, 0.5]])[None]  # on the red thing's rim, and on grey
    holding = Holding(picture, features, REACH)
    alone, beside = ask(holding, between[:, :1]), ask(holding, between, [1, 2])
    assert torch.equal(beside[..., :1], alone)
    assert not torch.equal(ask(holding, between)[..., :1], alone)


def test_pins_all_around_leave_the_hand_its_outline() -> None:
    """As "Hold everything else still" lays them: as near to each other as a hand's widest grid, and to the hand."""
    picture, features = two_things()
    hand, pins = grid(72 / 256, 0.5), torch.cartesian_prod(torch.linspace(0.05, 0.95, 11), torch.linspace(0.1, 0.9, 6))
    pins = pins[(pins[:, 0] - 72 / 256).abs() > 0.12]
    origin = torch.cat([hand, pins])[None]
    holding = Holding(picture, features, REACH)
    alone = ask(holding, hand[None])
    with_pins = ask(holding, origin, [0] * 25 + list(range(1, len(pins) + 1)))
    assert len(pins) > FEW
    assert torch.equal(with_pins[..., :25], alone)
    assert (with_pins.amax(1) > 0.5).all(), "a pin holds nothing"


def test_a_flight_over_a_held_thing_leaves_it_its_outline() -> None:
    """The camera's points move the scene: they are no thing, and no reason to forget the hand's."""
    picture, features = two_things()
    scene = torch.rand(1, 2 * HAND, 2, generator=torch.Generator().manual_seed(0))
    hand = grid(72 / 256, 0.5)[None]
    holders = np.concatenate([np.zeros(25, np.int64), holder_of(source_ids(CAMERA, np.arange(2 * HAND)))])
    flown = ask(Holding(picture, features, REACH), torch.cat([hand, scene], 1), holders)
    held = shown(flown[..., :25])
    assert held[18, 18] > 0.9
    assert held[18, 11] < 0.3
    own = belonging(features, torch.cat([hand, scene], 1), seen(torch.cat([hand, scene], 1)), REACH)
    assert torch.equal(flown[..., 25:], own[..., 25:])


def test_what_slides_out_of_the_picture_stays_cut_as_it_was() -> None:
    picture, features = two_things()
    holding, origin = Holding(picture, features, REACH), grid(72 / 256, 0.5)[None]
    whole = ask(holding, origin)
    counted = seen(origin)
    counted[0, 10:] = False
    left = holding.belongs(origin, counted, np.zeros(25, np.int64))
    assert torch.allclose(left[..., :10], whole[..., :10], atol=1e-4)
    assert left[..., 10:].abs().max() == 0
    assert len(holding._outlines) == 1


def test_a_crowd_of_tracks_moves_the_scene() -> None:
    picture, features = two_things()
    origin = torch.rand(1, HAND + 1, 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(ask(Holding(picture, features, REACH), origin), belonging(features, origin, seen(origin), REACH))


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
        ask(holding, origin)
    assert len(holding._outlines) == KEPT


def test_points_are_linked_through_others() -> None:
    chain = torch.tensor([[0.0, 0.0], [0.9, 0.0], [0.15, 0.0], [0.3, 0.0], [0.95, 0.1]])
    assert linked(chain, np.zeros(5)).tolist() == [0, 1, 0, 0, 1]
    assert linked(chain, np.array([0, 0, 1, 0, 0])).tolist() == [0, 1, 2, 3, 1]
    assert linked(torch.zeros(0, 2), np.zeros(0)).tolist() == []
