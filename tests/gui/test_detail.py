"""The switch for the photograph's own pixels, in the real window."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QCoreApplication, QEvent

from desktop.app import build_window
from tests.fakes import FakeStream
from tests.gui.conftest import Desk


@pytest.fixture
def fine_picture(tmp_path: Path) -> Path:
    """A picture four times a bucket's size, with stripes that a frame of 256x144 shows as grey."""
    pixels = np.full((576, 1024, 3), 90, np.uint8)
    pixels[::2] = 170
    path = tmp_path / "fine.png"
    Image.fromarray(pixels).save(path)
    return path


def stripes(desk: Desk) -> float:
    """How much neighbouring rows differ in the middle of the picture."""
    screen = desk.screen().astype(float)
    height, width = screen.shape[:2]
    middle = screen[height // 3 : height // 2, width // 3 : width // 2]
    return float(np.abs(np.diff(middle, axis=0)).mean())


def test_the_switch_shows_and_hides_what_the_frames_cannot_hold(empty_desk: Desk, fine_picture: Path) -> None:
    desk = empty_desk
    desk.window.resize(1400, 900)
    desk.window.open_picture(fine_picture)
    desk.wait_for_frames()
    switch = desk.window.actions_by_id["detail"]
    assert switch.isChecked()
    desk.wait(lambda: stripes(desk) > 2)
    desk.key("d")
    desk.wait(lambda: not switch.isChecked())
    desk.wait(lambda: stripes(desk) < 0.5)
    desk.key("d")
    desk.wait(lambda: stripes(desk) > 2)


def test_the_switch_is_remembered(empty_desk: Desk, tmp_path: Path) -> None:
    empty_desk.key("d")
    empty_desk.wait(lambda: not empty_desk.window.actions_by_id["detail"].isChecked())
    again = build_window(FakeStream, data_dir=tmp_path / "data")
    assert not again.actions_by_id["detail"].isChecked()
    again.close()
    again.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
