"""Sound as a performer: a level bends the polylines of chosen points, in time with a microphone or a file.

Owns the ring between the sound card and the engine, and how a level becomes motion. What a level is stands in
`inference.motion.sound`. A point rests where the hand put it; its motion is away from there, so that silence brings it
back. No Qt. `HeardLive` is written on the sound card's thread; the rest is read on the engine's and the UI's.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np

from inference.channels import ControlSnapshot, Handle
from inference.motion.director import Span
from inference.motion.sound import FOLLOWED, HOP_S, SILENCE, Drive

Axis = Literal["right", "down", "grow"]

_REMEMBERED_S = 6.0  # several of the longest release
_LATE_S = 0.15  # sound cards deliver unevenly: as long as this the last level is held, then it is silent
_KEPT = 8  # drives whose levels over a file are kept
_CLOCK_FOLLOWS = 0.02  # share of the difference between the card's clock and ours taken up with each block


class Sound(Protocol):
    """Something that is heard while the stream runs. Safe on both threads."""

    def levels(self, drive: Drive, span: Span, began: int) -> np.ndarray:
        """The level at each frame of the span, float64 [T], from 0 to 1."""


class HeardLive:
    """A ring of what a microphone heard last, by control time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows = np.tile(SILENCE, (round(_REMEMBERED_S / HOP_S), 1))  # [K, 6], written round and round
        self._next = 0
        self._last_s = -math.inf  # when the newest row was heard

    def write(self, rows: np.ndarray, now_s: float) -> None:
        """Rows float32 [n, 6] that end now. Sound cards deliver in bursts: rows are spaced by their own count, and that
        clock is drawn slowly to ours.
        """
        with self._lock:
            expected_s = self._last_s + len(rows) * HOP_S
            late_s = now_s - expected_s
            self._last_s = expected_s + _CLOCK_FOLLOWS * late_s if abs(late_s) < _LATE_S else now_s
            places = (self._next + np.arange(len(rows))) % len(self._rows)
            self._rows[places] = rows
            self._next = int(self._next + len(rows)) % len(self._rows)

    def recent(self) -> tuple[np.ndarray, float]:
        """A copy of the rows, oldest first, float32 [K, 6], and when the newest was heard."""
        with self._lock:
            return np.roll(self._rows, -self._next, axis=0), self._last_s

    def levels_at(self, drive: Drive, times_s: np.ndarray) -> np.ndarray:
        """By the engine's clock, float64 [T]. After the newest row: that one for a moment, then silence."""
        rows, last_s = self.recent()
        if not math.isfinite(last_s):
            return np.zeros(len(times_s))
        beyond = min(math.ceil(max(0.0, float(times_s[-1]) - last_s) / HOP_S), len(rows))
        held = min(beyond, round(_LATE_S / HOP_S))
        rows = np.concatenate([rows, np.tile(rows[-1], (held, 1)), np.tile(SILENCE, (beyond - held, 1))])
        rows_s = last_s + HOP_S * np.arange(1 - len(rows) + beyond, beyond + 1)
        return np.interp(times_s, rows_s, drive.levels(rows))

    def levels(self, drive: Drive, span: Span, began: int) -> np.ndarray:
        return self.levels_at(drive, span.times_s)


class HeardFile:
    """A sound heard beforehand, by video time: it begins with the performer, and begins again when it is over."""

    def __init__(self, rows: np.ndarray) -> None:
        """rows: float32 [K, 6], one each HOP_S."""
        if rows.ndim != 2 or rows.shape[1] != len(FOLLOWED) or not len(rows):
            raise ValueError(f"features are [K, {len(FOLLOWED)}] with K at least 1, not {rows.shape}")
        self.rows = rows
        self._levels: dict[Drive, np.ndarray] = {}  # of what was asked for last

    @property
    def duration_s(self) -> float:
        return len(self.rows) * HOP_S

    def levels_at(self, drive: Drive, video_s: np.ndarray) -> np.ndarray:
        """By seconds of video since its beginning, float64 [T]."""
        levels = self._levels.get(drive)
        if levels is None:
            levels = drive.levels(self.rows)
            self._levels = {**dict(list(self._levels.items())[-_KEPT:]), drive: levels}
        return np.interp(video_s % self.duration_s, HOP_S * np.arange(len(levels)), levels)

    def levels(self, drive: Drive, span: Span, began: int) -> np.ndarray:
        return self.levels_at(drive, span.video_s(began))


@dataclass(frozen=True)
class Move:
    """What one level does. handles: ids of the points that it moves. amount: how far at level 1, in picture heights.

    "grow": the grid of each point parts into four that move away from its middle; four ids for each in `quarters`.
    """

    handles: tuple[int, ...]
    axis: Axis
    amount: float
    drive: Drive
    quarters: tuple[tuple[int, int, int, int], ...] = ()

    def parts(self, handle: Handle, aspect: float) -> list[tuple[Handle, np.ndarray, np.ndarray]]:
        """What moves of a point, where it rests beside it, and its direction: normalised, of one height's length.
        aspect: height by width of the picture.
        """
        if self.axis != "grow":
            direction = np.array([aspect, 0.0] if self.axis == "right" else [0.0, 1.0])
            return [(handle, np.zeros(2), direction)]
        corners = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]]) * [aspect, 1.0]  # in heights
        half = handle.radius / 2
        ids = self.quarters[self.handles.index(handle.id)]
        return [
            (replace(handle, id=number, radius=half), corner * half, corner / math.sqrt(2))
            for number, corner in zip(ids, corners, strict=True)
        ]


@dataclass(frozen=True)
class SoundPerformer:
    """Moves points with one sound. aspect: height by width of the picture. Several moves of one point add up. What the
    hand holds is left to the hand.
    """

    key: int
    moves: tuple[Move, ...]
    sound: Sound
    aspect: float

    def perform(self, snapshot: ControlSnapshot, span: Span, began: int) -> ControlSnapshot:
        for move in sorted(self.moves, key=lambda move: move.axis == "grow"):  # what grows is no longer one point
            away = move.amount * self.sound.levels(move.drive, span, began)  # [T], in heights
            snapshot = self._moved(snapshot, move, away, span)
        return snapshot

    def _moved(self, snapshot: ControlSnapshot, move: Move, away: np.ndarray, span: Span) -> ControlSnapshot:
        handles: list[Handle] = []
        paths = dict(snapshot.paths)
        for handle in snapshot.handles:
            if handle.held or handle.id not in move.handles:
                handles.append(handle)
                continue
            rest = _resting(paths.pop(handle.id, None), handle.xy, span)  # [T + 1, 2]
            for part, offset, direction in move.parts(handle, self.aspect):
                line = rest + offset
                line[1:] += away[:, None] * direction
                # The first sample has no motion: a new grid is laid where it rests, not where the sound has it.
                paths[part.id] = np.column_stack([[span.since_s, *span.times_s], line])
                handles.append(replace(part, xy=(float(line[-1, 0]), float(line[-1, 1]))))
        return replace(snapshot, handles=tuple(handles), paths=paths)


def _resting(path: np.ndarray | None, xy: tuple[float, float], span: Span) -> np.ndarray:
    """Where a point would be without the sound, at the span's beginning and at each frame, float64 [T + 1, 2]. path:
    where the hand or another move has it, [K, 3], None where it stands at `xy`.
    """
    if path is None:
        return np.tile(np.array(xy, np.float64), (span.frames + 1, 1))
    times_s = np.concatenate([[span.since_s], span.times_s])
    return np.stack([np.interp(times_s, path[:, 0], path[:, axis]) for axis in (1, 2)], axis=1)
