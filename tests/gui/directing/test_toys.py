"""Toy box: a first frame composed of toys, made live, and dragged."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication, QWidget

from desktop.actions import SPECS, WHILE_COMPOSING
from desktop.directing.toys_page import ToysPage
from inference.lifecycle import EngineState
from tests.gui.conftest import Desk
from tests.gui.directing.conftest import LiveDesk


def centre(widget: QWidget) -> QPoint:
    return widget.mapToGlobal(widget.rect().center())


def page_of(desk: Desk) -> ToysPage:
    """The toy box, opened by its key."""
    desk.key("ctrl+b")
    page = desk.window.direct.findChild(ToysPage)
    desk.wait(lambda: page is not None and page.isVisible() and page.toys[0].isVisible())
    return page


def click(desk: Desk, widget: QWidget, done: Callable[[], object]) -> None:
    desk.wait(widget.isVisible)
    desk.pointer.click(centre(widget))
    desk.wait(done)


def compose(desk: Desk) -> ToysPage:
    """A racing car and a bus on the meadow, both by clicks; the bus selected."""
    page, box = page_of(desk), desk.window.toys
    click(desk, page.places[0], lambda: box.composing)
    for number, tile in enumerate(page.toys[:2]):
        click(desk, tile, lambda number=number: len(box.composition.toys) == number + 1)
    desk.wait(lambda: desk.window.viewport.picture_size().width() > 300)
    return page


def drag_toy(desk: Desk, start: tuple[float, float], stop: tuple[float, float]) -> None:
    desk.pointer.press(desk.at(*start))
    for share in (0.3, 0.7, 1.0):
        desk.pointer.move(desk.at(*(a + share * (b - a) for a, b in zip(start, stop, strict=True))))
    desk.pointer.release()


def test_clicks_compose_and_the_mouse_moves_scales_and_turns(desk: Desk) -> None:
    page, box = compose(desk), desk.window.toys
    assert [toy.cutout for toy in box.composition.toys] == ["racing_car.webp", "bus.webp"]
    assert box.selected == 1
    desk.wait_for_state(EngineState.PAUSED)  # the stream rests
    bus = box.composition.toys[1]
    drag_toy(desk, bus.at, (bus.at[0] + 0.25, bus.at[1] - 0.1))
    desk.wait(lambda: box.undo_stack.undoText() == "Move toy")
    moved = box.composition.toys[1]
    assert moved.at == pytest.approx((bus.at[0] + 0.25, bus.at[1] - 0.1), abs=0.01)
    assert box.composition.toys[0].at != moved.at
    assert not desk.window.points.points  # the hand had none of it
    corner = box._tool._frame()[0][2]
    out = tuple(moved.at + 1.5 * (corner - moved.at))
    drag_toy(desk, tuple(corner), out)
    desk.wait(lambda: box.undo_stack.undoText() == "Resize toy")
    assert box.composition.toys[1].height == pytest.approx(1.5 * moved.height, rel=0.05)
    grip = box._tool._frame()[1]
    aspect, lift = box.composition.aspect, moved.at[1] - grip[1]
    drag_toy(desk, tuple(grip), (moved.at[0] + lift / aspect, moved.at[1]))  # from above to the right
    desk.wait(lambda: box.undo_stack.undoText() == "Turn toy")
    assert box.composition.toys[1].angle == pytest.approx(90, abs=4)
    click(desk, page.mirror, lambda: box.composition.toys[1].mirrored)


def test_keys_undo_and_remove_what_is_composed_and_not_the_points(desk: Desk) -> None:
    point = desk.place(0.3, 0.3)
    compose(desk)
    box = desk.window.toys
    desk.window.stage.picture.setFocus()
    desk.key("Delete")
    desk.wait(lambda: len(box.composition.toys) == 1)
    desk.key("ctrl+z")
    desk.wait(lambda: len(box.composition.toys) == 2)
    desk.key("Escape")
    desk.wait(lambda: not box.composing)
    desk.wait_for_state(EngineState.RUNNING)
    assert [p.id for p in desk.window.points.points] == [point]
    desk.wait_for_frames()


def test_the_preview_shows_the_composition(desk: Desk) -> None:
    compose(desk)
    box = desk.window.toys
    expected = box._painter.render(box.composition).reshape(-1, 3).mean(0)
    desk.wait(lambda: np.abs(desk.window.viewport.shown_picture().reshape(-1, 3).mean(0) - expected).max() < 3)
    before = desk.window.viewport.shown_picture().astype(int)
    drag_toy(desk, box.composition.toys[1].at, (0.8, 0.5))
    desk.wait(lambda: box.undo_stack.undoText() == "Move toy" and not box._preview.isActive())
    change = np.abs(desk.window.viewport.shown_picture() - before).max(-1).max(0)  # by column
    there = change[round(0.75 * len(change)) : round(0.85 * len(change))]
    assert there.min() > 60
    assert change[-3:].max() <= 4  # the sharpening of the enlarged picture


def drop(desk: Desk, mime: QMimeData, at: tuple[float, float]) -> None:
    """The last step of a drag from another program."""
    where = desk.window.viewport.widget_position(at)
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(desk.window.viewport, QDropEvent(where, Qt.DropAction.CopyAction, mime, buttons, keys))


def test_a_toy_dropped_on_the_picture_stands_there_before_that_picture(desk: Desk) -> None:
    page, box = page_of(desk), desk.window.toys
    drop(desk, page.toys[4].mime(), (0.7, 0.4))
    assert box.composing
    (toy,) = box.composition.toys
    assert toy.cutout == page.toys[4].name
    assert toy.at == pytest.approx((0.7, 0.4), abs=0.01)
    ground = box._painter.render(box.composition)[:40, :40].astype(int)  # the picture that was shown
    assert np.abs(ground - desk.window.pictures.photograph()[:40, :40]).max() <= 2


def urls(path: Path) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    return mime


def test_own_files_become_toys_or_a_sentence(desk: Desk, tmp_path: Path) -> None:
    compose(desk)
    box, banner = desk.window.toys, desk.window.stage.banner
    own = Image.new("RGBA", (120, 80), (0, 0, 0, 0))
    own.paste((200, 30, 30, 255), (20, 20, 100, 60))
    own.save(tmp_path / "own.png")
    drop(desk, urls(tmp_path / "own.png"), (0.2, 0.3))
    desk.wait(lambda: len(box.composition.toys) == 3)
    assert box.composition.toys[2].cutout.startswith("own-")
    assert box.composition.toys[2].at == pytest.approx((0.2, 0.3), abs=0.01)
    Image.new("RGB", (100, 100)).save(tmp_path / "plain.png")
    drop(desk, urls(tmp_path / "plain.png"), (0.5, 0.5))
    desk.wait(lambda: "no transparent parts" in banner.text)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    drop(desk, urls(tmp_path / "broken.png"), (0.5, 0.5))
    desk.wait(lambda: "cannot be read" in banner.text)
    assert len(box.composition.toys) == 3


def test_what_was_composed_is_kept_and_can_be_taken_up(desk: Desk, tmp_path: Path) -> None:
    page, box = compose(desk), desk.window.toys
    composed = box.composition
    click(desk, page.cancel, lambda: not box.composing)
    (path,) = (tmp_path / "data" / "compositions").glob("*.json")
    assert path.with_suffix(".png").is_file()
    box.take_up(path)
    assert box.composition == composed
    box.remove_selected()
    desk.key("ctrl+Return")
    desk.wait(lambda: not box.composing)
    desk.wait_for_state(EngineState.RUNNING)
    kept = sorted((tmp_path / "data" / "compositions").glob("*.json"))
    assert len(kept) == 2  # the first is as it was
    (recent, *_) = desk.window.recent_choices()
    assert recent.path == kept[1].with_suffix(".png").resolve()
    path.write_text("{}")
    box.take_up(path)
    desk.wait(lambda: "cannot be read" in desk.window.stage.banner.text)
    assert not box.composing
    assert len(box.earlier()) == 1


def test_a_shape_is_chosen_undone_and_made_live(desk: Desk) -> None:
    """All three of the model's shapes, by clicks; the picture that opens has the last one."""
    page, box = compose(desk), desk.window.toys
    assert [button.text() for button in page.shapes] == ["16:9", "1:1", "9:16"]
    assert page.shapes[0].isChecked()
    for number, size in ((1, (768, 768)), (2, (576, 1024))):
        click(desk, page.shapes[number], lambda size=size: box.composition.size == size)
        assert page.shapes[number].isChecked()
        desk.wait(lambda size=size: desk.window.viewport.frame_size == size)
    desk.key("ctrl+z")
    desk.wait(lambda: box.composition.size == (768, 768))
    assert page.shapes[1].isChecked()
    assert len(box.composition.toys) == 2
    click(desk, page.live, lambda: not box.composing)
    desk.wait(lambda: desk.stream.size == (192, 192))
    assert box.bucket == (144, 256)  # the shape chosen last is that of the next composition


