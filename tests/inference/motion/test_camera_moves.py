"""Camera moves as functions of video time, and their files."""

import json
import math
from pathlib import Path as File
from typing import Any

import numpy as np
import pytest

from inference.errors import UserError
from inference.motion.camera import HOME, Scene, Shot, View
from inference.motion.camera_file import load_camera, save_camera
from inference.motion.camera_moves import KINDS, LEAD_S, Classic, Keyframe, Kind, Path

START = View((0.2, -0.1, 0.3), 0.3, -0.1, 0.05, 45.0)
KNOTS = (
    Keyframe(1.0, View((0.0, 0.0, 0.0))),
    Keyframe(2.0, View((0.5, 0.1, -0.2), 0.4, -0.1)),
    Keyframe(4.0, View((0.6, 0.0, -0.5), 0.8, 0.1, 0.1, 40.0)),
)


def numbers(views: list[View]) -> np.ndarray:
    return np.array([view.numbers for view in views])


@pytest.mark.parametrize("kind", KINDS)
def test_every_classic_move_begins_where_the_camera_is_moves_smoothly_and_does_something(kind: Kind) -> None:
    seconds = np.arange(0, 6, 1 / 24)
    way = numbers(Classic(1, kind).views(START, seconds, 2.0)) - START.numbers
    assert np.abs(way[0]).max() < 1e-12
    assert np.abs(way).max() > 0.01
    assert np.abs(np.diff(way, axis=0))[:, :6].max() < 0.05, "a jump"
    assert np.allclose(numbers(Classic(1, kind).views(START, seconds[50:51], 2.0))[0] - START.numbers, way[50])


def test_an_orbit_keeps_what_it_goes_round_in_the_middle() -> None:
    for view in Classic(1, "orbit").views(START, np.linspace(0, 6, 9), 2.0):
        focus = np.array(START.position) - 2.0 * START.rotation[:, 2]
        screen, _ = Shot(view, Scene(np.ones((2, 2)), 1.5)).world_to_screen(focus[None])
        assert np.abs(screen - 0.5).max() < 0.03


def test_a_dolly_zoom_keeps_the_size_of_what_is_at_its_distance() -> None:
    places = np.array([[0.3, 0.3, -2.0], [0.3, -0.3, -2.0], [0.3, 0.3, -5.0], [0.3, -0.3, -5.0]])
    sizes = []
    for view in Classic(1, "dolly zoom").views(HOME, np.array([0.0, 3.0]), 2.0):
        screen, _ = Shot(view, Scene(np.ones((2, 2)), 1.5)).world_to_screen(places)
        sizes.append((screen[1, 1] - screen[0, 1], screen[3, 1] - screen[2, 1]))
    assert sizes[1][0] == pytest.approx(sizes[0][0], rel=1e-6)
    assert sizes[1][1] < 0.95 * sizes[0][1]


def test_a_path_goes_through_its_keyframes_without_a_kink() -> None:
    path = Path(1, KNOTS)
    for knot in KNOTS:
        assert np.allclose(path.at(knot.time_s - 1.0).numbers, knot.view.numbers, atol=1e-9)
    step = 1e-4
    before = np.array(path.at(1.0).position) - np.array(path.at(1.0 - step).position)
    after = np.array(path.at(1.0 + step).position) - np.array(path.at(1.0).position)
    assert np.allclose(before, after, atol=1e-6)
    assert path.at(99.0) == path.at(3.0)
    assert path.length_s == 3.0


def test_a_path_is_joined_from_where_the_camera_is() -> None:
    path = Path(1, KNOTS)
    first, last = path.views(START, np.array([0.0, LEAD_S]), 1.0)
    assert np.allclose(first.numbers, START.numbers, atol=1e-9)
    assert np.allclose(last.numbers, path.at(LEAD_S).numbers)


