"""Words that move a thing."""

from __future__ import annotations

from desktop.main_window import MainWindow
from setup.screenshots import Wait, open_starter, wait_frames


def scene(window: MainWindow, wait: Wait) -> None:
    open_starter(window, wait, "elephant")
    window.prompt.setFocus()
    window.prompt.setText("the elephant walks to the left")
    window.prompt.applied.emit(window.prompt.text())
    wait(window.words.button.isVisible)
    wait_frames(window, wait, 32)
