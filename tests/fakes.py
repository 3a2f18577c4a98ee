"""Stand-ins for the heavy parts: a stream without a model, and a clock that only moves when told.

The fake stream has the interface of `inference.stream.Stream`; it shows the picture shifted by the mean
displacement of the tracks it is given, so that a drag is visible on the screen, and takes a settable time for
each chunk.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from inference.motion.ground import ground_inverse_depth
from inference.motion.said import Said
from inference.tracks import Tracks


def square_picture(width: int = 256, height: int = 144) -> np.ndarray:
    """uint8 [H, W, 3]: a colour ramp with one bright square in the middle, so that shifts can be seen and
    measured."""
    y, x = np.mgrid[0:height, 0:width]
    ramp = np.stack([x * 200 // width, y * 200 // height, np.full_like(x, 60)], axis=2).astype(np.uint8)
    ramp[height // 2 - 8 : height // 2 + 8, width // 2 - 8 : width // 2 + 8] = 255
    return ramp


@dataclass
class FakeChunk:
    """Between the two halves of a chunk: how far each frame is shifted, (right, down) in pixels."""

    shifts: list[tuple[int, int]]
    timings_ms: dict[str, float]


class FakeStream:
    """The interface of `Stream` without a model. `consumed` keeps every chunk of tracks, `opened` every open.

    cost_s: seconds a chunk takes, handed to `spend` (real sleep, or `FakeClock.advance`). Set `fail_open`,
    `fail_prompt` or `fail_advance` to an exception to have the next such calls raise it.
    """

    def __init__(
        self,
        *,
        frames_per_chunk: int = 4,
        fps: float = 24.0,
        cost_s: float = 0.03,
        spend: Callable[[float], None] = time.sleep,
    ) -> None:
        self.frames_per_chunk = frames_per_chunk
        self.fps = fps
        self.size = (256, 144)
        self.max_tracks = 400
        self.timings_ms: dict[str, float] = {}
        self.context_frames: dict[str, tuple[int, int]] = {}
        self.computed_by = "torch"
        self.motion = np.zeros((frames_per_chunk, 1, 1, 4), np.float32)
        self.cost_s = cost_s
        self.prompt = ""
        self.seed = 0
        self.opened: list[tuple[np.ndarray, str, int]] = []
        self.consumed: list[Tracks] = []
        self.painted: np.ndarray | None = None
        self.answers: dict[str, Said] = {}
        self.fail_open: Exception | None = None
        self.fail_prompt: Exception | None = None
        self.fail_advance: Exception | None = None
        self.fail_decode: Exception | None = None
        self._spend = spend
        self._picture: np.ndarray | None = None
        self._origins: dict[int, np.ndarray] = {}

    def open(self, picture: np.ndarray, prompt: str = "", seed: int = 0) -> np.ndarray:
        """uint8 [H, W, 3] -> the first frame, uint8 [H, W, 4]."""
        if self.fail_open is not None:
            raise self.fail_open
        height, width = picture.shape[:2]
        self.size = (width, height)
        self.prompt, self.seed = prompt, seed
        self.opened.append((picture, prompt, seed))
        self.consumed = []
        self._origins = {}
        alpha = np.full((height, width, 1), 255, np.uint8)
        self._picture = np.concatenate([picture, alpha], axis=2)
        return self._picture.copy()

    def depth(self) -> np.ndarray:
        """A floor, unless another depth was set."""
        return ground_inverse_depth(*self.size) if self.painted is None else self.painted

    def set_depth(self, depth: np.ndarray | None) -> None:
        self.painted = depth

    def anchor(self, tracks: Tracks) -> None:
        """Where points lie in the picture: the first row of these."""
        for point in np.flatnonzero(tracks.visible[0]):
            self._origins[int(tracks.ids[point])] = tracks.xy[0, point]

    def belongs(self, places: np.ndarray) -> np.ndarray:
        """Everything within a tenth of the picture of a place."""
        y, x = np.mgrid[0:36, 0:64]
        near = [np.hypot((x + 0.5) / 64 - px, (y + 0.5) / 36 - py) < 0.1 for px, py in places]
        return np.any(near, axis=0).astype(np.float32) if near else np.zeros((36, 64), np.float32)

    def together(self, places: np.ndarray, middle: int) -> np.ndarray:
        """All: the picture is one thing."""
        return np.ones(len(places), bool)

    def said(self, prompt: str) -> Said:
        """What `answers` holds for it."""
        return self.answers.get(prompt, Said())

    def set_prompt(self, prompt: str) -> None:
        if self.fail_prompt is not None:
            raise self.fail_prompt
        self.prompt = prompt

    def advance(self, tracks: Tracks) -> np.ndarray:
        """Tracks of T frames -> uint8 [T, H, W, 4]."""
        return np.stack(list(self.decode(self.make(tracks))))

    def make(self, tracks: Tracks) -> FakeChunk:
        """Four fifths of the cost."""
        if self.fail_advance is not None:
            raise self.fail_advance
        if self._picture is None:
            raise RuntimeError("advance before open")
        if len(tracks) != self.frames_per_chunk:
            raise ValueError(f"{self.frames_per_chunk} rows expected, {len(tracks)} given")
        self.consumed.append(tracks)
        self._spend(0.8 * self.cost_s)
        share = self.cost_s * 1000 / 10
        made = self.frames_per_chunk * len(self.consumed)
        self.context_frames = {"sink": (0, 0), "current": (made - self.frames_per_chunk + 1, made)}
        self.timings_ms = {"control": share, "transformer": 7 * share}
        shifts = [self._shift(tracks, row) for row in range(len(tracks))]
        self.motion = np.array([[[[dx / self.size[1], dy / self.size[1], 1.0, 0.0]]] for dx, dy in shifts], np.float32)
        return FakeChunk(shifts, self.timings_ms)

    def decode(self, chunk: FakeChunk) -> Iterator[np.ndarray]:
        """The last fifth, before the first frame. uint8 [H, W, 4] each."""
        if self.fail_decode is not None:
            raise self.fail_decode
        self._spend(0.2 * self.cost_s)
        chunk.timings_ms["decode"] = 2 * self.cost_s * 1000 / 10
        picture = self._picture
        for dx, dy in chunk.shifts:
            yield np.roll(picture, (dy, dx), axis=(0, 1)) if dx or dy else picture

    def _shift(self, tracks: Tracks, row: int) -> tuple[int, int]:
        """The mean displacement in whole pixels, (right, down)."""
        moves = []
        for point, identity in enumerate(tracks.ids.tolist()):
            if tracks.visible[row, point]:
                origin = self._origins.setdefault(identity, tracks.xy[row, point])
                moves.append(tracks.xy[row, point] - origin)
        if not moves:
            return 0, 0
        dx, dy = np.mean(moves, axis=0) * np.array(self.size)
        return round(float(dx)), round(float(dy))


class FakeClock:
    """A clock for tests: `now` reads it, `advance` moves it and runs what was scheduled on the way, at its
    time."""

    def __init__(self, start_s: float = 1000.0) -> None:
        self._now_s = start_s
        self._order = itertools.count()
        self._agenda: list[tuple[float, int, Callable[[], object]]] = []

    def now(self) -> float:
        return self._now_s

    def at(self, time_s: float, action: Callable[[], object]) -> None:
        """Run `action` when the clock passes `time_s`."""
        heapq.heappush(self._agenda, (time_s, next(self._order), action))

    def advance(self, seconds: float) -> None:
        end_s = self._now_s + seconds
        while self._agenda and self._agenda[0][0] <= end_s:
            time_s, _, action = heapq.heappop(self._agenda)
            self._now_s = max(self._now_s, time_s)
            action()
        self._now_s = end_s
