"""Paths in the real window with a stream that is fake: drawing, editing, playing, the timeline, files."""

import json
from pathlib import Path as FilePath

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QInputDialog, QToolTip

from desktop.directing.path_set import Drawn, Lent
from desktop.directing.paths import PAGE
from desktop.resources import resource_path
from inference.lifecycle import EngineState
from inference.motion.hand import GRID_SIDE
from inference.path_file import write_paths
from inference.track_arrays import write_ati
from inference.track_ids import IDS_PER_HANDLE
from inference.tracks import Tracks
from tests.gui.conftest import Desk

WAY = ((0.2, 0.4), (0.3, 0.4), (0.4, 0.42), (0.5, 0.5), (0.6, 0.6))
CENTRE = GRID_SIDE * GRID_SIDE // 2


def take_tool(desk: Desk) -> None:
    desk.key("shift+p")
    desk.wait(lambda: desk.window.paths.tool.on and desk.window.direct.page == PAGE)
    desk.wait(lambda: desk.at(1.0, 0.5).x() < 800)  # the dock has taken its place
    desk.wait_for_frames(2)


def draw(desk: Desk, *way: tuple[float, float]) -> Drawn:
    """Draws a path with the tool on."""
    before, tool = len(desk.window.paths.set.items), desk.window.paths.tool
    desk.pointer.press(desk.at(*way[0]))
    desk.wait(lambda: tool.busy)
    for place in way[1:]:
        count = len(tool.drawing)
        desk.pointer.move(desk.at(*place))
        desk.wait(lambda count=count: len(tool.drawing) > count)
    desk.pointer.release()
    desk.wait(lambda: len(desk.window.paths.set.items) == before + 1)
    return desk.window.paths.set.paths[-1]


def followed(desk: Desk, key: int) -> np.ndarray:
    """Where the engine had the path's handle since it last opened the picture, float [frames, 2]."""
    middle = key * IDS_PER_HANDLE + CENTRE
    rows = [tracks.xy[:, tracks.ids == middle].reshape(-1, 2) for tracks in desk.stream.consumed]
    return np.concatenate([np.zeros((0, 2)), *rows])


def on_timeline(desk: Desk, x: float, index: int = 0) -> QPoint:
    """A place on a bar of the timeline, by its x in the widget."""
    timeline = desk.window.paths.page.timeline
    return timeline.mapToGlobal(QPoint(round(x), round(timeline.bar_rect(index).center().y())))


def test_a_path_is_drawn_edited_and_undone(desk: Desk) -> None:
    paths = desk.window.paths.set
    take_tool(desk)
    item = draw(desk, *WAY)
    np.testing.assert_allclose(item.path.knots[0], WAY[0], atol=0.004)
    np.testing.assert_allclose(item.path.knots[-1], WAY[-1], atol=0.004)
    assert desk.window.points.points == (), "the hand took hold as well"

    desk.pointer.press(desk.at(*WAY[-1]))
    desk.wait(lambda: paths.knot == len(item.path.knots) - 1)
    desk.pointer.move(desk.at(0.8, 0.3))
    desk.wait(lambda: np.allclose(paths.paths[0].path.knots[-1], (0.8, 0.3), atol=0.004))
    desk.pointer.release()
    desk.wait(lambda: not desk.window.paths.tool.busy)

    count = len(item.path.knots)
    middle = paths.paths[0].path.at(np.array([0.5 * (sum(paths.paths[0].path.knot_times_s[-2:]))]))[0]
    desk.pointer("mousemove", desk.at(*middle).x(), desk.at(*middle).y(), "click", "--repeat", 2, "--delay", 60, 1)
    desk.wait(lambda: len(paths.paths[0].path.knots) == count + 1)
    desk.key("Delete")
    desk.wait(lambda: len(paths.paths[0].path.knots) == count)
    desk.key("Delete")
    desk.wait(lambda: paths.items == ())

    desk.key("ctrl+z", "ctrl+z", "ctrl+z")
    desk.wait(lambda: len(paths.items) == 1 and np.allclose(paths.paths[0].path.knots[-1], (0.8, 0.3), atol=0.004))
    desk.key("ctrl+z")
    desk.wait(lambda: paths.paths[0].path == item.path)
    desk.key("ctrl+z")
    desk.wait(lambda: paths.items == ())
    desk.key("ctrl+shift+z")
    desk.wait(lambda: len(paths.items) == 1 and paths.paths[0].path == item.path)


def test_a_click_draws_nothing_and_the_right_button_still_pins(desk: Desk) -> None:
    take_tool(desk)
    desk.pointer.click(desk.at(0.3, 0.3))
    desk.pointer.click(desk.at(0.6, 0.6), 3)
    desk.wait(lambda: len(desk.window.points.points) == 1)
    assert desk.window.paths.set.items == ()


