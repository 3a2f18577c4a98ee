"""Holding: tracks that lie together hold one thing, outlined; a crowd of tracks holds the scene."""

import numpy as np
import torch

from inference.holding import FEW, KEPT, Held, Holding, linked
from inference.layer import belonging, grid_of
from inference.track_ids import MANY, PARTS, SCENE

REACH = 0.7
SIZE = (144, 256)


def two_things() -> torch.Tensor:
    """Features that know two things, each a cell too wide."""
    features = torch.zeros(1, 2, 36, 64)
    features[:, 0, 11:25, 11:25] = 3.0
    features[:, 1, 11:25, 39:53] = 3.0
    return features


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


def ask(holding: Holding, origin: torch.Tensor, holders: list[int] | np.ndarray | None = None) -> Held:
    """As one holder's, unless told otherwise."""
    who = np.zeros(origin.shape[1], np.int64) if holders is None else np.asarray(holders)
    return holding.held(origin, seen(origin), who)


class Segmenter:
    """Knows both squares to the pixel, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def __call__(self, on: torch.Tensor, beside: torch.Tensor) -> torch.Tensor:
        self.asked.append((on.shape[1], beside.shape[1]))
        likely = torch.full((72, 128), 0.01)
        likely[(slice(24, 48), slice(24, 48) if on[0, 0, 0] < 0.5 else slice(80, 104))] = 0.99
        return likely


def test_a_thing_goes_along_up_to_its_edge_and_no_further() -> None:
    features = two_things()
    origin = grid(72 / 256, 0.5)[None]
    segmenter = Segmenter()
    held = shown(ask(Holding(features, SIZE, REACH, segmenter), origin).belongs)
    without = shown(belonging(features, origin, seen(origin), REACH))
    assert held[18, 18] > 0.9
    assert without[18, 11] > 0.8  # the features take in a cell too much,
    assert held[18, 11] < 0.3  # the segmenter does not
    assert held[18, 46] < 0.05
    assert segmenter.asked == [(1, 0)], "of a hand's grid, what is under its middle"


def test_a_crowds_thing_is_asked_for_with_all_that_is_known() -> None:
    features = two_things()
    origin = torch.cat([grid(72 / 256, 0.5), grid(184 / 256, 0.5)])[None]
    segmenter = Segmenter()
    ask(Holding(features, SIZE, REACH, segmenter), origin, [PARTS] * 25 + [PARTS - 1] * 25)
    assert segmenter.asked == [(25, 25), (25, 25)]


def test_the_segmenter_says_which_of_a_grid_lie_on_the_thing() -> None:
    features = two_things()
    wide = grid(72 / 256, 0.5, step=0.13)
    together = Holding(features, SIZE, REACH, Segmenter()).together(wide, 12).reshape(5, 5)
    assert together[1:4, 1:4].all()
    assert not together[[0, 4]].any()


class Ground(Segmenter):
    """As `Segmenter`, but between the squares it means everything."""

    def __call__(self, on: torch.Tensor, beside: torch.Tensor) -> torch.Tensor:
        x = on[0, 0, 0] * 256
        return torch.ones(72, 128) if not (48 <= x < 96 or 160 <= x < 208) else super().__call__(on, beside)


def test_who_holds_the_ground_holds_none_of_a_thing_that_was_held_before() -> None:
    """A hand beside a thing that stands elsewhere now: of its grid, some points come from that thing's home."""
    holding = Holding(two_things(), SIZE, REACH, Ground())
    ask(holding, grid(72 / 256, 0.5)[None])
    ground = grid(140 / 256, 0.5)
    ground[:10] = grid(72 / 256, 0.5)[:10]
    together = holding.together(ground, 12)
    assert together[10:].all()
    assert not together[:10].any()


def test_of_whom_nothing_is_a_thing_the_whole_scene_goes_along() -> None:
    holding = Holding(two_things(), SIZE, REACH, Ground())
    origin = torch.cat([grid(72 / 256, 0.5), grid(140 / 256, 0.5)])[None]
    found = ask(holding, origin, [0] * 25 + [1] * 25)
    assert found.tracks.tolist() == list(range(25))
    assert found.scene.tolist() == list(range(25, 50))
    assert found.whole
    assert (holding.along(origin[:, found.scene], found.whole) == 1.0).all()
    flown = ask(holding, origin, [SCENE] * 25 + [1] * 25)  # the camera has points of its own for all there is
    assert (len(flown.scene), flown.whole) == (50, False)


