"""What is heard: bands, onsets, the beat, on tones and clicks whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from inference.motion.sound import FOLLOWED, HOP_S, Analyser, Drive

RATE = 48_000


def tone(frequency: float, seconds: float = 1.0, amplitude: float = 0.5) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * frequency * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def clicks(bpm: float, seconds: float) -> np.ndarray:
    """Short bursts of 1 kHz, float32 [K], the first at 0.25 s."""
    sound = np.zeros(int(seconds * RATE), np.float32)
    burst = tone(1000, 0.02, 0.8) * np.linspace(1, 0, int(0.02 * RATE), dtype=np.float32)
    for start_s in np.arange(0.25, seconds - 0.05, 60 / bpm):
        start = round(start_s * RATE)
        sound[start : start + len(burst)] = burst
    return sound


def frequency_of(levels: np.ndarray, step_s: float = HOP_S) -> float:
    """The strongest frequency of a signal, by its spectrum refined between bins, in Hz."""
    spectrum = np.abs(np.fft.rfft((levels - levels.mean()) * np.hanning(len(levels)), 16 * len(levels)))
    return float(np.fft.rfftfreq(16 * len(levels), step_s)[np.argmax(spectrum)])


@pytest.mark.parametrize(("frequency", "band"), [(80, "low"), (600, "mid"), (5000, "high")])
def test_a_tone_drives_its_own_band_alone(frequency: float, band: str) -> None:
    rows = Analyser(RATE).feed(tone(frequency))
    levels = {name: Drive(name).levels(rows)[-1] for name in ("low", "mid", "high", "loudness")}
    assert levels.pop(band) > 0.8
    assert levels.pop("loudness") > 0.8
    assert max(levels.values()) < 0.02


def test_loudness_is_in_decibels_of_a_full_sine() -> None:
    loud, soft = (Analyser(RATE).feed(tone(500, amplitude=a))[-1, 0] for a in (1.0, 0.1))
    assert loud == pytest.approx(0, abs=0.1)
    assert soft == pytest.approx(-20, abs=0.1)


@pytest.mark.parametrize("block", [37, 480, 5000])
def test_blocks_of_any_size_are_heard_alike(block: int) -> None:
    sound = clicks(120, 4)
    analyser = Analyser(RATE)
    parts = [analyser.feed(sound[start : start + block]) for start in range(0, len(sound), block)]
    np.testing.assert_array_equal(np.concatenate(parts), Analyser(RATE).feed(sound))


def test_every_click_is_one_onset_at_its_time() -> None:
    rows = Analyser(RATE).feed(clicks(120, 8))
    onset = rows[:, FOLLOWED.index("onset")]
    starts_s = np.flatnonzero(np.diff(onset) > 0) * HOP_S
    np.testing.assert_allclose(starts_s, np.arange(0.25, 7.9, 0.5), atol=0.05)


def test_a_steady_tone_has_one_onset_and_no_beat() -> None:
    rows = Analyser(RATE).feed(tone(440, 6))
    assert np.count_nonzero(np.diff(rows[:, FOLLOWED.index("onset")]) > 0) == 1
    assert not rows[:, FOLLOWED.index("beat")].any()


@pytest.mark.parametrize("bpm", [90, 120, 140])
def test_the_beat_has_the_tempo_and_stands_on_the_clicks(bpm: float) -> None:
    analyser = Analyser(RATE)
    rows = analyser.feed(clicks(bpm, 14))
    assert analyser.tempo_bpm == pytest.approx(bpm, rel=0.01)
    beat = rows[800:, FOLLOWED.index("beat")]
    assert frequency_of(beat) == pytest.approx(bpm / 60, rel=0.02)
    at_click_s = 0.25 + 60 / bpm * np.arange(1, 40)
    at_click = [rows[round(t / HOP_S), FOLLOWED.index("beat")] for t in at_click_s if 8 < t < 13.9]
    assert min(at_click) > 0.8


def test_clicks_in_noise_are_still_a_beat() -> None:
    noise = 0.02 * np.random.default_rng(0).standard_normal(12 * RATE).astype(np.float32)
    analyser = Analyser(RATE)
    analyser.feed(clicks(120, 12) + noise)
    assert analyser.tempo_bpm == pytest.approx(120, rel=0.01)


def test_a_level_rises_by_attack_and_falls_by_release() -> None:
    rows = np.full((200, 6), -120.0, np.float32)
    rows[50:100, 0] = 0.0
    levels = Drive("loudness", attack_s=0.05, release_s=0.3).levels(rows)
    assert levels[49] == 0
    assert levels[54] == pytest.approx(1 - np.exp(-1), abs=0.01)  # one time constant
    assert levels[129] == pytest.approx(levels[99] * np.exp(-1), abs=0.01)


def test_silence_has_no_level() -> None:
    rows = Analyser(RATE).feed(np.zeros(RATE, np.float32))
    for follow in FOLLOWED:
        assert not Drive(follow, gain_db=40).levels(rows).any()


def test_an_unknown_thing_to_follow_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing of a sound"):
        Drive("colour")
