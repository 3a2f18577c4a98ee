"""Camera: the keys that fly, mouse look, moves and keyframes, before a fake stream."""

import math
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QKeyEvent

from desktop.directing.camera import PAGE, SPEED
from desktop.directing.fly_keys import FASTER, SLOWER, FlyKeys, place_of
from inference.motion.camera import HOME, View
from inference.motion.camera_moves import Keyframe
from tests.gui.conftest import Desk

NONE, SHIFT, CTRL = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)
PLACE = {"W": 25, "A": 38, "S": 39, "D": 40, "Q": 24, "E": 26}


def key(code: int, *, down: bool = True, repeat: bool = False, modifiers: Qt.KeyboardModifier = NONE) -> QKeyEvent:
    kind = QEvent.Type.KeyPress if down else QEvent.Type.KeyRelease
    return QKeyEvent(kind, Qt.Key.Key_Z, modifiers, code, 0, 0, "z", repeat)


def test_keys_count_by_where_they_are_on_every_system() -> None:
    assert place_of(key(25), "linux") == "W"  # whatever is printed on it
    assert place_of(key(17), "win32") == "W"
    assert place_of(key(17), "linux") is None
    mac = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Z, NONE, 0, 13, 0, "z")
    assert place_of(mac, "darwin") == "W"


def test_a_repeat_is_neither_a_press_nor_a_release() -> None:
    keys = FlyKeys()
    assert keys.press(key(25))
    assert keys.release(key(25, down=False, repeat=True))
    assert keys.press(key(25, repeat=True))
    assert keys.levels == {"forward": 1.0}
    assert keys.release(key(25, down=False))
    assert keys.levels == {}


def test_opposite_keys_cancel_and_shift_and_ctrl_change_the_pace() -> None:
    keys = FlyKeys()
    keys.press(key(PLACE["A"]))
    keys.press(key(PLACE["D"]))
    assert keys.levels == {"right": 0.0}
    keys.release(key(PLACE["A"], down=False))
    keys.press(QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Shift, NONE, 50, 0, 0))
    assert keys.levels == {"right": FASTER}
    keys.release(QKeyEvent(QEvent.Type.KeyRelease, Qt.Key.Key_Shift, SHIFT, 50, 0, 0))
    assert keys.levels == {"right": 1.0}
    keys.press(key(PLACE["E"], modifiers=CTRL))
    assert keys.levels["up"] == SLOWER
    keys.clear()
    assert keys.levels == {}


def test_keys_fly_in_fly_mode_only_and_their_shortcuts_rest_meanwhile(desk: Desk) -> None:
    camera, detail = desk.window.camera, desk.window.actions_by_id["detail"]
    before = detail.isChecked()
    desk.key("d")
    desk.wait(lambda: detail.isChecked() != before)
    assert camera.view == HOME
    desk.key("f")
    desk.wait(lambda: camera.flying)
    desk.wait(lambda: "Flying" in desk.window.viewport.line)
    desk.pointer("keydown", "d")
    desk.wait(lambda: camera.view.position[0] > 0.05)
    desk.pointer("keyup", "d")
    assert detail.isChecked() != before, "the shortcut of the key came through"
    desk.key("f")
    desk.wait(lambda: not camera.flying)
    desk.key("d")
    desk.wait(lambda: detail.isChecked() == before)


def test_x11_repeats_do_not_stop_the_flight_and_letting_go_does(desk: Desk) -> None:
    camera = desk.window.camera
    desk.key("f")
    desk.wait(lambda: camera.flying)
    desk.pointer("keydown", "a")
    desk.wait(lambda: camera._keys.levels)
    for _ in range(3):  # what X11 sends while a key repeats
        for down in (False, True):
            desk.window.camera.eventFilter(desk.window, key(PLACE["A"], down=down, repeat=True))
        assert camera._keys.levels == {"right": -1.0}
    desk.pointer("keyup", "a")
    desk.wait(lambda: not camera._keys.levels)
    desk.wait_for_frames(16)
    there = camera.view.position[0]
    desk.wait_for_frames(8)
    assert camera.view.position[0] == pytest.approx(there, abs=1e-3)


def test_held_keys_are_let_go_when_the_keyboard_goes_elsewhere(desk: Desk) -> None:
    camera = desk.window.camera
    desk.key("f")
    desk.wait(lambda: camera.flying)
    desk.pointer("keydown", "w")
    desk.wait(lambda: camera._keys.levels)
    desk.window.prompt.setFocus()
    desk.wait(lambda: not camera._keys.levels)
    desk.pointer("keyup", "w")
    desk.pointer.type("was")
    desk.wait(lambda: "was" in desk.window.prompt.text())
    assert not camera._keys.levels, "typing flew the camera"


def test_the_middle_button_looks_round_and_places_no_point(desk: Desk) -> None:
    camera, start = desk.window.camera, desk.at(0.5, 0.5)
    desk.pointer("mousemove", start.x(), start.y(), "mousedown", 2)
    for step in range(1, 6):
        desk.pointer.move(start + QPoint(20 * step, 0))
    desk.pointer("mouseup", 2)
    desk.wait(lambda: camera.view.yaw < -0.1)
    width = desk.window.viewport.picture_size().width()
    desk.wait_for_frames(16)
    assert camera.view.yaw == pytest.approx(-100 / width * math.radians(90), rel=0.05)
    assert not desk.window.points.points
    desk.key("h")
    desk.wait(lambda: camera.view == HOME)