def test_pins_on_the_ground_leave_the_things_their_places() -> None:
    """As "Hold everything else still" lays them: more than are outlined, or looked at."""
    holding = Holding(two_things(), SIZE, REACH, Ground())
    pins = torch.stack([torch.full((30,), 140 / 256), torch.linspace(0.02, 0.98, 30)], 1)
    many = torch.cat([pins, grid(184 / 256, 0.5)[12:13], grid(184 / 256, 0.5)])[None]
    found = ask(holding, many, [*range(31), *[31] * 25])
    assert found.scene.tolist() == list(range(30)), "not the pin on the thing"
    assert found.whole
    assert set(found.things[1:]) == {0}, "the grid's thing is outlined"
    grids = torch.cat([*(grid(140 / 256, 0.1 + 0.09 * n, step=0.005) for n in range(9)), grid(72 / 256, 0.5)[:20]])
    found = ask(Holding(two_things(), SIZE, REACH, Ground()), grids[None], [*np.repeat(range(9), 25), *[9] * 20])
    assert found.scene.tolist() == list(range(225))
    assert set(found.things) == {0}, "nine grids on the ground take no thing's place"


def test_to_ask_what_belongs_is_not_to_hold_it() -> None:
    holding = Holding(two_things(), SIZE, REACH, Ground())
    ground = torch.cat([grid(140 / 256, 0.5)[:13], grid(72 / 256, 0.5)[:12]])
    assert holding.together(ground, 12).all()
    holding.layer(grid(72 / 256, 0.5)[None])
    assert holding.together(ground, 12).all()


def test_two_hands_hold_two_things_each_of_its_own() -> None:
    features = two_things()
    origin = torch.cat([grid(72 / 256, 0.5), grid(184 / 256, 0.5)])[None]
    found = ask(Holding(features, SIZE, REACH), origin)
    assert len(set(found.things[:25])) == len(set(found.things[25:])) == 1
    assert found.things[0] != found.things[25]
    assert shown(found.belongs[..., :25])[18, 18] > 0.9
    assert shown(found.belongs[..., :25])[18, 46] < 0.05
    assert shown(found.belongs[..., 25:])[18, 46] > 0.9


def test_two_hands_on_one_thing_hold_one() -> None:
    """Or each would take a whole one with it, and a pin on a foot would pin nothing."""
    features = two_things()
    origin = torch.cat([grid(66 / 256, 0.5, step=0.02), grid(78 / 256, 0.5, step=0.02)])[None]
    found = ask(Holding(features, SIZE, REACH), origin, [1] * 25 + [2] * 25)
    assert len(set(found.things)) == 1


def test_the_same_tracks_get_the_same_answer_and_a_second_hand_leaves_the_first_ones() -> None:
    features = two_things()
    holding = Holding(features, SIZE, REACH)
    one = grid(72 / 256, 0.5)[None]
    first = ask(holding, one)
    assert ask(holding, one.clone()) is first
    both = torch.cat([one, grid(184 / 256, 0.5)[None]], 1)
    assert torch.equal(ask(holding, both).belongs[..., :25], first.belongs)


def test_tracks_that_do_not_count_hold_nothing() -> None:
    features = two_things()
    origin = torch.cat([grid(72 / 256, 0.5), torch.zeros(3, 2)])[None]
    counted = seen(origin)
    counted[0, 25:] = False
    found = Holding(features, SIZE, REACH).held(origin, counted, np.zeros(28, np.int64))
    assert found.tracks.tolist() == list(range(25))
    none = ask(Holding(features, SIZE, REACH), torch.zeros(1, 0, 2))
    assert (none.belongs.shape, len(none.scene)) == ((1, 72 * 128, 0), 0)


def test_neighbours_held_by_two_hands_are_two_things() -> None:
    """Nearer to each other than a hand's grid is wide: as one group, one of them would be cut away."""
    features = two_things()
    between = torch.tensor([[92 / 256, 0.5], [102 / 256, 0.5]])[None]  # on the red thing's rim, and on grey
    holding = Holding(features, SIZE, REACH)
    alone, beside = ask(holding, between[:, :1]).belongs, ask(holding, between, [1, 2]).belongs
    assert torch.equal(beside[..., :1], alone)
    assert not torch.equal(ask(holding, between).belongs[..., :1], alone)


def test_pins_all_around_leave_the_hand_its_outline() -> None:
    """As "Hold everything else still" lays them: as near to each other as a hand's widest grid, and to the hand."""
    features = two_things()
    hand, pins = grid(72 / 256, 0.5), torch.cartesian_prod(torch.linspace(0.05, 0.95, 11), torch.linspace(0.1, 0.9, 6))
    pins = pins[(pins[:, 0] - 72 / 256).abs() > 0.12]
    origin = torch.cat([hand, pins])[None]
    holding = Holding(features, SIZE, REACH)
    alone = ask(holding, hand[None])
    with_pins = ask(holding, origin, [0] * 25 + list(range(1, len(pins) + 1)))
    assert len(pins) > FEW
    assert torch.equal(with_pins.belongs[..., :25], alone.belongs)
    assert set(with_pins.things[:25]).isdisjoint(with_pins.things[25:])
    assert (with_pins.belongs.amax(1) > 0.5).all(), "a pin holds nothing"


