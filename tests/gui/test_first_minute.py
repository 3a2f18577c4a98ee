"""The start screen: what a newcomer sees, and how the first press takes over."""

from pathlib import Path

import numpy as np

from inference.lifecycle import EngineState
from tests.gui.conftest import Desk


def begin(desk: Desk) -> None:
    desk.window.open_picture(None)
    desk.wait_for_state(EngineState.RUNNING)


def controlled(desk: Desk) -> np.ndarray:
    """The x of the handle in the middle of a grid over all that the stream has consumed, [T]."""
    rows = [tracks.xy[:, len(tracks.ids) // 2, 0] for tracks in list(desk.stream.consumed) if len(tracks.ids)]
    return np.concatenate(rows) if rows else np.zeros(0)


def test_the_start_screen_shows_every_starter_in_its_own_shape(empty_desk: Desk) -> None:
    begin(empty_desk)
    window = empty_desk.window
    assert window.start.isVisible()
    assert not window.gallery.isVisible()
    tiles = window.start.tiles
    assert len(tiles) >= 12
    shapes = {np.sign(tile.width() - tile.height()) for tile in tiles if abs(tile.width() - tile.height()) != 1}
    assert shapes == {-1, 0, 1}, "landscape, square and portrait"
    assert sum(tile.isChecked() for tile in tiles) == 1, "the one that moves"


def test_a_picture_moves_before_any_click(empty_desk: Desk) -> None:
    begin(empty_desk)
    empty_desk.wait(lambda: np.ptp(controlled(empty_desk)) > 0.03 if len(controlled(empty_desk)) else False)
    before = empty_desk.screen()
    empty_desk.wait(lambda: np.abs(empty_desk.screen().astype(int) - before).mean() > 2)
    assert empty_desk.window.points.points == ()
    assert not empty_desk.window.actions_by_id["undo"].isEnabled()
    assert "Now you" in empty_desk.window.viewport.line


def test_the_hand_is_drawn_where_it_drags(empty_desk: Desk) -> None:
    begin(empty_desk)
    window = empty_desk.window
    empty_desk.wait(lambda: len(controlled(empty_desk)) > 0)
    empty_desk.key("space")
    empty_desk.wait_for_state(EngineState.PAUSED)
    empty_desk.wait(lambda: window.player.engine.ring.coming is None)
    with_hand = empty_desk.screen().astype(int)
    tip = window.viewport.widget_position(window.conductor.guide.at)
    window.viewport.follow(None)

    def changed() -> np.ndarray:
        return np.argwhere((np.abs(empty_desk.screen() - with_hand) > 60).any(axis=2))

    empty_desk.wait(lambda: len(changed()) > 300)
    down, right = changed().max(axis=0) - (tip.y(), tip.x())
    assert 20 < down < 60, "the hand hangs below its finger's tip"
    assert 5 < right < 60


def test_the_first_press_takes_over_at_once(empty_desk: Desk) -> None:
    begin(empty_desk)
    desk, window = empty_desk, empty_desk.window
    desk.wait(lambda: len(controlled(desk)) > 0)
    guided = {int(i) for tracks in desk.stream.consumed for i in tracks.ids}
    desk.pointer.press(desk.at(0.7, 0.7))
    desk.wait(lambda: window.points.held is not None)
    assert [handle.id for handle in window.player.engine.mailbox.take(0.0).handles] == [window.points.held]
    desk.wait(lambda: len(desk.stream.consumed[-1].ids) and not guided & set(desk.stream.consumed[-1].ids.tolist()))
    assert window.start.isVisible(), "the window must not move under a hand that drags"
    desk.pointer.move(desk.at(0.6, 0.6))
    desk.pointer.release()
    desk.wait(lambda: window.gallery.isVisible() and not window.start.isVisible())
    assert len(window.points.points) == 1


def test_the_guide_rests_while_paused(empty_desk: Desk) -> None:
    begin(empty_desk)
    empty_desk.wait(lambda: len(controlled(empty_desk)) > 0)
    empty_desk.key("space")
    empty_desk.wait_for_state(EngineState.PAUSED)
    at = empty_desk.window.conductor.guide.at
    empty_desk.wait(lambda: empty_desk.window.player.engine.ring.coming is None)
    assert empty_desk.window.conductor.guide.at == at


def test_a_starter_is_chosen_from_the_start_screen(empty_desk: Desk) -> None:
    begin(empty_desk)
    first = empty_desk.stream.opened[-1][0]
    tile = next(tile for tile in empty_desk.window.start.tiles if not tile.isChecked() and tile.isVisible())
    empty_desk.pointer.click(tile.mapToGlobal(tile.rect().center()))
    empty_desk.wait(lambda: not np.array_equal(empty_desk.stream.opened[-1][0], first))
    empty_desk.wait_for_state(EngineState.RUNNING)
    assert empty_desk.window.gallery.isVisible()
    assert empty_desk.window.conductor.guide is None
    checked = [tile.text() for tile in empty_desk.window.gallery.tiles if tile.isChecked()]
    assert checked == [tile.text()]


def test_own_pictures_are_recent_at_the_next_start(desk: Desk, picture_file: Path) -> None:
    assert desk.window.start.tiles[-1].text() == "square.png"
    (again,) = (choice for choice in desk.window.recent_choices() if choice.path == picture_file)
    assert (again.image.width(), again.image.height()) == (256, 144)
    desk.key("ctrl+n")
    desk.wait(desk.window.start.isVisible)
    picture_file.unlink()
    assert desk.window.recent_choices() == ()


def test_a_picture_reached_by_another_name_has_one_tile(desk: Desk, tmp_path: Path) -> None:
    """A starter opened as a file, and an own picture through a link or a relative path."""
    window = desk.window
    before = len(window.gallery.tiles)
    starter = next(path for path in (Path("assets") / "pictures").resolve().glob("dog.jpg"))
    link = tmp_path / "link.jpg"
    link.symlink_to(starter)
    opened = len(desk.stream.opened)
    window.pictures.open_path(link)
    desk.wait(lambda: len(desk.stream.opened) > opened)
    desk.wait_for_state(EngineState.RUNNING)
    assert len(window.gallery.tiles) == before
    assert [tile.text() for tile in window.gallery.tiles if tile.isChecked()] == ["A friend at the window"]
    assert "Aitzol Berasategi" in window.status.picture.text()


def test_full_screen_shows_the_picture_alone_and_escape_leaves_it_first(desk: Desk) -> None:
    desk.place(0.4, 0.4)
    window = desk.window
    desk.key("F11")
    desk.wait(lambda: window.full_screen and window.isFullScreen())
    for part in (window.gallery, window.start, window.menuBar(), window.prompt, window.status):
        desk.wait(lambda part=part: not part.isVisible())
    desk.wait_for_frames()
    desk.key("Escape")
    desk.wait(lambda: not window.isFullScreen() and window.prompt.isVisible())
    assert window.gallery.isVisible()
    assert len(window.points.points) == 1, "the Escape that left full screen also let go of a point"
    desk.key("Escape")
    desk.wait(lambda: window.points.points == ())
