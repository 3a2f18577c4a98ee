"""The scene of docs/guide/camera.md: flying, with a path of three keyframes over the picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from inference.lifecycle import EngineState
from inference.motion.camera import View
from inference.motion.camera_moves import Keyframe

if TYPE_CHECKING:
    from desktop.main_window import MainWindow

PICTURE = Path(__file__).resolve().parents[2] / "assets" / "pictures" / "airplane.jpg"
KEYFRAMES = (
    Keyframe(0.0, View((-0.04, 0.02, 0.02), 0.01)),
    Keyframe(2.0, View((0.35, -0.05, -0.9), -0.05)),
    Keyframe(4.0, View((-0.1, 0.25, -2.2), 0.06)),
    Keyframe(6.0, View((-1.3, 0.5, -3.4), 0.2)),
)


def scene(window: MainWindow, wait: Callable[[Callable[[], object]], None]) -> None:
    """Brings the window there. wait: runs the event loop until its condition holds."""
    window.open_picture(PICTURE)
    wait(lambda: window.player.state is EngineState.RUNNING)
    camera = window.camera
    window.actions_by_id["camera"].trigger()
    camera.set_keyframes(KEYFRAMES)
    camera.go_to(0)
    wait(lambda: camera.move is None)
    camera.set_flying(True)
