"""Pictures on their way in: starters, drops, the clipboard, the crop, and what cannot be opened."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from PySide6.QtCore import QEvent, QMimeData, QObject, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QImage

from inference.lifecycle import EngineState
from tests.gui.conftest import Desk

# A program of its own that drags a file away from where it is pressed.
DRAG_SOURCE = """
import sys
from PySide6.QtCore import QEvent, QMimeData, QObject, Qt, QUrl
from PySide6.QtGui import QDrag
from PySide6.QtWidgets import QApplication, QLabel
class Source(QLabel):
    def mousePressEvent(self, event):
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(sys.argv[1])])
        drag = QDrag(self)
        drag.setMimeData(mime)
        drag.exec(Qt.DropAction.CopyAction)
app = QApplication(sys.argv)
source = Source("drag me")
source.setGeometry(1200, 100, 200, 200)
source.show()
source.windowHandle().requestActivate()
print("ready", flush=True)
app.exec()
"""


def drop(target: QObject, mime: QMimeData) -> None:
    """A drop on the viewport or the window, as Qt delivers it."""
    actions, none = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    button = Qt.MouseButton.LeftButton
    enter = QDragEnterEvent(QPoint(500, 300), actions, mime, button, none)
    QGuiApplication.sendEvent(target, enter)
    assert enter.isAccepted()
    QGuiApplication.sendEvent(target, QDropEvent(QPointF(500, 300), actions, mime, button, none))


class DropWatch(QObject):
    """Notes that a drag has come over what it filters."""

    def __init__(self, seen: list[QEvent.Type]) -> None:
        super().__init__()
        self._seen = seen

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.DragMove:
            self._seen.append(event.type())
        return False


def file_mime(path: Path) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    return mime


def half_and_half(path: Path, width: int, height: int) -> Path:
    """A picture that is red on its left and blue on its right."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] = 255
    pixels[:, width // 2 :, 2] = 255
    Image.fromarray(pixels).save(path)
    return path


def test_an_empty_window_says_what_to_do(empty_desk: Desk) -> None:
    assert "Drop a picture" in empty_desk.window.viewport.line
    assert not empty_desk.window.actions_by_id["pause"].isEnabled()
    assert empty_desk.window.actions_by_id["open"].isEnabled()


def test_a_broken_file_is_told_and_the_stream_goes_on(desk: Desk, tmp_path: Path) -> None:
    broken = tmp_path / "holiday.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 not a picture at all")
    desk.place(0.4, 0.4)
    drop(desk.window.viewport, file_mime(broken))
    desk.wait(desk.window.stage.banner.isVisible)
    assert "holiday.jpg" in desk.window.stage.banner.text
    assert "The video goes on." in desk.window.stage.banner.text
    desk.wait_for_frames()
    assert desk.window.player.state is EngineState.RUNNING
    assert len(desk.window.points.points) == 1


def test_a_drop_from_another_program(desk: Desk, tmp_path: Path) -> None:
    path = half_and_half(tmp_path / "wide.png", 640, 360)
    source = subprocess.Popen([sys.executable, "-c", DRAG_SOURCE, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert source.stdout is not None
        assert source.stdout.readline().strip() == "ready"
        desk.pointer.press(QPoint(1300, 200))
        way = [desk.at(x, 0.5) for x in (0.9, 0.8, 0.7, 0.6, 0.5)]

        def dragged_here() -> object:
            desk.pointer.move(way[0])  # again and again: the other program starts its drag when it gets to it
            way.append(way.pop(0))
            return entered

        entered: list[QEvent.Type] = []
        watch = DropWatch(entered)
        desk.window.viewport.installEventFilter(watch)
        desk.wait(dragged_here)
        desk.pointer.release()
        desk.wait(lambda: np.array_equal(desk.stream.opened[-1][0][72, 10], [255, 0, 0]))
    finally:
        source.terminate()
        source.wait(10)


def test_a_link_dropped_beside_the_picture_is_told(desk: Desk) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl("https://example.org/cat.png")])
    drop(desk.window, mime)
    desk.wait(desk.window.stage.banner.isVisible)
    assert "link" in desk.window.stage.banner.text


def test_a_dropped_picture_of_a_buckets_shape_starts_at_once(desk: Desk, tmp_path: Path) -> None:
    drop(desk.window.viewport, file_mime(half_and_half(tmp_path / "wide.png", 640, 360)))
    desk.wait(lambda: np.array_equal(desk.stream.opened[-1][0][72, 10], [255, 0, 0]))
    desk.wait_for_state(EngineState.RUNNING)
    assert desk.window.gallery.tiles[0].text() == "wide.png"
    assert desk.window.points.points == ()


