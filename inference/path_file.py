"""The file in which drawn paths and lent tracks are kept: one JSON object, named and versioned.

    {"format": "motionstream-paths", "version": 1,
     "paths": [{"knots": [[x, y], ...], "times": [0, ..., 1], "duration_s": 1.5, "delay_s": 0, "ease": "none",
                "repeat": "once", "radius": 0.111, "aspect": 1.778}, ...],
     "tracks": [{"fps": 24, "delay_s": 0, "xy": [T][N][x, y], "visible": [T][N] of 0 and 1}, ...]}

Positions are normalised; the fields of a path are those of `inference.motion.paths.Path`. Owns reading and writing. A
file appears under its name only when it is whole. Any thread.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path as FilePath
from typing import Any

import numpy as np

from inference.errors import UserError
from inference.motion.lent_tracks import LentTracks
from inference.motion.paths import MAX_DELAY_S, Path
from inference.track_arrays import MAX_POINTS
from inference.tracks import COORDINATE_DECIMALS, Tracks

FORMAT, VERSION = "motionstream-paths", 1
MAX_PATHS = 64
MAX_BYTES = 16_000_000
KEPT = "The paths that are there stay as they are."
_NEXT = "Choose another file."


def write_paths(file: FilePath, paths: Sequence[Path], tracks: Sequence[LentTracks] = ()) -> None:
    """Raises OSError where the file cannot be written; then the one before it stays."""
    body = {
        "format": FORMAT,
        "version": VERSION,
        "paths": [asdict(path) for path in paths],
        "tracks": [
            {
                "fps": one.fps,
                "delay_s": one.delay_s,
                "xy": np.round(one.lent.xy.astype(np.float64), COORDINATE_DECIMALS).tolist(),
                "visible": one.lent.visible.astype(int).tolist(),
            }
            for one in tracks
        ],
    }
    part = file.with_name(file.name + ".part")
    try:
        part.write_text(json.dumps(body, separators=(",", ":")) + "\n", encoding="utf-8")
        part.replace(file)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def read_paths(file: FilePath) -> tuple[tuple[Path, ...], tuple[LentTracks, ...]]:
    """What `write_paths` wrote, the tracks still without key and number. UserError says in a sentence what is wrong."""
    try:
        if file.stat().st_size > MAX_BYTES:
            raise _fault(file, f"is larger than {MAX_BYTES // 1_000_000} MB, which no file of paths is")
        body = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"The file {file.name} cannot be read ({error.strerror}).", KEPT, _NEXT) from error
    except (ValueError, RecursionError) as error:  # of JSON and of UTF-8
        raise _fault(file, "is not a file of paths") from error
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise _fault(file, "is not a file of paths")
    if body.get("version") != VERSION:
        version = body.get("version")
        raise UserError(
            f"The file {file.name} has version {version}, not {VERSION}.",
            KEPT,
            "Open it with the program that wrote it.",
        )
    rows, lent = body.get("paths", []), body.get("tracks", [])
    if not isinstance(rows, list) or not isinstance(lent, list):
        raise _fault(file, "is damaged")
    if len(rows) + len(lent) > MAX_PATHS:
        raise _fault(file, f"holds {len(rows) + len(lent):,} paths; at most {MAX_PATHS} are taken")
    return (
        tuple(_path(file, number, row) for number, row in enumerate(rows, start=1)),
        tuple(_lent(file, number, row) for number, row in enumerate(lent, start=1)),
    )


def _path(file: FilePath, number: int, row: Any) -> Path:
    try:
        fields: dict[str, Any] = {
            "knots": tuple((float(x), float(y)) for x, y in row["knots"]),
            "times": tuple(float(time) for time in row["times"]),
            "ease": str(row["ease"]),
            "repeat": str(row["repeat"]),
            **{name: float(row[name]) for name in ("duration_s", "delay_s", "radius", "aspect")},
        }
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _fault(file, f"is damaged in path {number}") from error
    try:
        return Path(**fields)
    except ValueError as error:
        raise _fault(file, f"cannot be used: path {number} {error}") from error


def _lent(file: FilePath, number: int, row: Any) -> LentTracks:
    try:
        xy, visible = np.array(row["xy"], np.float32), np.array(row["visible"], np.bool_)
        lent = Tracks(xy, visible, np.arange(xy.shape[1]))
        fps, delay_s = float(row["fps"]), float(row["delay_s"])
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise _fault(file, f"is damaged in its tracks {number}") from error
    if not 0 < visible.size <= MAX_POINTS or not (0 < fps < 1e6 and 0 <= delay_s <= MAX_DELAY_S):
        raise _fault(file, f"cannot be used: its tracks {number} have too many points, none, or no sound frame rate")
    return LentTracks(0, 0, lent, fps, delay_s)


def _fault(file: FilePath, what: str) -> UserError:
    return UserError(f"The file {file.name} {what}.", KEPT, _NEXT)
