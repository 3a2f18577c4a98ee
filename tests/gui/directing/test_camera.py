"""Camera: fly, and the world goes by as its depth says; with the real model."""

import sys
import time

import numpy as np
import pytest

from inference.motion.camera import HOME, Scene, Shot
from tests.gui.directing.conftest import LiveDesk

pytestmark = pytest.mark.directing


def fly_left(live: LiveDesk, seconds: float = 1.0) -> Shot:
    """With the keys, for about so long, slowly; then to rest. How the last frame is filmed.

    How long the key is held is all that counts, not how slow the machine is.
    """
    camera = live.window.camera
    live.key("f")
    live.wait(lambda: camera.flying)
    camera.set_speed(0.03)
    live.pointer("keydown", "a")
    live.wait(lambda: camera._keys.levels)
    since_s = time.monotonic()
    live.wait(lambda: time.monotonic() - since_s > seconds)
    live.pointer("keyup", "a")
    live.wait(lambda: not camera._keys.levels)
    live.wait(lambda: at_rest(live))
    shot = live.shown[-1].shot
    assert shot is not None
    assert shot.view.position[0] < -0.02
    return shot


def at_rest(live: LiveDesk) -> bool:
    views = [frame.shot.view for frame in live.shown[-8:] if frame.shot is not None]
    return len(views) == 8 and all(view == views[0] for view in views)


def note(text: str) -> None:
    """For the record of a run with -s."""
    sys.stdout.write(text + "\n")


def spread(live: LiveDesk) -> np.ndarray:
    """Corners all over the open picture but for its rim, normalised, [N, 2]."""
    places = [live.corners((x, y), 0.12) for x in (0.2, 0.4, 0.6, 0.8) for y in (0.25, 0.5, 0.75, 0.88)]
    return np.unique(np.concatenate(places), axis=0)


def expected(shot: Shot, places: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """What the depth says of how far they go, pixels [N, 2]."""
    screen, _ = shot.to_screen(places, shot.scene.at(places))
    return (screen - places) * size


def test_fly_left_and_the_background_goes_right_by_what_the_depth_says(live: LiveDesk) -> None:
    live.open("airplane")
    places = spread(live)
    shot = fly_left(live)
    size = live.shown[-1].image.shape[1::-1]
    told, depth = expected(shot, places, size), shot.scene.at(places)
    moved = live.moved(places)
    found = np.isfinite(moved[:, 0])
    note(f"{found.sum()} of {len(places)} followed; x {shot.view.position[0]:.3f}")
    error = np.hypot(*(moved - told)[found].T)
    near, far = depth >= np.quantile(depth, 0.7), depth <= np.quantile(depth, 0.3)
    note(
        f"median error {np.median(error):.2f} px of a way of {np.median(told[found, 0]):.1f}; near "
        f"{np.nanmedian(moved[near, 0]):.1f} px (told {np.median(told[near, 0]):.1f}), far "
        f"{np.nanmedian(moved[far, 0]):.1f} px (told {np.median(told[far, 0]):.1f})"
    )
    assert found.mean() > 0.4
    assert np.nanmedian(moved[:, 0]) > 2
    assert np.median(error) < 2.0
    assert np.nanmedian(moved[near, 0]) > 1.5 * np.nanmedian(moved[far, 0])


def test_pins_stay_with_the_world_while_the_camera_flies_and_it_comes_home(live: LiveDesk) -> None:
    live.open("airplane")
    places = live.corners((0.38, 0.3), 0.08)
    live.place(0.38, 0.3)
    shot = fly_left(live)
    size = np.array(live.shown[-1].image.shape[1::-1])
    told = expected(shot, places, tuple(size))
    error = np.hypot(*(live.moved(places) - told).T)
    point = live.window.points.points[0]
    seen = live.window.viewport.lens.to_screen(point.xy, point.origin)
    assert seen is not None
    drawn = (np.array(seen) - point.xy) * size
    note(f"pinned thing: error {np.nanmedian(error):.2f} px of {np.median(told[:, 0]):.1f}; drawn {drawn}")
    assert np.nanmedian(error) < 2.0
    assert drawn[0] == pytest.approx(np.median(told[:, 0]), abs=3.0)
    live.key("h")
    live.wait(lambda: live.window.camera.view == HOME)
    live.wait_for_frames(8)
    assert np.nanmedian(np.hypot(*live.moved(places).T)) < 1.5


def test_the_hand_drags_a_thing_while_the_camera_flies(live: LiveDesk) -> None:
    """What is held stays under the pointer; once it is let go it stays with the world."""
    live.open("airplane")
    x, y = 0.38, 0.3
    places = live.corners((x, y), 0.13)
    size = np.array((256, 144))
    live.drag((x, y), (x + 0.01, y), release=False)
    for step in range(1, 9):  # no faster than the tracker can follow what a busy machine shows
        live.pointer.move(live.at(x + 0.15 * step / 8, y))
        live.wait_for_frames(2)
    view = fly_left(live).view
    moved = np.nanmedian(live.moved(places), axis=0)
    note(f"held: moved {moved} px of {0.15 * size[0]:.1f}")
    assert moved[0] == pytest.approx(0.15 * size[0], abs=6)
    assert abs(moved[1]) < 6
    live.pointer.release()
    live.wait(lambda: live.window.points.held is None)
    point = live.window.points.points[0]
    scene: Scene = live.shown[-1].shot.scene  # type: ignore[union-attr]
    screen, _ = Shot(view, scene).to_screen(np.array([point.xy]), scene.at(np.array([point.origin])))
    assert np.allclose(screen[0], (x + 0.15, y), atol=0.02)
    far = live.corners((0.75, 0.6), 0.15)
    told = expected(live.shown[-1].shot, far, tuple(size))  # type: ignore[arg-type]
    off = np.hypot(*(live.moved(far) - told).T)
    note(f"the ground meanwhile: {np.nanmedian(off):.2f} px off")
    assert np.nanmedian(off) < 3.0
