"""Directing with a gamepad: SDL's virtual one, through SDL's events, in the real window."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from desktop.directing.bindings import Bindings
from tests.gui.conftest import Desk
from tests.gui.directing.conftest import LiveDesk
from tests.gui.directing.virtual_pad import VirtualPad


@pytest.fixture
def pad(desk: Desk) -> VirtualPad:
    return VirtualPad(desk)


@pytest.mark.directing
def test_gamepad_drags_a_toy(live: LiveDesk) -> None:
    live.open("airplane")
    pad, hand = VirtualPad(live), live.window.gamepad.hand
    pad.steer_to(0.38, 0.3)
    pad.press("a")
    start = hand.xy
    for step in range(1, 13):  # by the frames, not by the clock: the tracker follows a slow machine's stream too
        pad.steer_to(0.38 + 60 / 256 * step / 12, start[1])
        live.wait_for_frames(2)
    pad.press("a")
    (point,) = live.window.points.points
    assert point.pinned
    live.wait_for_frames(16)
    moved = live.moved(live.corners(start, 0.08))
    expected = (point.xy[0] - point.origin[0]) * 256
    assert expected == pytest.approx(60, abs=3)
    assert np.isfinite(moved[:, 0]).mean() > 0.5, "the tracker lost the airplane"
    assert np.nanmedian(moved[:, 0]) == pytest.approx(expected, abs=6)


def test_the_stick_moves_a_held_point_and_a_pins_it(desk: Desk, pad: VirtualPad) -> None:
    window, hand = desk.window, desk.window.gamepad.hand
    pad.press("a")
    assert window.points.held is not None
    began_s = time.monotonic()
    pad.push(leftx=1.0)
    desk.wait(lambda: hand.xy[0] > 0.6)
    pad.push(leftx=0.0)
    speed = (hand.xy[0] - 0.5) * 16 / 9 / (time.monotonic() - began_s)
    assert 0.1 < speed < 0.65, "full deflection is 0.6 heights a second, less where the window was busy"
    pad.press("a")
    (point,) = window.points.points
    assert point.pinned
    assert window.points.held is None
    assert point.xy[1] == pytest.approx(0.5, abs=1e-6)
    desk.wait(lambda: desk.stream.consumed[-1].ids.size and desk.stream.consumed[-1].xy[-1].mean(0)[0] > 0.55)
    window.editor.undo_stack.undo()
    assert not window.points.points


def test_a_takes_the_nearest_point_and_b_lets_it_go(desk: Desk, pad: VirtualPad) -> None:
    window = desk.window
    window.editor.toggle_pin((0.52, 0.55), None)
    window.points.select()
    pad.press("a")
    assert window.points.held == window.points.points[0].id
    pad.press("b")
    assert not window.points.points
    window.editor.undo_stack.undo()
    assert window.points.points[0].xy == (0.52, 0.55)


def test_the_stick_takes_the_selected_point(desk: Desk, pad: VirtualPad) -> None:
    window = desk.window
    window.editor.toggle_pin((0.2, 0.2), None)
    pad.push(lefty=1.0)
    desk.wait(lambda: window.points.held is not None and window.points.points[0].xy[1] > 0.3)
    pad.push(lefty=0.0)
    assert window.points.points[0].xy[0] == pytest.approx(0.2)


def test_y_returns_the_point_to_where_it_took_hold(desk: Desk, pad: VirtualPad) -> None:
    window, hand = desk.window, desk.window.gamepad.hand
    pad.press("a")
    pad.push(leftx=1.0, lefty=0.5)
    desk.wait(lambda: hand.xy[0] > 0.6)
    pad.push(leftx=0.0, lefty=0.0)
    pad.press("y")
    desk.wait(lambda: np.allclose(window.points.points[0].xy, (0.5, 0.5)))
    assert window.points.held is not None


def test_a_pad_unplugged_while_dragging_leaves_a_pin_and_a_sentence(desk: Desk, pad: VirtualPad) -> None:
    window, hand = desk.window, desk.window.gamepad.hand
    pad.press("a")
    pad.push(leftx=1.0)
    desk.wait(lambda: hand.xy[0] > 0.55)
    pad.unplug()
    desk.wait(lambda: not window.gamepad.pads.name)
    (point,) = window.points.points
    assert point.pinned
    assert point.xy[0] > 0.55
    assert window.points.held is None
    assert "unplugged" in window.stage.banner.text
    assert "stays where it was" in window.stage.banner.text
    desk.wait_for_frames()
    again = VirtualPad(desk)
    again.press("a")
    assert window.points.held == point.id


def test_start_pauses_and_goes_on(desk: Desk, pad: VirtualPad) -> None:
    pad.press("start")
    assert desk.window.player.paused_by_person
    pad.press("start")
    assert not desk.window.player.paused_by_person


def test_a_control_is_bound_by_using_it_and_kept(desk: Desk, pad: VirtualPad) -> None:
    gamepad = desk.window.gamepad
    gamepad.wait_for("grab")
    pad.press("rightstick")
    assert gamepad.bindings.controls["grab"] == "rightstick"
    assert desk.window.points.held is None, "the press that binds does nothing else"
    gamepad.wait_for("look_x")
    pad.push(lefty=0.9)
    desk.wait(lambda: gamepad.waiting_for is None)
    pad.push(lefty=0.0)
    assert gamepad.bindings.controls["look_x"] == "lefty"
    kept = type(desk.window._settings)(desk.window._data_dir)
    assert Bindings.from_text(kept.gamepad) == gamepad.bindings
    pad.press("rightstick")
    assert desk.window.points.held is not None


def test_the_right_stick_and_the_triggers_fly_the_camera(desk: Desk, pad: VirtualPad) -> None:
    told: list[tuple[str, dict[str, float]]] = []

    class Camera:
        def set_levels(self, source: str, levels: Mapping[str, float]) -> None:
            told.append((source, dict(levels)))

    gamepad = desk.window.gamepad
    gamepad.camera = Camera()
    pad.push(rightx=1.0, righty=-0.1, righttrigger=1.0)
    gamepad.poll()
    source, levels = told[-1]
    assert source == "gamepad"
    assert levels["yaw"] > 0.9
    assert levels["forward"] == pytest.approx(1.0)
    pad.push(rightx=0.0, righty=0.0, righttrigger=0.0)
    gamepad.poll()
    assert told[-1] == ("gamepad", {})


def test_the_whole_window_is_reached_by_pad(desk: Desk, pad: VirtualPad) -> None:
    """Menus by X and the arrows, the dock by Back, its controls by the D-pad, the picture by B."""
    window = desk.window
    names = [action.text() for action in window.menuBar().actions()]
    pad.press("x")
    desk.wait(QApplication.activePopupWidget)
    for _ in range(names.index("Direct")):
        before = QApplication.activePopupWidget()
        pad.press("dpright")
        desk.wait(lambda before=before: QApplication.activePopupWidget() not in (None, before))
    menu = QApplication.activePopupWidget()
    entries = [action.text() for action in menu.actions()]
    for _ in range(2 * len(entries)):
        if menu.activeAction() is not None and menu.activeAction().text() == "Sound":
            break
        pad.press("dpdown")
        QApplication.processEvents()
    pad.press("a")
    desk.wait(lambda: window.direct.page == "Sound")
    desk.wait(lambda: QApplication.activePopupWidget() is None)
    pad.press("back")
    assert not window.direct.isVisible()
    pad.press("back")
    assert window.direct.page == "Sound"
    seen = set()
    for _ in range(30):
        seen.add(QApplication.focusWidget())
        pad.press("dpdown")
        QApplication.processEvents()
    page = window.sound.page
    assert {page.listen, page.input, page.open, page.add, page.follows, page.amount, page.release} <= seen
    page.amount.setFocus()
    value = page.amount.value()
    pad.press("dpright")
    desk.wait(lambda: page.amount.value() > value)
    pad.press("leftshoulder")
    assert window.direct.page == "Gamepad"
    pad.press("b")
    assert window.stage.picture.hasFocus()
    pad.press("a")
    assert window.points.held is not None


def test_without_a_pad_a_poll_costs_next_to_nothing(desk: Desk) -> None:
    """Once a second, under 0.3 % of a core: 3 ms of CPU time a poll, of which this takes a few microseconds."""
    gamepad = desk.window.gamepad
    desk.wait(lambda: gamepad.pads.is_ready)
    began_s = time.thread_time()
    for _ in range(100):
        gamepad.poll()
    assert (time.thread_time() - began_s) / 100 < 0.003


def test_without_sdl_the_page_says_so_and_everything_goes_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from desktop.directing.pads import Pads

    monkeypatch.setitem(sys.modules, "sdl2", None)
    pads = Pads()
    pads.load()
    desk.wait(lambda: pads.problem)
    assert "SDL2" in pads.problem
    assert pads.poll().axes == {}
    pads.close()
