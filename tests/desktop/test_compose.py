"""Compositions as values: where toys come to lie, what they look like, and what their JSON refuses."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from desktop.directing.compose import (
    MAX_HEIGHT,
    MAX_TOYS,
    Composition,
    Painter,
    Placed,
    corners,
    from_json,
    holds,
    to_json,
)

SIZE = (256, 144)


def picture(name: str) -> Image.Image:
    """A grey ground; a bar twice as wide as high, red in its left half and blue in its right."""
    if name == "ground":
        return Image.new("RGB", (512, 512), (120, 120, 120))
    bar = Image.new("RGBA", (64, 32), (255, 0, 0, 255))
    bar.paste((0, 0, 255, 255), (32, 0, 64, 32))
    return bar


def drawn(*toys: Placed) -> np.ndarray:
    return Painter(picture).render(Composition("ground", SIZE, toys)).astype(int)


def middle(mask: np.ndarray) -> tuple[float, float]:
    rows, columns = np.nonzero(mask)
    return float(columns.mean() + 0.5) / SIZE[0], float(rows.mean() + 0.5) / SIZE[1]


def coloured(image: np.ndarray) -> np.ndarray:
    return np.abs(image - image.mean(-1, keepdims=True)).max(-1) > 60


def test_a_toy_lies_where_it_was_put_and_is_as_tall_as_asked() -> None:
    image = drawn(Placed("bar", (0.3, 0.6), 0.25, shadow=False))
    assert image.shape == (144, 256, 3)
    assert middle(coloured(image)) == pytest.approx((0.3, 0.6), abs=0.01)
    assert coloured(image).any(1).sum() == pytest.approx(36, abs=1)
    assert coloured(image).any(0).sum() == pytest.approx(72, abs=1)
    assert (image[~coloured(image)] == 120).all()


def test_mirror_turn_and_order() -> None:
    red = lambda image: (image[..., 0] > 200) & (image[..., 2] < 60)  # noqa: E731
    toy = Placed("bar", (0.5, 0.5), 0.3, shadow=False)
    assert middle(red(drawn(toy)))[0] < 0.5 < middle(red(drawn(replace(toy, mirrored=True))))[0]
    upright = drawn(replace(toy, angle=90.0))  # clockwise: what was left is up
    assert middle(red(upright))[1] < 0.45
    assert coloured(upright).any(1).sum() > coloured(upright).any(0).sum()
    over = drawn(toy, Placed("bar", (0.5, 0.5), 0.3, mirrored=True, shadow=False))
    assert middle(red(over))[0] > 0.5


def test_a_shadow_darkens_the_ground_at_the_foot_alone() -> None:
    toy = Placed("bar", (0.5, 0.4), 0.3)
    image, bare = drawn(toy), drawn(replace(toy, shadow=False))
    shade = (bare - image).max(-1)
    foot = (0.4 + 0.15) * 144
    assert shade[round(foot) + 1].max() > 30
    assert shade[: round(foot) - 25].max() == 0
    assert shade[round(foot) + 25 :].max() == 0


def test_the_background_is_cut_to_the_shape_and_not_squeezed() -> None:
    ramp = Image.fromarray(np.tile(np.arange(256, dtype=np.uint8)[:, None, None], (1, 256, 3)))
    image = Painter(lambda _: ramp).render(Composition("ramp", SIZE))
    assert image[0, 0, 0] == pytest.approx(56, abs=1)
    assert image[-1, 0, 0] == pytest.approx(199, abs=1)


@given(
    st.tuples(st.floats(0, 1), st.floats(0, 1)), st.floats(0.1, 1), st.floats(-180, 180), st.floats(-1.5, 1.5),
    st.floats(-1.5, 1.5),
)  # fmt: skip
def test_the_frame_holds_what_lies_between_its_corners(at, height, angle, across, down) -> None:
    toy, aspect = Placed("bar", at, height, angle), 16 / 9
    box = corners(toy, 2.0, aspect)
    place = box.mean(0) + across * (box[1] - box[0]) / 2 + down * (box[3] - box[0]) / 2
    np.testing.assert_allclose(box.mean(0), at, atol=1e-6)
    if min(abs(abs(across) - 1), abs(abs(down) - 1)) > 1e-3:
        assert holds(toy, 2.0, aspect, tuple(place)) == (max(abs(across), abs(down)) < 1)


def test_changes_stay_within_bounds_and_leave_the_rest() -> None:
    first, second = Placed("bar", (0.2, 0.2), 0.3), Placed("bar", (0.8, 0.8), 0.3)
    whole = Composition("ground", SIZE, (first, second))
    changed = whole.changed(1, replace(second, at=(1.4, -1.0), height=9.0, angle=270.0)).toys[1]
    assert (changed.at, changed.height, changed.angle) == ((1.0, 0.0), MAX_HEIGHT, -90.0)
    assert whole.moved_to(0, 1).toys == (second, first)
    assert whole.without(0).toys == (second,)
    assert whole.toys == (first, second)
    with pytest.raises(ValueError, match="no more"):
        Composition("ground", SIZE, (first,) * MAX_TOYS).with_toy(first)


def test_another_shape_keeps_places_and_sizes() -> None:
    """A toy is as large against the shorter side in every shape, and none is lost on the way there and back."""
    toys = (Placed("bar", (0.2, 0.3), 0.4, 20.0, mirrored=True), Placed("bar", (0.8, 0.8), 0.2, shadow=False))
    wide = Composition("ground", SIZE, toys)
    tall = wide.reshaped((144, 256))
    assert tall.size == (144, 256)
    assert [toy.at for toy in tall.toys] == [toy.at for toy in toys]
    assert [toy.height * 256 for toy in tall.toys] == pytest.approx([toy.height * 144 for toy in toys])
    square = tall.reshaped((192, 192))
    assert [toy.height for toy in square.toys] == pytest.approx([0.4, 0.2])
    back = square.reshaped(SIZE)
    assert [replace(toy, height=round(toy.height, 9)) for toy in back.toys] == list(toys)


def test_json_keeps_everything() -> None:
    whole = Composition("ground", (1024, 576), (Placed("bar", (0.25, 0.75), 0.5, -30.0, True, False),))
    assert from_json(to_json(whole)) == whole


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: t.update(version=9),
        lambda t: t.pop("background"),
        lambda t: t.update(size=[10**9, 10**9]),
        lambda t: t.update(size=[float("inf"), 100]),
        lambda t: t["toys"][0].update(at=[float("nan"), 0.5]),
        lambda t: t["toys"][0].update(at=[0.5]),
        lambda t: t["toys"][0].update(height="tall"),
        lambda t: t.update(toys=t["toys"] * 1000),
        lambda t: t.update(toys=7),
    ],
)
def test_other_json_is_refused(spoil) -> None:
    table = json.loads(to_json(Composition("ground", SIZE, (Placed("bar", (0.5, 0.5), 0.5),))))
    spoil(table)
    with pytest.raises(ValueError):  # noqa: PT011 - any of them
        from_json(json.dumps(table))


@pytest.mark.parametrize("text", ["", "[]", "7", "null", "{"])
def test_what_is_no_composition_at_all_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        from_json(text)