def test_the_line_is_blue_and_says_its_time_under_the_pointer(desk: Desk) -> None:
    take_tool(desk)
    item = draw(desk, *WAY)
    moment = 0.3 * item.path.duration_s
    x, y = item.path.at(np.array([moment]))[0]
    desk.pointer.move(desk.at(x, y))
    desk.wait(lambda: QToolTip.isVisible() and QToolTip.text() == f"{moment:.1f} s")
    desk.pointer.move(desk.at(0.9, 0.9))
    desk.wait(lambda: not QToolTip.isVisible())

    def blue() -> bool:
        ratio = desk.window.viewport.devicePixelRatio()
        place = desk.window.viewport.widget_position((x, y)) * ratio
        around = desk.screen()[round(place.y()) - 3 : round(place.y()) + 4, round(place.x()) - 3 : round(place.x()) + 4]
        red, green, blue = np.moveaxis(around.astype(int), 2, 0)
        return bool(((blue > 200) & (red < 130) & (green > 120)).any())

    desk.wait(blue)


def test_enter_plays_and_at_the_end_a_pin_stays(desk: Desk) -> None:
    window = desk.window
    take_tool(desk)
    item = draw(desk, *WAY)
    desk.key("Return")
    desk.wait(lambda: window.paths.playing.on)
    desk.wait(lambda: window.paths.page.timeline.playhead_s)
    desk.wait(lambda: not window.paths.playing.on)
    seen = followed(desk, item.key)
    expected = item.path.at(np.arange(len(seen)) / 24)
    np.testing.assert_allclose(seen, expected, atol=2e-6)
    np.testing.assert_allclose(seen[-1], WAY[-1], atol=0.004)
    (pin,) = window.points.points
    assert (pin.id, pin.pinned) == (item.key, True)
    np.testing.assert_allclose(pin.xy, item.path.knots[-1], atol=1e-6)
    assert window.paths.page.timeline.playhead_s is None

    ids = desk.stream.consumed[-1].ids.tolist()
    desk.key("Return")  # again: the pin's place is taken, with the same tracks
    desk.wait(lambda: window.paths.playing.on and window.points.points == ())
    desk.wait(lambda: not window.paths.playing.on)
    assert desk.stream.consumed[-1].ids.tolist() == ids


def test_pause_holds_escape_stops_and_restart_begins_anew(desk: Desk) -> None:
    window = desk.window
    take_tool(desk)
    item = draw(desk, *WAY)
    window.paths.page.repeat.button(2).click()  # there and back
    window.paths.page.duration.setValue(3.0)
    desk.key("Return")
    desk.wait(lambda: len(followed(desk, item.key)) > 20 if window.paths.playing.on else False)
    desk.key("space")
    desk.wait_for_state(EngineState.PAUSED)
    before = followed(desk, item.key)
    desk.key("Return")  # nothing new to send on its way: it goes on
    desk.wait_for_state(EngineState.RUNNING)
    desk.wait(lambda: len(followed(desk, item.key)) > len(before) + 12)
    seen, path = followed(desk, item.key), window.paths.set.paths[0].path
    np.testing.assert_allclose(seen, path.at(np.arange(len(seen)) / 24), atol=2e-6)

    opened = len(desk.stream.opened)
    desk.key("r")
    desk.wait(lambda: len(desk.stream.opened) == opened + 1 and len(desk.stream.consumed) > 4)
    seen = followed(desk, item.key)
    np.testing.assert_allclose(seen, path.at(np.arange(len(seen)) / 24), atol=2e-6)

    desk.key("Escape")
    desk.wait(lambda: not window.paths.playing.on)
    assert window.paths.tool.on
    (pin,) = window.points.points
    assert path.nearest(pin.xy)[0] < 1e-3, "it was left beside its path"
    desk.key("Escape")
    desk.wait(lambda: not window.paths.tool.on)
    desk.key("Escape")
    desk.wait(lambda: window.points.points == ())


