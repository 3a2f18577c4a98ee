"""The real window with the real small model, real X events, and an independent tracker that looks at what was shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint
from pytestqt.qtbot import QtBot

from benchmarks.quality.tracker import follow
from desktop.app import build_window
from desktop.handles import XY
from desktop.loading import package_stream
from desktop.main_window import MainWindow
from inference.channels import Frame
from inference.lifecycle import EngineState
from inference.offline import DEFAULT_PACKAGE
from tests.gui.conftest import Desk, Pointer

PICTURES = Path(__file__).resolve().parents[3] / "assets" / "pictures"
PATIENCE_MS = 120_000  # two slow cores that others share


class LiveDesk(Desk):
    """A window whose stream is the shipped model. `shown` holds every frame that was due since the picture opened."""

    def __init__(self, window: MainWindow, pointer: Pointer, qtbot: QtBot) -> None:
        super().__init__(window, [], pointer, qtbot)
        self.shown: list[Frame] = []
        window.player.frame_due.connect(self.shown.append)

    def wait(self, condition: object) -> None:
        self._qtbot.waitUntil(lambda: bool(condition()), timeout=PATIENCE_MS)  # type: ignore[operator]

    def open(self, name: str) -> None:
        """A starter picture by its file name without suffix."""
        (path,) = [path for path in PICTURES.iterdir() if path.stem == name and path.suffix != ".toml"]
        self.window.open_picture(path)
        self.wait_for_state(EngineState.RUNNING)
        self.wait_for_frames(4)

    def corners(self, at: XY, reach: float = 0.12) -> np.ndarray:
        """Places of the open picture near `at` that a tracker can follow, normalised, [N, 2]. reach: in heights."""
        image = self.shown[0].image[:, :, :3]
        height, width = image.shape[:2]
        mask = np.zeros((height, width), np.uint8)
        cv2.circle(mask, (round(at[0] * width), round(at[1] * height)), round(reach * height), 255, -1)
        found = cv2.goodFeaturesToTrack(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 20, 0.05, 3, mask=mask)
        return (found[:, 0] + 0.5) / (width, height)

    def moved(self, places: np.ndarray) -> np.ndarray:
        """How far points of the picture (normalised, [N, 2]) came in what was shown, by the tracker: float [N, 2] in
        pixels of the model's frames; nan where one was lost.
        """
        images = np.stack([frame.image[:, :, :3] for frame in self.shown])
        size = np.array([images.shape[2], images.shape[1]])
        followed = follow(images, places * size)
        return np.where(followed.alive[-1][:, None], followed.xy[-1] - followed.xy[0], np.nan)


@pytest.fixture
def live(qtbot: QtBot, tmp_path: Path) -> Iterator[LiveDesk]:
    """The window on the screen, focused, before any picture."""
    window = build_window(package_stream(DEFAULT_PACKAGE), data_dir=tmp_path / "data", package=DEFAULT_PACKAGE)
    pointer = Pointer()
    pointer.move(QPoint(1590, 990))
    window.move(0, 0)
    window.resize(1000, 680)
    window.show()
    qtbot.waitExposed(window)
    pointer.focus(window)
    desk = LiveDesk(window, pointer, qtbot)
    desk.wait(window.isActiveWindow)
    yield desk
    pointer.release()
    window.close()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
