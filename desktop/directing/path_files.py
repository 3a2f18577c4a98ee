"""Paths in files: kept by themselves for each picture, and brought in or given away when asked.

Owns the folder of kept paths and what of a file becomes a path. The formats are in `inference.path_file` and
`inference.track_arrays`. UI thread; every file is small (both refuse what is not).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path as FilePath

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from desktop.directing.path_set import Drawn, Item, Lent
from inference.errors import UserError, as_user_error
from inference.motion.lent_tracks import LentTracks
from inference.motion.paths import MAX_DURATION_S, MIN_DURATION_S, Path, drawn_path
from inference.path_file import read_paths, write_paths
from inference.session import picture_hash
from inference.track_arrays import (
    ATI_FPS,
    ATI_FRAMES,
    WAN_MOVE_FPS,
    WAN_MOVE_FRAMES,
    read_track_array,
    write_ati,
    write_wan_move,
)
from inference.tracks import Tracks

log = logging.getLogger(__name__)

OPEN_FILTER = "Paths and tracks (*.json *.npy *.pth);;All files (*)"
SAVE_FILTERS = ("Paths (*.json)", "ATI tracks (*.pth)", "Wan-Move tracks (*.npy)")
MOST_AS_PATHS = 8  # tracks of a file that become paths of their own; more are played together as they are
_SAVE_MS = 300


@dataclass(frozen=True)
class Placement:
    """How a file's pixels lie in the picture that is shown. size: (width, height) in pixels of the whole picture that
    the file is for. box: the part that is shown, (left, top, right, bottom), normalised.
    """

    size: tuple[float, float]
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)

    def to_shown(self, xy: np.ndarray) -> np.ndarray:
        """Normalised positions of the whole picture in what is shown of it, [..., 2]."""
        left, top, right, bottom = self.box
        return (xy - (left, top)) / (right - left, bottom - top)

    def to_whole(self, xy: np.ndarray) -> np.ndarray:
        left, top, right, bottom = self.box
        return xy * (right - left, bottom - top) + (left, top)


def read_file(file: FilePath, placement: Placement, aspect: float) -> tuple[Sequence[Path], Sequence[LentTracks]]:
    """Any of the three formats; UserError with a sentence. aspect: width over height of what is shown."""
    if file.suffix.lower() not in (".npy", ".pth"):
        return read_paths(file)
    tracks, fps = read_track_array(file, placement.size)
    xy = placement.to_shown(tracks.xy.astype(np.float64))
    if tracks.ids.size > MOST_AS_PATHS:
        return (), (LentTracks(0, 0, Tracks(xy.astype(np.float32), tracks.visible, tracks.ids), fps),)
    return [
        _path_of(xy[:, n], tracks.visible[:, n], fps, aspect)
        for n in range(tracks.ids.size)
        if tracks.visible[:, n].any()
    ], ()


def write_file(file: FilePath, items: Sequence[Item], placement: Placement) -> str:
    """By the name's suffix; what is to be said about it, "" for nothing. Raises OSError."""
    drawn = [item.path for item in items if isinstance(item, Drawn)]
    lent = [item.source for item in items if isinstance(item, Lent)]
    if file.suffix.lower() not in (".npy", ".pth"):
        write_paths(file, drawn, lent)
        return ""
    ati = file.suffix.lower() == ".pth"
    frames, fps = (ATI_FRAMES, ATI_FPS) if ati else (WAN_MOVE_FRAMES, WAN_MOVE_FPS)
    tracks = _sampled(drawn, lent, frames, fps, placement)
    if ati:
        write_ati(file, tracks, placement.size)
    else:
        write_wan_move(file, tracks, placement.size)
    seconds = (frames - 1) / fps
    return f"Its {frames} rows hold the first {seconds:g} s." if any(i.ends_s > seconds + 1e-6 for i in items) else ""


def _sampled(
    drawn: Sequence[Path], lent: Sequence[LentTracks], frames: int, fps: float, placement: Placement
) -> Tracks:
    """Everything as tracks of the whole picture, from the start of the playing."""
    times_s = np.arange(frames) / fps
    xy = [path.at(times_s - path.delay_s)[:, None] for path in drawn]  # [T, 1, 2] each
    visible = [np.ones((frames, 1), np.bool_) for _ in drawn]
    for one in lent:
        rows = one.lent.at(np.clip((times_s - one.delay_s) * one.fps, 0, len(one.lent) - 1))
        xy.append(rows.xy.astype(np.float64))
        visible.append(rows.visible)
    whole = placement.to_whole(np.concatenate(xy, axis=1))
    seen = np.concatenate(visible, axis=1) & np.all((whole >= 0) & (whole <= 1), axis=2)
    return Tracks(whole.astype(np.float32), seen, np.arange(whole.shape[1]))


def _path_of(xy: np.ndarray, visible: np.ndarray, fps: float, aspect: float) -> Path:
    """A track, float64 [T, 2] where it is visible, as a path of few knots; also one that stands still."""
    rows = np.flatnonzero(visible)
    first, last = int(rows[0]), int(rows[-1])
    samples = np.column_stack([rows / fps, np.clip(xy[rows], -1.0, 2.0)])
    path = drawn_path(samples, aspect)
    if path is None:
        place = (float(samples[0, 1]), float(samples[0, 2]))
        seconds = min(max((last - first) / fps, MIN_DURATION_S), MAX_DURATION_S)
        path = Path((place, place), (0.0, 1.0), seconds, aspect=aspect)
    return replace(path, delay_s=first / fps)


class PathStore(QObject):
    """Keeps the paths of each picture in `folder`, a file a picture and crop, soon after every change."""

    failed = Signal(object)  # UserError

    def __init__(self, folder: FilePath, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self._file: FilePath | None = None
        self._items: tuple[Item, ...] = ()
        self._waiting = False
        self._timer = QTimer(self, singleShot=True, interval=_SAVE_MS)
        self._timer.timeout.connect(self.flush)

    def turn_to(self, pixels: np.ndarray) -> tuple[Sequence[Path], Sequence[LentTracks]]:
        """Another picture, uint8 [H, W, 3] as the model has it: what was kept for it. A file that cannot be read is
        put aside under another name, so that nothing is written over it.
        """
        self.flush()
        self._file, self._items = self._folder / f"{picture_hash(pixels)[:32]}.json", ()
        if not self._file.is_file():
            return (), ()
        try:
            return read_paths(self._file)
        except UserError as error:
            aside = self._file.with_name(f"{self._file.stem}-{datetime.now():%Y%m%d-%H%M%S}.damaged")
            try:
                self._file.rename(aside)
            except OSError:
                self._file = None  # better not kept than written over
            self.failed.emit(UserError(error.what, f"It is kept as {aside}.", "Draw them again."))
            return (), ()

    def keep(self, items: tuple[Item, ...]) -> None:
        """Soon."""
        self._items, self._waiting = items, True
        if self._file is not None and not self._timer.isActive():
            self._timer.start()

    def flush(self) -> None:
        """What is still to be written, now."""
        self._timer.stop()
        waiting, self._waiting = self._waiting, False
        if self._file is None or not waiting:
            return
        try:
            if self._items or self._file.is_file():
                self._folder.mkdir(parents=True, exist_ok=True)
                write_file(self._file, self._items, Placement((1.0, 1.0)))
        except OSError as error:
            self.failed.emit(
                as_user_error(error, "The paths cannot be kept", "They are in the window.", "Make room on the disk.")
            )
