"""The real window on a real X display, driven by real X events; the stream behind it is a fake.

Nothing here skips: without a display or without xdotool these tests fail, so that a green run means they ran.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QCoreApplication, QEvent, QPoint
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from desktop.app import application, build_window
from desktop.main_window import MainWindow
from inference.lifecycle import EngineState
from tests.fakes import FakeStream, square_picture

PATIENCE_MS = 20_000  # the machine may be busy; a test that passes takes a fraction of it


@pytest.fixture(scope="session")
def qapp() -> QApplication:
    """The application as `motionstream` makes it."""
    if not os.environ.get("DISPLAY"):
        pytest.fail("no X display: install xvfb, then pytest-xvfb starts one")
    os.environ["QT_QPA_PLATFORM"] = "xcb"
    return application()


class Pointer:
    """The mouse and the keyboard of the display, through xdotool."""

    def __init__(self) -> None:
        if shutil.which("xdotool") is None:
            pytest.fail("xdotool is missing: apt-get install xdotool")

    def __call__(self, *words: str | int) -> None:
        # Not by `run`'s own timeout, for which Python looks every 50 ms whether the process is done.
        subprocess.run(["timeout", "20", "xdotool", *map(str, words)], check=True)

    def focus(self, window: QWidget) -> None:
        self("windowfocus", "--sync", int(window.winId()))  # without a window manager nobody else does it

    def move(self, where: QPoint) -> None:
        self("mousemove", where.x(), where.y())

    def click(self, where: QPoint, button: int = 1) -> None:
        self("mousemove", where.x(), where.y(), "click", button)

    def press(self, where: QPoint) -> None:
        self("mousemove", where.x(), where.y(), "mousedown", 1)

    def release(self) -> None:
        self("mouseup", 1)

    def key(self, *keys: str) -> None:
        self("key", *keys)

    def type(self, text: str) -> None:
        self("type", text)


class Desk:
    """A window with a running stream, and where things are in it."""

    def __init__(self, window: MainWindow, streams: list[FakeStream], pointer: Pointer, qtbot: QtBot) -> None:
        self.window = window
        self.streams = streams
        self.pointer = pointer
        self._qtbot = qtbot

    @property
    def stream(self) -> FakeStream:
        return self.streams[-1]

    def wait(self, condition: Callable[[], object]) -> None:
        """Until `condition` holds; fails after a deadline."""
        self._qtbot.waitUntil(lambda: bool(condition()), timeout=PATIENCE_MS)

    def wait_for_state(self, state: EngineState) -> None:
        self.wait(lambda: self.window.player.state is state)

    def wait_for_frames(self, count: int = 3) -> None:
        """Until `count` more frames of the stream were on the screen."""
        shown: list[int] = []
        self.window.viewport.frame_shown.connect(lambda index, *_: shown.append(index))
        self.wait(lambda: len(shown) >= count)

    def at(self, x: float, y: float) -> QPoint:
        """A picture position on the screen."""
        return self.window.viewport.mapToGlobal(self.window.viewport.widget_position((x, y)).toPoint())

    def drag(self, *way: tuple[float, float], release: bool = True, frames: int = 0) -> None:
        """Takes what is at the first position and drags it along the others, each one seen by the window. frames: how
        many are shown between two positions, where a tracker is to follow on a machine however slow.
        """
        points = self.window.points
        self.pointer.press(self.at(*way[0]))
        self.wait(lambda: points.held is not None)
        held = points.held
        for position in way[1:]:
            self.pointer.move(self.at(*position))
            self.wait(lambda position=position: np.allclose(points.get(held).xy, position, atol=0.004))
            if frames:
                self.wait_for_frames(frames)
        if release:
            self.pointer.release()
            self.wait(lambda: points.held is None)

    def place(self, x: float, y: float) -> int:
        """A point put by a left click; its id."""
        before = {point.id for point in self.window.points.points}
        self.pointer.click(self.at(x, y))
        self.wait(lambda: len(self.window.points.points) > len(before) and self.window.points.held is None)
        (new,) = {point.id for point in self.window.points.points} - before
        return new

    def key(self, *keys: str) -> None:
        self.pointer.key(*keys)

    def screen(self) -> np.ndarray:
        """What the viewport shows: uint8 [H, W, 3]."""
        image = self.window.viewport.grabFramebuffer().convertToFormat(QImage.Format.Format_RGB888)
        rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
        return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


@pytest.fixture
def picture_file(tmp_path: Path) -> Path:
    """A picture of a bucket's own shape with one bright square in the middle."""
    path = tmp_path / "square.png"
    Image.fromarray(square_picture()).save(path)
    return path


@pytest.fixture
def empty_desk(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    """The window on the screen, focused, before any picture."""
    streams: list[FakeStream] = []

    def make_stream() -> FakeStream:
        streams.append(FakeStream(cost_s=0.01))
        return streams[-1]

    window = build_window(make_stream, data_dir=tmp_path / "data")
    pointer = Pointer()
    pointer.move(QPoint(1590, 990))  # away from everything
    window.move(0, 0)
    window.resize(1000, 680)
    window.show()
    qtbot.waitExposed(window)
    pointer.focus(window)
    desk = Desk(window, streams, pointer, qtbot)
    desk.wait(window.isActiveWindow)
    yield desk
    pointer.release()
    while (popup := QApplication.activePopupWidget()) is not None:  # a test that failed may leave a menu open, which
        popup.close()  # must not outlive its window
    window.close()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # what the end of `app.exec()` does


@pytest.fixture
def desk(empty_desk: Desk, picture_file: Path) -> Desk:
    """The window with a stream running from `picture_file`."""
    empty_desk.window.open_picture(picture_file)
    empty_desk.wait_for_state(EngineState.RUNNING)
    empty_desk.wait_for_frames()
    return empty_desk
