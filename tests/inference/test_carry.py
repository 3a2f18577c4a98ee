"""The carried picture: it goes where the tracks go, and says where it cannot be trusted."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import interpolate

from inference.backdrop import behind_moving
from inference.carry import Carried, carry, trace_back
from inference.fill import fill, fill_along_rows, fill_coarsely
from inference.layer import belonging, has_moved

HEIGHT, WIDTH = 48, 64


def carry_by_colour(
    picture: torch.Tensor, origin: torch.Tensor, xy: torch.Tensor, visible: torch.Tensor, reach: float
) -> Carried:
    """As if the affinity network had found out that what has one colour is one thing."""
    belongs = belonging(torch.nn.functional.avg_pool2d(picture, 4) * 2.0, origin, visible.any(1), reach)
    moved = has_moved(origin, xy, visible, picture.shape[3] / picture.shape[2])
    behind = behind_moving(None, picture, belongs, origin, moved, visible.any(1))
    return carry(picture, belongs, behind, origin, xy, visible)


def smooth_picture() -> torch.Tensor:
    y, x = torch.meshgrid(torch.linspace(0, 6, HEIGHT), torch.linspace(0, 8, WIDTH), indexing="ij")
    return torch.stack([x.sin(), y.cos(), (x + y).sin()])[None]


def grid_points(columns: int, rows: int) -> torch.Tensor:
    y, x = torch.meshgrid((torch.arange(rows) + 0.5) / rows, (torch.arange(columns) + 0.5) / columns, indexing="ij")
    return torch.stack([x, y], -1).reshape(1, -1, 2)


def test_without_tracks_the_picture_stands_still():
    picture, none = smooth_picture(), torch.zeros(1, 0, 2)
    carried = carry_by_colour(picture, none, torch.zeros(1, 4, 0, 2), torch.zeros(1, 4, 0, dtype=torch.bool), 0.1)
    torch.testing.assert_close(carried.frames, picture[:, None].expand(-1, 4, -1, -1, -1), atol=1e-4, rtol=0)
    assert (carried.confidence == 1).all()
    assert (carried.support == 0).all()


@settings(max_examples=40)
@given(st.integers(-8, 8), st.integers(-6, 6))
def test_dense_tracks_shift_the_picture_exactly(right, down):
    picture, origin = smooth_picture(), grid_points(32, 24)
    shift = torch.tensor([right / WIDTH, down / HEIGHT])
    visible = torch.ones(1, 1, origin.shape[1], dtype=torch.bool)
    carried = carry_by_colour(picture, origin, (origin + shift)[:, None], visible, 0.12)
    margin = 12
    expected = picture.roll((down, right), (2, 3))[..., margin:-margin, margin:-margin]
    torch.testing.assert_close(carried.frames[:, 0, :, margin:-margin, margin:-margin], expected, atol=0.03, rtol=0)


def test_the_layers_say_what_the_frames_are_made_of():
    """The picture laid by them is the carried frame, and what they leave open is what a drag uncovered."""
    picture, origin = smooth_picture(), torch.tensor([[0.3, 0.5]]) + (grid_points(5, 5) - 0.5) * 0.15
    xy = (origin + torch.tensor([0.4, 0.0]))[:, None]
    carried = carry_by_colour(picture, origin, xy, torch.ones(xy.shape[:-1], dtype=torch.bool), 0.12)
    assert carried.layers.shape == (1, 1, 4, HEIGHT // 4, WIDTH // 4)
    resized = torch.nn.functional.interpolate(carried.layers[:, 0], size=(HEIGHT, WIDTH), mode="bilinear")
    displacement, moving, still = resized[:, :2], resized[:, 2:3], resized[:, 3:]
    y, x = torch.meshgrid((torch.arange(HEIGHT) + 0.5) / HEIGHT, (torch.arange(WIDTH) + 0.5) / HEIGHT, indexing="ij")
    source = (torch.stack([x, y]) - displacement) / torch.tensor([WIDTH / HEIGHT, 1.0])[:, None, None]
    moved = torch.nn.functional.grid_sample(
        picture, source.permute(0, 2, 3, 1) * 2 - 1, align_corners=False, padding_mode="border"
    )
    known = (moving + still > 0.95)[0, 0]
    laid = (moving * moved + still * picture) / (moving + still)
    torch.testing.assert_close(laid[0][:, known], carried.frames[0, 0][:, known], atol=0.05, rtol=0)
    assert known.float().mean() > 0.6
    assert (moving + still)[0, 0, 24, 19] < 0.1  # left behind
    assert moving[0, 0, 24, 44] > 0.9  # arrived


def test_what_a_drag_uncovers_is_not_trusted():
    picture = torch.nn.functional.interpolate(smooth_picture(), scale_factor=3, mode="bilinear")  # 144 x 192
    origin = torch.tensor([[0.3, 0.5]]) + (grid_points(5, 5) - 0.5) * 0.15
    still = grid_points(8, 6)
    for place in ((0.3, 0.5), (0.7, 0.5)):  # what is dragged, and what it comes to hide
        still = still[:, (still - torch.tensor(place)).norm(dim=-1)[0] > 0.2]
    both = torch.cat([origin, still], 1)
    xy = torch.cat([origin + torch.tensor([0.4, 0.0]), still], 1)[:, None]
    carried = carry_by_colour(picture, both, xy, torch.ones(xy.shape[:-1], dtype=torch.bool), 0.12)
    confidence = carried.confidence[0, 0, 0]  # [18, 24]
    assert confidence[9, 7] < 0.2  # left behind
    assert confidence[9, 16] > 0.8  # carried
    assert confidence[2, 2] > 0.8  # far away


def test_what_was_left_behind_is_filled_from_around_it():
    """A white thing on black is dragged away: the place it stood on turns dark."""
    picture = torch.full((1, 3, HEIGHT, WIDTH), -1.0)
    picture[:, :, 18:30, 14:26] = 1.0
    origin = torch.tensor([[20 / WIDTH, 24 / HEIGHT]]) + (grid_points(5, 5) - 0.5) * torch.tensor([0.19, 0.25])
    xy = (origin + torch.tensor([0.5, 0.0]))[:, None]
    carried = carry_by_colour(picture, origin, xy, torch.ones(xy.shape[:-1], dtype=torch.bool), 0.14)
    assert carried.frames[0, 0, :, 20:28, 16:24].mean() < -0.6
    assert carried.frames[0, 0, :, 20:28, 48:56].mean() > 0.9


def test_a_thing_comes_along_whole_and_its_surroundings_stay():
    """A red thing on a striped ground, held by a grid that covers a ninth of it."""
    ground = torch.linspace(0, 40, WIDTH).sin().expand(3, HEIGHT, -1)
    picture = ground.clone()[None]
    picture[0, :, 12:36, 6:30] = torch.tensor([1.0, -1.0, -1.0])[:, None, None]
    origin = torch.tensor([[18 / WIDTH, 24 / HEIGHT]]) + (grid_points(5, 5) - 0.5) * torch.tensor([0.125, 0.167])
    shift = 30
    xy = (origin + torch.tensor([shift / WIDTH, 0.0]))[:, None]
    carried = carry_by_colour(picture, origin, xy, torch.ones(xy.shape[:-1], dtype=torch.bool), 0.4)
    thing = carried.frames[0, 0, :, 14:34, 8 + shift : 28 + shift]
    assert (thing[0] - thing[1]).mean() > 1.7
    beside = slice(None), slice(2, 46), slice(62, 64)
    torch.testing.assert_close(carried.frames[0, 0][beside], ground[beside], atol=0.05, rtol=0)
    above = slice(None), slice(0, 6), slice(None)
    torch.testing.assert_close(carried.frames[0, 0][above], ground[above], atol=0.1, rtol=0)


def test_filling_coarsely_is_filling():
    chance = torch.Generator().manual_seed(1)
    frames, weight = (
        interpolate(torch.rand(2, n, 9, 12, generator=chance), size=(36, 48), mode="bilinear") for n in (3, 1)
    )
    weight = (2 * weight).clamp_max(1)
    weight[:, :, 8:24, 12:32] = 0.0
    finely, coarsely = fill(frames, weight), fill_coarsely(frames * weight, weight, 4)
    apart, filled = (finely - coarsely)[..., 8:24, 12:32].norm(), (finely - frames)[..., 8:24, 12:32].norm()
    assert apart < 0.1 * filled
    torch.testing.assert_close(coarsely[(weight == 1).expand_as(frames)], frames[(weight == 1).expand_as(frames)])


def test_what_comes_from_outside_is_the_picture_mirrored_and_is_not_claimed_to_be_shown():
    """A wave that leans to no side at the left border, dragged to the right: it goes on with its stripes."""
    picture = torch.linspace(0, 20, WIDTH).cos().expand(1, 3, HEIGHT, WIDTH).clone()
    origin, shift = grid_points(16, 12), 12
    xy = (origin + torch.tensor([shift / WIDTH, 0.0]))[:, None]
    carried = carry_by_colour(picture, origin, xy, torch.ones(xy.shape[:-1], dtype=torch.bool), 0.12)
    new = carried.frames[0, 0, :, 8:40, 0 : shift - 2]
    wanted = picture.flip(3)[0, :, 8:40, WIDTH - shift : WIDTH - 2]
    assert (new - wanted).abs().mean() < 0.25
    assert carried.shown[0, 0, :, 8:40, 0 : shift - 4].max() < 0.1
    assert carried.confidence[0, 0, :, 1:5, 0].max() < 0.1


def test_filling_keeps_what_has_full_weight():
    frames, weight = torch.rand(2, 3, 19, 26), torch.ones(2, 1, 19, 26)
    torch.testing.assert_close(fill(frames, weight), frames)
    weight[:, :, 5:9, 5:9] = 0.0
    filled = fill(frames, weight)
    kept = weight.expand_as(frames) == 1
    torch.testing.assert_close(filled[kept], frames[kept])
    assert filled.min() >= frames.min() - 1e-5
    assert filled.max() <= frames.max() + 1e-5


def test_filling_along_rows_keeps_a_horizon_that_filling_from_all_around_blurs():
    """Sky over ground, with a hole that reaches further down than up."""
    picture = torch.full((1, 3, HEIGHT, WIDTH), 0.8)
    picture[:, :, HEIGHT // 2 :] = -0.8
    weight = torch.ones(1, 1, HEIGHT, WIDTH)
    weight[..., 8:30, 22:42] = 0.0
    sky = slice(None), slice(None), slice(16, 20), slice(26, 38)
    around, rows = fill(picture, weight), fill_along_rows(picture, weight)
    assert (rows[sky] - 0.8).abs().mean() < 0.7 * (around[sky] - 0.8).abs().mean()
    kept = weight.expand_as(picture) == 1
    torch.testing.assert_close(rows[kept], picture[kept])


def test_invisible_tracks_do_not_count():
    picture, origin = smooth_picture(), grid_points(4, 4)
    xy = (origin + 0.2)[:, None]
    carried = carry_by_colour(picture, origin, xy, torch.zeros(1, 1, 16, dtype=torch.bool), 0.12)
    torch.testing.assert_close(carried.frames[:, 0], picture, atol=1e-4, rtol=0)


def test_padding_with_invisible_tracks_changes_nothing():
    picture, origin = smooth_picture(), grid_points(3, 3)
    xy = (origin + 0.05)[:, None]
    seen = torch.ones(1, 1, 9, dtype=torch.bool)
    padded = torch.cat([origin, torch.zeros(1, 7, 2)], 1)
    a = carry_by_colour(picture, origin, xy, seen, 0.12)
    b = carry_by_colour(
        picture, padded, torch.cat([xy, torch.zeros(1, 1, 7, 2)], 2), torch.nn.functional.pad(seen, (0, 7)), 0.12
    )
    torch.testing.assert_close(a.frames, b.frames, atol=1e-4, rtol=0)
    torch.testing.assert_close(a.confidence, b.confidence, atol=1e-4, rtol=0)


@pytest.mark.parametrize("at", [(0.5, 0.5), (0.7, 0.3)])
def test_a_later_point_is_traced_back_to_the_picture(at):
    origin = grid_points(16, 12)
    shift = torch.tensor([0.1, -0.05])
    visible = torch.ones(1, 1, origin.shape[1], dtype=torch.bool)
    carried = carry_by_colour(smooth_picture(), origin, (origin + shift)[:, None], visible, 0.12)
    place = torch.tensor([at])
    found = trace_back(carried.displacement[0, 0], place, WIDTH / HEIGHT)
    torch.testing.assert_close(found, place - shift, atol=0.01, rtol=0)


def test_a_point_on_an_edge_comes_from_one_side_of_it():
    displacement = torch.zeros(2, 36, 64)
    displacement[0, :, 32:] = 0.3  # picture heights
    places = torch.linspace(0.45, 0.55, 41)[:, None].expand(-1, 2)
    came = ((places - trace_back(displacement, places, WIDTH / HEIGHT)) * WIDTH / HEIGHT)[:, 0]
    assert ((came.abs() < 1e-5) | ((came - 0.3).abs() < 1e-5)).all()
