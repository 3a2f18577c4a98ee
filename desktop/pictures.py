"""Getting pictures in: the bundled ones, files, drops and the clipboard, decoded off the UI thread.

Owns one worker thread and the pasted-pictures folder; the newest request wins. Never shows a dialog and
never crops. UI thread, except `_decode`.
"""

from __future__ import annotations

import itertools
import logging
import tomllib
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QMimeData, QObject, Qt, Signal
from PySide6.QtGui import QImage

from inference.errors import UserError
from inference.picture import Picture, load_picture

log = logging.getLogger(__name__)

TOY_FORMAT = "application/x-motionstream-toy"  # a drag out of the toy box
EXAMPLES = (".yaml", ".yml")  # ATI's: a picture, a prompt and tracks
_PICTURES = "Pictures (*.png *.jpg *.jpeg *.webp *.gif *.bmp *.tif *.tiff)"
FILE_FILTER = f"{_PICTURES};;All files (*)"
OPEN_FILTER = f"{_PICTURES};;Examples of ATI (*.yaml *.yml);;All files (*)"


@dataclass(frozen=True)
class Starter:
    """A picture that ships with the application. grab: a good point to take; prompt: a fitting one."""

    path: Path
    title: str
    credit: str
    prompt: str
    grab: tuple[float, float]


@dataclass(frozen=True)
class Opened:
    """A decoded picture with where it came from. own: a person's, not a bundled one."""

    picture: Picture
    path: Path
    title: str
    own: bool


def read_starters(folder: Path) -> tuple[Starter, ...]:
    """The starter pictures listed in `folder`/pictures.toml, in its order; empty where there is no list."""
    folder = folder.resolve()  # a picture has one name, by which it is known when a person opens it
    index = folder / "pictures.toml"
    if not index.is_file():
        log.warning("no starter pictures folder=%s", folder)
        return ()
    entries = tomllib.loads(index.read_text(encoding="utf-8"))["picture"]
    return tuple(
        Starter(folder / e["file"], e["title"], e["credit"], e["prompt"], (e["grab"][0], e["grab"][1])) for e in entries
    )


def may_hold_picture(mime: QMimeData) -> bool:
    """Whether a drag is worth accepting: what it really holds shows when it is dropped."""
    return mime.hasUrls() or mime.hasImage()


def picture_file(mime: QMimeData, pasted_folder: Path) -> Path:
    """The picture file in a drop or on the clipboard; image data is first saved as a PNG, so that it is not
    lost.

    Raises UserError when there is no picture in it, or it cannot be saved.
    """
    local = [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
    if local:
        return local[0]
    if mime.hasImage():
        return _save_pasted(QImage(mime.imageData()), pasted_folder)
    if mime.hasUrls():
        raise UserError("That is a link, not a picture.", next="Save the picture to a file and open that.")
    raise UserError("There is no picture in that.", next="Copy or drop a picture, or a picture file.")


def _save_pasted(image: QImage, folder: Path) -> Path:
    path = folder / f"pasted-{datetime.now():%Y%m%d-%H%M%S-%f}.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"The pasted picture cannot be kept: {error}.", next="Make room on the disk and paste again."
        ) from error
    if image.isNull() or not image.save(str(path), "PNG"):  # type: ignore[call-overload]  # str is what Qt takes
        raise UserError("The pasted picture cannot be read.", next="Save it to a file and open that.")
    return path


class PictureLoader(QObject):
    """Decodes pictures one after the other; answers only the newest request."""

    loaded = Signal(object)  # Opened
    failed = Signal(object)  # UserError

    _answer = Signal(int, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="pictures")
        self._numbers = itertools.count(1)
        self._newest = 0
        self._answer.connect(self._on_answer, Qt.ConnectionType.QueuedConnection)

    def request(self, path: Path, title: str, *, own: bool) -> None:
        self._newest = number = next(self._numbers)
        future = self._pool.submit(_decode, path, title, own)
        future.add_done_callback(lambda done: self._forward(number, done))

    def stop(self) -> None:
        self._newest = 0
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _forward(self, number: int, done: Future[Opened | UserError]) -> None:
        if not done.cancelled():
            self._answer.emit(number, done.result())

    def _on_answer(self, number: int, answer: Opened | UserError) -> None:
        if number != self._newest:
            return
        if isinstance(answer, UserError):
            self.failed.emit(answer)
        else:
            self.loaded.emit(answer)


def _decode(path: Path, title: str, own: bool) -> Opened | UserError:
    """On the worker thread. Decoders meet every broken file there is: whatever they raise becomes a
    sentence.
    """
    try:
        return Opened(load_picture(path), path, title, own)
    except UserError as error:
        return error
    except Exception as error:
        log.exception("decoding failed path=%s", path)
        return UserError(f"{title} cannot be opened ({error}).", next="Open another picture.")
