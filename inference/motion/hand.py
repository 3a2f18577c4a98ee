"""The hand as a motion source: every handle carries a small grid of tracks that moves, turns and grows with it.

Owns where each handle was last, so that chunk joins chunk. Never reads a clock and never sees the UI. Lives
on the engine's thread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from inference.channels import ControlSnapshot, Handle
from inference.track_ids import IDS_PER_HANDLE, grid_ids, holder_of
from inference.tracks import Tracks

GRID_SIDE = 5  # of a handle that does not say otherwise
MAX_PARKED = 64  # grids kept of handles that went: more removals than anybody undoes
NOTABLE = 0.002  # of the picture: a handle that is less behind the hand is not said to be
EXCURSION = 0.03  # of the picture, or radians: what strays further from the straight way than this went out and back
_STILL = np.zeros((0, 3))


class Grip(Protocol):
    """What a stream knows of the things in its picture."""

    def together(self, places: np.ndarray, middle: int) -> np.ndarray:
        """Which `places` [N, 2] of the newest frame show one thing with the one in the middle: bool [N]."""


@dataclass
class _Grid:
    """The grid of one handle as laid down: offsets float64 [K, 2] from the handle in picture heights, upright; ids
    int64 [K]; radius and side as asked; hold: of the handle when it was laid."""

    offsets: np.ndarray
    ids: np.ndarray
    radius: float
    side: int
    hold: int | None
    asked: np.ndarray  # float64 [4] of (x, y, turn, log grow): where the last chunk left the hand
    at: np.ndarray  # and where it left the grid, behind the hand where the speed is limited


class HandMotion:
    """Handles to tracks, chunk after chunk.

    size: (width, height) in pixels; makes the grids square on the picture. Positions between samples of a
    pointer are linear in time, and the last frame of a chunk has the handle exactly where the snapshot has
    it, unless its speed is limited. A new handle is there from the first frame of its first chunk, at its first sample,
    so that what it holds is known before it moves. A pin is a handle that stays. The grid's points that begin outside
    the picture hold nothing and are left out, and so are those on another thing than the handle: what lies between the
    wings of an airplane is no part of it.

    A handle that went (a point was removed) leaves its grid behind. Where it returns with the same hold (the removal
    was undone) the grid does, with its ids, so that the stream knows the points again.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.reset(size)

    def reset(self, size: tuple[int, int] | None = None, grip: Grip | None = None) -> None:
        """Forget where everything was: the next chunk lays every grid anew (after a load or a restart). grip: what is
        known of the picture."""
        self._grip = grip
        if size is not None:
            self._aspect = size[1] / size[0]  # a height, as a part of the width
        self._grids: dict[int, _Grid] = {}
        self._parked: dict[int, _Grid] = {}  # of handles that went, the latest last
        self._births: dict[int, int] = {}
        self.behind: list[dict[int, tuple[float, float]]] = []  # a frame of the last chunk each: see `Frame.behind`

    @property
    def holds(self) -> dict[int, frozenset[int]]:
        """By handle, the places of its grid, row after row, that hold something."""
        return {handle: frozenset((grid.ids % IDS_PER_HANDLE).tolist()) for handle, grid in self._grids.items()}

    def advance(self, snapshot: ControlSnapshot, frames: int, fps: float) -> Tracks:
        """The tracks of the next chunk: frame j samples the pointers at since + (j + 1) / frames * (now -
        since). fps: of the video, for handles whose speed is limited."""
        present = {handle.id for handle in snapshot.handles}
        for gone in self._grids.keys() - present:
            self._park(gone)
        self.behind = [{} for _ in range(frames)]
        parts: list[np.ndarray] = []  # float32 [T, K, 2] each
        ids: list[np.ndarray] = []
        for handle in snapshot.handles:
            grid, line = self._asked(handle, snapshot, frames)
            at = self._eased(line, grid, handle, fps)
            grid.asked, grid.at = line[-1], at[-1]
            for j in np.flatnonzero(np.abs(at[:, :2] - line[:, :2]).max(axis=1) > NOTABLE).tolist():
                self.behind[j][handle.id] = (float(at[j, 0]), float(at[j, 1]))
            parts.append((at[:, None, :2] + self._lying(grid.offsets, at)).astype(np.float32))
            ids.append(grid.ids)
        if not parts:
            return Tracks.empty(frames)
        identities = np.concatenate(ids)
        order = np.argsort(identities)  # the order a tracks file has, so that a replay is exact
        xy = np.concatenate(parts, axis=1)[:, order]  # [T, N, 2]
        visible = np.all((xy >= 0) & (xy <= 1), axis=2)
        return Tracks(xy, visible, identities[order])

    def _asked(self, handle: Handle, snapshot: ControlSnapshot, frames: int) -> tuple[_Grid, np.ndarray]:
        """The handle's grid, laid where there was none, and what the hand asks of it: float64 [T, 4] of (x, y, turn,
        log grow)."""
        path = snapshot.paths.get(handle.id, _STILL)
        turns = snapshot.turns.get(handle.id, _STILL)
        end, turned = handle.xy, (handle.turn, math.log(handle.grow))
        first = np.array([*(path[0, 1:] if len(path) else end), *(turns[0, 1:] if len(turns) else turned)], np.float64)
        grid = self._grids.get(handle.id)
        new = grid is None
        if grid is None and (grid := self._returned(handle)) is not None:
            grid.asked = grid.at = first
        elif grid is None:
            grid = self._lay(handle, first)
        elif (grid.radius, grid.side) != (handle.radius, handle.side):
            asked, grid = grid.asked, self._lay(handle, grid.at)
            grid.asked = asked
        since_s, now_s = snapshot.since_s, snapshot.now_s
        line = np.concatenate(
            [
                resample_path(path, grid.asked[:2], end, since_s, now_s, frames),
                resample_path(turns, grid.asked[2:], turned, since_s, now_s, frames),
            ],
            axis=1,
        )  # [T, 4]
        if new and frames > 1:
            line[0] = first
        return grid, line

    def _eased(self, line: np.ndarray, grid: _Grid, handle: Handle, fps: float) -> np.ndarray:
        """The line [T, 4], followed no faster than the handle's speed: no track of the grid moves further in a frame,
        to first order."""
        if math.isinf(handle.speed):
            return line
        corner = handle.radius * math.sqrt(2) * (handle.side > 1)  # from the handle to its furthest track
        at, out = grid.at, np.empty_like(line)
        for j, asked in enumerate(line):
            (dx, dy, turn, grow), size = asked - at, corner * math.exp(at[3])
            reach = math.hypot(dx / self._aspect, dy) + size * math.hypot(turn, grow)
            at = at + (asked - at) * min(1.0, handle.speed / fps / max(reach, 1e-12))
            out[j] = at
        return out

    def _lying(self, offsets: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Upright offsets [K, 2] in heights, turned and grown as `at` [T, 4] says: [T, K, 2], normalised."""
        along, down = (np.exp(at[:, 3]) * f(at[:, 2]) for f in (np.cos, np.sin))
        x, y = offsets[:, 0], offsets[:, 1]
        across = along[:, None] * x - down[:, None] * y
        return np.stack([across * self._aspect, down[:, None] * x + along[:, None] * y], axis=2)

    def _park(self, key: int) -> None:
        self._parked[key] = self._grids.pop(key)
        if len(self._parked) > MAX_PARKED:
            del self._parked[next(iter(self._parked))]

    def _returned(self, handle: Handle) -> _Grid | None:
        """The grid that this handle left behind, now its own again; None where it takes hold anew."""
        grid = self._parked.pop(handle.id, None)
        if grid is None or handle.hold is None:
            return None
        if (grid.hold, grid.radius, grid.side) != (handle.hold, handle.radius, handle.side):
            return None
        self._grids[handle.id] = grid
        return grid

    def _lay(self, handle: Handle, at: np.ndarray) -> _Grid:
        """A grid at `at` [4] with ids never used before, so that no point inherits another one's origin."""
        birth = self._births.get(handle.id, 0)
        self._births[handle.id] = birth + 1
        side = handle.side
        steps = np.linspace(-handle.radius, handle.radius, side) if side > 1 else np.zeros(1)
        offsets = np.stack([np.tile(steps, side), np.repeat(steps, side)], axis=1)  # [K, 2], row-major
        starts = at[:2] + self._lying(offsets, at[None])[0]
        inside = np.all((starts >= 0) & (starts <= 1), axis=1)
        middle = side * side // 2
        inside[middle] = True  # the handle itself is never left out
        if self._grip is not None and side > 1:
            inside &= self._grip.together(starts, middle)
        ids = grid_ids(handle.id, birth, np.flatnonzero(inside))
        grid = _Grid(offsets[inside], ids, handle.radius, side, handle.hold, at, at)
        self._grids[handle.id] = grid
        return grid


def middle_of(ids: np.ndarray, handle: Handle) -> int:
    """Which of the tracks is the handle's own, in the middle of its grid; every grid has it."""
    middle = (holder_of(ids) == handle.id) & (ids % IDS_PER_HANDLE == handle.side * handle.side // 2)
    return int(np.flatnonzero(middle)[0])


def resample_path(
    path: np.ndarray,
    start_xy: np.ndarray,
    end_xy: tuple[float, float],
    since_s: float,
    now_s: float,
    frames: int,
) -> np.ndarray:
    """A polyline [K, 3] of (time, x, y) sampled at `frames` even times in (since, now] -> float64 [frames,
    2].

    It begins at `start_xy` at `since_s`; samples outside the span are moved to its ends; the last row is
    `end_xy` exactly. Where the span has no length the frames divide the line evenly. What goes out and comes back
    between two frames is not lost: a frame shows how far it went. (A busy window hands over a whole flick at once.)
    """
    steps = np.arange(1, frames + 1) / frames
    span_s = now_s - since_s
    if span_s > 0:
        inner = np.clip((path[:, 0] - since_s) / span_s, 0.0, 1.0)
    else:
        inner = np.arange(1, len(path) + 1) / (len(path) + 1)
    knots = np.concatenate([[0.0], inner, [1.0]])
    points = np.concatenate([[start_xy], path[:, 1:], [end_xy]])  # [K + 2, 2]
    line = np.stack([np.interp(steps, knots, points[:, axis]) for axis in (0, 1)], axis=1)
    line[-1] = end_xy
    return _with_excursions(line, points, knots) if frames > 1 else line


def _with_excursions(line: np.ndarray, points: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """The sampled line [T, 2] with a row put at each place that the polyline reached between two rows and came back
    from. points [K, 2] at knots [K] in [0, 1]. The last row stays: what happened before it, the one before shows.
    """
    frames, out = len(line), line.copy()
    frame_of = np.clip(np.ceil(knots * frames).astype(np.int64) - 1, 0, frames - 1)  # [K]
    start, end = np.concatenate([points[:1], line[:-1]])[frame_of], line[frame_of]  # [K, 2] each
    way = end - start
    along = np.sum((points - start) * way, axis=1) / np.maximum(np.sum(way * way, axis=1), 1e-12)
    away = np.linalg.norm(points - start - np.clip(along, 0.0, 1.0)[:, None] * way, axis=1)  # from the straight way
    for frame in np.unique(frame_of[away > EXCURSION]).tolist():
        furthest = np.argmax(np.where(frame_of == frame, away, -1.0))
        out[min(frame, frames - 2)] = points[furthest]
    return out
