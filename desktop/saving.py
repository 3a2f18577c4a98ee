"""Saving what is shown: the picture as PNG, the last half minute as MP4.

Owns the file dialog and one worker thread, on which files are encoded and written at low priority, so that neither the
window nor the engine waits. A file appears under its name only when it is whole. What could not be written is kept and
the dialog comes again. UI thread, except the writing.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from PIL import Image
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from desktop.clip import Clip, write_clip
from desktop.settings import Settings
from inference.errors import UserError
from inference.pipeline import lower_thread_priority

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Job:
    """Something to be saved. write: makes the file, or raises UserError or OSError. what: in words, for a sentence."""

    what: str
    suffix: str
    filter: str
    write: Callable[[Path], None]


class SaveDesk(QObject):
    """`saved` and `failed` tell the person; nothing here waits."""

    saved = Signal(str)
    failed = Signal(object)  # UserError

    _done = Signal(object, object, object)  # Job, Path, UserError or None

    def __init__(self, settings: Settings, window: QWidget) -> None:
        super().__init__(window)
        self._settings, self._window = settings, window
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="saving", initializer=lower_thread_priority)
        self._done.connect(self._on_done, Qt.ConnectionType.QueuedConnection)

    def save_picture(self, pixels: np.ndarray) -> None:
        """Asks where to, then writes uint8 [H, W, 3] as PNG."""
        self._ask(Job("The picture", ".png", "PNG (*.png)", lambda path: _write_png(path, pixels)))

    def save_clip(self, clip: Clip, fps: float) -> None:
        """Asks where to, then writes the clip as MP4."""
        what = f"The last {clip.seconds:.0f} seconds" if clip.seconds >= 1.5 else "The last moment"
        self._ask(Job(what, ".mp4", "Video (*.mp4)", lambda path: write_clip(path, clip, fps)))

    def stop(self) -> None:
        """Finishes what is being written."""
        self._pool.shutdown(wait=True)

    def _ask(self, job: Job) -> None:
        dialog = QFileDialog(self._window, f"Save {job.what[0].lower()}{job.what[1:]}")
        dialog.setObjectName("save")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setFileMode(QFileDialog.FileMode.AnyFile)
        dialog.setNameFilter(job.filter)
        dialog.setDefaultSuffix(job.suffix)
        dialog.setDirectory(str(self._settings.save_folder))
        dialog.selectFile(f"motionstream-{datetime.now():%Y%m%d-%H%M%S}{job.suffix}")
        dialog.fileSelected.connect(lambda name: self._begin(job, Path(name)))
        dialog.open()

    def _begin(self, job: Job, path: Path) -> None:
        self._settings.save_folder = path.parent
        self._pool.submit(_attempt, job, path).add_done_callback(lambda done: self._report(job, path, done))

    def _report(self, job: Job, path: Path, done: Future[UserError | None]) -> None:  # on the worker
        self._done.emit(job, path, done.result())

    def _on_done(self, job: Job, path: Path, error: UserError | None) -> None:
        if error is None:
            self.saved.emit(f"{job.what}: saved as {path}")
            return
        self.failed.emit(error)
        if self._window.isVisible():
            self._ask(job)


def _attempt(job: Job, path: Path) -> UserError | None:
    """On the worker."""
    try:
        job.write(path)
    except UserError as error:
        return UserError(error.what, "Nothing is lost.", error.next)
    except Exception as error:  # whatever an encoder raises becomes a sentence; the job is kept
        log.exception("saving failed path=%s", path)
        reason = getattr(error, "strerror", None) or error
        return UserError(
            f"{path} cannot be written ({reason}).",
            "Nothing is lost.",
            "Choose another folder, or make room on the disk.",
        )
    return None


def _write_png(path: Path, pixels: np.ndarray) -> None:
    packed = io.BytesIO()
    Image.fromarray(pixels).save(packed, "PNG")
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(packed.getvalue())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
