"""Session files: what a person did, written down so that it can be played again.

Owns one NDJSON file a picture, with the picture as PNG beside it. The first line says what was opened, then
one line follows for every chunk of tracks, restart and prompt; each is flushed, so that a crash costs one
line at most. Never decides what happens on a full disk: it raises OSError. The engine's thread writes;
reading is for any thread.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from inference.errors import UserError
from inference.tracks import COORDINATE_DECIMALS, TrackFile, Tracks

FORMAT = "motionstream-session"
VERSION = 1


class SessionLog:
    """Writes the session files of one engine into `folder`; without a folder it writes nothing."""

    def __init__(self, folder: Path | None, package: str = "") -> None:
        self._folder = folder
        self._package = package
        self._file: IO[str] | None = None
        self.path: Path | None = None

    def open(self, picture: np.ndarray, prompt: str, seed: int, fps: float) -> None:
        """Begin the file of another picture, uint8 [H, W, 3]."""
        self.close()
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        path = _free_name(self._folder, time.strftime("%Y%m%d-%H%M%S"))
        Image.fromarray(picture).save(path.with_suffix(".png"))
        self._file = path.open("x", encoding="utf-8")
        self.path = path
        height, width = picture.shape[:2]
        self._write(
            {
                "event": "open",
                "format": FORMAT,
                "version": VERSION,
                "package": self._package,
                "prompt": prompt,
                "seed": seed,
                "size": [width, height],
                "fps": fps,
                "picture": path.with_suffix(".png").name,
                "picture_sha256": picture_hash(picture),
                "unix_time_s": round(time.time(), 3),
            }
        )

    def chunk(self, index: int, tracks: Tracks) -> None:
        """The tracks of the chunk whose first frame is `index`."""
        if self._file is not None:
            xy = np.round(tracks.xy.astype(np.float64), COORDINATE_DECIMALS)
            self._write(
                {
                    "event": "chunk",
                    "index": index,
                    "ids": tracks.ids.tolist(),
                    "xy": xy.tolist(),
                    "visible": tracks.visible.astype(int).tolist(),
                }
            )

    def restart(self, prompt: str, seed: int) -> None:
        """The picture began again."""
        self._write({"event": "restart", "prompt": prompt, "seed": seed})

    def prompt(self, text: str) -> None:
        """The prompt changed; counts from the next chunk on."""
        self._write({"event": "prompt", "prompt": text})

    def close(self) -> None:
        file, self._file, self.path = self._file, None, None
        if file is not None:
            file.close()

    def abandon(self) -> None:
        """Let go of a file that can no longer be written."""
        try:
            self.close()
        except OSError:
            self._file = None  # what was flushed before stays readable

    def _write(self, event: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(event, separators=(",", ":")) + "\n")
            self._file.flush()


def picture_hash(picture: np.ndarray) -> str:
    """sha256 over the size and the pixels of a uint8 [H, W, 3] picture."""
    return hashlib.sha256(repr(picture.shape).encode() + np.ascontiguousarray(picture).tobytes()).hexdigest()


def session_to_tracks(path: str | Path) -> TrackFile:
    """The last run of a session file (since it was opened or restarted) as one set of tracks.

    Row 0 is the picture; points that were not there yet, or no longer, are not visible. A last line cut short
    by a crash is left out with a note; any other damage is a UserError.
    """
    path = Path(path)
    header, events, notes = _read(path)
    chunks: list[Tracks] = []
    later_prompts, under = 0, header  # what the last run began under
    for number, event in enumerate(events, start=2):
        try:
            match event["event"]:
                case "chunk":
                    chunks.append(_chunk_of(event))
                case "restart":
                    chunks, later_prompts, under = [], 0, event
                    notes = [note for note in notes if note != _RESTARTED] + [_RESTARTED]
                case "prompt":
                    later_prompts += 1
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(path, number) from error
    if later_prompts:
        notes.append("The prompt changed on the way, which a tracks file cannot hold.")
    prompt, seed = str(under.get("prompt", "")), int(under.get("seed", 0))
    tracks, present = _joined(chunks)
    return TrackFile(tracks, float(header["fps"]), " ".join(notes), prompt, seed, present)


_RESTARTED = "The session was restarted; only the last run is used."


def _read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]], list[str]]:
    """The header, the events after it, and notes."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise UserError(
            f"The session file {path} cannot be read.", next="Check the name, or choose another file."
        ) from error
    except UnicodeDecodeError as error:
        raise _no_session(path) from error
    unfinished = lines.pop()  # a whole file ends in a newline, so this is ""
    notes = ["The last line was cut short and is left out."] if unfinished else []
    events: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        try:
            event = json.loads(line)
        except json.JSONDecodeError as error:
            raise (_damaged(path, number) if events else _no_session(path)) from error
        if not isinstance(event, dict):
            raise _damaged(path, number) if events else _no_session(path)
        events.append(event)
    if not events or events[0].get("format") != FORMAT:
        raise _no_session(path)
    header = events[0]
    if header.get("version") != VERSION:
        raise UserError(
            f"The session file {path.name} has version {header.get('version')}, not {VERSION}.",
            next="Open it with the program that wrote it.",
        )
    fps = header.get("fps")
    if not isinstance(fps, int | float) or not fps > 0:
        raise _damaged(path, 1)
    return header, events[1:], notes


def _chunk_of(event: dict[str, Any]) -> Tracks:
    ids = np.array(event["ids"], np.int64)
    visible = np.array(event["visible"], np.bool_).reshape(len(event["visible"]), len(ids))  # [T, N]
    xy = np.array(event["xy"], np.float64).astype(np.float32).reshape(len(visible), len(ids), 2)
    return Tracks(xy, visible, ids)


def _joined(chunks: list[Tracks]) -> tuple[Tracks, np.ndarray]:
    """Chunks with points that come and go as one set, with a row for the picture in front; and present, bool [T, N].

    Where a point is absent it is not visible and waits at its nearest known place.
    """
    ids = np.unique(np.concatenate([np.zeros(0, np.int64), *(chunk.ids for chunk in chunks)]))
    rows = 1 + sum(len(chunk) for chunk in chunks)
    xy = np.zeros((rows, len(ids), 2), np.float32)
    visible = np.zeros((rows, len(ids)), np.bool_)
    known = np.zeros((rows, len(ids)), np.bool_)
    row = 1
    for chunk in chunks:
        columns = np.searchsorted(ids, chunk.ids)
        span = slice(row, row + len(chunk))
        xy[span, columns] = chunk.xy
        visible[span, columns] = chunk.visible
        known[span, columns] = True
        row += len(chunk)
    at = np.maximum.accumulate(np.where(known, np.arange(rows)[:, None], -1), axis=0)  # last known row so far, or -1
    at = np.where(at < 0, known.argmax(axis=0)[None], at)
    return Tracks(np.take_along_axis(xy, at[:, :, None], axis=0), visible, ids), known


def _free_name(folder: Path, stem: str) -> Path:
    path = folder / f"{stem}.ndjson"
    number = 2
    while path.exists():
        path = folder / f"{stem}-{number}.ndjson"
        number += 1
    return path


def _no_session(path: Path) -> UserError:
    return UserError(f"{path.name} is not a MotionStream session file.", next="Choose another file.")


def _damaged(path: Path, line: int) -> UserError:
    return UserError(f"The session file {path.name} is damaged in line {line}.", next="Choose another file.")
