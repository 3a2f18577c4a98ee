"""The hand as a motion source: every handle carries a small grid of tracks that moves rigidly with it.

Owns where each handle was last, so that chunk joins chunk. Never reads a clock and never sees the UI. Lives
on the engine's thread.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.channels import ControlSnapshot, Handle
from inference.tracks import Tracks

GRID_SIDE = 5
IDS_PER_HANDLE = 64  # ids are handle.id * 64 + k, k the row-major place in the grid
MAX_PARKED = 64  # grids kept of handles that went: more removals than anybody undoes
_BIRTH_STRIDE = IDS_PER_HANDLE << 32  # a grid laid anew gets ids of its own and leaves handle.id readable below


@dataclass
class _Grid:
    """The grid of one handle as laid down: offsets float32 [K, 2] from the handle, ids int64 [K], radius as
    asked, hold: of the handle when it was laid."""

    offsets: np.ndarray
    ids: np.ndarray
    radius: float
    last_xy: np.ndarray  # float64 [2], where the last chunk left the handle
    hold: int | None


class HandMotion:
    """Handles to tracks, chunk after chunk.

    size: (width, height) in pixels; makes the grids square on the picture. Positions between samples of a
    pointer are linear in time, and the last frame of a chunk has the handle exactly where the snapshot has
    it. A new handle is there from the first frame of its first chunk, at its first sample, so that what it
    holds is known before it moves. A pin is a handle that stays. The grid's points that begin outside the
    picture hold nothing and are left out.

    A handle that went (a point was removed) leaves its grid behind. Where it returns with the same hold (the removal
    was undone) the grid does, with its ids, so that the stream knows the points again.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self._aspect = size[1] / size[0]  # a radius in heights, as a part of the width
        self._grids: dict[int, _Grid] = {}
        self._parked: dict[int, _Grid] = {}  # of handles that went, the latest last
        self._births: dict[int, int] = {}

    def reset(self, size: tuple[int, int] | None = None) -> None:
        """Forget where everything was: the next chunk lays every grid anew (after a load or a restart)."""
        if size is not None:
            self._aspect = size[1] / size[0]
        self._grids = {}
        self._parked = {}
        self._births = {}

    def advance(self, snapshot: ControlSnapshot, frames: int) -> Tracks:
        """The tracks of the next chunk: frame j samples the pointers at since + (j + 1) / frames * (now -
        since)."""
        present = {handle.id for handle in snapshot.handles}
        for gone in self._grids.keys() - present:
            self._park(gone)
        parts: list[np.ndarray] = []  # float32 [T, K, 2] each
        ids: list[np.ndarray] = []
        for handle in snapshot.handles:
            path = snapshot.paths.get(handle.id, np.zeros((0, 3)))
            grid = self._grids.get(handle.id)
            new = grid is None
            if grid is None and (parked := self._returned(handle)) is not None:
                grid = parked
                grid.last_xy = np.array(path[0, 1:] if len(path) else handle.xy, np.float64)
            elif grid is None:
                grid = self._lay(handle, path[0, 1:] if len(path) else np.array(handle.xy, np.float64))
            elif grid.radius != handle.radius:
                grid = self._lay(handle, grid.last_xy)
            line = resample_path(path, grid.last_xy, handle.xy, snapshot.since_s, snapshot.now_s, frames)
            if new and frames > 1:
                line[0] = grid.last_xy
            grid.last_xy = line[-1]
            parts.append(line[:, None, :].astype(np.float32) + grid.offsets[None])  # [T, 1, 2] + [1, K, 2]
            ids.append(grid.ids)
        if not parts:
            return Tracks.empty(frames)
        identities = np.concatenate(ids)
        order = np.argsort(identities)  # the order a tracks file has, so that a replay is exact
        xy = np.concatenate(parts, axis=1)[:, order]  # [T, N, 2]
        visible = np.all((xy >= 0) & (xy <= 1), axis=2)
        return Tracks(xy, visible, identities[order])

    def _park(self, key: int) -> None:
        self._parked[key] = self._grids.pop(key)
        if len(self._parked) > MAX_PARKED:
            del self._parked[next(iter(self._parked))]

    def _returned(self, handle: Handle) -> _Grid | None:
        """The grid that this handle left behind, now its own again; None where it takes hold anew."""
        grid = self._parked.pop(handle.id, None)
        if grid is None or handle.hold is None or (grid.hold, grid.radius) != (handle.hold, handle.radius):
            return None
        self._grids[handle.id] = grid
        return grid

    def _lay(self, handle: Handle, xy: np.ndarray) -> _Grid:
        """A grid around `xy` with ids never used before, so that no point inherits another one's origin."""
        birth = self._births.get(handle.id, 0)
        self._births[handle.id] = birth + 1
        steps = np.linspace(-handle.radius, handle.radius, GRID_SIDE)
        offsets = np.stack(
            [np.tile(steps * self._aspect, GRID_SIDE), np.repeat(steps, GRID_SIDE)], axis=1
        )  # [25, 2], row-major
        starts = xy + offsets
        inside = np.all((starts >= 0) & (starts <= 1), axis=1)
        inside[GRID_SIDE * GRID_SIDE // 2] = True  # the handle itself is never left out
        ids = birth * _BIRTH_STRIDE + handle.id * IDS_PER_HANDLE + np.flatnonzero(inside)
        grid = _Grid(offsets[inside].astype(np.float32), ids.astype(np.int64), handle.radius, xy, handle.hold)
        self._grids[handle.id] = grid
        return grid


def handle_of(ids: np.ndarray) -> np.ndarray:
    """The handle that each track belongs to: int64 [N] of ids to int64 [N] of `Handle.id`."""
    return ids % _BIRTH_STRIDE // IDS_PER_HANDLE


def is_middle(ids: np.ndarray) -> np.ndarray:
    """Whether each track is its handle's own, in the middle of the grid: bool [N]. Every grid has it."""
    return (ids >= 0) & (ids % IDS_PER_HANDLE == GRID_SIDE * GRID_SIDE // 2)


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
    `end_xy` exactly. Where the span has no length the frames divide the line evenly.
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
    return line