def test_a_pasted_picture_is_kept_on_disk_and_opened(desk: Desk, tmp_path: Path) -> None:
    image = QImage(256, 144, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.green)
    QGuiApplication.clipboard().setImage(image)
    desk.key("ctrl+v")
    desk.wait(lambda: np.array_equal(desk.stream.opened[-1][0][70, 70], [0, 255, 0]))
    (kept,) = (tmp_path / "data" / "pictures").glob("pasted-*.png")
    assert Image.open(kept).size == (256, 144)


def test_pasting_text_is_told(desk: Desk) -> None:
    QGuiApplication.clipboard().setText("not a picture")
    desk.key("ctrl+v")
    desk.wait(desk.window.stage.banner.isVisible)
    assert "There is no picture in that." in desk.window.stage.banner.text


def test_a_wide_picture_is_cropped_by_hand(desk: Desk, tmp_path: Path) -> None:
    opened = len(desk.stream.opened)
    drop(desk.window.viewport, file_mime(half_and_half(tmp_path / "panorama.png", 1200, 300)))
    desk.wait(lambda: desk.window.pictures.cropping)
    desk.wait_for_state(EngineState.PAUSED)
    assert len(desk.stream.opened) == opened, "it started before the crop was chosen"

    canvas = desk.window.crop_panel.canvas
    middle = canvas.mapToGlobal(canvas.frame().center().toPoint())
    desk.pointer.press(middle)
    desk.pointer.move(middle - QPoint(60, 0))
    desk.pointer.move(QPoint(2, middle.y()))
    desk.wait(lambda: desk.window.crop_panel.box[0] == 0.0)
    desk.pointer.release()
    desk.key("Return")
    desk.wait(lambda: len(desk.stream.opened) > opened)
    desk.wait_for_state(EngineState.RUNNING)
    assert (desk.stream.opened[-1][0] == [255, 0, 0]).all(), "the left end was chosen"


def test_the_crop_has_every_bucket_and_zooms(desk: Desk, tmp_path: Path) -> None:
    drop(desk.window.viewport, file_mime(half_and_half(tmp_path / "panorama.png", 1200, 300)))
    desk.wait(lambda: desk.window.pictures.cropping)
    panel = desk.window.crop_panel
    assert [button.text() for button in panel.shapes] == ["16:9", "1:1", "9:16"]
    button = panel.shapes[1]
    desk.pointer.click(button.mapToGlobal(button.rect().center()))
    desk.wait(lambda: panel.crop.bucket == (192, 192))
    desk.pointer.click(panel.canvas.mapToGlobal(panel.canvas.frame().center().toPoint()), 4)
    desk.wait(lambda: panel.crop.zoom > 1.05)
    desk.key("Return")
    desk.wait(lambda: desk.stream.size == (192, 192))


def test_escape_keeps_the_old_picture(desk: Desk, tmp_path: Path) -> None:
    opened = len(desk.stream.opened)
    desk.place(0.4, 0.4)
    drop(desk.window.viewport, file_mime(half_and_half(tmp_path / "panorama.png", 1200, 300)))
    desk.wait(lambda: desk.window.pictures.cropping)
    desk.key("Escape")
    desk.wait(lambda: not desk.window.pictures.cropping)
    desk.wait_for_state(EngineState.RUNNING)
    desk.wait_for_frames()
    assert len(desk.stream.opened) == opened
    assert len(desk.window.points.points) == 1, "the Escape that closed the crop also let go of a point"


def test_the_crop_of_the_shown_picture_can_be_adjusted(desk: Desk) -> None:
    desk.key("c")
    desk.wait(lambda: desk.window.pictures.cropping)
    desk.pointer.click(
        desk.window.crop_panel.canvas.mapToGlobal(desk.window.crop_panel.canvas.frame().center().toPoint()), 4
    )
    desk.wait(lambda: desk.window.crop_panel.crop.zoom > 1.05)
    desk.key("Return")
    desk.wait(lambda: not desk.window.pictures.cropping)
    desk.wait_for_state(EngineState.RUNNING)


def test_the_cheat_sheet_opens_and_closes(desk: Desk) -> None:
    from desktop.cheat_sheet import CheatSheet

    desk.key("F1")
    desk.wait(lambda: any(sheet.isVisible() for sheet in desk.window.findChildren(CheatSheet)))
    (sheet,) = desk.window.findChildren(CheatSheet)
    room = desk.window.size()
    assert sheet.size().boundedTo(room) == sheet.size() != room, "it hides the window, and the stream stops"
    desk.wait_for_frames()
    desk.pointer.focus(sheet)
    desk.key("Escape")
    desk.wait(lambda: not sheet.isVisible())
