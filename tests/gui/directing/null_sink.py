"""A sound card for tests: a PulseAudio server of their own whose null sink's monitor is the microphone.

Nothing here skips: without PulseAudio these tests fail, so that a green run means they ran.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import wave
from pathlib import Path

import numpy as np
import pytest

RATE = 48_000
_SINK = "motionstream_test"


class NullSink:
    """Runs until it is closed. Sets the environment that PortAudio's ALSA looks at, for this process."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        if shutil.which("pulseaudio") is None or shutil.which("paplay") is None:
            pytest.fail("PulseAudio is missing: apt-get install pulseaudio pulseaudio-utils libasound2-plugins")
        self._folder = folder
        runtime = folder / "run"
        runtime.mkdir(mode=0o700)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
        monkeypatch.setenv("PULSE_RUNTIME_PATH", str(runtime))
        monkeypatch.setenv("PULSE_SERVER", f"unix:{runtime}/native")
        monkeypatch.setenv("HOME", str(folder))
        (folder / ".asoundrc").write_text(f'pcm.!default {{ type pulse device "{_SINK}.monitor" }}\n')
        self._server = subprocess.Popen(
            [
                "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm",
                "--log-level=error", "-L", "module-native-protocol-unix",
                "-L", f"module-null-sink sink_name={_SINK} rate={RATE} format=s16le channels=1",
            ],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._player: subprocess.Popen[bytes] | None = None
        deadline_s = time.monotonic() + 20
        while not (runtime / "native").exists():
            assert self._server.poll() is None, "PulseAudio ended"
            assert time.monotonic() < deadline_s, "PulseAudio did not answer"
            time.sleep(0.05)

    def play(self, samples: np.ndarray) -> None:
        """float32 [K] at RATE, begun now and not waited for."""
        path = self._folder / "played.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes((samples * 32767).astype("<i2").tobytes())
        self._player = subprocess.Popen(["paplay", f"--device={_SINK}", str(path)], env=os.environ.copy())

    def unplug(self) -> None:
        """The sound server goes away under whoever listens."""
        for process in (self._player, self._server):
            if process is not None and process.poll() is None:
                process.terminate()
                process.wait(10)
