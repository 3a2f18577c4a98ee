"""Saving the picture and the last half minute: real keys, real dialogs, the files decoded again."""

import time
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from PySide6.QtWidgets import QFileDialog, QLineEdit

from desktop.clip import ClipRing, write_clip
from desktop.settings import Settings
from inference.channels import Frame
from inference.lifecycle import EngineState
from tests.fakes import square_picture
from tests.gui.conftest import Desk


def dialog_of(desk: Desk) -> QFileDialog:
    desk.wait(lambda: any(dialog.isVisible() for dialog in desk.window.findChildren(QFileDialog)))
    return next(dialog for dialog in desk.window.findChildren(QFileDialog) if dialog.isVisible())


def answer(desk: Desk, path: Path) -> None:
    """Types a name into the dialog that stands open and presses Return."""
    dialog = dialog_of(desk)
    desk.pointer.focus(dialog)
    desk.wait(dialog.isActiveWindow)
    field = dialog.findChild(QLineEdit)
    desk.wait(field.hasFocus)
    desk.key("ctrl+a")
    desk.pointer.type(str(path))
    desk.wait(lambda: field.text() == str(path))
    desk.key("Return")


def test_ctrl_s_saves_what_is_shown_without_the_points(desk: Desk, tmp_path: Path) -> None:
    desk.pointer.click(desk.at(0.25, 0.25), 3)
    desk.wait(lambda: len(desk.window.points.points) == 1)
    desk.key("space")
    desk.wait(lambda: desk.window.player.paused_by_person)
    desk.key("ctrl+s")
    dialog = dialog_of(desk)
    assert Path(dialog.selectedFiles()[0]).name.startswith(f"motionstream-{time.strftime('%Y')}")
    path = tmp_path / "still"
    answer(desk, path)
    desk.wait(lambda: "still.png" in desk.window.stage.banner.text)
    saved = np.asarray(Image.open(tmp_path / "still.png"))
    size = desk.window.viewport.picture_size()
    assert saved.shape == (round(size.height()), round(size.width()), 3)
    truth = Image.fromarray(square_picture()).resize((saved.shape[1], saved.shape[0]), Image.Resampling.BICUBIC)
    assert np.abs(saved.astype(int) - np.asarray(truth)).mean() < 6
    there = round(0.25 * saved.shape[0]), round(0.25 * saved.shape[1])
    assert np.abs(saved[there].astype(int) - np.asarray(truth)[there]).max() < 40, "the pin is in the picture"


def test_ctrl_shift_s_saves_the_last_seconds_while_the_stream_goes_on(desk: Desk, tmp_path: Path) -> None:
    desk.drag((0.3, 0.3), (0.4, 0.35), (0.5, 0.4))
    moved_at = len(desk.window.conductor.clip.clip().frames)
    desk.wait(lambda: len(desk.window.conductor.clip.clip().frames) > moved_at + 12)
    desk.key("ctrl+shift+s")
    answer(desk, tmp_path / "clip.mp4")
    desk.wait_for_frames()
    desk.wait(lambda: "clip.mp4" in desk.window.stage.banner.text)
    with av.open(str(tmp_path / "clip.mp4")) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert len(frames) > 12
    assert frames[0].shape == (288, 512, 3)
    white = [np.argwhere((frame > 235).all(axis=2)).mean(axis=0) for frame in (frames[0], frames[-1])]
    moved = (white[1] - white[0]) / (288, 512)  # (down, right)
    assert moved == pytest.approx((0.1, 0.2), abs=0.03), "the square went with the hand"
    assert Settings(tmp_path / "data").save_folder == tmp_path


def test_an_unwritable_place_is_told_and_nothing_is_lost(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "full.mp4.part").symlink_to("/dev/full")  # a disk without room
    desk.wait(lambda: len(desk.window.conductor.clip.clip().frames) > 5)
    desk.key("ctrl+shift+s")
    answer(desk, tmp_path / "full.mp4")
    desk.wait(desk.window.stage.banner.isVisible)
    assert "full.mp4 cannot be written" in desk.window.stage.banner.text
    assert "Nothing is lost." in desk.window.stage.banner.text
    answer(desk, tmp_path / "again.mp4")  # the dialog came back by itself, with the same frames
    desk.wait((tmp_path / "again.mp4").is_file)
    desk.wait(lambda: "saved as" in desk.window.stage.banner.text)
    assert not (tmp_path / "full.mp4").exists()


def test_without_frames_there_is_nothing_to_save(desk: Desk) -> None:
    desk.key("space")
    desk.wait(lambda: desk.window.player.paused_by_person)
    conductor, ring = desk.window.conductor, desk.window.player.engine.ring
    desk.wait_for_state(EngineState.PAUSED)
    desk.wait(lambda: ring.coming is None and conductor._shown is None)
    conductor.clip.clear()
    desk.key("ctrl+shift+s")
    desk.wait(lambda: "Nothing has moved yet" in desk.window.stage.banner.text)


def test_the_ring_holds_its_span_and_no_more(tmp_path: Path) -> None:
    image = np.dstack([square_picture(), np.full((144, 256), 255, np.uint8)])
    ring = ClipRing(span_s=2.0)
    sizes = []
    for index in range(300):
        ring.add(Frame(index, np.roll(image, index, axis=1), 10.0 + index / 24, 0.0))
        sizes.append(ring.size_bytes)
    clip = ring.clip()
    assert clip.seconds == pytest.approx(2.0, abs=1 / 24)
    assert len(clip.frames) == 49
    assert max(sizes[60:]) < 1.05 * min(sizes[60:])
    assert max(sizes) < 49 * image.nbytes / 5
    ring.add(Frame(300, np.roll(image, 300, axis=1), 500.0, 0.0))
    assert ring.clip().frames[-1][0] - ring.clip().frames[-2][0] < 0.3, "a pause is cut short"
    write_clip(tmp_path / "clip.mp4", clip, 24.0)
    with av.open(str(tmp_path / "clip.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 49
    ring.add(Frame(0, np.zeros((192, 192, 4), np.uint8), 501.0, 0.0))
    assert len(ring.clip().frames) == 1, "another size begins anew"
