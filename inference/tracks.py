"""Point tracks: the one form in which motion reaches the model, and their file.

Owns the `Tracks` value and the `.npz` tracks file. Never draws, never touches torch. Values are frozen and
may cross threads; nobody writes into their arrays.

Points are normalised image coordinates, x right, y down, (0, 0) the top-left corner and (1, 1) the
bottom-right one. `visible=False` means occluded or outside the picture; a point that is not in the set is not
specified at all.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from inference.errors import UserError

COORDINATE_DECIMALS = 6  # 1e-6 of a picture is far below what any model sees, and keeps session files small
_KEYS = ("xy", "visible", "ids", "fps")
_NEXT = "Save it again with xy float32 [T,N,2], visible bool [T,N], ids int [N] and fps, or choose another file."


@dataclass(frozen=True, eq=False)
class Tracks:
    """The motion of N points over T frames: one chunk, or a whole file.

    xy: float32 [T, N, 2], normalised. visible: bool [T, N]. ids: int64 [N], unique, stable for the life of a
    point. Raises ValueError when shapes or dtypes disagree, a coordinate is not finite, or an id comes twice.
    """

    xy: np.ndarray
    visible: np.ndarray
    ids: np.ndarray

    def __post_init__(self) -> None:
        if self.xy.ndim != 3 or self.xy.shape[2] != 2:
            raise ValueError(f"xy must have the shape [T, N, 2], not {list(self.xy.shape)}")
        frames, points = self.xy.shape[:2]
        if self.visible.shape != (frames, points):
            raise ValueError(f"visible must have the shape {[frames, points]}, not {list(self.visible.shape)}")
        if self.ids.shape != (points,):
            raise ValueError(f"ids must have the shape {[points]}, not {list(self.ids.shape)}")
        for name, array, dtype in (
            ("xy", self.xy, np.float32),
            ("visible", self.visible, np.bool_),
            ("ids", self.ids, np.int64),
        ):
            if array.dtype != dtype:
                raise ValueError(f"{name} must hold {np.dtype(dtype).name}, not {array.dtype.name}")
        if not np.isfinite(self.xy).all():
            raise ValueError("xy holds a coordinate that is not a finite number")
        if len(np.unique(self.ids)) != points:
            raise ValueError("ids holds the same id twice")

    @classmethod
    def empty(cls, frames: int) -> Self:
        """T frames in which no point is specified."""
        return cls(np.zeros((frames, 0, 2), np.float32), np.zeros((frames, 0), np.bool_), np.zeros(0, np.int64))

    def __len__(self) -> int:
        """The number of frames T."""
        return self.xy.shape[0]

    def __getitem__(self, frames: slice) -> Tracks:
        """The same points over a slice of the frames."""
        return Tracks(self.xy[frames], self.visible[frames], self.ids)

    def of_points(self, chosen: np.ndarray) -> Tracks:
        """Only some of the points. chosen: bool [N]."""
        return Tracks(self.xy[:, chosen], self.visible[:, chosen], self.ids[chosen])

    def rounded(self) -> Tracks:
        """These tracks with coordinates as a session file stores them, to 1e-6, so that a replay is exact."""
        xy = np.round(self.xy.astype(np.float64), COORDINATE_DECIMALS).astype(np.float32)
        return Tracks(xy, self.visible, self.ids)

    def held_to(self, frames: int) -> Tracks:
        """These tracks made `frames` long by holding the last row; ValueError when there is no row to
        hold."""
        if len(self) == 0:
            raise ValueError("there is no row to hold")
        rows = np.minimum(np.arange(frames), len(self) - 1)
        return Tracks(self.xy[rows], self.visible[rows], self.ids)

    def resampled(self, fps: float, new_fps: float) -> Tracks:
        """These tracks at another frame rate: positions linear in time, row 0 kept, the last row kept as well
        as the new rate allows. A point is visible between two rows only where both show it."""
        if len(self) < 2 or fps == new_fps:
            return self
        # The count is rounded, so that 1 s at 30/s becomes 1 s at 24/s in spite of floating point.
        frames = round((len(self) - 1) / fps * new_fps) + 1
        return self.at(np.minimum(np.arange(frames) * (fps / new_fps), len(self) - 1))

    def at(self, rows: np.ndarray) -> Tracks:
        """These tracks at rows between theirs, float [T'] from 0 to T - 1: positions linear in time. A point is visible
        between two rows only where both show it. Needs a row.
        """
        low = np.minimum(rows.astype(np.int64), max(len(self) - 2, 0))
        high = np.minimum(low + 1, len(self) - 1)
        share = (rows - low).astype(np.float32)  # [T']
        xy = self.xy[low] * (1 - share)[:, None, None] + self.xy[high] * share[:, None, None]
        before = self.visible[low] | (share == 1)[:, None]
        after = self.visible[high] | (share == 0)[:, None]
        return Tracks(xy.astype(np.float32), before & after, self.ids)


@dataclass(frozen=True)
class TrackFile:
    """What a tracks file holds. Row 0 of the tracks is the picture itself. note: what was mended, "" when
    nothing. prompt, seed: what a session ran under; a plain tracks file says neither. present: bool [T, N], where a
    session's points were specified at all; None where the file does not say."""

    tracks: Tracks
    fps: float
    note: str = ""
    prompt: str = ""
    seed: int = 0
    present: np.ndarray | None = None


def load_tracks(path: str | Path) -> TrackFile:
    """Read a tracks file (.npz with xy, visible, ids, fps). UserError with a sentence for whatever is wrong
    with it."""
    path = Path(path)
    arrays = _read_arrays(path)
    missing = [key for key in _KEYS if key not in arrays]
    if missing:
        raise _fault(path, f"has no {' and no '.join(missing)}")
    for key, kinds, holds in (
        ("xy", "f", "real numbers"),
        ("visible", "b", "booleans"),
        ("ids", "iu", "whole numbers"),
    ):
        if arrays[key].dtype.kind not in kinds:
            raise _fault(path, f"must hold {holds} in {key}, not {arrays[key].dtype.name}")
    rate = arrays["fps"]
    if rate.size != 1 or rate.dtype.kind not in "fiu":
        raise _fault(path, "must hold one number in fps")
    fps = float(rate.reshape(()))
    if not (np.isfinite(fps) and fps > 0):
        raise _fault(path, f"has a frame rate of {fps:g}, which is not above zero")
    try:
        tracks = Tracks(
            arrays["xy"].astype(np.float32),
            arrays["visible"].astype(np.bool_),
            arrays["ids"].astype(np.int64),
        )
    except ValueError as error:
        raise _fault(path, f"is not valid: {error}") from error
    if len(tracks) == 0:
        raise _fault(path, "holds no rows; row 0, the picture itself, must be there")
    return TrackFile(tracks, fps)


def save_tracks(path: str | Path, tracks: Tracks, fps: float) -> None:
    """Write a tracks file that `load_tracks` reads back unchanged."""
    with Path(path).open("wb") as file:  # a file object, since a bare name would get a second suffix from numpy
        np.savez_compressed(file, xy=tracks.xy, visible=tracks.visible, ids=tracks.ids, fps=np.float64(fps))


def _read_arrays(path: Path) -> dict[str, Any]:
    """The arrays of an .npz file that are ours; never unpickles anything."""
    if not path.is_file():
        raise UserError(f"There is no tracks file at {path}.", next="Check the name, or choose another file.")
    try:
        if not zipfile.is_zipfile(path):
            raise _fault(path, "is not an .npz archive")
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in _KEYS if key in archive.files}
    except ValueError as error:
        if "allow_pickle" in str(error):
            raise _fault(path, "holds pickled objects, which are never opened since they can run code") from error
        raise _fault(path, "is damaged") from error
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise _fault(path, "is damaged") from error


def _fault(path: Path, what: str) -> UserError:
    return UserError(f"The tracks file {path.name} {what}.", next=_NEXT)
