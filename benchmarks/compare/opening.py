"""From the start of the application to its first moving frame, in the real window.

    python -m benchmarks.compare.opening SECONDS [the application's own words]

is the application itself, `python -m desktop`, with a listener beside it: it prints one line of JSON and closes the
window. SECONDS is CLOCK_MONOTONIC right before the process was asked for. Owns what counts as moving: a frame that the
model made, on the screen (its buffers swapped), in which some cell of 8 x 8 pixels differs from the picture by more
than MOVED on average. On the start screen the recorded hand moves it, which presses 0.4 s after the stream runs.

`measure_starts` starts it so again and again, with a user's folder of its own; the first start is not counted: it
brings everything from disk, and measures what is measured once a machine. Nothing heavy is imported here: the time is
the application's.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

BAR_S = 6.0
MOVED = 6.0  # of 255
CELL = 8  # pixels
DEADLINE_S = 120.0
USER_FOLDERS = ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")


def measure_starts(starts: int, package: Path, say: Callable[[str], None]) -> dict[str, float | int]:
    """Medians of so many starts, in seconds from the process's beginning: window_s: the window is built; picture_s: the
    picture is on the screen; made_s: the first frame that the model made; moving_s: the first moving one, and the
    longest of these; cpu_s: of the process's threads until then, which is what a machine must give.
    """
    found = []
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {name: str(Path(folder) / name.lower()) for name in USER_FOLDERS}
        for start in range(starts + 1):
            seen = _started(package, environment)
            told = ", ".join(f"{name} {seconds:.2f}" for name, seconds in seen.items())
            say(f"  start {start} of {starts}{' (not counted)' if not start else ''}: {told}")
            if start:
                found.append(seen)
    return {
        **{name: statistics.median(seen[name] for seen in found) for name in found[0]},
        "moving_s_longest": max(seen["moving_s"] for seen in found),
        "starts": starts,
    }


def _started(package: Path, environment: dict[str, str]) -> dict[str, float]:
    module = ["-m", "benchmarks.compare.opening"]
    command = [sys.executable, *module, repr(time.monotonic()), "--package", str(package)]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    except subprocess.TimeoutExpired:
        raise SystemExit(f"Nothing moved in the application's window within {DEADLINE_S:.0f} s.") from None
    lines = done.stdout.splitlines()
    if not lines:
        raise SystemExit(f"The application ended with {done.returncode} before anything moved.\n{done.stderr}")
    seen: dict[str, float] = json.loads(lines[-1])
    return seen


def largest_change(image: Any, picture: Any) -> float:
    """Of uint8 [H, W, 4] twice: the largest mean absolute difference in a cell of 8 x 8 pixels."""
    height, width = (side // CELL * CELL for side in picture.shape[:2])
    apart = abs(image[:height, :width, :3].astype(int) - picture[:height, :width, :3])
    return float(apart.reshape(height // CELL, CELL, width // CELL, CELL, 3).mean(axis=(1, 3, 4)).max())


class Watch:
    """Listens to a window and closes it when something has moved."""

    def __init__(self, window: Any, began_s: float) -> None:
        self._window, self._began_s = window, began_s
        self._seen_s = {"window_s": self._now_s()}
        self._picture: Any = None
        self._moved: set[int] = set()
        window.player.frame_due.connect(self._on_due)
        window.viewport.frame_shown.connect(self._on_shown)

    def _on_due(self, frame: Any) -> None:
        if frame.index == 0:
            self._picture = frame.image
        elif self._picture is not None and largest_change(frame.image, self._picture) > MOVED:
            self._moved.add(frame.index)

    def _on_shown(self, index: int, _sampled_s: float, _swap_s: float) -> None:
        self._seen_s.setdefault("made_s" if index else "picture_s", self._now_s())
        if index in self._moved:
            self._window.viewport.frame_shown.disconnect(self._on_shown)
            self._seen_s |= {"moving_s": self._now_s(), "cpu_s": time.process_time()}
            sys.stdout.write(json.dumps(self._seen_s) + "\n")
            self._window.close()

    def _now_s(self) -> float:
        return time.monotonic() - self._began_s


def main() -> int:
    import inference.package  # noqa: F401 - as `desktop.__main__` has it, before Qt
    from desktop import __main__ as program
    from desktop import app

    build, watches = app.build_window, []

    def watched(*words: Any, **options: Any) -> Any:
        window = build(*words, **options)
        watches.append(Watch(window, float(sys.argv[1])))
        return window

    with patch.object(app, "build_window", watched):
        return program.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
