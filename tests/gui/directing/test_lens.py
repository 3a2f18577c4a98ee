"""The one mapping between scene and screen."""

import numpy as np

from desktop.directing.lens import Lens
from inference.motion.camera import Scene, Shot, View
from render.overlay import BLUE, Overlay, OverlayDots, OverlayLine

DEPTH = np.repeat(np.linspace(0.2, 1.0, 36, dtype=np.float32)[:, None], 64, 1)
LINE = np.array([[0.3, 0.4], [0.3, 0.8]], np.float32)


def away(view: View) -> Lens:
    lens = Lens()
    lens.shot = Shot(view, Scene(DEPTH, 16 / 9))
    return lens


def test_at_home_and_while_it_is_off_scene_and_screen_are_one() -> None:
    for lens in (Lens(), away(View((0.3, 0.0, 0.0)))):
        lens.turn_off(True)
        overlay = Overlay(lines=(OverlayLine(LINE, BLUE),))
        assert lens.to_screen((0.2, 0.3), (0.5, 0.5)) == (0.2, 0.3)
        assert lens.to_scene((0.2, 0.3), (0.5, 0.5)) == (0.2, 0.3)
        assert lens.hit((0.2, 0.3)) == (0.2, 0.3)
        assert lens.seen(overlay) is overlay
    lens.turn_off(False)
    assert lens.to_screen((0.2, 0.3), (0.5, 0.5)) != (0.2, 0.3)


def test_there_and_back_in_the_plane_of_the_origin() -> None:
    lens = away(View((0.1, 0.05, -0.2), 0.1, 0.05))
    screen = lens.to_screen((0.7, 0.2), (0.5, 0.9))
    assert screen is not None
    assert np.allclose(lens.to_scene(screen, (0.5, 0.9)), (0.7, 0.2), atol=1e-6)


def test_what_is_drawn_in_the_scene_goes_with_its_depth() -> None:
    lens = away(View((-0.1, 0.0, 0.0)))
    seen = lens.seen(Overlay(lines=(OverlayLine(LINE, BLUE),), dots=(OverlayDots(LINE, BLUE),)))
    way = seen.lines[0].points[:, 0] - LINE[:, 0]
    assert way[1] > 1.5 * way[0] > 0
    assert np.allclose(seen.dots[0].points, seen.lines[0].points)


def test_what_is_behind_the_camera_is_not_drawn() -> None:
    lens = away(View((0.0, 0.0, -1.5)))
    assert lens.to_screen((0.5, 0.5), (0.5, 1.0)) is None
    seen = lens.seen(Overlay(lines=(OverlayLine(LINE, BLUE),), dots=(OverlayDots(LINE, BLUE),)))
    assert len(seen.lines[0].points) == 1
    assert len(lens.trail(LINE, (0.5, 1.0))) == 0
    assert (seen.dots[0].points[1] < -1).all()
