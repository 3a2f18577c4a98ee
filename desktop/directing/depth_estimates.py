"""A larger depth model of the person's own, asked about every picture that opens.

Owns the worker, the model that is open, and which file was chosen (remembered in the settings). Never paints
(`desktop.directing.depth_brush` takes what is found) and never knows what a file holds (`inference.depth_models`).
Until an answer comes, and where none does, the depth is what it was. UI thread, except `_work`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal

from desktop.directing.depth_brush import DepthBrush
from desktop.picture_desk import PictureDesk
from desktop.settings import Settings
from inference.errors import UserError, as_user_error
from inference.pipeline import lower_thread_priority

if TYPE_CHECKING:
    from inference.depth_models import DepthModel


class DepthEstimates(QObject):
    """One a window. `changed`: another file, or whether one is being asked."""

    changed = Signal()
    failed = Signal(object)  # UserError

    _answered = Signal(int, object, object)  # of which question: the small picture, its depth or a UserError

    def __init__(self, brush: DepthBrush, pictures: PictureDesk, settings: Settings, parent: QObject) -> None:
        super().__init__(parent)
        self._brush, self._pictures, self._settings = brush, pictures, settings
        self._picture: np.ndarray | None = None  # uint8 [h, w, 3], as the model has it
        self._asked = 0  # the newest question; one that is not the newest is not answered any more
        self.busy = False
        self._model: tuple[Path, DepthModel] | None = None  # the worker's
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="depth", initializer=lower_thread_priority)
        pictures.accepted.connect(lambda _, pixels: self._open(pixels))
        self._answered.connect(self._on_answer, Qt.ConnectionType.QueuedConnection)

    @property
    def file(self) -> Path | None:
        """Whose estimates are used; None for those of the model package."""
        return self._settings.depth_model

    def choose(self, file: Path | None) -> None:
        """From now on this file's estimates, remembered once it has given one; None: the package's own again, from the
        next picture on.
        """
        if file is None:
            self._settings.depth_model = None
            self._asked, self.busy = self._asked + 1, False
            self.changed.emit()
        elif self._picture is not None:
            self._ask(file)

    def stop(self) -> None:
        """When the window closes."""
        self._asked += 1
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _open(self, picture: np.ndarray) -> None:
        self._picture = picture
        if self.file is not None:
            self._ask(self.file)

    def _ask(self, file: Path) -> None:
        self._asked += 1
        self.busy = True
        self._pool.submit(self._work, self._asked, file, self._picture, self._pictures.photograph())
        self.changed.emit()

    def _work(self, number: int, file: Path, picture: np.ndarray, photograph: np.ndarray) -> None:  # on the worker
        if number != self._asked:
            return
        try:
            from inference.depth_models import open_depth_model  # here: the window opens without torch

            if self._model is None or self._model[0] != file:
                self._model = None  # only one in memory
                self._model = (file, open_depth_model(file))
            answer: object = (file, self._model[1](photograph, (picture.shape[1], picture.shape[0])))
        except Exception as fault:
            answer = as_user_error(fault, f"{file.name} cannot be used", "The depth stays as it is.")
        self._answered.emit(number, picture, answer)

    def _on_answer(self, number: int, picture: np.ndarray, answer: tuple[Path, np.ndarray] | UserError) -> None:
        if number != self._asked:
            return
        self.busy = False
        if isinstance(answer, UserError):
            self.failed.emit(answer)
        else:
            file, depth = answer
            chosen_anew = file != self.file
            self._settings.depth_model = file
            self._brush.take_estimate(picture, depth, file.stem, as_edit=chosen_anew)
        self.changed.emit()