def test_the_wheel_sets_the_speed_beside_a_point_and_the_size_on_it(desk: Desk) -> None:
    camera = desk.window.camera
    point = desk.place(0.3, 0.3)
    desk.key("f")
    desk.wait(lambda: camera.flying)
    desk.pointer.move(desk.at(0.7, 0.7))
    desk.wait(lambda: desk.window.points.hovered is None)
    desk.pointer("click", 4)
    desk.wait(lambda: camera.speed > SPEED)
    radius, speed = desk.window.points.get(point).radius, camera.speed
    desk.pointer.move(desk.at(0.3, 0.3))
    desk.wait(lambda: desk.window.points.hovered == point)
    desk.pointer("click", 4)
    desk.wait(lambda: desk.window.points.get(point).radius > radius)
    assert camera.speed == speed


def test_a_point_is_drawn_hit_and_dragged_where_it_is_seen(desk: Desk) -> None:
    window, lens = desk.window, desk.window.viewport.lens
    point = desk.place(0.3, 0.8)
    window.camera.set_levels("test", {"right": -1.0})
    desk.wait(lambda: window.camera.view.position[0] < -0.15)
    window.camera.set_levels("test", {})
    desk.wait_for_frames(16)
    seen = lens.to_screen(window.points.get(point).xy, window.points.get(point).origin)
    assert seen is not None
    assert seen[0] > 0.33, "the near floor did not go right"
    assert window.points.get(point).xy == pytest.approx((0.3, 0.8), abs=0.01), "the point did not stay with the world"
    desk.pointer.press(desk.at(*seen))
    desk.wait(lambda: window.points.held == point)
    desk.pointer.move(desk.at(seen[0] + 0.1, seen[1]))
    desk.wait(lambda: window.points.get(point).xy[0] == pytest.approx(0.4, abs=0.01))
    desk.pointer.release()
    desk.wait(lambda: window.points.held is None)


def test_levels_of_several_sources_add_up_and_unknown_ones_are_refused(desk: Desk) -> None:
    camera = desk.window.camera
    camera.set_levels("pad", {"right": 0.5, "yaw": 1.0})
    camera.set_levels("sound", {"right": 0.25})
    assert camera._asked.right == pytest.approx(0.75 * camera.speed)
    assert camera._asked.yaw < 0, "right is negative to the engine"
    camera.set_levels("pad", {})
    assert camera._asked.right == pytest.approx(0.25 * camera.speed)
    with pytest.raises(ValueError, match="sideways"):
        camera.set_levels("pad", {"sideways": 1.0})


def test_keyframes_play_as_a_path_that_is_drawn_and_ends_where_it_ends(desk: Desk) -> None:
    camera = desk.window.camera
    camera.add_keyframe()
    camera.set_keyframes((*camera.keyframes, Keyframe(0.8, View((0.1, 0.0, -0.3), yaw=-0.1))))
    assert not camera.overlay().lines
    desk.window.direct.turn_to(PAGE)
    assert len(camera.overlay().lines) == 1
    camera.play()
    desk.wait(lambda: camera.move is None)
    assert np.allclose(camera.view.numbers, camera.keyframes[1].view.numbers, atol=1e-6)
    camera.go_to(0)
    desk.wait(lambda: camera.move is None)
    assert camera.view == HOME


def test_a_classic_move_is_a_function_of_video_time_and_a_restart_begins_it_anew(desk: Desk) -> None:
    camera = desk.window.camera
    camera.play_classic("truck", 1.0, 4.0)
    desk.wait(lambda: camera.view.position[0] > 0.1)
    desk.key("r")
    desk.wait(lambda: camera.seconds is not None and camera.seconds < 0.3)
    assert abs(camera.view.position[0]) < 0.1
    camera.stop()


def test_a_damaged_file_is_told_and_the_path_stays(desk: Desk, tmp_path: Path) -> None:
    camera = desk.window.camera
    camera.add_keyframe()
    kept = camera.keyframes
    page = desk.window.camera_page
    (tmp_path / "way.json").write_text("{")
    page.open_path(tmp_path / "way.json")
    assert desk.window.stage.banner.isVisible()
    assert camera.keyframes == kept
    camera.save(tmp_path / "good.json", (256, 144))
    page.open_path(tmp_path / "good.json")
    assert np.allclose(camera.keyframes[0].view.numbers, kept[0].view.numbers)


def test_another_picture_begins_with_the_camera_at_home(desk: Desk, picture_file: Path) -> None:
    camera = desk.window.camera
    camera.play_classic("crane", 1.0, 4.0)
    desk.wait(lambda: camera.view.position[1] > 0.05)
    desk.window.open_picture(picture_file)
    desk.wait(lambda: camera.move is None)
    desk.wait_for_frames(4)
    assert camera.view == HOME
    assert desk.window.viewport.lens.shot is None


def test_pad_and_sound_fly_this_camera(desk: Desk) -> None:
    assert desk.window.gamepad.camera is desk.window.camera
    assert desk.window.sound.camera is desk.window.camera
