"""From "open this" to a picture at a bucket's size: decoding, the crop, and what to keep while another is
chosen.

Owns the loader, the crop being edited and the picture that is shown. Hands finished pictures on; never
talks to the engine. UI thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PySide6.QtCore import QMimeData, QObject, Signal

from desktop.crop import Bucket, Crop, best_crop, loses_much
from desktop.crop_panel import CropPanel
from desktop.pictures import EXAMPLES, Opened, PictureLoader, Starter, picture_file
from inference.errors import UserError
from inference.picture import Picture

SAME_SHAPE = 0.02  # how much two pictures' ratios of width to height may differ: rounding to whole pixels


class PictureDesk(QObject):
    """A person's own picture stops at the crop panel when its shape fits no bucket; bundled ones go
    straight through.
    """

    accepted = Signal(object, object)  # Opened, uint8 [H, W, 3] at a bucket's size
    cropping_changed = Signal(bool)
    failed = Signal(object)  # UserError
    noted = Signal(str)
    examples_asked = Signal(object)  # Path of a list of pictures with prompts and tracks

    def __init__(
        self,
        panel: CropPanel,
        buckets: tuple[Bucket, ...],
        starters: Mapping[Path, Starter],
        pasted_folder: Path,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._starters = starters
        self._panel = panel
        self._buckets = buckets
        self._pasted_folder = pasted_folder
        self._current: tuple[Opened, Crop] | None = None
        self._editing: Opened | None = None
        self._loader = PictureLoader(self)
        self._loader.loaded.connect(self._on_loaded)
        self._loader.failed.connect(self.failed)
        panel.used.connect(self._on_used)
        panel.cancelled.connect(self.cancel)

    @property
    def cropping(self) -> bool:
        return self._editing is not None

    @property
    def croppable(self) -> bool:
        return self._current is not None

    def photograph(self) -> np.ndarray:
        """The picture that is shown, uint8 [H, W, 3] at its own resolution; only once one was accepted."""
        assert self._current is not None
        opened, crop = self._current
        return crop.photograph(opened.picture)

    @property
    def placed(self) -> tuple[tuple[int, int], tuple[float, float, float, float]]:
        """The whole picture's (width, height) in pixels, and the part that is shown as (left, top, right, bottom),
        normalised; only once a picture was accepted.
        """
        assert self._current is not None
        opened, crop = self._current
        return opened.picture.size, crop.box(opened.picture)

    def cropped_alike(self, picture: Picture) -> np.ndarray:
        """The part of another picture that is shown of the open one, uint8 [H, W, 3] at the bucket's size.

        Raises UserError where the two have different shapes, or nothing is open.
        """
        if self._current is None:
            raise UserError("There is no picture yet.", next="Open one first.")
        opened, crop = self._current
        (width, height), (other_width, other_height) = opened.picture.size, picture.size
        if abs(other_width * height / (other_height * width) - 1.0) > SAME_SHAPE:
            raise UserError(
                f"That has another shape ({other_width}x{other_height}) than the picture ({width}x{height}).",
                "Nothing was changed.",
                "Choose one that was made from this very picture.",
            )
        return crop.apply(picture)

    def open_path(self, path: Path) -> None:
        """A file by any of its names; a starter is known by its place, however it was reached."""
        path = path.resolve()
        if path.suffix.lower() in EXAMPLES:
            self.examples_asked.emit(path)
            return
        starter = self._starters.get(path)
        self._loader.request(path, starter.title if starter else path.name, own=starter is None)

    def open_mime(self, mime: QMimeData) -> None:
        """A drop or the clipboard."""
        try:
            self.open_path(picture_file(mime, self._pasted_folder))
        except UserError as error:
            self.failed.emit(error)

    def adjust(self) -> None:
        """Opens the crop of the picture that is shown."""
        if self._current is not None:
            self._edit(*self._current)

    def cancel(self) -> None:
        """Closes the crop panel; the picture shown before stays."""
        if self._editing is not None:
            self._editing = None
            self.cropping_changed.emit(False)

    def stop(self) -> None:
        self._loader.stop()

    def _on_loaded(self, opened: Opened) -> None:
        crop = best_crop(opened.picture, self._buckets)
        if opened.own and loses_much(crop, opened.picture):
            self._edit(opened, crop)
        else:
            self._accept(opened, crop)

    def _edit(self, opened: Opened, crop: Crop) -> None:
        self._editing = opened
        self._panel.edit(opened.picture, crop)
        self.cropping_changed.emit(True)

    def _on_used(self, crop: Crop) -> None:
        if self._editing is not None:
            self._accept(self._editing, crop)

    def _accept(self, opened: Opened, crop: Crop) -> None:
        self._current = (opened, crop)
        self.cancel()
        self.accepted.emit(opened, crop.apply(opened.picture))
        if opened.picture.note:
            self.noted.emit(opened.picture.note)
