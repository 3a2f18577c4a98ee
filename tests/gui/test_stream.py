"""The running stream and the window: pause, prompt, visibility, failures. Real X events, a fake stream."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from desktop.app import build_window
from desktop.loading import package_stream
from inference.errors import UserError
from inference.lifecycle import EngineState
from render.renderer import Renderer
from tests.gui.conftest import PATIENCE_MS, Desk


def test_space_pauses_and_goes_on(desk: Desk) -> None:
    desk.key("space")
    desk.wait_for_state(EngineState.PAUSED)
    assert desk.window.actions_by_id["pause"].text() == "Go on"
    desk.key("space")
    desk.wait_for_state(EngineState.RUNNING)
    desk.wait_for_frames()


def test_nothing_repaints_while_paused(desk: Desk, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    paints: list[float] = []
    draw = Renderer.draw

    def counted(self: Renderer, *arguments: object) -> None:
        paints.append(time.monotonic())
        draw(self, *arguments)

    monkeypatch.setattr(Renderer, "draw", counted)
    desk.wait_for_frames()
    assert paints, "the count does not count"
    desk.key("space")
    desk.wait_for_state(EngineState.PAUSED)
    desk.wait(lambda: time.monotonic() - paints[-1] > 0.4)  # what was on its way has arrived
    paints.clear()
    made = len(desk.stream.consumed)
    used_s = time.process_time()
    qtbot.wait(1000)  # that nothing happens can only be seen by waiting
    assert paints == []
    assert len(desk.stream.consumed) == made
    assert time.process_time() - used_s < 0.03


def test_overlay_repaints_at_most_sixty_times_a_second(desk: Desk) -> None:
    desk.key("space")
    desk.wait_for_state(EngineState.PAUSED)
    desk.wait(lambda: desk.window.player.engine.ring.coming is None)
    swaps: list[float] = []
    desk.window.viewport.frameSwapped.connect(lambda: swaps.append(time.monotonic()))
    model = desk.window.points
    point = model.new_point((0.5, 0.5), pinned=True)
    puts = QTimer(interval=1)
    puts.timeout.connect(lambda: model.put(point))
    puts.start()
    began_s = time.monotonic()
    desk.wait(lambda: len(swaps) >= 20)
    puts.stop()
    assert len(swaps) <= 60 * (time.monotonic() - began_s) + 3


def test_frames_reach_the_screen_once_and_in_order(desk: Desk) -> None:
    shown: list[tuple[int, float, float]] = []
    desk.window.viewport.frame_shown.connect(lambda *values: shown.append(values))
    desk.wait(lambda: len(shown) >= 12)
    indices = [index for index, _, _ in shown]
    assert indices == sorted(set(indices))
    assert all(swap_s >= sampled_s for _, sampled_s, swap_s in shown)


def test_a_minimised_window_generates_nothing(desk: Desk) -> None:
    desk.window.showMinimized()
    desk.wait_for_state(EngineState.PAUSED)
    desk.window.showNormal()
    desk.wait_for_state(EngineState.RUNNING)
    assert not desk.window.player.paused_by_person


def test_a_covered_window_generates_nothing(desk: Desk, qtbot: QtBot) -> None:
    cover = QWidget()
    qtbot.addWidget(cover)
    cover.setGeometry(0, 0, 1600, 1000)
    cover.show()
    cover.raise_()
    desk.wait_for_state(EngineState.PAUSED)
    cover.hide()
    desk.wait_for_state(EngineState.RUNNING)


def test_a_pause_of_the_person_survives_minimising(desk: Desk) -> None:
    desk.key("space")
    desk.wait_for_state(EngineState.PAUSED)
    desk.window.showMinimized()
    desk.wait(lambda: not desk.window.isVisible() or desk.window.isMinimized())
    desk.window.showNormal()
    desk.pointer.focus(desk.window)
    desk.wait(desk.window.isActiveWindow)
    assert desk.window.player.state is EngineState.PAUSED


def test_enter_applies_the_prompt(desk: Desk) -> None:
    desk.key("p")
    desk.wait(desk.window.prompt.hasFocus)
    desk.pointer.type("the square flies up")
    desk.key("Return")
    desk.wait(lambda: desk.stream.prompt == "the square flies up")
    desk.wait(lambda: not desk.window.prompt.hasFocus())
    desk.key("space")
    desk.wait_for_state(EngineState.PAUSED)


def test_shortcuts_are_silent_while_typing(desk: Desk) -> None:
    desk.place(0.3, 0.3)
    opened = len(desk.stream.opened)
    desk.key("p")
    desk.wait(desk.window.prompt.hasFocus)
    desk.pointer.type("r c p ")
    desk.key("Delete", "ctrl+z", "ctrl+z", "ctrl+z", "F1")
    desk.pointer.type("end")
    desk.wait(lambda: desk.window.prompt.text().endswith("end"))
    assert len(desk.window.points.points) == 1
    assert len(desk.stream.opened) == opened
    assert desk.window.player.state is EngineState.RUNNING
    assert not desk.window.pictures.cropping
    desk.key("Escape")
    desk.wait(lambda: not desk.window.prompt.hasFocus())
    assert len(desk.window.points.points) == 1, "the Escape that left the text also let go of a point"


def test_a_failing_stream_says_so_and_restarts(desk: Desk) -> None:
    desk.place(0.4, 0.4)
    desk.stream.fail_advance = UserError("The memory is full.", next="Close something.")
    desk.wait_for_state(EngineState.FAILED)
    desk.wait(desk.window.stage.banner.isVisible)
    assert "The memory is full. " in desk.window.stage.banner.text
    assert len(desk.window.points.points) == 1
    desk.stream.fail_advance = None
    desk.key("r")
    desk.wait_for_state(EngineState.RUNNING)
    desk.wait_for_frames()


def test_without_a_model_the_window_opens_and_shows_pictures(qtbot: QtBot, tmp_path: Path, picture_file: Path) -> None:
    window = build_window(package_stream(tmp_path / "no-such-package"), data_dir=tmp_path / "data")
    qtbot.addWidget(window)
    window.show()
    window.open_picture(picture_file)
    qtbot.waitUntil(lambda: window.player.state is EngineState.FAILED, timeout=PATIENCE_MS)
    qtbot.waitUntil(window.stage.banner.isVisible, timeout=PATIENCE_MS)
    assert "no-such-package" in window.stage.banner.text
    assert window.viewport.has_picture


def test_gl_objects_are_built_again_when_the_context_is(desk: Desk) -> None:
    viewport = desk.window.viewport
    before = desk.screen()
    viewport.makeCurrent()
    viewport.initializeGL()
    viewport.doneCurrent()
    desk.wait_for_frames()
    assert np.abs(desk.screen().astype(int) - before).mean() < 2


@pytest.mark.parametrize(("platform", "display"), [("offscreen", ":0"), ("xcb", ":4242"), ("xcb", "")])
def test_without_display_or_gl_it_says_so(platform: str, display: str, tmp_path: Path) -> None:
    environment = dict(os.environ, QT_QPA_PLATFORM=platform, DISPLAY=display, HOME=str(tmp_path))
    environment.pop("WAYLAND_DISPLAY", None)
    program = "from pathlib import Path; from desktop.app import run; exit(run(None, Path(), lambda: None, 0))"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "motionstream render" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_process_ends_cleanly(tmp_path: Path, picture_file: Path) -> None:
    """The viewport must not be deleted twice, nor before its container: both crash at the interpreter's end."""
    program = """
import sys
from pathlib import Path
from desktop.app import application, build_window
from tests.fakes import FakeStream
app = application()
window = build_window(FakeStream, data_dir=Path(sys.argv[1]))
window.show()
window.open_picture(Path(sys.argv[2]))
window.viewport.frame_shown.connect(lambda index, *_: index > 4 and window.close())
sys.exit(app.exec())
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "data"), str(picture_file)],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_render_loads_no_qt() -> None:
    program = """
import contextlib, sys
from desktop.__main__ import main
with contextlib.suppress(SystemExit):
    main(["render", "--help"])
assert "inference.offline" in sys.modules
sys.exit(any(name.startswith("PySide6") for name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "--tracks" in done.stdout