def test_a_path_added_while_another_plays_begins_at_its_own_start(desk: Desk) -> None:
    window = desk.window
    take_tool(desk)
    first = draw(desk, *WAY)
    window.paths.page.repeat.button(1).click()
    desk.key("Return")
    desk.wait(lambda: window.paths.playing.on and len(followed(desk, first.key)) > 12)
    second = draw(desk, (0.8, 0.2), (0.8, 0.4), (0.8, 0.7))
    desk.key("Return")
    desk.wait(lambda: (window.paths.page.timeline.playhead_s or 0) > 0 and window.paths.playing.has(second.key))
    desk.wait(lambda: any((t.ids == second.key * IDS_PER_HANDLE + CENTRE).any() for t in desk.stream.consumed))
    desk.wait_for_frames(16)
    seen = followed(desk, second.key)
    np.testing.assert_allclose(seen, second.path.at(np.arange(len(seen)) / 24), atol=2e-6)
    joined = window.paths.set.get(second.key)
    lag = next(
        k for k, t in enumerate(desk.stream.consumed) if (t.ids == second.key * IDS_PER_HANDLE + CENTRE).any()
    ) - next(k for k, t in enumerate(desk.stream.consumed) if (t.ids == first.key * IDS_PER_HANDLE + CENTRE).any())
    assert joined.delay_s == pytest.approx(lag * 4 / 24), "its bar is not where it began"


def test_the_timeline_shifts_stretches_and_times_the_knots(desk: Desk) -> None:
    window, timeline = desk.window, desk.window.paths.page.timeline
    take_tool(desk)
    draw(desk, (0.2, 0.3), (0.3, 0.6), (0.5, 0.3), (0.7, 0.7))
    window.paths.page.duration.setValue(2.0)
    desk.wait(lambda: timeline.bars[0].duration_s == 2.0)
    before = window.paths.set.paths[0].path

    def drag(start_x: float, seconds: float) -> None:
        pixels = seconds * (timeline.x_of(1.0) - timeline.x_of(0.0))
        desk.pointer.press(on_timeline(desk, start_x))
        for part in (0.5, 1.0):
            desk.pointer.move(on_timeline(desk, start_x + part * pixels))
        desk.pointer.release()

    box = timeline.bar_rect(0)
    drag(box.left() + 0.12 * box.width(), 1.0)
    desk.wait(lambda: abs(window.paths.set.paths[0].path.delay_s - 1.0) < 0.1 and not timeline.dragging)
    assert window.paths.set.paths[0].path.duration_s == 2.0
    box = timeline.bar_rect(0)
    drag(box.right(), 1.0)
    desk.wait(lambda: abs(window.paths.set.paths[0].path.duration_s - 3.0) < 0.1)
    mark_s = timeline.bars[0].marks_s[0]
    drag(timeline.x_of(timeline.bars[0].start_s + mark_s), 0.3)
    desk.wait(lambda: timeline.bars[0].marks_s[0] != mark_s)
    desk.wait(lambda: window.editor.undo_stack.undoText() == "Timing of path")
    moved = window.paths.set.paths[0].path.knot_times_s[1]
    assert moved > mark_s
    desk.key("ctrl+z", "ctrl+z", "ctrl+z")
    desk.wait(lambda: window.paths.set.paths[0].path == before)


def test_paths_are_there_again_with_their_picture(desk: Desk, picture_file: FilePath) -> None:
    window = desk.window
    take_tool(desk)
    item = draw(desk, *WAY)
    starter = next(resource_path("assets", "pictures").glob("*.jpg"))
    window.open_picture(starter)
    desk.wait(lambda: window.paths.set.items == ())
    window.open_picture(picture_file)
    desk.wait(lambda: len(window.paths.set.items) == 1)
    assert window.paths.set.paths[0].path == item.path
    assert "drawn here before" in window.stage.banner.text


def test_a_damaged_file_of_kept_paths_is_put_aside(desk: Desk, picture_file: FilePath, tmp_path: FilePath) -> None:
    window, folder = desk.window, tmp_path / "data" / "paths"
    take_tool(desk)
    draw(desk, *WAY)
    desk.wait(lambda: list(folder.glob("*.json")))
    (kept,) = folder.glob("*.json")
    kept.write_text("{broken")
    window.open_picture(picture_file)
    desk.wait(lambda: list(folder.glob("*.damaged")))
    assert next(folder.glob("*.damaged")).read_text() == "{broken"
    desk.wait(lambda: "not a file of paths" in window.stage.banner.text)


@pytest.mark.parametrize("kind", ["nan", "million"])
def test_a_bad_path_file_gets_a_sentence_and_nothing_is_lost(desk: Desk, tmp_path: FilePath, kind: str) -> None:
    window = desk.window
    take_tool(desk)
    item = draw(desk, *WAY)
    file = tmp_path / "bad.json"
    write_paths(file, [item.path])
    body = json.loads(file.read_text())
    if kind == "nan":
        body["paths"][0]["knots"][0] = [float("nan"), 0.5]
    else:
        body["paths"][0]["knots"] = [[0.5, 0.5]] * 1_000_000
        body["paths"][0]["times"] = list(range(1_000_000))
    file.write_text(json.dumps(body))
    window.paths.bring(file)
    assert "bad.json" in window.stage.banner.text
    assert "stay as they are" in window.stage.banner.text
    assert window.paths.set.items == (item,)


