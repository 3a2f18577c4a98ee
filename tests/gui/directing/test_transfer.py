"""Motion transfer in the window: a video is opened, placed, lent; and the picture goes along with it."""

import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent

from benchmarks.quality.tracker import follow
from desktop.directing import transfer as desk_of_transfer
from desktop.settings import Settings
from inference.errors import UserError
from inference.lifecycle import EngineState
from inference.motion.transfer import Placement
from inference.motion.webcam import Camera, Glance
from tests.gui.conftest import Desk
from tests.gui.directing.conftest import LiveDesk
from tests.inference.motion.driving import SIZE, even, frames, shift, still, turning, write

PATIENCE_MS = 120_000  # the worker gives way to everything else


@pytest.fixture
def panning(tmp_path: Path) -> Path:
    return write(tmp_path / "panning.mp4", even(0.75), frames(even(0.75), shift(40.0, 0.0)))


def borrow(desk: Desk, path: Path) -> None:
    """Opens the page by its key, and a video in it."""
    if desk.window.direct.page != desk_of_transfer.PAGE:
        desk.key("m")
        desk.wait(desk.window.transfer.page.isVisible)
    desk.window.transfer.open(path)
    desk._qtbot.waitUntil(
        lambda: (driving := desk.window.transfer.driving) is not None and driving.title == path.name,
        timeout=PATIENCE_MS,
    )


def begun(desk: Desk) -> None:
    desk.wait(lambda: desk.stream.consumed and (desk.stream.consumed[-1].ids < 0).any())


def test_a_video_is_lent_and_stopped_by_the_mouse(desk: Desk, panning: Path) -> None:
    borrow(desk, panning)
    page = desk.window.transfer.page
    where = page.play.mapToGlobal(page.play.rect().center())
    desk.pointer.click(where)
    begun(desk)
    tracks = desk.stream.consumed[-1]
    right = (tracks.xy[-1] - tracks.xy[0])[:, 0] * SIZE[0] * 24 / 3
    assert np.median(np.abs(right)) == pytest.approx(40, abs=3)
    assert page.play.text() == "Stop"
    desk.pointer.click(where)
    desk.wait(lambda: not desk.stream.consumed[-1].ids.size)


