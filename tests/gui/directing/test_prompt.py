"""Prompt: words, written while it runs, without a flash."""

import numpy as np
import pytest

from tests.gui.directing.conftest import LiveDesk

pytestmark = pytest.mark.directing

UNSEEN = 0.1  # of 255, the mean over a frame


def test_a_new_prompt_is_taken_without_a_flash(live: LiveDesk) -> None:
    live.open("airplane")
    x, y = 0.38, 0.3
    live.drag(*((x + 40 / 256 * step / 8, y) for step in range(9)))
    live.wait_for_frames(12)
    prompts: list[tuple[int, str]] = []  # frames shown so far, prompt
    live.window.prompt.applied.connect(lambda text: prompts.append((len(live.shown), text)))
    live.key("p")
    live.wait(live.window.prompt.hasFocus)
    live.pointer.type("the airplane flies up right")
    live.wait(lambda: live.window.prompt.text().endswith("right"))
    live.key("Return")
    live.wait(lambda: prompts)
    ((switch, text),) = prompts
    live.wait(lambda: len(live.shown) >= switch + 24)  # six chunks
    assert text == "the airplane flies up right"
    session = live.window.player.engine.session_path
    assert session is not None
    assert any('"event":"prompt"' in line for line in session.read_text(encoding="utf-8").splitlines())
    frames = np.stack([frame.image[:, :, :3] for frame in live.shown]).astype(np.float32)
    change = np.abs(np.diff(frames, axis=0)).mean((1, 2, 3))
    # Where nothing moves, nothing changes but the sampler's noise: what no eye sees is no flash, whatever it is times.
    assert change[switch : switch + 24].max() <= max(2 * np.median(change[4:switch]), UNSEEN)
