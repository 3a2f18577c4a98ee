"""Points, groups, the gizmo, the lasso and the brush, with real X events, up to what the stream is told."""

import math
import subprocess

import numpy as np
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QPushButton

from desktop.directing.gizmo import MARGIN_PX, STEM_PX
from desktop.handles import TRACK_BUDGET, XY, Point
from tests.gui.conftest import Desk


def stroke(desk: Desk, *way: XY, button: int = 1) -> None:
    """A press, moves and a release, by one command."""
    places = [desk.at(*xy) for xy in way]
    words: list[object] = ["mousemove", places[0].x(), places[0].y(), "sleep", 0.03, "mousedown", button]
    for place in places[1:]:
        words += ["mousemove", place.x(), place.y(), "sleep", 0.03]
    desk.pointer(*words, "mouseup", button)


def with_key(desk: Desk, key: str, action: object) -> None:
    desk.pointer("keydown", key)
    try:
        action()  # type: ignore[operator]
    finally:
        desk.pointer("keyup", key)


def shift_click(desk: Desk, *places: XY) -> None:
    for place in places:
        with_key(desk, "shift", lambda place=place: desk.pointer.click(desk.at(*place)))


def frame(desk: Desk) -> tuple[QPoint, QPoint, QPoint]:
    """The gizmo's knob, centre and lower right corner on the screen."""
    selected = [desk.window.points.get(point_id) for point_id in desk.window.points.selection]
    places = np.array([(desk.at(*point.xy).x(), desk.at(*point.xy).y()) for point in selected], float)
    (left, top), (right, bottom) = places.min(0) - MARGIN_PX, places.max(0) + MARGIN_PX
    middle = (left + right) / 2
    return (
        QPoint(round(middle), round(top - STEM_PX)),
        QPoint(round(middle), round((top + bottom) / 2)),
        QPoint(round(right), round(bottom)),
    )


def xys(desk: Desk, *ids: int) -> np.ndarray:
    return np.array([desk.window.points.get(point_id).xy for point_id in ids])


def two_selected(desk: Desk) -> list[int]:
    ids = [desk.place(0.4, 0.5), desk.place(0.6, 0.5)]
    shift_click(desk, (0.4, 0.5))
    desk.wait(lambda: set(desk.window.points.selection) == set(ids))
    return ids


def test_shift_click_adds_and_takes_away(desk: Desk) -> None:
    one, two = two_selected(desk)
    shift_click(desk, (0.6, 0.5))
    desk.wait(lambda: desk.window.points.selection == (one,))
    assert xys(desk, one, two).shape == (2, 2), "a click with Shift put or removed a point"


def test_everything_is_selected_grouped_and_dragged_as_one(desk: Desk) -> None:
    points = desk.window.points
    ids = [desk.place(0.3, 0.4), desk.place(0.5, 0.4)]
    desk.key("ctrl+a")
    desk.wait(lambda: len(points.selection) == 2)
    desk.key("ctrl+g")
    desk.wait(lambda: len({point.group for point in points.points} - {0}) == 1)
    desk.key("ctrl+shift+a")
    desk.wait(lambda: points.selection == ())
    before = xys(desk, *ids)
    desk.drag((0.3, 0.4), (0.35, 0.5), (0.4, 0.6))
    np.testing.assert_allclose(xys(desk, *ids) - before, [[0.1, 0.2]] * 2, atol=0.006)

    def arrived() -> bool:
        told = desk.stream.consumed[-1]
        return len(told.ids) == 50 and np.allclose(told.xy[-1, [12, 37]], [(0.4, 0.6), (0.6, 0.6)], atol=0.006)

    desk.wait(arrived)
    desk.key("ctrl+shift+g")
    desk.wait(lambda: {point.group for point in points.points} == {0})


def test_the_knob_turns_points_and_their_grids(desk: Desk) -> None:
    ids = two_selected(desk)
    before = desk.stream.consumed[-1]
    knob, centre, _ = frame(desk)
    reach, angle = centre.y() - knob.y(), math.radians(40)
    desk.pointer.press(knob)
    for share in (0.5, 1.0):
        x, y = math.sin(share * angle) * reach, -math.cos(share * angle) * reach
        desk.pointer.move(centre + QPoint(round(x), round(y)))
    desk.wait(lambda: math.isclose(desk.window.points.get(ids[0]).turn, angle, abs_tol=0.03))
    desk.pointer.release()
    desk.wait(lambda: desk.window.points.held is None)
    size = np.array([256.0, 144.0])
    desk.wait(lambda: np.allclose(desk.stream.consumed[-1].xy[-1][12], xys(desk, ids[0])[0], atol=1e-4))
    now = desk.stream.consumed[-1]
    assert now.ids.tolist() == before.ids.tolist(), "the grids were laid anew"
    start, end = ((tracks.xy[-1] * size) for tracks in (before, now))  # [50, 2]
    start, end = start - start.mean(0), end - end.mean(0)
    turn = np.linalg.lstsq(start, end, rcond=None)[0].T
    np.testing.assert_allclose(end, start @ turn.T, atol=0.05)
    assert abs(math.degrees(math.atan2(turn[1, 0], turn[0, 0])) - 40) < 2
    assert abs(np.linalg.det(turn) - 1) < 0.02
    desk.key("ctrl+z")
    desk.wait(lambda: np.allclose(xys(desk, *ids), [(0.4, 0.5), (0.6, 0.5)], atol=0.004))


