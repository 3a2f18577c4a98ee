"""The scene of docs/guide/transfer.md: a starter picture that sways lends its motion to another one."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from inference.video import VideoWriter

if TYPE_CHECKING:
    from desktop.main_window import MainWindow

PICTURES = Path(__file__).resolve().parents[2] / "assets" / "pictures"
FPS, SECONDS = 24, 2
SIZE = (640, 360)


def scene(window: MainWindow, wait: Callable[[Callable[[], object]], None]) -> None:
    """Brings the window to a picture that goes along with a video, half a second in."""
    window.open_picture(PICTURES / "dandelion.jpg")
    wait(lambda: window.player.streaming and window.viewport.has_picture)
    window.direct.turn_to("Video")
    with tempfile.TemporaryDirectory() as folder:
        window.transfer.open(_swaying(Path(folder) / "swaying.mp4"))
        wait(lambda: window.transfer.driving is not None)
    window.transfer.lend()
    key, shown = window.transfer.key, []
    window.player.frame_due.connect(lambda frame: shown.append(frame.index - frame.began.get(key, frame.index)))
    wait(lambda: shown and shown[-1] > FPS / 2)


def _swaying(path: Path) -> Path:
    width, height = SIZE
    margin = 100  # what turning lays bare stays outside
    large = Image.open(PICTURES / "elephant.jpg").convert("RGB").resize((width + 2 * margin, height + 2 * margin))
    with VideoWriter(path, FPS) as video:
        for frame in range(FPS * SECONDS):
            turned = large.rotate(-12 * math.sin(math.pi * frame / (FPS * SECONDS)), Image.Resampling.BICUBIC)
            video.write(np.asarray(turned.crop((margin, margin, margin + width, margin + height))))
    return path
