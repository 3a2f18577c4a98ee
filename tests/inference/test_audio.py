"""Sound files: what is read, and the sentences for what cannot be."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from inference.audio import RATE, read_sound
from inference.errors import UserError
from inference.video import VideoWriter


def wav(path: Path, samples: np.ndarray, rate: int = RATE, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def test_samples_come_as_they_were_written(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-9000, 9000, RATE).astype(np.int16)
    np.testing.assert_array_equal(read_sound(wav(tmp_path / "a.wav", samples)), samples)


def test_stereo_of_another_rate_becomes_mono_of_ours(tmp_path: Path) -> None:
    t = np.arange(16_000) / 16_000
    one = (8000 * np.sin(2 * np.pi * 440 * t)).astype(np.int16)
    read = read_sound(wav(tmp_path / "a.wav", np.stack([one, one], 1).ravel(), 16_000, 2))
    assert len(read) == pytest.approx(RATE, abs=200)
    spectrum = np.abs(np.fft.rfft(read.astype(np.float64)))
    assert np.argmax(spectrum) * RATE / len(read) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("content", [b"", b"not sound", b"RIFF\x00\x00\x00\x00WAVE"], ids=["empty", "text", "cut"])
def test_what_is_no_sound_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.wav"):
        read_sound(path)


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.wav"):
        read_sound(tmp_path / "gone.wav")


def test_a_file_of_zero_length_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no length"):
        read_sound(wav(tmp_path / "a.wav", np.zeros(0)))


def test_a_silent_film_is_a_sentence(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", 24) as writer:
        writer.write(np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(UserError, match="no sound in"):
        read_sound(tmp_path / "a.mp4")
