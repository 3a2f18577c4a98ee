"""The scene for docs/guide/images/paths.png: two paths, one chosen and half way, the other to come."""

from __future__ import annotations

from collections.abc import Callable

from desktop.directing.paths import PAGE
from desktop.main_window import MainWindow
from desktop.resources import resource_path
from inference.motion.paths import Path

_AEROPLANE = Path(
    ((0.37, 0.32), (0.47, 0.2), (0.58, 0.27), (0.68, 0.42)), (0.0, 0.3, 0.6, 1.0), 2.4, ease="both", aspect=16 / 9
)
_TAIL = Path(((0.2, 0.75), (0.3, 0.66), (0.42, 0.72), (0.5, 0.82)), (0.0, 0.4, 0.8, 1.0), 1.6, 2.0, aspect=16 / 9)


def scene(window: MainWindow, wait: Callable[[Callable[[], object]], None]) -> None:
    """wait: runs the event loop until its condition holds."""
    window.open_picture(resource_path("assets", "pictures", "airplane.jpg"))
    wait(lambda: window.player.state.value == "running" and window.paths.page.size.count())
    paths = window.paths
    paths.set_tool(True)
    wait(lambda: window.direct.page == PAGE)
    items = (paths.set.new(_AEROPLANE), paths.set.new(_TAIL.repeated("ping-pong")))
    paths.set.add(items, "Draw path")
    paths.set.choose(items[0].key, 1)
    paths.play()
    wait(lambda: (paths.page.timeline.playhead_s or 0.0) > 1.3)
