"""What the mouse and the keys do to the points, with real X events, up to the engine and back to the screen."""

import subprocess
from collections.abc import Sequence

import numpy as np
import pytest

from desktop.handles import DEFAULT_RADIUS, XY
from inference.channels import Handle
from inference.lifecycle import EngineState
from tests.gui.conftest import Desk


def bright_centre(screen: np.ndarray) -> np.ndarray:
    """Where the white square is on the screen, in pixels (x, y)."""
    rows, columns = np.nonzero((screen > 245).all(axis=2))
    return np.array([columns.mean(), rows.mean()])


def middle_is_at(desk: Desk, xy: XY) -> bool:
    """Whether the stream was last told that the middle of the one held grid is there."""
    last = desk.stream.consumed[-1].xy[-1] if desk.stream.consumed else np.zeros((0, 2))
    return len(last) == 25 and np.allclose(last[12], xy, atol=0.004)


def test_a_drag_moves_point_stream_and_screen(desk: Desk) -> None:
    before = bright_centre(desk.screen())
    desk.drag((0.2, 0.3), (0.24, 0.32), (0.28, 0.34), (0.32, 0.36), (0.36, 0.38))

    (point,) = desk.window.points.points
    assert np.allclose(point.xy, (0.36, 0.38), atol=0.004)
    assert point.pinned

    desk.wait(lambda: middle_is_at(desk, (0.36, 0.38)))
    path = np.concatenate([t.xy[:, 12] for t in desk.stream.consumed if len(t.ids) == 25])  # [T, 2]
    assert np.allclose(path[0], (0.2, 0.3), atol=0.004)
    assert len(np.unique(np.round(path[:, 0], 4))) > 2, "the way was lost, only its ends arrived"

    width = desk.at(1.0, 0.0).x() - desk.at(0.0, 0.0).x()
    expected = before + np.array([0.16 * width, 0.08 * width * 144 / 256])
    desk.wait(lambda: np.abs(bright_centre(desk.screen()) - expected).max() < 6)


def test_a_released_point_can_be_taken_again(desk: Desk) -> None:
    point_id = desk.place(0.3, 0.3)
    desk.drag((0.3, 0.3), (0.5, 0.5))
    assert [point.id for point in desk.window.points.points] == [point_id]
    assert np.allclose(desk.window.points.get(point_id).xy, (0.5, 0.5), atol=0.004)


def test_right_click_pins_frees_and_pins_again(desk: Desk) -> None:
    points = desk.window.points
    desk.pointer.click(desk.at(0.6, 0.4), 3)
    desk.wait(lambda: len(points.points) == 1 and points.points[0].pinned)
    assert len(points.controls()) == 1

    desk.pointer.click(desk.at(0.6, 0.4), 3)
    desk.wait(lambda: not points.points[0].pinned)
    assert points.controls() == (), "a free point still controls the picture"

    desk.pointer.click(desk.at(0.6, 0.4), 3)
    desk.wait(lambda: points.points[0].pinned)


def test_a_pin_is_drawn_red(desk: Desk) -> None:
    desk.pointer.click(desk.at(0.25, 0.25), 3)
    desk.wait(lambda: len(desk.window.points.points) == 1)
    desk.pointer.move(desk.at(0.8, 0.8))

    def red_at_the_pin() -> bool:
        place = desk.window.viewport.widget_position((0.25, 0.25))
        red, green, blue = desk.screen()[round(place.y()), round(place.x())].astype(int)
        return red > 180 and green < 110 and blue < 110

    desk.wait(red_at_the_pin)


def test_wheel_over_a_point_sizes_its_grid(desk: Desk) -> None:
    point_id = desk.place(0.4, 0.4)
    desk.pointer.click(desk.at(0.4, 0.4), 4)  # button 4 is a notch of the wheel, upwards
    desk.wait(lambda: desk.window.points.get(point_id).radius > DEFAULT_RADIUS)
    desk.pointer("click", "--repeat", 40, 5)
    desk.wait(lambda: desk.window.points.get(point_id).radius < DEFAULT_RADIUS / 3)
    desk.key("ctrl+z")
    desk.wait(lambda: desk.window.points.get(point_id).radius == DEFAULT_RADIUS)


