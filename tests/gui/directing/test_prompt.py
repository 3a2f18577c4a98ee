"""Prompt: words, written while it runs, move what they name and nothing else, without a flash."""

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


def write(live: LiveDesk, text: str) -> None:
    live.key("p")
    live.wait(live.window.prompt.hasFocus)
    live.pointer.type(text)
    live.wait(lambda: live.window.prompt.text() == text)
    live.key("Return")


def test_the_airplane_flies_up_and_the_ground_stands_still(live: LiveDesk) -> None:
    """By a tracker that knows nothing of it: the airplane is shown higher, the hills where they were."""
    live.open("airplane")
    airplane, ground = live.corners((0.38, 0.3)), live.corners((0.7, 0.85), 0.2)
    write(live, "the airplane flies up")
    live.wait(lambda: live.window.words.sources)
    began = len(live.shown)
    live.wait(lambda: len(live.shown) >= began + 60)  # its two seconds, and the frames that were on their way
    went, stood = live.moved(airplane), live.moved(ground)
    right, down = np.nanmedian(went, axis=0)
    assert down < -0.1 * 144
    assert abs(right) < 0.3 * abs(down)
    assert np.nanmedian(np.linalg.norm(stood, axis=1)) < 1.0


def test_words_that_name_no_motion_move_nothing(live: LiveDesk) -> None:
    live.open("airplane")
    write(live, "a red bus in the rain")
    live.wait(lambda: "move nothing" in live.window.stage.banner.text)
    before = len(live.shown)
    live.wait(lambda: len(live.shown) >= before + 24)
    assert not live.window.words.sources
    places = np.concatenate([live.corners((0.38, 0.3)), live.corners((0.7, 0.85), 0.2)])
    assert np.nanmedian(np.linalg.norm(live.moved(places), axis=1)) < 0.5