def test_a_flight_over_a_held_thing_leaves_it_its_outline() -> None:
    """The camera's points move the scene: they are no thing, and no reason to forget the hand's."""
    features = two_things()
    scene = torch.rand(1, 2 * MANY, 2, generator=torch.Generator().manual_seed(0))
    hand = grid(72 / 256, 0.5)[None]
    holding = Holding(features, SIZE, REACH)
    flown = ask(holding, torch.cat([hand, scene], 1), [0] * 25 + [SCENE] * 2 * MANY)
    assert torch.equal(flown.belongs, ask(Holding(features, SIZE, REACH), hand).belongs)
    assert flown.tracks.tolist() == list(range(25))
    assert torch.equal(holding.along(scene), belonging(features, scene, seen(scene), REACH))
    assert holding.along(scene.clone()) is holding.along(scene)


def test_what_slides_out_of_the_picture_stays_cut_as_it_was() -> None:
    features = two_things()
    holding, origin = Holding(features, SIZE, REACH), grid(72 / 256, 0.5)[None]
    whole = ask(holding, origin)
    counted = seen(origin)
    counted[0, 10:] = False
    left = holding.held(origin, counted, np.zeros(25, np.int64))
    assert torch.allclose(left.belongs, whole.belongs[..., :10], atol=1e-4)
    assert len(holding._cuts) == 1


def test_who_holds_more_than_hands_do_moves_the_scene() -> None:
    features = two_things()
    origin = torch.rand(1, MANY + 1, 2, generator=torch.Generator().manual_seed(0))
    holding = Holding(features, SIZE, REACH)
    found = ask(holding, origin)
    assert (len(found.tracks), len(found.scene)) == (0, MANY + 1)
    assert torch.equal(holding.layer(origin), belonging(features, origin, seen(origin), REACH).amax(-1).view(36, 64))


def test_a_crowds_things_end_where_its_other_tracks_are() -> None:
    """The features take the grey between both squares for red: a track there that went elsewhere knows better."""
    features = two_things()
    features[:, 0, 11:25, 25:32] = 3.0
    thing, other = grid(72 / 256, 0.5), grid(112 / 256, 0.5, step=0.03)
    origin = torch.cat([thing, other])[None]
    holding = Holding(features, SIZE, REACH)
    one = shown(ask(holding, origin, [0] * 50).belongs[..., :25])
    apart = shown(ask(holding, origin, [PARTS] * 25 + [SCENE] * 25).belongs)
    assert one[18, 28] > 0.5
    assert apart[18, 28] < 0.3
    assert apart[18, 18] > 0.9


def test_what_is_no_part_of_the_thing_in_the_middle_is_not_held_with_it() -> None:
    features = two_things()
    wide = grid(72 / 256, 0.5, step=0.13)
    together = Holding(features, SIZE, REACH).together(wide, 12)
    assert together.reshape(5, 5)[1:4, 1:4].all()
    assert not together.reshape(5, 5)[[0, 4]].any()


def test_memory_of_answers_is_bounded() -> None:
    features = two_things()
    holding = Holding(features, SIZE, REACH)
    for i in range(KEPT + 3):
        origin = grid(0.25 + 0.005 * i, 0.5)[None]
        ask(holding, origin)
    assert len(holding._cuts) == KEPT


def test_points_are_linked_through_others() -> None:
    chain = torch.tensor([[0.0, 0.0], [0.9, 0.0], [0.15, 0.0], [0.3, 0.0], [0.95, 0.1]])
    assert linked(chain, np.zeros(5)).tolist() == [0, 1, 0, 0, 1]
    assert linked(chain, np.array([0, 0, 1, 0, 0])).tolist() == [0, 1, 2, 3, 1]
    assert linked(torch.zeros(0, 2), np.zeros(0)).tolist() == []


def test_a_thing_of_a_crowd_that_falls_in_two_is_asked_about_anew() -> None:
    """The numbers of a crowd's things are large, and differ by one."""
    features = two_things()
    holding, origin = Holding(features, SIZE, REACH), grid(72 / 256, 0.5)[None]
    one = ask(holding, origin, [PARTS - 2] * 25)
    two = ask(holding, origin, [PARTS - 2] * 15 + [PARTS - 3] * 10)
    assert (len(set(one.things)), len(set(two.things))) == (1, 2)
