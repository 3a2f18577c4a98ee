"""A picture being composed: toys on a meadow, one of them selected."""

from __future__ import annotations

from dataclasses import replace

from desktop.main_window import MainWindow
from setup.screenshots import Wait, open_starter

_TOYS = (
    ("elephant.webp", (0.28, 0.62), 0.5, False),
    ("balloon.webp", (0.52, 0.27), 0.3, False),
    ("football.webp", (0.5, 0.86), 0.13, False),
    ("taxi.webp", (0.74, 0.78), 0.34, True),
)


def scene(window: MainWindow, wait: Wait) -> None:
    open_starter(window, wait, "fire_engine", frames=1)
    window.actions_by_id["toys"].trigger()
    box = window.toys
    box.set_background("meadow.webp")
    for name, at, height, mirrored in _TOYS:
        box.add(name, at)
        assert box.composition is not None
        assert box.selected is not None
        toy = replace(box.composition.toys[box.selected], height=height, mirrored=mirrored)
        box.show(box.selected, toy)
        box.keep("Resize toy")
    wait(lambda: window.player.state.value == "paused")
