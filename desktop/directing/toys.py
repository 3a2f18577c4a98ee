"""The toy box: composes a first frame from toys and a background, and makes it live.

Owns the composition under way, its undo and the folder of compositions. The stream rests meanwhile (the conductor sees
to it). Never lays out a widget (`desktop.directing.toys_page`) nor draws a toy (`desktop.directing.compose`). UI
thread, except that a person's own cut-outs are decoded on a worker.

Nothing is lost: every change is written down, so a composition can be taken up again after a cancel or a crash.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
from PIL import Image
from PySide6.QtCore import QMimeData, QObject, QSizeF, QTimer, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from desktop.crop import Bucket
from desktop.directing.compose import MAX_TOYS, Composition, Painter, Placed, from_json, to_json
from desktop.directing.cutouts import Shelf, read_cutout
from desktop.directing.toy_tool import ToyTool
from desktop.handles import XY
from desktop.picture_desk import PictureDesk
from desktop.pictures import TOY_FORMAT
from desktop.viewport import Viewport
from inference.errors import UserError
from inference.picture import nearest_bucket

log = logging.getLogger(__name__)

SCALE = 4  # a composition's size against the bucket: what the window's detail can use
MOST_EARLIER = 6
_PREVIEW_MS = 33
_WHEEL_COMMAND_ID = 2
_NEW_HEIGHT = 0.36  # of a toy that was just added, in picture heights


def _size_of(bucket: Bucket) -> tuple[int, int]:
    return SCALE * bucket[0], SCALE * bucket[1]


class _Change(QUndoCommand):
    """One undoable change of the composition."""

    def __init__(self, box: ToyBox, text: str, before: Composition, after: Composition, wheel: bool) -> None:
        super().__init__(text)
        self._box, self._before, self.after, self._wheel = box, before, after, wheel

    def redo(self) -> None:
        self._box.put(self.after)

    def undo(self) -> None:
        self._box.put(self._before)

    def id(self) -> int:
        return _WHEEL_COMMAND_ID if self._wheel else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, _Change) or other.text() != self.text():
            return False
        self.after = other.after
        return True


class ToyBox(QObject):
    """`composing_changed` when a composition is begun or left; `changed` after every change of it or of what is
    selected.
    """

    composing_changed = Signal(bool)
    changed = Signal()
    failed = Signal(object)  # UserError

    _decoded = Signal(object, object)  # Image or UserError, XY or None

    def __init__(
        self,
        viewport: Viewport,
        pictures: PictureDesk,
        bundled: Path,
        folder: Path,
        buckets: tuple[Bucket, ...],
        parent: QObject,
    ) -> None:
        """bundled: `assets/toys`; folder: of compositions, made when needed; a new one has the first bucket's shape."""
        super().__init__(parent)
        self.shelf = Shelf(bundled, folder)
        self.composition: Composition | None = None
        self.selected: int | None = None
        self.undo_stack = QUndoStack(self)
        self._viewport, self._pictures, self._folder = viewport, pictures, folder
        self.buckets, self._bucket = buckets, buckets[0]
        self._painter = Painter(self.shelf.picture)
        self._kept: Composition | None = None  # as of the last edit
        self._file: Path | None = None  # what this composition is written to
        self._preview = QTimer(self, singleShot=True, interval=_PREVIEW_MS)
        self._preview.timeout.connect(self._show)
        self._tool = ToyTool(self)
        viewport.pointer.tools.insert(0, self._tool)  # while composing, no other tool has the mouse
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="cutouts")
        self._decoded.connect(self._on_decoded)
        pictures.accepted.connect(self._on_picture)

    def handlers(self) -> dict[str, Callable[[], None]]:
        return {"compose_live": self.make_live, "compose_leave": self.leave}

    @property
    def composing(self) -> bool:
        return self.composition is not None

    def stop(self) -> None:
        """When the window closes."""
        self._preview.stop()
        self._worker.shutdown(wait=True, cancel_futures=True)

    # ---- beginning and ending ---------------------------------------------------------------------

    def set_background(self, name: str) -> None:
        """A bundled background under what is composed; begins where nothing is."""
        if self.composition is None:
            self._begin(Composition(name, _size_of(self._bucket)))
        else:
            self._edit("Background", replace(self.composition, background=name))

    @property
    def bucket(self) -> Bucket:
        """The shape of what is composed, or of the next composition."""
        if self.composition is None:
            return self._bucket
        return nearest_bucket(self.composition.aspect, self.buckets)

    def set_shape(self, bucket: Bucket) -> None:
        """One of the shapes that the model knows, for what is composed and for the next ones."""
        self._bucket = bucket
        if self.composition is not None and bucket != self.bucket:
            self._edit("Shape", self.composition.reshaped(_size_of(bucket)))
        self.changed.emit()

    def use_present_picture(self) -> None:
        """The picture that is shown as the background, in its own shape."""
        if not self._pictures.croppable:
            self.failed.emit(UserError("There is no picture yet.", next="Choose a background."))
            return
        photograph = self._pictures.photograph()
        try:
            name = self.shelf.keep(Image.fromarray(photograph))
        except UserError as error:
            self.failed.emit(error)
            return
        size = photograph.shape[1], photograph.shape[0]
        if self.composition is None:
            self._begin(Composition(name, size))
        else:
            self._edit("Background", replace(self.composition, background=name, size=size))

    def take_up(self, path: Path) -> None:
        """An earlier composition, by its JSON; what comes of it is a new one."""
        try:
            composition = from_json(path.read_text(encoding="utf-8"))
            self._painter.render(composition)
        except (OSError, ValueError) as error:
            self.failed.emit(UserError(f"The composition {path.name} cannot be read.", next="Compose it anew."))
            log.warning("composition unreadable path=%s error=%s", path, error)
        except UserError as error:
            self.failed.emit(error)
        else:
            self._begin(composition)

    def make_live(self) -> None:
        """Writes the composed picture down and opens it as any picture."""
        if self.composition is not None and (path := self._save(picture=True)) is not None:
            self._pictures.open_path(path)

    def leave(self) -> None:
        """Back to the picture before; what was composed is kept, to be taken up again."""
        if self.composition is None or not self._pictures.croppable:
            return
        if self.undo_stack.count():
            self._save(picture=True)
        self._end()

    def earlier(self) -> list[tuple[Path, np.ndarray]]:
        """The latest compositions, the newest first: their JSON, and what they look like, uint8 [H, W, 3], small."""
        found = []
        for path in sorted(self._folder.glob("*.json"), reverse=True)[:MOST_EARLIER]:
            try:
                composition = from_json(path.read_text(encoding="utf-8"))
                width, height = composition.size
                small = replace(composition, size=(max(16, width // 4), max(16, height // 4)))
                found.append((path, self._painter.render(small)))
            except (OSError, ValueError, UserError) as error:
                log.warning("composition unreadable path=%s error=%s", path, error)
        return found

    def _begin(self, composition: Composition) -> None:
        was_composing = self.composing
        self.undo_stack.clear()
        self._file = None
        self.put(composition)
        self.select(None)
        self._viewport.only = self._tool
        if not was_composing:
            self.composing_changed.emit(True)

    def _end(self) -> None:
        self._preview.stop()
        self.composition = self._kept = self.selected = None
        self.undo_stack.clear()
        self._viewport.only = None
        self._viewport.repaint_soon()
        self.composing_changed.emit(False)
        self.changed.emit()

    def _on_picture(self) -> None:
        """Another picture came: the composed one, or any that was opened meanwhile."""
        if self.composing:
            self._end()

    # ---- toys -------------------------------------------------------------------------------------

    def add(self, name: str, at: XY | None = None) -> None:
        """A toy in front, in the middle where no place is named; on the present picture where nothing is composed."""
        if self.composition is None:
            if self._pictures.croppable:
                self.use_present_picture()
            elif self.shelf.backgrounds:
                self.set_background(self.shelf.backgrounds[0].name)
        if self.composition is None:
            return
        if len(self.composition.toys) >= MAX_TOYS:
            self.failed.emit(UserError(f"A picture holds {MAX_TOYS} toys.", next="Remove one first."))
            return
        number = len(self.composition.toys)
        at = at or (0.5 + 0.06 * (number % 5 - 2), 0.62)  # not exactly over the one before
        floats = any(toy.name == name and toy.floats for toy in self.shelf.toys)
        toy = Placed(name, at, _NEW_HEIGHT, shadow=not floats)
        self._edit("Add toy", self.composition.with_toy(toy).changed(number, toy))
        self.select(number)

    def open_file(self, path: Path, at: XY | None = None) -> None:
        """A person's own cut-out."""

        def read() -> Image.Image | UserError:
            try:
                return read_cutout(path)
            except UserError as error:
                return error
            except Exception as error:  # decoders meet every broken file there is
                log.exception("decoding failed path=%s", path)
                return UserError(f"{path.name} cannot be opened ({error}).", next="Choose another one.")

        def answer(done: Future[Image.Image | UserError]) -> None:
            if not done.cancelled():
                self._decoded.emit(done.result(), at)

        self._worker.submit(read).add_done_callback(answer)

    def drop(self, mime: QMimeData, at: XY | None) -> bool:
        """Whether what was dropped on the picture is a toy: one of the box, or a file while a picture is composed."""
        if mime.hasFormat(TOY_FORMAT):
            self.add(bytes(mime.data(TOY_FORMAT).data()).decode(), at)
            return True
        files = [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
        if self.composing and files:
            self.open_file(files[0], at)
            return True
        return False

    def mirror(self) -> None:
        self._change("Mirror toy", lambda toy: replace(toy, mirrored=not toy.mirrored))

    def toggle_shadow(self) -> None:
        self._change("Shadow", lambda toy: replace(toy, shadow=not toy.shadow))

    def bring(self, step: int) -> None:
        """The selected toy nearer (1) or farther (-1)."""
        if self.composition is not None and self.selected is not None:
            place = min(max(self.selected + step, 0), len(self.composition.toys) - 1)
            if place != self.selected:
                self._edit("Order", self.composition.moved_to(self.selected, place))
                self.select(place)

    def remove_selected(self) -> None:
        if self.composition is not None and self.selected is not None:
            self._edit("Remove toy", self.composition.without(self.selected))

    def _change(self, text: str, change: Callable[[Placed], Placed]) -> None:
        if self.composition is not None and self.selected is not None:
            toy = change(self.composition.toys[self.selected])
            self._edit(text, self.composition.changed(self.selected, toy))

    def _on_decoded(self, cutout: Image.Image | UserError, at: XY | None) -> None:
        try:
            if isinstance(cutout, UserError):
                raise cutout
            self.add(self.shelf.keep(cutout), at)
        except UserError as error:
            self.failed.emit(error)

    # ---- what the tool asks of its bench ----------------------------------------------------------

    def sprite_aspect(self, toy: Placed) -> float:
        width, height = self.shelf.picture(toy.cutout).size
        return width / height

    def picture_size(self) -> QSizeF:
        return self._viewport.picture_size()

    def select(self, index: int | None) -> None:
        self.selected = index
        self._viewport.repaint_soon()
        self.changed.emit()

    def show(self, index: int, toy: Placed) -> None:
        if self.composition is not None:
            self.composition = self.composition.changed(index, toy)
            self._show_soon()

    def keep(self, text: str, *, wheel: bool = False) -> None:
        if self.composition is not None and self.composition != self._kept:
            self._edit(text, self.composition, wheel=wheel)

    # ---- edits ------------------------------------------------------------------------------------

    def put(self, composition: Composition) -> None:
        """The composition as an edit, its undo or its redo leaves it."""
        self.composition = self._kept = composition
        if self.selected is not None and self.selected >= len(composition.toys):
            self.selected = None
        self._show_soon()
        self.changed.emit()

    def _edit(self, text: str, after: Composition, *, wheel: bool = False) -> None:
        assert self._kept is not None
        gone = len(after.toys) < len(self._kept.toys)
        self.undo_stack.push(_Change(self, text, self._kept, after, wheel))
        if gone:
            self.select(None)
        self._save()

    def _save(self, *, picture: bool = False) -> Path | None:
        """Writes the composition, and its picture where that is wanted; the picture's path, None where the disk did
        not take it.
        """
        assert self.composition is not None
        if self._file is None:
            self._file = self._folder / f"composed-{datetime.now():%Y%m%d-%H%M%S-%f}.json"
        path = self._file.with_suffix(".png")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part = self._file.with_suffix(".part")
            part.write_text(to_json(self.composition), encoding="utf-8")
            part.replace(self._file)
            if picture:
                Image.fromarray(self._painter.render(self.composition)).save(path)
        except OSError as error:
            problem = f"The composition cannot be written down: {error}."
            self.failed.emit(UserError(problem, "It is still on the screen.", "Make room on the disk, try again."))
            return None
        return path

    def _show_soon(self) -> None:
        if not self._preview.isActive():
            self._preview.start()

    def _show(self) -> None:
        if self.composition is not None:
            self._viewport.show_still(self._painter.render(self.composition))