def test_a_loop_comes_round_without_a_jump() -> None:
    path = Path(1, KNOTS, loop=True)
    assert path.length_s == 4.0
    assert np.allclose(path.at(4.0 - 1e-6).numbers, path.at(0.0).numbers, atol=1e-4)
    step = 1e-4
    ahead = np.array(path.at(step).position) - np.array(path.at(0.0).position)
    behind = np.array(path.at(0.0).position) - np.array(path.at(4.0 - step).position)
    assert np.allclose(ahead, behind, atol=1e-6)


def test_a_path_of_one_keyframe_goes_there_and_stays() -> None:
    path = Path(1, KNOTS[1:2])
    assert path.at(7.0) == KNOTS[1].view
    assert Path(1, KNOTS[1:2], loop=True).at(7.0) == KNOTS[1].view


def test_a_path_needs_keyframes_of_ascending_times() -> None:
    with pytest.raises(ValueError, match="keyframe"):
        Path(1, ())
    with pytest.raises(ValueError, match="ascend"):
        Path(1, KNOTS[::-1])


def test_a_file_comes_back_as_it_went_and_says_its_convention(tmp_path: File) -> None:
    save_camera(tmp_path / "way.json", KNOTS, True, (256, 144), 24.0)
    keyframes, loop = load_camera(tmp_path / "way.json")
    assert loop
    for one, other in zip(keyframes, KNOTS, strict=True):
        assert one.time_s == other.time_s
        assert np.allclose(one.view.numbers, other.view.numbers, atol=1e-9)
    written = json.loads((tmp_path / "way.json").read_text())
    assert "OpenGL" in written["convention"]
    assert written["intrinsics"]["fy"] == pytest.approx(72 / math.tan(math.radians(25)))


def damaged(**changes: Any) -> dict[str, Any]:
    return {"time_s": 0.0, "fov_deg": 50.0, "camera_to_world": np.eye(4).tolist()} | changes


@pytest.mark.parametrize(
    ("keyframes", "says"),
    [
        ([], "no keyframes"),
        ("many", "no keyframes"),
        ([damaged(time_s=math.nan)], "keyframe 1"),
        ([damaged(), damaged(time_s=0.0)], "ascend"),
        ([damaged(camera_to_world=np.eye(3).tolist())], "4x4"),
        ([damaged(camera_to_world=[[1, 2], [3]])], "none"),
        ([damaged(camera_to_world=(np.eye(4) * 2).tolist())], "no rotation"),
        ([damaged(camera_to_world=np.diag([1.0, 1.0, -1.0, 1.0]).tolist())], "no rotation"),
        ([damaged(camera_to_world=np.full((4, 4), np.inf).tolist())], "keyframe 1"),
        ([damaged(fov_deg=0.0)], "field of view"),
        ([damaged(time_s="soon")], "none"),
        (["keyframe"], "none"),
        ([damaged(time_s=float(n)) for n in range(1001)], "1001 keyframes"),
    ],
)
def test_a_file_with_something_wrong_is_a_sentence(tmp_path: File, keyframes: Any, says: str) -> None:
    path = tmp_path / "way.json"
    path.write_text(json.dumps({"format": "motionstream-camera", "version": 1, "keyframes": keyframes}))
    with pytest.raises(UserError, match=says):
        load_camera(path)


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '{"format": "other"}', '{"format": "motionstream-camera"}', "[" * 9999]
)
def test_what_is_no_camera_file_is_a_sentence(tmp_path: File, text: str) -> None:
    (tmp_path / "way.json").write_text(text)
    with pytest.raises(UserError, match=r"way\.json"):
        load_camera(tmp_path / "way.json")


def test_a_million_keyframes_are_refused_before_they_are_read(tmp_path: File) -> None:
    with (tmp_path / "way.json").open("wb") as file:
        file.truncate(200 << 20)
    with pytest.raises(UserError, match="too large"):
        load_camera(tmp_path / "way.json")
    with pytest.raises(UserError, match="cannot be read"):
        load_camera(tmp_path / "none.json")
