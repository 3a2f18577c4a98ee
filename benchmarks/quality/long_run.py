"""What becomes of a picture that lives long: 2,000 frames under a looping drag, then 500 frames with no tracks.

Owns both runs and their figures by quarter. Never compares with a truth: there is none. One thread.

The picture as decoded, which is the first frame the model gives, is the reference for edges and colour, and the worst
quarter counts; chunk time is the median of the last quarter over the median of the first.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.quality.metrics import edge_energy, psnr
from inference.stream import Stream
from inference.tracks import Tracks

FRAMES, IDLE_FRAMES = 2000, 500
LOOP = 96  # frames a turn of the hand
RADIUS = 0.1  # picture heights: of the turn
GRIP = 0.08  # picture heights: half the side of the 5x5 grid


@dataclass(frozen=True)
class Quarter:
    """A quarter of the run. edge: of the decoded picture's edge energy; colour: its mean colour, red, green, blue."""

    edge: float
    colour: tuple[float, float, float]
    chunk_ms: float


@dataclass(frozen=True)
class LongRun:
    """quarters: of the drag; idle_quarters: without tracks; idle_psnr: of that to the picture as decoded, dB."""

    quarters: list[Quarter]
    idle_quarters: list[Quarter]
    picture_colour: tuple[float, float, float]
    idle_psnr: float | None

    def figures(self) -> dict[str, float | None]:
        shifts = np.abs(np.array([quarter.colour for quarter in self.quarters]) - self.picture_colour)
        return {
            "edge_ratio": round(min(quarter.edge for quarter in self.quarters), 4),
            "colour_shift": round(float(shifts.max()), 3),
            "chunk_ratio": round(self.quarters[-1].chunk_ms / self.quarters[0].chunk_ms, 4),
            "idle_psnr": self.idle_psnr and round(self.idle_psnr, 3),
        }


def looping_drag(grab: tuple[float, float], size: tuple[int, int], frames: int) -> Tracks:
    """Tracks [frames + 1, 25] of a 5x5 grid that goes round and round from `grab` (normalised), row 0 at rest."""
    height_per_width = size[1] / size[0]
    side = np.linspace(-GRIP, GRIP, 5)
    offsets = np.stack(np.meshgrid(side, side), axis=2).reshape(-1, 2)
    turn = np.arange(frames + 1) * (2 * np.pi / LOOP)
    path = RADIUS * np.stack([np.sin(turn), np.cos(turn) - 1], axis=1)  # starts at rest's place, goes up and round
    xy = np.asarray(grab) + (path[:, None] + offsets[None]) * [height_per_width, 1.0]
    outside = np.abs(xy - 0.5).max(axis=2) >= 0.5
    return Tracks(xy.astype(np.float32), ~outside, np.arange(25, dtype=np.int64))


def run(
    stream: Stream, picture: np.ndarray, grab: tuple[float, float], frames: int = FRAMES, idle_frames: int = IDLE_FRAMES
) -> LongRun:
    """picture: uint8 [H, W, 3] of one of the model's sizes; grab: where the hand takes it, normalised."""
    decoded = stream.open(picture)[..., :3]
    reference = edge_energy(decoded[None])
    tracks = looping_drag(grab, stream.size, _whole(frames, stream))
    stream.anchor(tracks[:1])
    dragged = list(_driven(stream, tracks[1:]))
    stream.open(picture)
    idle = list(_driven(stream, Tracks.empty(_whole(idle_frames, stream))))
    video = np.concatenate([decoded[None], *(chunk for chunk, _ in idle)])  # frame 0 does not count
    return LongRun(
        _quarters(dragged, reference),
        _quarters(idle, reference),
        _mean_colour(decoded[None]),
        psnr(video, np.repeat(decoded[None], len(video), axis=0)),
    )


Chunk = tuple[np.ndarray, float]  # frames uint8 [T, H, W, 3], milliseconds


def _quarters(chunks: list[Chunk], reference: float) -> list[Quarter]:
    found = []
    for part in np.array_split(np.arange(len(chunks)), 4):
        frames = np.concatenate([chunks[i][0] for i in part])
        edge = float(np.mean([edge_energy(frame[None]) for frame in frames])) / reference
        found.append(Quarter(edge, _mean_colour(frames), float(np.median([chunks[i][1] for i in part]))))
    return found


def _driven(stream: Stream, tracks: Tracks) -> Iterator[Chunk]:
    """Each chunk's frames and how long they took, wall time."""
    for start in range(0, len(tracks), stream.frames_per_chunk):
        began = time.perf_counter()
        frames = stream.advance(tracks[start : start + stream.frames_per_chunk])
        yield frames[..., :3], (time.perf_counter() - began) * 1e3


def _whole(frames: int, stream: Stream) -> int:
    """A number of frames that fills chunks, at least one a quarter."""
    return max(4, round(frames / stream.frames_per_chunk)) * stream.frames_per_chunk


def _mean_colour(frames: np.ndarray) -> tuple[float, float, float]:
    red, green, blue = frames.reshape(-1, 3).mean(axis=0, dtype=np.float64)
    return float(red), float(green), float(blue)
