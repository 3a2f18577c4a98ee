"""What the application remembers from one start to the next: the folder of saved files, the
switches, the gamepad's controls, the models of the person's own, and the last
pictures.

Owns `settings.ini` and the thumbnails of recent pictures, in the person's data folder. A folder that cannot be written
costs the memory and nothing else. UI thread.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

from PySide6.QtCore import QSettings, QStandardPaths
from PySide6.QtGui import QImage

MOST_RECENT = 6


class Settings:
    def __init__(self, data_dir: Path) -> None:
        self._thumbnails = data_dir / "thumbnails"
        self._file = QSettings(str(data_dir / "settings.ini"), QSettings.Format.IniFormat)

    @property
    def save_folder(self) -> Path:
        """Where the last file was saved; at first, and where that is gone, the person's pictures or home."""
        remembered = self._file.value("save_folder", "", str)
        pictures = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
        folders = [Path(name) for name in (remembered, pictures) if name]
        return next((folder for folder in folders if folder.is_dir()), Path.home())

    @save_folder.setter
    def save_folder(self, folder: Path) -> None:
        self._file.setValue("save_folder", str(folder))

    @property
    def detail(self) -> bool:
        """Whether frames are given the photograph's own pixels."""
        return bool(self._file.value("detail", True, bool))

    @detail.setter
    def detail(self, on: bool) -> None:
        self._file.setValue("detail", on)

    @property
    def lets_go(self) -> bool:
        """Whether a point that is released lets go, rather than stay as a pin."""
        return bool(self._file.value("lets_go", False, bool))

    @lets_go.setter
    def lets_go(self, on: bool) -> None:
        self._file.setValue("lets_go", on)

    @property
    def speed_limit(self) -> float:
        """The most that a point moves in a second of video, in picture heights; inf without a limit."""
        limit = float(self._file.value("speed_limit", math.inf, float))  # type: ignore[arg-type]
        return limit if limit > 0.0 else math.inf

    @speed_limit.setter
    def speed_limit(self, heights: float) -> None:
        self._file.setValue("speed_limit", heights)

    @property
    def gamepad(self) -> str:
        """What the gamepad's controls do, as `desktop.directing.bindings` writes it; "" at first."""
        return str(self._file.value("gamepad", "", str))

    @gamepad.setter
    def gamepad(self, text: str) -> None:
        self._file.setValue("gamepad", text)

    @property
    def depth_model(self) -> Path | None:
        """The person's own depth model, asked about every picture; None for the model package's."""
        name = str(self._file.value("depth_model", "", str))
        return Path(name) if name else None

    @depth_model.setter
    def depth_model(self, file: Path | None) -> None:
        self._file.setValue("depth_model", str(file or ""))

    @property
    def point_tracker(self) -> Path | None:
        """The checkpoint of CoTracker that follows a video's points; None for OpenCV's."""
        name = str(self._file.value("point_tracker", "", str))
        return Path(name) if name else None

    @point_tracker.setter
    def point_tracker(self, checkpoint: Path | None) -> None:
        self._file.setValue("point_tracker", str(checkpoint or ""))

    @property
    def recent(self) -> tuple[Path, ...]:
        """A person's own pictures that are still there, the latest first."""
        return tuple(path for path in map(Path, self._file.value("recent", [], list)) if path.is_file())

    def remember(self, path: Path, thumbnail: QImage) -> None:
        """Puts a picture first among the recent ones; the image is small, and shown in its place."""
        recent = [path, *(known for known in self.recent if known != path)][:MOST_RECENT]
        self._file.setValue("recent", [str(known) for known in recent])
        self._thumbnails.mkdir(parents=True, exist_ok=True)
        thumbnail.save(str(self._thumbnail(path)), "PNG")  # type: ignore[call-overload]  # str is what Qt takes
        kept = {self._thumbnail(known) for known in recent}
        for file in set(self._thumbnails.glob("*.png")) - kept:
            file.unlink(missing_ok=True)

    def thumbnail(self, path: Path) -> QImage:
        """The picture as it was remembered; a null image where that is gone."""
        return QImage(str(self._thumbnail(path)))

    def _thumbnail(self, path: Path) -> Path:
        return self._thumbnails / f"{hashlib.sha256(str(path).encode()).hexdigest()[:20]}.png"
