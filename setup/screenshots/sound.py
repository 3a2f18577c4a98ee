"""The scene of docs/guide/images/sound.png: a sound file moves two toys, its page beside them."""

from __future__ import annotations

import tempfile
import wave
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from desktop.directing.sound_move import SoundMove
from inference.motion.sound import Drive

if TYPE_CHECKING:
    from desktop.main_window import MainWindow

PICTURE = Path(__file__).resolve().parents[2] / "assets" / "pictures" / "elephant.jpg"
RATE = 44_100


def drum(path: Path, seconds: float = 12.0) -> None:
    """Low strokes twice a second, high ones in between."""
    t = np.arange(int(seconds * RATE)) / RATE
    low = 0.7 * np.sin(2 * np.pi * 90 * t) * np.exp(-6 * (t % 0.5))
    high = 0.2 * np.sin(2 * np.pi * 4000 * t) * np.exp(-12 * ((t + 0.25) % 0.5))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(((low + high) * 32767).astype("<i2").tobytes())


def scene(window: MainWindow, wait: Callable[[Callable[[], object]], None]) -> None:
    """Leaves the window as the picture shall show it. wait: until a condition holds."""
    window.open_picture(PICTURE)
    wait(lambda: window.player.state.name == "RUNNING")
    path = Path(tempfile.mkdtemp()) / "drum.wav"
    drum(path)
    sound = window.sound
    for x, y, axis, amount, follow in ((0.35, 0.45, "down", 0.12, "low"), (0.7, 0.7, "right", 0.14, "high")):
        window.editor.toggle_pin((x, y), None)
        number = window.points.points[-1].id
        sound.add(SoundMove((number,), axis, amount, Drive(follow)))
    window.points.select()
    window.viewport.pointer.dragged.emit()  # no hint any more
    window.direct.turn_to("Sound")
    sound.open_file(path)
    wait(lambda: window.score.keys)
    (key,) = window.score.keys

    def is_struck() -> bool:
        frame = sound.frame
        played = frame is not None and (sound.video_s(frame) or 0.0) > 0.9 and key in frame.began
        return played and sound.level(sound.moves[0].drive) > 0.7

    wait(is_struck)
