import numpy as np
import pytest

from render.overlay import COLOURS, Overlay, OverlayHandle, line_segments, sprites, trail
from render.renderer import Renderer
from render.surface import Surface
from render.viewport_map import letterbox

SIZE = (320, 180)


def painted(ctx, overlay: Overlay, grey: int = 128, pixel_ratio: float = 1.0, size=SIZE) -> np.ndarray:
    """The overlay over an even grey picture of the viewport's own size, as int [H, W, 4]."""
    target, painter = Surface(ctx, size), Renderer(ctx)
    painter.set_frame(np.full((size[1], size[0], 4), grey, np.uint8))
    painter.draw(target.framebuffer, size, overlay, pixel_ratio)
    painter.release()
    return target.read().astype(int)


def touched(pixels: np.ndarray, grey: int = 128) -> np.ndarray:
    return (np.abs(pixels[..., :3] - grey) > 8).any(-1)


@pytest.mark.parametrize("kind", ["held", "pin", "free", "hover"])
@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_handle_shows_its_colour_and_reads_on_any_picture(ctx, kind, grey):
    pixels = painted(ctx, Overlay((OverlayHandle((0.25, 0.5), 0.1, kind),)), grey)
    assert np.abs(pixels[90, 80, :3] - 255 * np.array(COLOURS[kind])).max() <= 1
    around = pixels[80:101, 70:91, :3].sum(-1)
    assert around.max() - around.min() > 200
    assert (pixels[..., 3] == 255).all()


def test_nothing_is_drawn_elsewhere(ctx):
    ys, xs = np.nonzero(touched(painted(ctx, Overlay((OverlayHandle((0.25, 0.5), 0.1, "pin"),)))))
    assert xs.min() >= 72
    assert xs.max() <= 88
    assert ys.min() >= 82
    assert ys.max() <= 98
    assert abs((xs + 0.5).mean() - 80) < 0.05
    assert abs((ys + 0.5).mean() - 90) < 0.05


def test_a_held_handle_shows_the_grid_of_its_tracks(ctx):
    handle = OverlayHandle((0.5, 0.5), 0.2, "held")
    marks = touched(painted(ctx, Overlay((handle,))))
    for across in (-36, -18, 0, 18, 36):
        for down in (-36, -18, 0, 18, 36):
            assert marks[90 + down - 1 : 90 + down + 1, 160 + across - 1 : 160 + across + 1].all()
    assert not marks[90 - 27, 160 - 27]
    assert not touched(painted(ctx, Overlay()))[54, 124]


def test_what_of_a_grid_holds_nothing_is_not_drawn(ctx):
    """Sky between an airplane's wings: a dot there would say that it comes along."""
    handle = OverlayHandle((0.5, 0.5), 0.2, "held", holds=frozenset({0, 12, 13}))
    marks = touched(painted(ctx, Overlay((handle,))))
    assert marks[90 - 36, 160 - 36]
    assert marks[90, 160 + 18]
    assert not marks[90, 160 - 18 - 1]
    assert not marks[90 + 36, 160 + 36]


def test_selection_and_hover_add_rings():
    rect = letterbox((16, 9), SIZE)

    def count(**changes: object) -> int:
        return len(
            sprites(
                Overlay((OverlayHandle(**{"xy": (0.5, 0.5), "radius": 0.1, "kind": "pin"} | changes),)),
                rect,
                1,
            )
        )

    assert count() == 1
    assert count(kind="free") == 1
    assert count(kind="hover") == 2
    assert count(kind="held") == 2 + 24
    assert count(selected=True) == 2 + 24


def test_sizes_follow_the_pixel_ratio(ctx):
    overlay = Overlay((OverlayHandle((0.5, 0.5), 0.1, "hover"),))
    single, double = (touched(painted(ctx, overlay, pixel_ratio=ratio)).any(0).sum() for ratio in (1.0, 2.0))
    assert abs(double - 2 * single) <= 2


def test_positions_are_of_the_picture_not_of_the_viewport(ctx):
    target, painter = Surface(ctx, (200, 300)), Renderer(ctx)
    painter.set_frame(np.full((50, 100, 4), 128, np.uint8))
    painter.draw(target.framebuffer, target.size, Overlay((OverlayHandle((0.0, 1.0), 0.1, "pin"),)))
    painter.release()
    assert target.read()[199, 1, 0] > 240
    assert target.read()[199, 1, 1] < 80
    assert target.read()[201, 1, 0] > 240


def trail_of(points: list[tuple[float, float]], kind="held") -> OverlayHandle:
    return OverlayHandle((5.0, 5.0), 0.1, kind, np.array(points, np.float32).reshape(-1, 2))


def test_a_trail_is_one_even_line_that_fades_towards_its_old_end(ctx):
    pixels = painted(ctx, Overlay((trail_of([(0.1, 0.5), (0.3, 0.5), (0.5, 0.5), (0.9, 0.5)]),)), 0)
    line = pixels[90, 32:288, 1]
    assert (np.diff(line) >= -1).all()
    assert line[0] < 10
    assert line[-1] > 180
    assert not touched(pixels, 0)[80].any()
    assert (pixels[..., 3] == 255).all()


def test_the_joints_of_a_half_transparent_trail_show_no_beads(ctx):
    angles = np.linspace(0, np.pi, 40)
    points = list(zip(0.5 + 0.2 * np.cos(angles), 0.9 - 0.6 * np.sin(angles), strict=True))
    pixels = painted(ctx, Overlay((trail_of(points, "free"),)), 0)
    brightest = [
        pixels[int(180 * y) - 2 : int(180 * y) + 3, int(320 * x) - 2 : int(320 * x) + 3, 0].max() for x, y in points
    ]
    expected = 255 * 0.9 * np.linspace(0, 1, 40)
    assert np.abs(np.array(brightest) - expected)[1:-1].max() < 16


@pytest.mark.parametrize("points", [[], [(0.5, 0.5)], [(0.5, 0.5)] * 9, [(0.5, 0.5), (0.5001, 0.5)]])
def test_a_trail_without_length_is_no_line(points):
    assert len(line_segments(trail(trail_of(points)), letterbox((16, 9), SIZE))) == 0


def test_a_trail_that_turns_back_on_itself_is_drawn(ctx):
    marks = touched(painted(ctx, Overlay((trail_of([(0.3, 0.5), (0.7, 0.5), (0.5, 0.5)]),))))
    assert marks[90, 180:226].all()


def test_more_handles_than_ever_before(ctx):
    target, painter = Surface(ctx, SIZE), Renderer(ctx)
    painter.set_frame(np.full((180, 320, 4), 128, np.uint8))
    for count in (1, 3, 40):
        handles = tuple(OverlayHandle(((i + 0.5) / count, 0.5), 0.02, "held") for i in range(count))
        painter.draw(target.framebuffer, SIZE, Overlay(handles))
        for i in range(count):
            assert target.read()[90, int((i + 0.5) / count * 320), 1] > 200
    painter.release()
