"""Sound cards through sounddevice (PortAudio): a microphone into the ring, and a file out of the loudspeaker.

Owns the streams. Never decides what a sound moves. PortAudio calls back on threads of its own; opening and closing may
take a while, so they belong on a worker's thread. Without PortAudio, or without a card, a sentence says so.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import numpy as np

from inference.audio import RATE
from inference.errors import UserError
from inference.motion.sound import Analyser
from inference.motion.sound_performer import HeardLive

log = logging.getLogger(__name__)

_STALLED_S, _STARTING_S = 3.0, 10.0  # a card that delivers nothing for so long is gone; a sound server wakes slowly
_LATENCY = "high"  # some 40 ms; PulseAudio loses samples with less
_LATE_S = 0.3  # further from the picture than this the sound jumps there
_QUIET_S = 0.5  # no frame for so long: the picture stands, and the sound with it


def _sounddevice() -> Any:
    try:
        import sounddevice
    except OSError as error:  # the wheel for Linux carries no PortAudio
        log.warning("no sound card: %s", error)
        raise UserError(
            "Sound cards cannot be used here: the library PortAudio is missing.",
            "Sound files still move points.",
            "On Debian and Ubuntu: sudo apt-get install libportaudio2.",
        ) from error
    return sounddevice


def inputs() -> list[str]:
    """The names of what can be listened to, [] where there is nothing. Looks again for cards plugged in since; not
    while a stream is open. Raises UserError without PortAudio.
    """
    card = _sounddevice()
    card._terminate()  # PortAudio only looks when it starts
    card._initialize()
    return list(dict.fromkeys(device["name"] for device in card.query_devices() if device["max_input_channels"] > 0))


class Microphone:
    """Listens until it is closed. name: one of `inputs`, None for the system's choice. Raises UserError."""

    def __init__(self, heard: HeardLive, name: str | None = None) -> None:
        card = _sounddevice()
        self._heard = heard
        self._came_s = time.monotonic() + _STARTING_S - _STALLED_S  # of the last block
        try:
            device = card.query_devices(name, "input")
            rate = float(device["default_samplerate"])
            self._analyser = Analyser(rate)
            self._stream = card.InputStream(
                device=name, channels=1, samplerate=rate, latency=_LATENCY, dtype="float32", callback=self._on_block
            )
            self._stream.start()
        except (card.PortAudioError, ValueError) as error:
            log.warning("microphone: %s", error)
            raise UserError(
                "No microphone or line-in could be opened on this machine.",
                "Sound files still move points.",
                "Plug one in, or allow it in the system's settings, then listen again.",
            ) from error

    @property
    def is_lost(self) -> bool:
        """It was unplugged, or the system took it away."""
        return not self._stream.active or time.monotonic() - self._came_s > _STALLED_S

    def close(self) -> None:
        self._stream.abort(ignore_errors=True)
        self._stream.close(ignore_errors=True)

    def _on_block(self, block: np.ndarray, frames: int, times: object, status: object) -> None:
        """PortAudio's thread. block: float32 [K, 1]."""
        self._came_s = time.monotonic()
        rows = self._analyser.feed(block[:, 0])
        if len(rows):
            self._heard.write(rows, self._came_s)


class Playhead:
    """Which second of the file to play, so that the sound stays with the picture. Safe on both threads.

    A stream slower than its video is followed by slower sound, as a tape is; a picture that stands is silent.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: tuple[float, float] | None = None  # (video, clock), seconds
        self._speed = 1.0
        self._at_s = 0.0

    def tell(self, video_s: float, now_s: float) -> None:
        """A frame of that second of video is shown now."""
        with self._lock:
            if self._told is not None:
                passed_s, step_s = now_s - self._told[1], video_s - self._told[0]
                if step_s < 0 or passed_s > _QUIET_S:
                    self._speed, self._at_s = 1.0, video_s
                elif passed_s > 0:
                    self._speed += 0.1 * (min(step_s / passed_s, 2.0) - self._speed)
            else:
                self._at_s = video_s
            self._told = (video_s, now_s)

    def take(self, count: int, rate: float, now_s: float) -> np.ndarray | None:
        """The seconds of the next `count` samples, float64 [count]; None for silence."""
        with self._lock:
            if self._told is None or now_s - self._told[1] > _QUIET_S:
                return None
            late_s = self._told[0] + self._speed * (now_s - self._told[1]) - self._at_s
            if abs(late_s) > _LATE_S:
                self._at_s += late_s
                late_s = 0.0
            speed = max(0.0, self._speed + min(max(late_s, -0.2), 0.2))
            seconds = self._at_s + speed * np.arange(count) / rate
            self._at_s += speed * count / rate
            return seconds


class Speaker:
    """Plays samples, int16 [K] mono at RATE, round and round where `playhead` is. Raises UserError."""

    def __init__(self, samples: np.ndarray) -> None:
        card = _sounddevice()
        self.playhead = Playhead()
        self._samples = samples
        try:
            self._stream = card.OutputStream(
                channels=1, samplerate=RATE, latency=_LATENCY, dtype="float32", callback=self._on_block
            )
            self._stream.start()
        except (card.PortAudioError, ValueError) as error:
            log.warning("loudspeaker: %s", error)
            raise UserError(
                "No loudspeaker could be opened on this machine.", "The file still moves points."
            ) from error

    def close(self) -> None:
        self._stream.abort(ignore_errors=True)
        self._stream.close(ignore_errors=True)

    def _on_block(self, block: np.ndarray, frames: int, times: object, status: object) -> None:
        """PortAudio's thread. block: float32 [K, 1], to be filled."""
        seconds = self.playhead.take(frames, RATE, time.monotonic())
        if seconds is None:
            block[:] = 0.0
            return
        places = seconds * RATE
        before = places.astype(np.int64)
        part = places - before
        count = len(self._samples)
        block[:, 0] = (
            (1.0 - part) * self._samples[before % count] + part * self._samples[(before + 1) % count]
        ) / 32768.0