def test_another_picture_ends_the_composition(desk: Desk, picture_file: Path) -> None:
    compose(desk)
    desk.window.pictures.open_path(picture_file)
    desk.wait(lambda: not desk.window.toys.composing)
    desk.wait_for_state(EngineState.RUNNING)
    desk.wait_for_frames()


@pytest.mark.directing
def test_a_composed_picture_comes_alive_and_its_toy_follows_the_hand(live: LiveDesk) -> None:
    live.open("roller_skate")
    page, box = page_of(live), live.window.toys
    click(live, page.places[0], lambda: box.composing)
    click(live, page.toys[2], lambda: len(box.composition.toys) == 1)
    drag_toy(live, box.composition.toys[0].at, (0.35, 0.6))
    live.wait(lambda: box.undo_stack.undoText() == "Move toy")
    live.window.pictures.accepted.connect(lambda *_: live.shown.clear())
    click(live, page.live, lambda: not box.composing)
    live.wait_for_state(EngineState.RUNNING)
    live.wait_for_frames(4)
    x, y = 0.35, 0.6
    live.drag((x, y), release=False)
    for step in range(1, 13):  # as slow as the stream, which a tracker must be able to follow
        live.pointer.move(live.at(x + 60 / 256 * step / 12, y))
        live.wait_for_frames(2)
    live.pointer.release()
    live.wait_for_frames(8)
    moved = live.moved(live.corners((x, y), 0.12))
    assert np.isfinite(moved[:, 0]).mean() > 0.5, "the tracker lost the taxi"
    assert np.nanmedian(moved[:, 0]) == pytest.approx(60, abs=6)
    assert np.nanmedian(moved[:, 1]) == pytest.approx(0, abs=6)