def test_track_arrays_become_paths_or_play_as_they_are(desk: Desk, tmp_path: FilePath) -> None:
    window, rows = desk.window, np.arange(121)
    few = np.zeros((2, 121, 1, 3), np.float32)
    few[:, :, 0, 0], few[:, :, 0, 1], few[:, :, 0, 2] = 60 + rows * 0.5, 40.0, 1.0
    few[1, :, 0, 1] = 100.0
    np.save(tmp_path / "few.npy", few)
    window.paths.bring(tmp_path / "few.npy")
    assert len(window.paths.set.paths) == 2
    path = window.paths.set.paths[0].path
    assert path.duration_s == pytest.approx(5.0)
    np.testing.assert_allclose(path.at(np.array([0.0, 2.5])), [(60 / 256, 40 / 144), (90 / 256, 40 / 144)], atol=1e-3)

    many = np.zeros((81, 30, 2), np.float32)
    many[..., 0], many[..., 1] = 20 + 7 * np.arange(30), 30 + np.arange(81)[:, None]
    np.save(tmp_path / "many.npy", many)
    window.paths.bring(tmp_path / "many.npy")
    assert isinstance(window.paths.set.items[-1], Lent)
    for item in window.paths.set.paths:
        window.paths.set.remove(item.key)
    desk.wait_for_frames()
    window.paths.play()
    desk.wait(lambda: desk.stream.consumed[-1].ids.size == 30 and (desk.stream.consumed[-1].ids < 0).all())
    desk.wait(lambda: desk.stream.consumed[-1].xy[-1, 0, 1] > 40 / 144)

    for name in ("all.json", "all_tracks.npy", "all.pth"):
        window.paths.give(tmp_path / name)
        assert (tmp_path / name).is_file()
    assert np.load(tmp_path / "all_tracks.npy").shape == (81, 30, 2)
    np.testing.assert_allclose(np.load(tmp_path / "all_tracks.npy"), many, atol=1e-2)


def test_keys_in_a_time_field_are_the_fields_own(desk: Desk) -> None:
    window = desk.window
    take_tool(desk)
    draw(desk, *WAY)
    field = window.paths.page.duration
    desk.pointer.click(field.mapToGlobal(QPoint(30, field.height() // 2)))
    desk.wait(field.hasFocus)
    desk.key("ctrl+a")
    desk.pointer.type("2.5")
    desk.key("Return")
    desk.wait(lambda: window.paths.set.paths[0].path.duration_s == 2.5)
    desk.wait(lambda: not field.hasFocus())
    assert not window.paths.playing.on


def test_an_example_of_ati_opens_with_its_prompt_and_its_tracks(
    desk: Desk, tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two, the one that is chosen; a list that is wrong is told and changes nothing."""
    picture = np.full((288, 512, 3), 90, np.uint8)
    picture[100:180, 200:300] = 220
    lines = []
    for name in ("first", "second"):
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
        lines.append(f"- {{image: {name}.png, text: a {name} thing moves, track: {name}.pth}}")
    rows = np.linspace((0.4, 0.5), (0.7, 0.5), 121)[:, None]  # [T, 1, 2]
    tracks = Tracks(rows.astype(np.float32), np.ones((121, 1), np.bool_), np.arange(1))
    for name in ("first", "second"):
        write_ati(tmp_path / f"{name}.pth", tracks, (512.0, 288.0))
    (tmp_path / "test.yaml").write_text("\n".join(lines))
    (tmp_path / "wrong.yaml").write_text("- nothing")
    desk.window.open_picture(tmp_path / "wrong.yaml")
    desk.wait(desk.window.stage.banner.isVisible)
    assert not desk.window.paths.set.items

    monkeypatch.setattr(QInputDialog, "getItem", lambda *given: (given[3][1], True))
    desk.window.open_picture(tmp_path / "test.yaml")
    desk.wait(lambda: desk.window.paths.set.paths)
    assert desk.window.prompt.text() == "a second thing moves"
    path = desk.window.paths.set.paths[0].path
    np.testing.assert_allclose((path.knots[0], path.knots[-1]), ((0.4, 0.5), (0.7, 0.5)), atol=0.01)
    assert path.duration_s == pytest.approx(5.0, abs=0.05)
    assert desk.window._settings.recent[0].name == "second.png"
    desk.wait(lambda: desk.stream.prompt == "a second thing moves")