def test_delete_removes_the_selected_point(desk: Desk) -> None:
    first, second = desk.place(0.2, 0.2), desk.place(0.7, 0.7)
    desk.pointer.click(desk.at(0.2, 0.2))
    desk.wait(lambda: desk.window.points.selected == first and desk.window.points.held is None)
    desk.key("Delete")
    desk.wait(lambda: [point.id for point in desk.window.points.points] == [second])


def test_escape_lets_go_of_selected_then_newest(desk: Desk) -> None:
    first, second, third = desk.place(0.2, 0.2), desk.place(0.5, 0.5), desk.place(0.8, 0.8)
    desk.pointer.click(desk.at(0.2, 0.2))
    desk.wait(lambda: desk.window.points.selected == first and desk.window.points.held is None)
    desk.key("Escape")
    desk.wait(lambda: [point.id for point in desk.window.points.points] == [second, third])
    desk.key("Escape")
    desk.wait(lambda: [point.id for point in desk.window.points.points] == [second])


def test_escape_in_a_drag_drops_the_point(desk: Desk) -> None:
    desk.drag((0.3, 0.3), (0.4, 0.4), release=False)
    desk.key("Escape")
    desk.wait(lambda: desk.window.points.points == ())
    desk.pointer.release()
    desk.pointer.move(desk.at(0.6, 0.6))
    desk.wait_for_frames()
    assert desk.window.points.points == ()