def test_a_real_drag_from_the_palette(desk: Desk) -> None:
    page, box = page_of(desk), desk.window.toys
    desk.wait(lambda: desk.window.viewport.picture_size().width() > 300)
    start, stop = centre(page.toys[3]), desk.at(0.6, 0.5)
    way = [start + (stop - start) * share / 8 for share in range(9)]
    words = ["mousemove", way[0].x(), way[0].y(), "mousedown", 1, "sleep", 0.2]
    for place in way[1:]:
        words += ["mousemove", place.x(), place.y(), "sleep", 0.1]
    # In a process of its own: the drag has an event loop of its own, from which this test is called back too late.
    hand = subprocess.Popen(["xdotool", *map(str, [*words, "mouseup", 1])])
    desk.wait(lambda: hand.poll() is not None and box.composing)
    (toy,) = box.composition.toys
    assert toy.cutout == page.toys[3].name
    assert toy.at == pytest.approx((0.6, 0.5), abs=0.02)


def test_nothing_else_is_drawn_or_offered_while_composing(desk: Desk) -> None:
    desk.place(0.3, 0.3)
    actions = desk.window.actions_by_id
    assert actions["let_go_all"].isEnabled()
    actions["path_tool"].trigger()
    desk.wait(lambda: desk.window.paths.tool.on)
    page, box = page_of(desk), desk.window.toys
    click(desk, page.places[0], lambda: box.composing)
    assert not desk.window.paths.tool.on
    overlay = desk.window.viewport._overlay()
    assert not [*overlay.handles, *overlay.lines, *overlay.dots]
    offered = {spec.id for spec in SPECS if actions[spec.id].isEnabled()}
    assert offered <= WHILE_COMPOSING
    assert {"open", "compose_live", "compose_leave"} <= offered
    click(desk, page.cancel, lambda: not box.composing)
    assert actions["let_go_all"].isEnabled()
    assert len(desk.window.viewport._overlay().handles) == 1