def test_a_corner_scales_and_the_inside_moves(desk: Desk) -> None:
    ids = two_selected(desk)
    _, centre, corner = frame(desk)
    desk.pointer.press(corner)
    desk.pointer.move(centre + (corner - centre) * 1.5)
    desk.wait(lambda: abs(desk.window.points.get(ids[0]).grow - 1.5) < 0.03)
    desk.pointer.release()
    desk.wait(lambda: desk.window.points.held is None)
    np.testing.assert_allclose(xys(desk, *ids), [(0.35, 0.5), (0.65, 0.5)], atol=0.01)
    before = xys(desk, *ids)
    desk.pointer.press(desk.at(0.5, 0.5))
    desk.pointer.move(desk.at(0.55, 0.6))
    desk.wait(lambda: np.allclose(xys(desk, *ids) - before, [0.05, 0.1], atol=0.006))
    desk.pointer.release()
    desk.wait(lambda: desk.window.points.held is None)
    assert len(desk.window.points.points) == 2, "the hand put a point inside the frame"


def test_the_lasso_selects_what_it_encloses(desk: Desk) -> None:
    points = desk.window.points
    one, two, three = desk.place(0.3, 0.3), desk.place(0.35, 0.5), desk.place(0.7, 0.4)
    desk.key("l")
    desk.wait(lambda: desk.window.points_desk.tool == "lasso")
    stroke(desk, (0.2, 0.2), (0.45, 0.2), (0.45, 0.65), (0.2, 0.65), (0.2, 0.22))
    desk.wait(lambda: set(points.selection) == {one, two})
    with_key(desk, "shift", lambda: stroke(desk, (0.6, 0.3), (0.8, 0.3), (0.8, 0.5), (0.6, 0.5)))
    desk.wait(lambda: set(points.selection) == {one, two, three})
    assert len(points.points) == 3


def patch(desk: Desk) -> list[Point]:
    return [point for point in desk.window.points.points if point.side == 1 and not point.still]


def test_a_painted_patch_is_dragged_as_one_thing(desk: Desk) -> None:
    desk.key("b")
    desk.wait(lambda: desk.window.points_desk.tool == "brush")
    stroke(desk, (0.35, 0.5), (0.45, 0.5), (0.55, 0.5))
    desk.wait(lambda: len(desk.window.points.selection) > 10)
    painted = patch(desk)
    assert len({point.group for point in painted}) == 1
    assert desk.window.points.controls() == (), "paint holds before it is taken"
    desk.key("v")
    member = min(painted, key=lambda point: math.dist(point.xy, (0.45, 0.5)))
    x, y = member.xy
    desk.drag((x, y), (x + 0.05, y), (x + 0.1, y + 0.1))
    desk.wait(lambda: len(desk.stream.consumed[-1].ids) == len(painted))
    moved = xys(desk, *(point.id for point in painted)) - np.array([point.xy for point in painted])
    np.testing.assert_allclose(moved, [[0.1, 0.1]] * len(painted), atol=0.006)
    desk.key("ctrl+z", "ctrl+z")
    desk.wait(lambda: desk.window.points.points == ())


def test_the_wheel_sizes_the_brush_and_shift_spaces_it(desk: Desk) -> None:
    desk.key("b")
    brush = desk.window.points_desk.brush
    size, spacing = brush.size, brush.spacing
    desk.pointer.click(desk.at(0.5, 0.5), 4)
    desk.wait(lambda: brush.size > size)
    with_key(desk, "shift", lambda: desk.pointer.click(desk.at(0.5, 0.5), 5))
    desk.wait(lambda: brush.spacing < spacing)
    larger = brush.size
    desk.key("bracketleft", "bracketleft")
    desk.wait(lambda: brush.size < larger)
    assert desk.window.points.points == ()


def test_everything_else_holds_still_and_gives_way(desk: Desk) -> None:
    points = desk.window.points
    desk.drag((0.3, 0.4), (0.32, 0.42))
    desk.key("x")
    desk.wait(lambda: len(points.points) > 20)
    pins = [point for point in points.points if point.still]
    assert all(point.pinned for point in pins)
    assert points.tracks <= TRACK_BUDGET
    desk.wait(lambda: len(desk.stream.consumed[-1].ids) == 25 + len(pins))
    height = np.array([256 / 144, 1.0])
    apart = np.abs((np.array([pin.xy for pin in pins]) - (0.32, 0.42)) * height).max(axis=1)
    assert apart.min() > 16 / 144, "a pin lies in the grabbed grid"
    along = np.hypot(*(np.array([pin.xy for pin in pins]) - (0.32, 0.42)).T)
    assert along.min() > 0.09, "a pin lies on what goes along: all within a tenth, says the fake stream"
    assert along.min() < 0.2
    desk.drag((0.7, 0.6), (0.72, 0.6))
    assert len([point for point in points.points if point.still]) < len(pins)
    desk.key("ctrl+z")
    desk.wait(lambda: len([point for point in points.points if point.still]) == len(pins))
    desk.key("x")
    desk.wait(lambda: len(points.points) == 1)


