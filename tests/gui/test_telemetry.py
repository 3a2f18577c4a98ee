"""The telemetry dock: figures that change while it shows, and nothing while it does not."""

import subprocess
import sys
import threading

import pytest

from inference.engine import Engine
from tests.gui.conftest import Desk


def test_the_dock_shows_figures_that_change(desk: Desk) -> None:
    desk.key("t")
    desk.wait(desk.window.telemetry.isVisible)
    panel = desk.window.telemetry.panel
    desk.drag((0.3, 0.3), (0.4, 0.4), (0.5, 0.4))
    desk.wait(lambda: "/" in panel.text("latency"))
    before = {name: panel.text(name) for name in ("shown", "made")}
    context = panel.findChildren(type(panel._context))[0].context
    assert set(context) == {"sink", "current"}
    desk.wait(lambda: all(int(panel.text(name)) > int(text) for name, text in before.items()))
    desk.wait(lambda: panel._context.context["current"] > context["current"])
    assert int(panel.text("memory").split()[0]) > 50
    assert panel.text("rate").endswith("of 24")
    assert {"shown", "can make", "control", "transformer", "decode", "p50", "p95"} <= panel._curves.keys()


def test_a_hidden_dock_asks_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    readers: list[str] = []
    ask = Engine.stats

    def counted(self: Engine) -> object:
        readers.append(threading.current_thread().name)
        return ask(self)

    desk.key("t")
    desk.wait(desk.window.telemetry.isVisible)
    monkeypatch.setattr(Engine, "stats", counted)
    desk.wait(lambda: len(readers) > 5)
    assert set(readers) == {threading.main_thread().name}
    desk.key("t")
    desk.wait(lambda: not desk.window.telemetry.isVisible())
    assert not desk.window.telemetry.ticking
    assert desk.window.player.streaming


def test_starting_loads_no_plots() -> None:
    program = "import sys, desktop.app; sys.exit('pyqtgraph' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=120).returncode == 0
