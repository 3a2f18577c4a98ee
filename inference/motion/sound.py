"""What is heard in a sound, ten milliseconds at a time: loudness by bands, onsets, the beat; and the level they make.

Owns the analysis and nothing of where the sound comes from. Causal: a row depends on nothing that comes after it, so a
microphone and a file are heard alike. NumPy only. Any thread.

Onsets: spectral flux of the compressed spectrum over an adaptive threshold. The beat: autocorrelation of the flux over
some seconds, its phase by the comb that fits best.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

HOP_S = 0.01
FOLLOWED = ("loudness", "low", "mid", "high", "onset", "beat")  # the columns of what `Analyser.feed` returns
BANDS_HZ = {"loudness": (20, 10_000), "low": (20, 200), "mid": (200, 2_000), "high": (2_000, 10_000)}
SILENCE_DB = -120.0
SILENCE = np.array([SILENCE_DB] * 4 + [0.0] * 2, np.float32)
RANGE_DB = 40.0  # a level is 0 this far below a full sine
MAX_RELEASE_S = 1.0

_WINDOW_S = 0.043
_FLUX_BANDS = np.geomspace(60.0, 10_000.0, 25)  # Hz; even on the ear's scale: a note counts as a click does
_COMPRESSION = 30.0  # of an amplitude before its flux: log(1 + c a)
_ONSET_HOLD_S = 0.06  # an onset is felt this long, else a slow attack would miss it
_ONSET_GAP_S = 0.1  # nothing strikes more often
_ONSET_FACTOR, _ONSET_FLOOR = 2.0, 0.02  # over the mean of the last second
_BEAT_SPAN_S, _BEAT_EVERY_S = 6.0, 0.5
_BEAT_PERIODS_S = (0.25, 1.5)  # 240 to 40 beats a minute
_BEAT_USUAL_S, _BEAT_SPREAD = 0.5, 0.9  # people hear the beat near 120 a minute (octaves)
_BEAT_SURE = 0.25  # normalised autocorrelation below which there is no beat


class Analyser:
    """Mono samples in blocks of any size to rows of features. rate: samples a second."""

    def __init__(self, rate: float) -> None:
        self._hop = round(rate * HOP_S)
        self._hop_s = self._hop / rate
        self._size = 2 ** round(math.log2(rate * _WINDOW_S))
        self._window = np.hanning(self._size).astype(np.float32)
        frequencies = np.fft.rfftfreq(self._size, 1 / rate)
        edges = [np.searchsorted(frequencies, hz) for hz in BANDS_HZ.values()]
        self._bands = [slice(low, max(low + 1, high)) for low, high in edges]
        self._flux_starts = np.unique(np.searchsorted(frequencies, _FLUX_BANDS))
        self._to_square = 4.0 / (self._size * float(np.sum(self._window**2)))  # 1 for a sine of amplitude 1
        self._waiting = np.zeros(self._size - self._hop, np.float32)
        self._spectrum: np.ndarray | None = None
        self._flux: deque[float] = deque(maxlen=round(_BEAT_SPAN_S / self._hop_s))
        self._since_onset_s = math.inf
        self._row = 0  # of the next one
        self._beat: tuple[float, float] | None = None  # period and one beat, in rows

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """float32 [K] -> float32 [n, 6], a row for each hop that is whole: four loudnesses in dB below a full sine,
        then onset and beat from 0 to 1.
        """
        waiting = np.concatenate([self._waiting, samples.astype(np.float32, copy=False)])
        count = max(0, (len(waiting) - self._size) // self._hop + 1)
        rows = np.empty((count, len(FOLLOWED)), np.float32)
        for row in range(count):
            start = row * self._hop
            rows[row] = self._heard(waiting[start : start + self._size])
        self._waiting = waiting[count * self._hop :]
        return rows

    @property
    def tempo_bpm(self) -> float | None:
        return None if self._beat is None else 60.0 / (self._beat[0] * self._hop_s)

    def _heard(self, samples: np.ndarray) -> tuple[float, ...]:
        magnitude = np.abs(np.fft.rfft(samples * self._window))  # [size / 2 + 1]
        square = np.square(magnitude) * self._to_square
        loudness = [10.0 * math.log10(float(square[band].sum()) + 1e-12) for band in self._bands]
        onset = self._onset(np.log1p(_COMPRESSION * np.sqrt(np.add.reduceat(square, self._flux_starts)[:-1])))
        if self._row % round(_BEAT_EVERY_S / self._hop_s) == 0:
            self._beat = self._find_beat()
        beat = 0.0
        if self._beat is not None:
            period, at = self._beat
            beat = 0.5 + 0.5 * math.cos(2 * math.pi * (self._row - at) / period)
        self._row += 1
        return (*loudness, onset, beat)

    def _onset(self, spectrum: np.ndarray) -> float:
        before = spectrum if self._spectrum is None else self._spectrum
        flux = float(np.maximum(spectrum - before, 0.0).mean())
        self._spectrum = spectrum
        usual = list(self._flux)[-round(1.0 / self._hop_s) :]
        threshold = _ONSET_FLOOR + _ONSET_FACTOR * (sum(usual) / len(usual) if usual else 0.0)
        self._flux.append(flux)
        self._since_onset_s += self._hop_s
        if flux > threshold and self._since_onset_s >= _ONSET_GAP_S:
            self._since_onset_s = 0.0
        return 1.0 if self._since_onset_s < _ONSET_HOLD_S else 0.0

    def _find_beat(self) -> tuple[float, float] | None:
        """Period and one beat in rows, or None where nothing comes back regularly."""
        flux = np.array(self._flux)
        shortest, longest = (round(period_s / self._hop_s) for period_s in _BEAT_PERIODS_S)
        if len(flux) < 2 * longest or flux.max() < _ONSET_FLOOR:
            return None
        flux = np.convolve(flux, [0.25, 0.5, 0.25], "same")
        centred = flux - flux.mean()
        lags = np.arange(shortest, longest + 1)
        likeness = np.array([centred[lag:] @ centred[:-lag] / (len(centred) - lag) for lag in lags])
        likeness /= float(centred @ centred) / len(centred)
        octaves = np.log2(lags * self._hop_s / _BEAT_USUAL_S)
        best = int(np.argmax(likeness * np.exp(-0.5 * np.square(octaves / _BEAT_SPREAD))))
        if likeness[best] < _BEAT_SURE or not 0 < best < len(lags) - 1:
            return None
        left, middle, right = likeness[best - 1 : best + 2]
        bend = left - 2 * middle + right
        period = lags[best] + (0.5 * (left - right) / bend if bend < 0 else 0.0)
        offsets = np.arange(math.ceil(period))
        teeth = np.arange(int((len(flux) - 1) / period))
        places = len(flux) - 1 - offsets[:, None] - teeth * period  # [offsets, teeth], back from the newest
        fit = np.interp(places.ravel(), np.arange(len(flux)), flux).reshape(places.shape).sum(axis=1)
        return float(period), self._row - float(offsets[np.argmax(fit)])


@dataclass(frozen=True)
class Drive:
    """What of a sound is followed, and how closely. follow: one of FOLLOWED. gain_db: of loudness. attack_s, release_s:
    time constants of rise and fall; the release at most MAX_RELEASE_S.
    """

    follow: str = "loudness"
    gain_db: float = 0.0
    attack_s: float = 0.02
    release_s: float = 0.2

    def __post_init__(self) -> None:
        if self.follow not in FOLLOWED:
            raise ValueError(f"nothing of a sound is called {self.follow!r}")

    def levels(self, rows: np.ndarray) -> np.ndarray:
        """Features [K, 6], one each HOP_S -> levels from 0 to 1, float64 [K], from silence on."""
        wanted = rows[:, FOLLOWED.index(self.follow)].astype(np.float64)
        if self.follow in BANDS_HZ:
            wanted = np.clip(1.0 + (wanted + self.gain_db) / RANGE_DB, 0.0, 1.0)
        rise = 1.0 - math.exp(-HOP_S / max(self.attack_s, 1e-3))
        fall = 1.0 - math.exp(-HOP_S / min(max(self.release_s, 1e-3), MAX_RELEASE_S))
        level, levels = 0.0, []
        for value in wanted.tolist():
            level += (value - level) * (rise if value > level else fall)
            levels.append(level)
        return np.array(levels, np.float64)
