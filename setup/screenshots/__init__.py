"""Pictures of the window in use, for `docs/guide`: `python -m setup.screenshots [way ...]`, or `make screenshots`.

Needs the application's environment, unlike the rest of `setup/`. Each scene is a module `<way>.py` here with a function
`scene(window, wait) -> None` that brings the window to what its picture shows: `wait(condition)` runs the event loop
until the condition holds. An optional `SIZE` is the window's (width, height).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from desktop.resources import resource_path

if TYPE_CHECKING:
    from desktop.main_window import MainWindow

Wait = Callable[[Callable[[], object]], None]


def open_starter(window: MainWindow, wait: Wait, name: str, frames: int = 4) -> None:
    """A starter picture by its file name without suffix, alive: `frames` of its stream were on the screen."""
    (path,) = resource_path("assets", "pictures").glob(f"{name}.jpg")
    window.open_picture(path)
    wait(lambda: window.player.state.value == "running")
    wait_frames(window, wait, frames)


def wait_frames(window: MainWindow, wait: Wait, frames: int) -> None:
    """Until `frames` more frames of the stream were on the screen."""
    shown: list[int] = []

    def count(index: int, _sampled_s: float, _swap_s: float) -> None:
        shown.append(index)

    window.viewport.frame_shown.connect(count)
    wait(lambda: len(shown) >= frames)
    window.viewport.frame_shown.disconnect(count)
