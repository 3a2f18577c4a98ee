"""A cover hides the picture, all of it and nothing else, and lies below points."""

import numpy as np

from render.cover import Cover
from render.overlay import Overlay, OverlayHandle
from render.renderer import BACKGROUND, Renderer
from render.surface import Surface

SIZE = (240, 100)  # wider than the picture: bars left and right


def halves(width: int = 31, height: int = 17) -> np.ndarray:
    """Odd sizes, so that rows of three bytes a pixel are no multiple of four: red above, blue below."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2 + 1, :, 0] = 255
    pixels[height // 2 + 1 :, :, 2] = 255
    return pixels


def drawn(ctx, *overlays: Overlay) -> list[np.ndarray]:
    target, renderer = Surface(ctx, SIZE), Renderer(ctx)
    renderer.set_frame(np.full((90, 160, 4), 128, np.uint8))
    pictures = []
    for overlay in overlays:
        renderer.draw(target.framebuffer, SIZE, overlay)
        pictures.append(target.read().astype(int))
    renderer.release()
    return pictures


def test_it_covers_the_picture_and_not_the_bars(ctx):
    (made,) = drawn(ctx, Overlay(cover=Cover(halves())))
    left, right = 31, 209  # the picture is 178 wide
    assert abs(made[5:40, left + 1 : right - 1, :3] - [255, 0, 0]).max() <= 1
    assert abs(made[65:95, left + 1 : right - 1, :3] - [0, 0, 255]).max() <= 1
    for bar in (made[:, : left - 1], made[:, right + 1 :]):
        assert abs(bar[..., :3] - 255 * np.array(BACKGROUND)).max() <= 1


def test_points_lie_over_it(ctx):
    point = OverlayHandle((0.5, 0.25), 0.1, "pin")
    covered, bare = drawn(ctx, Overlay((point,), cover=Cover(halves())), Overlay((point,)))
    np.testing.assert_allclose(covered[25, 120, :3], bare[25, 120, :3], atol=2)
    assert abs(covered[10, 60, :3] - bare[10, 60, :3]).max() > 50


def test_each_new_cover_is_shown_and_none_shows_the_picture_again(ctx):
    first, other = Cover(halves()), Cover(halves(40, 20)[::-1])
    shown = drawn(ctx, Overlay(cover=first), Overlay(cover=other), Overlay(cover=first), Overlay())
    assert shown[0][20, 120, 0] == 255
    assert shown[1][20, 120, 2] == 255
    assert np.array_equal(shown[2], shown[0])
    assert abs(shown[3][20, 120, :3] - 128).max() <= 1


def test_the_upper_of_two_covers_is_shown():
    below, above = Cover(halves()), Cover(halves())
    assert Overlay(cover=above).over(Overlay(cover=below)).cover is above
    assert Overlay().over(Overlay(cover=below)).cover is below
