"""Words in the window, with real keys and a stream whose answers are known: begin, go on, stop, let go, restart."""

import numpy as np
import pytest

from inference.motion.said import CAMERA, MOTION, Said, SaidThing
from tests.gui.conftest import Desk

UP, LEFT = "the square flies up", "the square flies left"


def thing(**motion: float) -> SaidThing:
    x, y = np.meshgrid([0.48, 0.5, 0.52], [0.46, 0.5, 0.54])
    numbers = np.array([motion.get(name, 0.0) for name in MOTION])
    return SaidThing(np.arange(9), np.stack([x.ravel(), y.ravel()], 1), numbers)


@pytest.fixture
def told(desk: Desk) -> Desk:
    desk.stream.answers |= {
        UP: Said((thing(down=-0.3),)),
        LEFT: Said((thing(right=-0.3),)),
        "zoom in": Said(camera=np.eye(len(CAMERA))[CAMERA.index("zoom")]),
    }
    return desk


def write(desk: Desk, text: str) -> None:
    desk.key("p")
    desk.wait(desk.window.prompt.hasFocus)
    desk.key("ctrl+a", "Delete")
    if text:
        desk.pointer.type(text)
    desk.wait(lambda: desk.window.prompt.text() == text)
    desk.key("Return")
    desk.wait(lambda: desk.stream.prompt == text and not desk.window.prompt.hasFocus())


def middle(desk: Desk) -> np.ndarray:
    """Where the tracks of the words are in the newest chunk, in picture heights from the middle."""
    xy = desk.stream.consumed[-1].xy[-1]
    return (xy.mean(0) - 0.5) * (256 / 144, 1.0) if len(xy) else np.full(2, np.nan)


def arrived(desk: Desk, x: float, y: float) -> bool:
    return bool(np.abs(middle(desk) - (x, y)).max() < 0.01)


def test_words_move_what_they_name_and_others_go_on_from_there(told: Desk) -> None:
    write(told, UP)
    told.wait(told.window.words.button.isVisible)
    assert told.window.words.button.text() == "Stop"
    told.wait(lambda: arrived(told, 0.0, -0.3))
    write(told, LEFT)
    told.wait(lambda: arrived(told, -0.3, -0.3))
    assert len(told.window.words.sources) == 1


def test_stop_keeps_it_where_it_is_and_let_go_brings_it_back(told: Desk) -> None:
    write(told, UP)
    told.wait(lambda: middle(told)[1] < -0.05)
    button = told.window.words.button
    told.pointer.click(button.mapToGlobal(button.rect().center()))
    told.wait(lambda: button.text() == "Let go")
    told.wait_for_frames(12)
    there = middle(told)
    told.wait_for_frames(24)
    np.testing.assert_allclose(middle(told), there, atol=1e-5)
    assert -0.3 < there[1] < -0.05
    told.pointer.click(button.mapToGlobal(button.rect().center()))
    told.wait(lambda: not button.isVisible())
    told.wait(lambda: told.stream.consumed[-1].ids.size == 0)


def test_an_empty_prompt_lets_go_and_one_that_moves_nothing_says_so(told: Desk) -> None:
    write(told, UP)
    told.wait(lambda: arrived(told, 0.0, -0.3))
    write(told, "a red bus in the rain")
    told.wait(lambda: "move nothing" in told.window.stage.banner.text)
    told.wait_for_frames(8)
    assert arrived(told, 0.0, -0.3)  # it stays where it had come to
    write(told, "")
    told.wait(lambda: told.stream.consumed[-1].ids.size == 0)
    assert not told.window.words.button.isVisible()


def test_restart_begins_the_words_anew(told: Desk) -> None:
    write(told, UP)
    told.wait(lambda: arrived(told, 0.0, -0.3))
    opened = len(told.stream.opened)
    told.key("r")
    told.wait(lambda: len(told.stream.opened) > opened and len(told.stream.consumed) > 0)
    told.wait(lambda: middle(told)[1] > -0.25)
    told.wait(lambda: arrived(told, 0.0, -0.3))


def test_a_pin_keeps_it_from_words(told: Desk) -> None:
    told.place(0.5, 0.5)
    write(told, UP)
    told.wait(told.window.words.button.isVisible)
    told.wait_for_frames(12)
    assert (told.stream.consumed[-1].ids >= 0).all()


def test_the_camera_moves_as_told(told: Desk) -> None:
    write(told, "zoom in")
    told.wait(lambda: told.window.camera.view.fov_deg < 45.0)
    write(told, "")
    told.wait(lambda: told.window.camera.view.fov_deg > 49.9)


def test_another_picture_ends_it(told: Desk, picture_file) -> None:
    write(told, UP)
    told.wait(told.window.words.button.isVisible)
    other = picture_file.with_name("other.png")
    other.write_bytes(picture_file.read_bytes())
    told.window.open_picture(other)
    told.wait(lambda: not told.window.words.button.isVisible())
    told.wait(lambda: told.stream.consumed and told.stream.consumed[-1].ids.size == 0)
