"""A camera that is played by a list of frames: its motion reaches chunks at once, and what goes wrong is a sentence."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from inference.errors import UserError
from inference.motion.director import Span
from inference.motion.transfer import Placement
from inference.motion.webcam import PATIENCE_S, Camera, Webcam, WebcamSource, cameras
from tests.inference.motion.driving import frames, shift

WIDE = 16 / 9


class PlayedCamera:
    """Gives its frames, one each time it is let; then fails to."""

    def __init__(self, images: list[np.ndarray], *, opens: bool = True) -> None:
        self.images, self.opens, self.let = images, opens, threading.Semaphore(0)
        self.given, self.released = 0, False

    def isOpened(self) -> bool:  # noqa: N802
        return self.opens

    def read(self) -> tuple[bool, np.ndarray | None]:
        if self.given == len(self.images):
            return False, None
        if not self.let.acquire(timeout=20):
            return False, None
        self.given += 1
        return True, self.images[self.given - 1][:, :, ::-1]

    def release(self) -> None:
        self.released = True


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def until(condition: Callable[[], object]) -> None:
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("it never came")


def switched_on(camera: PlayedCamera, clock: Clock, lost: Callable[[UserError], None] = pytest.fail) -> WebcamSource:
    webcam = Webcam(Camera(0, "Front camera"), lost, opener=lambda index: camera, clock=clock)
    webcam.start()
    return WebcamSource(4, webcam, Placement(), WIDE)


def span(since_s: float, now_s: float) -> Span:
    return Span(since_s, now_s, 9, 4, 24.0)


def test_what_the_camera_sees_is_in_the_next_chunk() -> None:
    camera, clock = PlayedCamera(frames([0.0, 0.1, 0.2, 0.3], shift(50.0, 0.0))), Clock()
    live = switched_on(camera, clock)
    assert live.tracks(span(0.0, 0.0), 1).ids.size == 0, "before the first picture there is nothing"
    for n in range(4):
        clock.now_s = n * 0.1
        camera.let.release()
        until(lambda n=n: (view := live.webcam.view()) is not None and view.time_s == pytest.approx(n * 0.1))
    tracks = live.tracks(span(0.0, 0.3), 1)
    live.webcam.stop()
    camera.images *= 2  # a last one, on which it waits
    camera.let.release()
    until(lambda: camera.released)
    assert tracks.ids.size > 60
    assert (tracks.ids < 0).all()
    right = np.median((tracks.xy - tracks.xy[:1])[:, :, 0], axis=1) * 256
    assert right == pytest.approx(np.array([0, 1, 2, 3]) * 50 * 0.075, abs=0.4)
    later = live.tracks(span(0.3, 0.6), 1)
    assert later.xy[0] == pytest.approx(later.xy[-1]), "nothing newer was seen: the points wait"


def test_a_camera_that_does_not_open_says_so() -> None:
    lost: list[UserError] = []
    switched_on(PlayedCamera([], opens=False), Clock(), lost.append)
    until(lambda: lost)
    assert "Front camera cannot be opened" in lost[0].what
    assert lost[0].next


def test_an_unplugged_camera_says_so_and_leaves_the_points() -> None:
    lost: list[UserError] = []
    camera, clock = PlayedCamera(frames([0.0, 0.1], shift(50.0, 0.0))), Clock()
    live = switched_on(camera, clock, lost.append)
    for n in range(2):
        camera.let.release()
        until(lambda n=n: camera.given > n and live.webcam.view() is not None)
    until(lambda: camera.given == 2)
    clock.now_s += PATIENCE_S + 1
    until(lambda: lost)
    assert "is gone" in lost[0].what
    assert "stay" in lost[0].kept
    until(lambda: camera.released)
    assert live.tracks(span(0.0, 0.1), 1).ids.size > 60


def test_only_devices_that_carry_pictures_are_listed(tmp_path: Path) -> None:
    for name, index, title in (("video2", "0", "USB camera"), ("video0", "0", "Built in"), ("video1", "1", "Built in")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index").write_text(index + "\n")
        (tmp_path / name / "name").write_text(title + "\n")
    (tmp_path / "video3").mkdir()
    assert cameras(tmp_path) == (Camera(0, "Built in"), Camera(2, "USB camera"))
    assert cameras(tmp_path / "none") == ()