def test_a_tracker_that_is_not_installed_is_told_and_opencv_goes_on(
    desk: Desk, panning: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The choice is remembered; going back to OpenCV follows the same video again."""
    monkeypatch.setitem(sys.modules, "cotracker", None)
    transfer, banner = desk.window.transfer, desk.window.stage.banner
    desk.key("m")
    desk.wait(transfer.page.isVisible)
    transfer.follow_by(tmp_path / "scaled_online.pth")
    assert Settings(desk.window._data_dir).point_tracker == tmp_path / "scaled_online.pth"
    transfer.open(panning)
    desk.wait(banner.isVisible)
    assert transfer.driving is None
    transfer.page.tracker_asked.emit(False)
    desk.wait(lambda: transfer.driving is not None)
    assert Settings(desk.window._data_dir).point_tracker is None


def test_a_dropped_video_is_borrowed(desk: Desk, panning: Path) -> None:
    desk.key("m")
    desk.wait(desk.window.transfer.page.isVisible)
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(panning))])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    desk.window.transfer.page.dropEvent(QDropEvent(QPointF(20, 20), copy, mime, left, none))
    desk.wait(lambda: desk.window.transfer.driving is not None)
    assert "panning.mp4" in desk.window.transfer.page.title.text()


def test_the_box_is_moved_and_scaled_by_the_mouse_and_the_motion_with_it(desk: Desk, panning: Path) -> None:
    borrow(desk, panning)
    box = desk.window.transfer.box
    assert box.placement.height == pytest.approx(1.0, abs=0.01)
    for handle, way in ((2, (-0.5, -0.5)), (4, (0.35, 0.35))):
        start = box.handles()[handle]
        desk.pointer.press(desk.at(*start))
        for share in (0.5, 1.0):
            desk.pointer.move(desk.at(*(start + share * np.array(way))))
        desk.wait(lambda handle=handle, end=start + way: np.abs(box.handles()[handle] - end).sum() < 0.02)
        desk.pointer.release()
        desk.wait(lambda: desk.window.viewport.pointer._tool is None)
    assert box.placement.height == pytest.approx(0.5, abs=0.02)
    assert box.placement.centre == pytest.approx((0.6, 0.6), abs=0.02)
    assert not desk.window.points.points, "the hand took what was the box's"
    desk.window.transfer.lend()
    begun(desk)
    xy = desk.stream.consumed[-1].xy
    assert xy.min() > 0.3
    assert xy.max() < 0.9


def test_a_setting_changed_meanwhile_begins_anew_with_other_points(desk: Desk, panning: Path) -> None:
    borrow(desk, panning)
    desk.window.transfer.lend()
    begun(desk)
    before = set(desk.stream.consumed[-1].ids.tolist())
    desk.window.transfer.page._mirror.setChecked(True)
    desk.wait(lambda: (ids := desk.stream.consumed[-1].ids).size and not before & set(ids.tolist()))
    assert desk.window.transfer.key in desk.window.score.keys
    assert len(desk.window.score.keys) == 1


def test_the_little_screen_shows_the_moment_that_the_picture_shows(desk: Desk, panning: Path) -> None:
    borrow(desk, panning)
    transfer = desk.window.transfer
    shown: list[tuple[float, bytes]] = []
    transfer.page.screen.show_frame = lambda picture, points: shown.append((float(np.median(points[:, 0])), picture))
    transfer.lend()
    frames_due: list[tuple[int, int]] = []
    desk.window.player.frame_due.connect(
        lambda frame: frames_due.append((frame.index, frame.began.get(transfer.key, frame.index)))
    )
    desk.wait(lambda: len(frames_due) > 30)
    assert 3 < len(shown) < len(frames_due), "at most fifteen a second of twenty-four"
    assert len({picture for _, picture in shown}) > 2


def test_camera_and_things_are_lent_apart(desk: Desk, tmp_path: Path) -> None:
    borrow(desk, write(tmp_path / "both.mp4", even(0.75), frames(even(0.75), shift(40.0, 0.0), shift(0.0, 30.0))))
    page, transfer = desk.window.transfer.page, desk.window.transfer
    downs = {}
    for kind in ("camera", "objects"):
        page.lend = kind
        transfer.lend()
        before = len(desk.stream.consumed)
        desk.wait(lambda before=before: len(desk.stream.consumed) > before + 3)
        tracks = desk.stream.consumed[-1]
        downs[kind] = np.abs((tracks.xy[-1] - tracks.xy[0]) * SIZE).max(axis=0)
    assert downs["camera"][1] < 0.3 < downs["camera"][0]
    assert downs["objects"][1] > 2.0


def test_another_picture_ends_what_is_lent(desk: Desk, panning: Path, picture_file: Path) -> None:
    borrow(desk, panning)
    desk.window.transfer.lend()
    begun(desk)
    desk.window.open_picture(picture_file)
    desk.wait(lambda: desk.window.transfer.key is None)
    assert desk.window.transfer.driving is not None, "the video is still there to lend"


def test_a_bad_video_is_a_sentence_and_what_was_there_stays(desk: Desk, panning: Path, tmp_path: Path) -> None:
    borrow(desk, panning)
    desk.window.transfer.lend()
    begun(desk)
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    desk.window.transfer.open(bad)
    banner = desk.window.stage.banner
    desk.wait(lambda: "bad.mp4 cannot be read" in banner.text)
    assert "What was borrowed before stays." in banner.text
    desk.window.transfer.open(write(tmp_path / "still.mp4", even(0.5), frames(even(0.5), still)))
    desk.wait(lambda: "Nothing moves in still.mp4" in banner.text)
    assert desk.window.transfer.driving.title == "panning.mp4"
    assert desk.window.transfer.key in desk.window.score.keys
    assert desk.window.player.state is EngineState.RUNNING


def test_following_can_be_cancelled_and_never_holds_the_window(
    desk: Desk, panning: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    inside, go_on = threading.Event(), threading.Event()

    def slow(path: Path, fps: float, *, follow, progress, cancelled) -> None:
        threads.append(threading.current_thread().name)
        progress(0.5)
        inside.set()
        go_on.wait(20)
        assert cancelled()

    monkeypatch.setattr(desk_of_transfer, "borrow", slow)
    desk.key("m")
    desk.window.transfer.open(panning)
    desk.wait(inside.is_set)
    desk.wait_for_frames(2)
    desk.wait(lambda: desk.window.transfer.page._progress.value() == 500)
    desk.window.transfer.page._cancel.click()
    go_on.set()
    desk.wait_for_frames(2)
    assert desk.window.transfer.driving is None
    assert not desk.window.transfer.page._progress.isVisible()
    assert "transfer" in threads[0]


def test_lending_nothing_says_what_to_do(desk: Desk) -> None:
    desk.key("shift+m")
    desk.wait(lambda: "Open a video first" in desk.window.stage.banner.text)
    assert desk.window.transfer.page.isVisible()


def test_a_camera_is_lent_and_its_loss_is_a_sentence(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    class Played:
        def __init__(self, camera: Camera, lost) -> None:
            self.lost, self.stopped = lost, False
            xy = np.random.default_rng(0).uniform(0.1, 0.9, (50, 2)).astype(np.float32)
            self.glance = Glance(0.0, b"", xy, np.arange(50), 4 / 3)

        def start(self) -> None: ...

        def stop(self) -> None:
            self.stopped = True

        def view(self) -> Glance:
            return self.glance

        def lately(self) -> tuple[Glance, ...]:
            return (self.glance,)

    monkeypatch.setattr(desk_of_transfer, "Webcam", Played)
    desk.key("m")
    desk.window.transfer.watch(Camera(0, "Front camera"))
    desk.window.transfer.lend()
    begun(desk)
    webcam = desk.window.transfer.webcam
    threading.Thread(target=webcam.lost, args=(UserError("Front camera is gone."),)).start()
    desk.wait(lambda: "Front camera is gone." in desk.window.stage.banner.text)
    assert (desk.stream.consumed[-1].ids < 0).any(), "the points stay"
    desk.window.transfer.stop()
    assert webcam.stopped


@pytest.mark.directing
@pytest.mark.parametrize(
    ("name", "path"),
    [("airplane", shift(20.0, 12.0)), ("dandelion", turning(8.0, 0.10, 16.0, (128, 72)))],
)
def test_the_picture_goes_as_the_video_went(live: LiveDesk, tmp_path: Path, name: str, path) -> None:
    """The independent tracker finds the picture's points where the video's motion takes them."""
    live.open(name)
    borrow(live, write(tmp_path / "driving.mp4", even(1.25), frames(even(1.25), path)))
    assert live.shown[-1].image.shape[1::-1] == SIZE, "another picture's shape would want another path"
    live.window.transfer.box.placement = Placement(round="once")
    live.window.transfer.lend()
    key = live.window.transfer.key
    live.wait(lambda: key in live.shown[-1].began and live.shown[-1].index - live.shown[-1].began[key] > 36)
    shown = list(live.shown)
    images = np.stack([frame.image[:, :, :3] for frame in shown])
    places = live.corners((0.5, 0.5), 0.42)
    followed = follow(images, places * SIZE)
    off = []
    for row, frame in enumerate(shown):
        if key in frame.began and frame.index >= frame.began[key]:
            matrix = path(min((frame.index - frame.began[key]) / 24.0, 1.25))
            wanted = (places * SIZE - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5
            off.append(np.where(followed.alive[row], np.linalg.norm(followed.xy[row] - wanted, axis=1), np.nan))
    epe = np.array(off)
    assert np.isfinite(epe[-1]).mean() > 0.5, "the tracker lost the picture"
    print(f"EPE {name}: mean {np.nanmean(epe):.2f}, at the end {np.nanmean(epe[-1]):.2f} px of 256")  # noqa: T201
    assert np.nanmedian(np.linalg.norm(followed.xy[-1] - places * SIZE, axis=1)) > 10, "nothing moved"
    assert np.nanmean(epe) <= 3.0
    assert np.nanmean(epe[-1]) <= 3.0