def test_letting_go_on_release_is_a_choice_that_is_remembered_and_alt_inverts(desk: Desk) -> None:
    window = desk.window
    desk.drag((0.3, 0.3), (0.4, 0.4))
    assert len(window.points.controls()) == 1
    desk.key("g")
    desk.wait(lambda: window.points_desk.lets_go)
    assert window.actions_by_id["lets_go"].isChecked()
    assert type(window._settings)(window._data_dir).lets_go
    desk.drag((0.4, 0.4), (0.5, 0.5))
    (point,) = window.points.points
    assert not point.pinned
    assert np.allclose(point.xy, (0.3, 0.3), atol=0.004), "it springs back with the picture"
    desk.drag((0.7, 0.7), (0.8, 0.8), release=False)
    with_key(desk, "alt", desk.pointer.release)
    desk.wait(lambda: window.points.held is None)
    assert [point.pinned for point in window.points.points] == [False, True]


def test_a_fast_flick_is_in_what_the_stream_was_told(desk: Desk) -> None:
    """Out and back in 200 ms by real events: the stream's frames go out and come back, however busy the machine."""
    desk.pointer.press(desk.at(0.3, 0.5))
    desk.wait(lambda: desk.window.points.held is not None)
    desk.wait_for_frames(4)
    way = [0.3 + 0.4 * step / 8 for step in range(1, 9)]
    words: list[str] = []
    for x in (*way, *way[-2::-1], 0.3):
        words += ["mousemove", str(desk.at(x, 0.5).x()), str(desk.at(x, 0.5).y()), "sleep", "0.0125"]
    begun = len(desk.stream.consumed)
    hand = subprocess.Popen(["xdotool", *words])  # beside the window, which is not to stand still meanwhile
    desk.wait(lambda: hand.poll() == 0)
    desk.wait_for_frames(8)
    desk.pointer.release()
    desk.wait(lambda: desk.window.points.held is None)
    x = np.concatenate([tracks.xy[:, 12, 0] for tracks in desk.stream.consumed[begun:]])
    assert x.max() > 0.3 + 0.4 * 0.7, f"the flick was cut to {x.max():.3f}"
    assert abs(x[-1] - 0.3) < 0.004


def test_the_speed_limit_eases_a_jump_and_shows_a_band(desk: Desk) -> None:
    window = desk.window
    window.points_desk.set_speed_limit(0.6)
    desk.drag((0.2, 0.5), (0.8, 0.5), release=False)
    desk.wait(lambda: window.points_desk.overlay().lines)
    (band,) = window.points_desk.overlay().lines
    assert np.allclose(band.points[1], (0.8, 0.5), atol=0.004)
    assert band.points[0, 0] < 0.75
    desk.wait(lambda: np.allclose(desk.stream.consumed[-1].xy[-1, 12], (0.8, 0.5), atol=0.004))
    desk.wait(lambda: not window.points_desk.overlay().lines)
    x = np.concatenate([tracks.xy[:, 12, 0] for tracks in desk.stream.consumed if len(tracks.ids) == 25])
    assert np.diff(x).max() * 256 / 144 < 0.6 / 24 * 1.01
    desk.pointer.release()


def button(desk: Desk, text: str) -> QPushButton:
    (found,) = [one for one in desk.window.direct.findChildren(QPushButton) if one.text() == text]
    return found


def test_the_page_says_and_does_what_the_keys_do(desk: Desk) -> None:
    desk.key("ctrl+1")
    desk.wait(lambda: button(desk, "Brush").isVisible())
    for text, holds in (
        ("Brush", lambda: desk.window.points_desk.tool == "brush"),
        ("Hand", lambda: desk.window.points_desk.tool == "hand"),
        ("Let go", lambda: desk.window.points_desk.lets_go),
        ("Stay as a pin", lambda: not desk.window.points_desk.lets_go),
        ("Hold everything else still", lambda: len(desk.window.points_desk.stills) > 20),
    ):
        there = button(desk, text)
        desk.pointer.click(there.mapToGlobal(there.rect().center()))
        desk.wait(holds)
        desk.wait(lambda there=there: there.isChecked())
    desk.key("l")
    desk.wait(lambda: button(desk, "Lasso").isChecked() and not button(desk, "Hand").isChecked())


def test_one_tool_at_a_time(desk: Desk) -> None:
    window = desk.window
    two_selected(desk)
    desk.key("b")
    desk.wait(lambda: window.points_desk.brush.active)
    desk.key("shift+p")
    desk.wait(lambda: window.paths.tool.on)
    assert not window.points_desk.brush.active
    assert window.points.selection == (), "the gizmo is in the way of the path"
    desk.key("l")
    desk.wait(lambda: window.points_desk.tool == "lasso")
    assert not window.paths.tool.on
    assert not window.actions_by_id["path_tool"].isChecked()
