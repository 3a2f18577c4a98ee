"""Paths as a way to direct: drawn beforehand, played by the video's own time, kept with their picture.

Joins the set of paths, the tool, what plays, the page and the files. Never decides what a gesture means
(`desktop.directing.path_tool`) nor what playing does (`desktop.directing.path_playing`). UI thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path as FilePath

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from desktop.directing.dock import DirectDock
from desktop.directing.path_files import OPEN_FILTER, SAVE_FILTERS, PathStore, Placement, read_file, write_file
from desktop.directing.path_playing import PathPlaying
from desktop.directing.path_set import Drawn, Item, Lent, PathSet
from desktop.directing.path_tool import PathTool, overlay_of, overlay_of_playing
from desktop.directing.paths_page import PathsPage
from desktop.directing.score import Score
from desktop.directing.timeline import Bar
from desktop.edits import PointEditor
from desktop.picture_desk import PictureDesk
from desktop.player import Player
from desktop.viewport import Viewport
from inference.errors import UserError, as_user_error
from inference.motion.paths import MAX_DELAY_S, MAX_DURATION_S, MIN_DURATION_S
from inference.path_file import MAX_PATHS
from render.overlay import Overlay

PAGE = "Paths"
_OTHER_SIZES = ((832, 480), (480, 832))  # what the two other programs work at


class Paths(QObject):
    """One a window; see the module. `changed` when what can be done has changed, `told` and `failed` for the person."""

    changed = Signal()
    told = Signal(str)
    failed = Signal(object)  # UserError
    resume_asked = Signal()
    left = Signal()  # the keyboard is the picture's again

    def __init__(
        self,
        score: Score,
        editor: PointEditor,
        player: Player,
        viewport: Viewport,
        dock: DirectDock,
        pictures: PictureDesk,
        folder: FilePath,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._editor, self._player, self._viewport = editor, player, viewport
        self._dock, self._pictures, self._window = dock, pictures, parent
        self.set = PathSet(editor.undo_stack, score.numbers, self)
        self.tool = PathTool(self.set, self._picture_px, viewport.repaint_soon)
        self.page = PathsPage()
        self._store = PathStore(folder, self)
        self._store.failed.connect(self.failed)
        self.playing = PathPlaying(self.set, score, editor.model, player, self)
        self._before_drag: Item | None = None  # on the timeline
        viewport.pointer.tools.append(self.tool)
        viewport.layers.append(self)
        dock.add_page(PAGE, self.page)
        self._connect()
        self._show()

    def _connect(self) -> None:
        page = self.page
        self.set.changed.connect(self._on_set)
        self.set.chosen.connect(self._on_chosen)
        self.playing.changed.connect(self._show)
        self.playing.moved.connect(page.timeline.show_playhead)
        self._dock.visibilityChanged.connect(self._viewport.repaint_soon)
        page.draw.clicked.connect(lambda: self.set_tool(not self.tool.on))
        page.play.clicked.connect(self.play)
        page.stop.clicked.connect(self.playing.stop)
        page.remove.clicked.connect(self.remove_path)
        page.even.clicked.connect(self._make_even)
        page.bring.clicked.connect(self.open_file)
        page.keep.clicked.connect(self.save_file)
        page.asked.connect(self._on_field)
        for field in (page.duration, page.start):
            field.left.connect(self.left)
        page.timeline.chosen.connect(lambda key: self.set.choose(key))
        page.timeline.asked.connect(self._on_timeline)
        page.timeline.done.connect(self._on_timeline_done)

    def handlers(self) -> dict[str, Callable[[], None]]:
        """What the actions do that concern paths."""
        return {
            "path_tool": lambda: self.set_tool(not self.tool.on),
            "paths_play": self.play,
            "paths_stop": self.escape,
            "path_remove": self.remove_chosen,
            "paths_open": self.open_file,
            "paths_save": self.save_file,
        }

    def close(self) -> None:
        """When the window closes."""
        self._store.flush()

    def play(self) -> None:
        """Everything that does not play yet begins; goes on after a pause."""
        if not self.set.items:
            self.told.emit("Draw a path first: press Shift+P, then drag on the picture.")
            return
        self.playing.play()
        if self._player.paused_by_person:
            self.resume_asked.emit()

    # ---- tool and edits ---------------------------------------------------------------------------

    def set_tool(self, on: bool) -> None:
        """The mouse draws paths, or is the hand's again."""
        self.tool.cancel()
        self.tool.on = on
        if on and self._dock.page != PAGE:
            self._dock.turn_to(PAGE)
        self._show()

    def escape(self) -> None:
        """Gives up the line being drawn, else stops what plays, else puts the tool away."""
        if self.tool.busy:
            self.tool.cancel()
        elif self.playing.on:
            self.playing.stop()
        else:
            self.set_tool(False)

    def remove_chosen(self) -> None:
        """The chosen knot, or else the chosen path."""
        item, knot = self.set.current, self.set.knot
        if isinstance(item, Drawn) and knot is not None and (less := item.path.without_knot(knot)) is not None:
            self.set.change(replace(item, path=less), "Remove knot")
            self.set.choose(item.key)
        else:
            self.remove_path()

    def remove_path(self) -> None:
        if self.set.key is not None:
            self.set.remove(self.set.key)

    def _make_even(self) -> None:
        item = self.set.current
        if isinstance(item, Drawn):
            self.set.change(replace(item, path=item.path.evenly_timed()), "Same speed")

    def _on_field(self, field: str, value: object) -> None:
        item = self.set.current
        if item is not None and field == "delay_s":
            self.set.change(item.starting(float(value)), "Start of path", merge=True)
        elif isinstance(item, Drawn) and field == "repeat":
            self.set.change(replace(item, path=item.path.repeated(value)), "Repeat of path")
        elif isinstance(item, Drawn):
            self.set.change(replace(item, path=replace(item.path, **{field: value})), "Timing of path", merge=True)

    def _on_timeline(self, key: int, what: str, seconds: float) -> None:
        item = self.set.get(key)
        if item is None:
            return
        self._before_drag = self._before_drag or item
        if what == "start":
            item = item.starting(min(max(seconds, 0.0), MAX_DELAY_S))
        elif isinstance(item, Drawn) and what == "duration":
            duration_s = min(max(seconds, MIN_DURATION_S), MAX_DURATION_S)
            item = replace(item, path=replace(item.path, duration_s=duration_s))
        elif isinstance(item, Drawn):
            item = replace(item, path=item.path.with_knot_time(int(what.removeprefix("mark ")), seconds))
        self.set.preview(item)

    def _on_timeline_done(self) -> None:
        before, self._before_drag = self._before_drag, None
        item = self.set.get(before.key) if before is not None else None
        if item is not None and item != before:
            self.set.change(item, "Timing of path", before=before)

    # ---- pictures and files -----------------------------------------------------------------------

    def turn_to(self, pixels: np.ndarray) -> None:
        """Another picture, uint8 [H, W, 3] as the model has it: the paths that were kept for it come back."""
        self.tool.cancel()
        self.playing.forget()
        drawn, lent = self._store.turn_to(pixels)
        items = (*(self.set.new(path) for path in drawn), *(self.set.new_lent(one) for one in lent))
        self.set.show(items)
        self.page.show_sizes((self._pictures.placed[0], *_OTHER_SIZES))
        if items:
            count = f"{len(items)} paths" if len(items) > 1 else "The path"
            self.told.emit(f"{count} drawn here before: Enter plays, Shift+P shows.")

    def open_file(self) -> None:
        dialog = self._dialog("Open paths or tracks", (OPEN_FILTER,))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda name: self.bring(FilePath(name)))
        dialog.open()

    def save_file(self) -> None:
        if not self.set.items:
            self.told.emit("There is no path to save yet.")
            return
        dialog = self._dialog("Save paths", SAVE_FILTERS)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("json")
        dialog.filterSelected.connect(lambda text: dialog.setDefaultSuffix(text.rpartition(".")[2].rstrip(")")))
        dialog.fileSelected.connect(lambda name: self.give(FilePath(name)))
        dialog.open()

    def _dialog(self, title: str, filters: tuple[str, ...]) -> QFileDialog:
        dialog = QFileDialog(self._window, title)
        dialog.setObjectName("paths")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setNameFilters(filters)
        return dialog

    def bring(self, file: FilePath) -> None:
        """Adds what a file holds to what is there."""
        try:
            drawn, lent = read_file(file, self._placement(), self._aspect())
            if len(self.set.items) + len(drawn) + len(lent) > MAX_PATHS:
                raise UserError(
                    f"With the {len(drawn) + len(lent)} of {file.name} there would be more than {MAX_PATHS} paths.",
                    "The paths that are there stay as they are.",
                    "Remove some first.",
                )
        except UserError as error:
            self.failed.emit(error)
            return
        items = (*(self.set.new(path) for path in drawn), *(self.set.new_lent(one) for one in lent))
        if not items:
            self.told.emit(f"{file.name} holds no path.")
            return
        self.set.add(items, "Open paths")
        if self._dock.page != PAGE:
            self._dock.turn_to(PAGE)
        count = lent[0].lent.ids.size if lent else len(drawn)
        self.told.emit(f"{file.name}: {count} {'tracks' if lent else 'paths' if count > 1 else 'path'}.")

    def give(self, file: FilePath) -> None:
        """Writes everything to a file, whose suffix says the format."""
        try:
            note = write_file(file, self.set.items, self._placement())
        except OSError as error:
            self.failed.emit(
                as_user_error(error, f"{file} cannot be written", "Nothing is lost.", "Choose another place.")
            )
            return
        self.told.emit(f"Saved as {file}. {note}")

    def _placement(self) -> Placement:
        size, box = self._pictures.placed
        return Placement(self.page.size.currentData() or size, box)

    # ---- what is shown ----------------------------------------------------------------------------

    def _picture_px(self) -> tuple[float, float]:
        size = self._viewport.picture_size()
        return size.width(), size.height()

    def _aspect(self) -> float:
        width, height = self._picture_px()
        return width / height

    def _on_set(self) -> None:
        self.playing.tell()
        self._store.keep(self.set.items)
        self._show()

    def _on_chosen(self) -> None:
        if self.set.key is not None:
            self._editor.model.select()  # Delete means one thing
        self._show()

    def _show(self) -> None:
        """Brings the page, the picture and the actions up to date."""
        page, item = self.page, self.set.current
        page.show_path(self.set.current_path, item.delay_s if item is not None else None)
        page.timeline.show_bars(tuple(_bar(n, one) for n, one in enumerate(self.set.items, start=1)), self.set.key)
        page.draw.setChecked(self.tool.on)
        page.play.setEnabled(any(not self.playing.has(one.key) for one in self.set.items))
        page.stop.setEnabled(self.playing.on)
        page.keep.setEnabled(bool(self.set.items))
        self._viewport.repaint_soon()
        self.changed.emit()

    def overlay(self) -> Overlay:
        """The paths while they are of use: with the tool, beside their page, and while they play."""
        if not (self.tool.on or self.playing.on or self._dock.page == PAGE):
            return Overlay()
        lines = self.tool.line_being_drawn().over(overlay_of(self.set, self.tool.on))
        return overlay_of_playing(self.playing.places()).over(lines)


def _bar(number: int, item: Item) -> Bar:
    if isinstance(item, Lent):
        seconds = item.ends_s - item.delay_s
        return Bar(item.key, f"{item.source.lent.ids.size} tracks", item.delay_s, seconds, fixed=True)
    path = item.path
    last = len(path.knots) if path.repeat == "loop" else -1
    marks = tuple(path.knot_times_s[1:last].tolist())
    return Bar(item.key, f"Path {number}", path.delay_s, path.duration_s, path.repeat != "once", marks)