def test_moves_that_waited_are_merged_and_none_is_lost(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """500 moves while the window is busy: one change of the points, one hit-test at most, and the whole way."""
    window = desk.window
    desk.key("space")
    desk.wait_for_state(EngineState.PAUSED)
    desk.pointer.press(desk.at(0.3, 0.5))
    desk.wait(lambda: window.points.held is not None)
    window.player.engine.mailbox.take(0.0)
    ways: list[tuple[float, float, float]] = []
    put, changes, drags = window.player.engine.mailbox.put, [0], [0]

    def noted(handles: tuple[Handle, ...], time_s: float, way: Sequence[tuple[float, Handle]] = ()) -> float:
        ways.extend((at_s, *was.xy) for at_s, was in way)
        ways.extend((time_s, *handle.xy) for handle in handles)
        return put(handles, time_s, way)

    monkeypatch.setattr(window.player.engine.mailbox, "put", noted)
    window.points.subscribe(lambda: changes.__setitem__(0, changes[0] + 1))
    window.viewport.pointer.dragged.connect(lambda: drags.__setitem__(0, drags[0] + 1))
    way = [(0.3 + 0.4 * step / 500, 0.48 + 0.04 * (step % 2)) for step in range(1, 501)]
    way[100], way[250], way[380] = (0.42, 0.1), (0.5, 0.9), (0.9, 0.5)
    words = [str(word) for x, y in way for word in ("mousemove", desk.at(x, y).x(), desk.at(x, y).y())]
    subprocess.run(["xdotool", *words], check=True, timeout=60)  # blocks the window: no event is handled meanwhile
    desk.wait(lambda: np.allclose(window.points.get(window.points.held).xy, way[-1], atol=0.004))
    assert drags[0] <= 5, "every move was handled by itself"
    assert changes[0] <= 10
    assert len(ways) > 400, "moves were lost before the window saw them"
    path = window.player.engine.mailbox.take(1e12).paths[window.points.held]
    for samples in (np.array(ways), path):
        assert samples[:, 2].min() == pytest.approx(0.1, abs=0.004)
        assert samples[:, 2].max() == pytest.approx(0.9, abs=0.004)
        assert samples[:, 1].max() == pytest.approx(0.9, abs=0.004)
        assert (np.diff(samples[:, 0]) >= 0).all()
    assert np.ptp(path[:, 0]) > 0, "each move keeps its own time"
    desk.pointer.release()


def test_a_removal_undone_holds_what_it_held(desk: Desk) -> None:
    """The same tracks come back, not new ones on what lies there now."""
    home = bright_centre(desk.screen())
    width = desk.at(1.0, 0.0).x() - desk.at(0.0, 0.0).x()
    away = home + np.array([0.2 * width, 0.1 * width * 144 / 256])
    point_id = desk.place(0.3, 0.3)
    desk.drag((0.3, 0.3), (0.5, 0.4))
    desk.wait(lambda: middle_is_at(desk, (0.5, 0.4)))
    before = desk.stream.consumed[-1].ids.tolist()
    desk.wait(lambda: np.abs(bright_centre(desk.screen()) - away).max() < 6)
    desk.key("Delete")
    desk.wait(lambda: len(desk.stream.consumed[-1].ids) == 0)
    desk.wait(lambda: np.abs(bright_centre(desk.screen()) - home).max() < 6)
    desk.key("ctrl+z")
    desk.wait(lambda: desk.stream.consumed[-1].ids.tolist() == before)
    assert [point.id for point in desk.window.points.points] == [point_id]
    desk.wait(lambda: np.abs(bright_centre(desk.screen()) - away).max() < 6)


def test_a_point_freed_and_pinned_again_takes_hold_anew(desk: Desk) -> None:
    place = desk.at(0.6, 0.4)
    seen: list[tuple[int, ...]] = []
    for pinned in (True, False, True):
        desk.pointer.click(place, 3)
        desk.wait(lambda pinned=pinned: [p.pinned for p in desk.window.points.points] == [pinned])
        desk.wait(lambda pinned=pinned: bool(len(desk.stream.consumed[-1].ids)) == pinned)
        seen.append(tuple(desk.stream.consumed[-1].ids.tolist()))
    assert not set(seen[0]) & set(seen[2])


def test_undo_and_redo_of_placing_moving_removing(desk: Desk) -> None:
    points = desk.window.points
    point_id = desk.place(0.3, 0.3)
    placed = points.get(point_id)
    desk.drag((0.3, 0.3), (0.5, 0.4))
    moved = points.get(point_id)
    desk.key("Delete")
    desk.wait(lambda: points.points == ())

    desk.key("ctrl+z")
    desk.wait(lambda: points.points == (moved,))
    desk.key("ctrl+z")
    desk.wait(lambda: points.points == (placed,))
    desk.key("ctrl+z")
    desk.wait(lambda: points.points == ())
    desk.key("ctrl+shift+z", "ctrl+shift+z", "ctrl+shift+z")
    desk.wait(lambda: points.points == () and not desk.window.editor.undo_stack.canRedo())
    desk.key("ctrl+z")
    desk.wait(lambda: points.points == (moved,))


def test_restart_returns_points_to_their_origins(desk: Desk) -> None:
    desk.drag((0.3, 0.3), (0.6, 0.6))
    opened = len(desk.stream.opened)
    desk.key("r")
    desk.wait(lambda: np.allclose(desk.window.points.points[0].xy, (0.3, 0.3), atol=0.004))
    desk.wait(lambda: len(desk.stream.opened) == opened + 1)
    desk.wait_for_state(EngineState.RUNNING)
    assert desk.window.points.points[0].pinned
    desk.key("ctrl+z")
    desk.wait(lambda: np.allclose(desk.window.points.points[0].xy, (0.6, 0.6), atol=0.004))


def test_the_hint_leaves_with_the_first_drag(desk: Desk) -> None:
    assert desk.window.viewport.line == "Grab something and drag it"
    desk.drag((0.3, 0.3), (0.4, 0.4))
    desk.wait(lambda: desk.window.viewport.line == "")
