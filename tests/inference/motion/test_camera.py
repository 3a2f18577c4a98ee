"""Views, projection through depth, and what hides what."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.motion.camera import AHEAD, HOME, Scene, Shot, View, angles, between, rotation

turns = st.floats(-1.2, 1.2)
RNG = np.random.default_rng(3)
XY = RNG.uniform(0, 1, (50, 2))


def board(depth: float = 1.0) -> Scene:
    return Scene(np.full((9, 16), depth, np.float32), 16 / 9)


def near_and_far() -> Scene:
    """The left half at 1, the right half at 0.2."""
    depth = np.full((36, 64), 0.2, np.float32)
    depth[:, :32] = 1.0
    return Scene(depth, 16 / 9)


@given(turns, turns, turns)
def test_angles_are_those_of_the_rotation(yaw: float, pitch: float, roll: float) -> None:
    assert np.allclose(rotation(*angles(rotation(yaw, pitch, roll))), rotation(yaw, pitch, roll), atol=1e-12)


@pytest.mark.parametrize("pitch", [math.pi / 2, -math.pi / 2])
def test_a_camera_that_looks_straight_down_has_angles(pitch: float) -> None:
    matrix = rotation(0.7, pitch, 0.2)
    assert np.allclose(rotation(*angles(matrix)), matrix, atol=1e-7)


def test_a_view_comes_back_from_its_matrix() -> None:
    view = View((0.3, -0.2, 0.5), 0.4, -0.3, 0.2, 40.0)
    again = View.of_pose(view.pose, 40.0)
    assert np.allclose(again.numbers, view.numbers, atol=1e-12)


def test_between_two_views_a_rotation_takes_the_shorter_way_at_an_even_pace() -> None:
    one, other = View(yaw=3.0), View(yaw=-3.0, position=(1.0, 0.0, 0.0))
    half = between(one, other, 0.5)
    assert abs(half.yaw) == pytest.approx(math.pi, abs=1e-9)
    assert half.position[0] == 0.5
    first = between(one, other, 0.25)
    assert (first.yaw - 3.0) == pytest.approx((2 * math.pi - 6.0) / 4, abs=1e-9)


def test_from_home_nothing_is_anywhere_else() -> None:
    screen, ahead = Shot(HOME, near_and_far()).to_screen(XY, near_and_far().at(XY))
    assert np.allclose(screen, XY, atol=1e-12)
    assert np.allclose(ahead, 1.0)


@given(turns, turns, turns, st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(-0.9, 2.0), st.floats(0.0, 1.0))
def test_there_and_back_to_1e_5(
    yaw: float, pitch: float, roll: float, x: float, y: float, z: float, depth: float
) -> None:
    shot = Shot(View((x, y, z), yaw, pitch, roll, 60.0), board())
    depths = np.full(len(XY), depth)
    screen, ahead = shot.to_screen(XY, depths)
    front = (ahead > 2 * AHEAD) & (np.abs(screen) < 20).all(1)
    back = shot.to_scene(screen, depths)
    assert np.abs(back - XY)[front].max(initial=0.0) < 1e-5


def test_what_the_camera_passes_goes_the_other_way_and_the_near_goes_further() -> None:
    scene = near_and_far()
    at = np.array([[0.25, 0.5], [0.75, 0.5]])
    screen, _ = Shot(View((-0.1, 0.0, 0.0)), scene).to_screen(at, scene.at(at))
    near, far = screen[:, 0] - at[:, 0]
    half = math.tan(math.radians(25.0)) * 16 / 9
    assert near == pytest.approx(0.1 / (2 * half), rel=1e-6)
    assert far == pytest.approx(near / 5, rel=1e-6)


def test_what_is_infinitely_far_only_turns() -> None:
    shot = Shot(View((5.0, 2.0, -9.0), yaw=0.1), board(0.0))
    screen, _ = shot.to_screen(XY, np.zeros(len(XY)))
    turned, _ = Shot(View(yaw=0.1), board()).to_screen(XY, np.ones(len(XY)))
    assert np.allclose(screen, turned)


def test_what_the_camera_has_passed_is_behind_it() -> None:
    _, ahead = Shot(View((0.0, 0.0, -1.5)), board()).to_screen(XY, np.array([1.0] * 25 + [0.1] * 25))
    assert (ahead[:25] < AHEAD).all()
    assert (ahead[25:] > AHEAD).all()


def test_a_near_surface_hides_the_far_one_that_it_has_moved_over() -> None:
    scene = near_and_far()
    shot = Shot(View((-0.3, 0.0, 0.0)), scene)  # the near half comes right, over the far one
    at = np.array([[0.52, 0.5], [0.9, 0.5], [0.3, 0.5]])
    screen, ahead = shot.to_screen(at, scene.at(at))
    assert shot.hidden(screen, scene.at(at) / ahead).tolist() == [True, False, False]


def test_a_floor_seen_from_elsewhere_does_not_hide_itself() -> None:
    depth = np.repeat(np.linspace(0.05, 1.0, 72)[:, None], 128, 1).astype(np.float32)
    scene = Scene(depth, 16 / 9)
    for view in (View((0.2, 0.1, -0.3), 0.1), View((-0.3, 0.0, 0.3), pitch=-0.1), View((0.0, 0.3, 0.0))):
        shot = Shot(view, scene)
        screen, ahead = shot.to_screen(XY, scene.at(XY))
        inside = (ahead > AHEAD) & np.all((screen >= 0) & (screen <= 1), axis=1)
        assert not shot.hidden(screen, scene.at(XY) / ahead)[inside].any()


@pytest.mark.parametrize("view", [View((-0.1, 0.05, -0.2), 0.1, 0.05, 0.02), View((0.1, 0.0, 0.2), -0.1, fov_deg=40)])
def test_a_click_hits_what_it_seems_to_hit(view: View) -> None:
    depth = np.repeat(np.linspace(0.1, 1.0, 72)[:, None], 128, 1).astype(np.float32)
    shot = Shot(view, Scene(depth, 16 / 9))
    for place in ((0.3, 0.6), (0.6, 0.8), (0.5, 0.5)):
        found = np.array([shot.hit(place)])
        seen, _ = shot.to_screen(found, shot.scene.at(found))
        assert np.abs(seen[0] - place).max() < 2e-3


def test_a_click_where_one_thing_covers_another_hits_the_near_one() -> None:
    shot = Shot(View((-0.3, 0.0, 0.0)), near_and_far())
    near, _ = shot.to_screen(np.array([[0.49, 0.5]]), np.ones(1))
    x, _ = shot.hit((float(near[0, 0]) - 0.02, 0.5))
    assert x < 0.5


def test_a_click_beside_all_that_the_picture_shows_lies_outside_of_it() -> None:
    shot = Shot(View(yaw=-0.3), board())
    x, _ = shot.hit((0.97, 0.5))
    assert x > 1.0


def test_depth_of_one_row_or_one_number_is_a_scene_too() -> None:
    for shape in ((1, 1), (1, 5), (5, 1)):
        assert np.allclose(Scene(np.full(shape, 0.5, np.float32), 1.0).at(XY), 0.5)
