"""What happens when: joins the parts of the window, so that each of them knows only itself.

Owns the wiring between pictures, points, stream and what is shown of them, and the way from the start screen to a
person's own first drag. Never lays out a widget (`desktop.main_window`). What a gesture means is in `desktop.edits`,
what the engine is told in `desktop.player`, how a picture comes in in `desktop.picture_desk`. UI thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QMimeData, QObject, QTimer
from PySide6.QtGui import QGuiApplication

from desktop.actions import Situation
from desktop.clip import ClipRing
from desktop.crop import to_qimage
from desktop.directing.toys import ToyBox
from desktop.edits import PointEditor
from desktop.gallery import Choice
from desktop.guide import Guide
from desktop.handles import XY
from desktop.meter import ShownMeter
from desktop.pictures import Opened, Starter
from desktop.player import BY_PERSON
from desktop.recorded_hand import Demo
from desktop.saving import SaveDesk
from desktop.settings import Settings
from desktop.telemetry import Readings
from inference.channels import Frame
from inference.errors import UserError
from inference.lifecycle import EngineState

if TYPE_CHECKING:
    from desktop.main_window import MainWindow

_STATUS_MS = 500
_FIRST_HINT = "Grab something and drag it"
_GUIDE_HINT = "It moves with the hand. Now you: press, and drag"
_COMPOSING_HINT = "Drag toys onto the picture, then make it live"
_NO_PICTURE_HINT = "Drop a picture here, or press Ctrl+O"


class Conductor(QObject):
    """One a window; see the module. `settings` remembers across starts."""

    def __init__(self, window: MainWindow, starters: dict[Path, Starter], settings: Settings) -> None:
        super().__init__(window)
        self._window, self._starters, self._settings = window, starters, settings
        self.saving = SaveDesk(settings, window)
        self.clip = ClipRing()
        self._meter = ShownMeter()
        self.guide: Guide | None = None  # the hand that shows how, until a person takes over
        self._shown: Frame | None = None  # on its way to the screen
        self._last: Frame | None = None  # that was due
        self._shown_path: Path | None = None
        self._has_dragged = False
        self._status_timer = QTimer(self, interval=_STATUS_MS)

    def connect_parts(self) -> None:
        """Once, when every part is there."""
        w = self._window
        w.points.subscribe(self._on_points)
        w.editor.undo_stack.indexChanged.connect(self.refresh)
        w.camera.changed.connect(self.refresh)
        w.player.state_changed.connect(self._on_state)
        w.player.told.connect(lambda text: w.stage.banner.show_problem(UserError(text)))
        w.player.frame_due.connect(self._on_frame)
        w.player.frame_coming.connect(self._on_coming)
        w.viewport.frame_shown.connect(self._on_shown)
        w.viewport.dropped.connect(self._on_dropped)
        w.toys.composing_changed.connect(self._on_composing)
        w.toys.changed.connect(self.refresh)
        w.toys.failed.connect(w.stage.banner.show_problem)
        w.viewport.pointer.pressed.connect(self._end_guide)
        w.viewport.pointer.dragged.connect(self._on_dragged)
        w.viewport.pointer.released.connect(lambda: w.show_start(False))
        w.pictures.accepted.connect(self._on_picture)
        w.pictures.cropping_changed.connect(self._on_cropping)
        w.pictures.failed.connect(self._on_picture_failed)
        w.pictures.noted.connect(w.stage.banner.show_note)
        w.gallery.chosen.connect(w.pictures.open_path)
        w.start.chosen.connect(self._on_start_chosen)
        w.paths.changed.connect(self._on_paths)
        w.paths.told.connect(w.stage.banner.show_note)
        w.paths.failed.connect(w.stage.banner.show_problem)
        w.paths.left.connect(w.stage.picture.setFocus)
        w.paths.resume_asked.connect(lambda: self._pause(False))
        w.prompt.applied.connect(w.words.say)
        w.words.noted.connect(w.stage.banner.show_note)
        w.prompt.left.connect(w.stage.picture.setFocus)
        self.saving.saved.connect(self._on_saved)
        self.saving.failed.connect(w.stage.banner.show_problem)
        self._status_timer.timeout.connect(self._refresh_speed)
        w.actions_by_id["detail"].setChecked(self._settings.detail)
        w.viewport.set_detail(self._settings.detail)
        self.refresh()

    def handlers(self) -> dict[str, Callable[[], None]]:
        """What the actions do that concern pictures, points and the stream."""
        w = self._window
        return {
            "paste": lambda: w.pictures.open_mime(QGuiApplication.clipboard().mimeData()),
            "crop": w.pictures.adjust,
            "crop_use": w.crop_panel.use,
            "crop_cancel": w.pictures.cancel,
            "save_picture": self._save_picture,
            "save_clip": self._save_clip,
            "undo": lambda: self._edited.undo_stack.undo(),
            "redo": lambda: self._edited.undo_stack.redo(),
            "delete": lambda: self._edited.remove_selected(),
            "let_go": w.editor.let_go,
            "let_go_all": w.editor.remove_all,
            "pause": lambda: self._pause(not w.player.paused_by_person),
            "restart": self._restart,
            "prompt": w.prompt.setFocus,
            "detail": self._on_detail,
        }

    def stop(self) -> None:
        """When the window closes."""
        self._end_guide()
        self._status_timer.stop()
        self._window.paths.close()
        self._window.editor.undo_stack.indexChanged.disconnect(self.refresh)  # it speaks once more as it is deleted
        self.saving.stop()

    # ---- the first minute -------------------------------------------------------------------------

    def begin(self, demo: Demo) -> None:
        """The start screen, its picture moved by the recorded hand until a person presses."""
        self.guide = Guide(demo, self._window.points.numbers, self)
        self.guide.changed.connect(self._on_points)
        self._window.show_start(True)
        self._window.pictures.open_path(demo.picture)

    def _end_guide(self) -> None:
        """The person takes over: the recorded points are gone with the next set of points."""
        if self.guide is not None:
            self.guide.run(False)
            self.guide.deleteLater()
            self.guide = None
            self._window.viewport.follow(None)
            self._on_points()

    def _on_start_chosen(self, path: Path) -> None:
        self._end_guide()
        self._window.show_start(False)
        self._window.pictures.open_path(path)

    # ---- pictures ---------------------------------------------------------------------------------

    def _on_picture(self, opened: Opened, pixels: np.ndarray) -> None:
        """A picture is ready, uint8 [H, W, 3] at a bucket's size: shown at once, then it comes alive."""
        w, starter = self._window, self._starters.get(opened.path)
        if self.guide is not None and opened.path != self.guide.picture:
            self._end_guide()
        self._last = None
        w.editor.reset()
        w.score.clear()
        w.camera.on_picture()
        self._meter.restart()
        self.clip.clear()
        w.viewport.set_photograph(w.pictures.photograph())
        w.viewport.show_still(pixels)
        w.viewport.follow(self.guide)
        w.viewport.set_hint(starter.grab if starter and not self._has_dragged and not self.guide else None)
        choice = Choice(opened.path, opened.title, "", to_qimage(pixels))
        w.gallery.mark(choice)
        w.start.check(opened.path)
        if opened.own:
            self._settings.remember(opened.path, choice.image)
            w.start.show_recent(w.recent_choices())
        w.prompt.set_example(starter.prompt if starter else "")
        w.status.show_picture(opened.title, starter.credit if starter else "")
        w.stage.banner.hide()
        if opened.path != self._shown_path:  # another crop of the same picture keeps its prompt
            w.prompt.clear()
            w.player.prompt = ""
        self._shown_path = opened.path
        w.paths.turn_to(pixels)
        w.player.load(pixels)
        w.words.on_picture()
        self.refresh()

    def _on_picture_failed(self, error: UserError) -> None:
        kept = error.kept or ("The video goes on." if self._window.viewport.has_picture else "")
        self._window.stage.banner.show_problem(UserError(error.what, kept, error.next))

    def _on_cropping(self, cropping: bool) -> None:
        w = self._window
        w.player.hold("cropping", cropping)
        w.stage.set_cropping(cropping)
        if cropping:
            w.show_start(False)
        else:
            w.stage.picture.setFocus()
        self.refresh()

    def _on_dropped(self, mime: QMimeData, xy: XY | None) -> None:
        if not self._window.toys.drop(mime, xy):
            self._window.pictures.open_mime(mime)

    def _on_composing(self, composing: bool) -> None:
        w = self._window
        self._end_guide()
        w.player.hold("composing", composing)
        w.viewport.set_hint(None)
        if composing:
            w.camera.set_flying(False)
            w.show_start(False)
            w.stage.banner.hide()
        elif self._last is not None:
            w.viewport.show_frame(self._last)
        w.stage.picture.setFocus()
        self.refresh()

    @property
    def _edited(self) -> PointEditor | ToyBox:
        """Whose edits are undone, and whose selection deleted: the composition's while one is made, else the hand's."""
        return self._window.toys if self._window.toys.composing else self._window.editor

    # ---- saving -----------------------------------------------------------------------------------

    def _save_picture(self) -> None:
        pixels = self._window.viewport.shown_picture()
        if pixels is not None:
            self.saving.save_picture(pixels)

    def _save_clip(self) -> None:
        clip, fps = self.clip.clip(), self._window.player.engine.fps
        if clip.frames and fps:
            self.saving.save_clip(clip, fps)
        else:
            self._window.stage.banner.show_note("Nothing has moved yet, so there is nothing to save.")

    def _on_saved(self, text: str) -> None:
        self._window.stage.banner.hide()  # a problem that this solved
        self._window.stage.banner.show_note(text)

    # ---- stream -----------------------------------------------------------------------------------

    def _on_points(self) -> None:
        w, now_s = self._window, time.monotonic()
        controls = w.points.controls() + (self.guide.controls() if self.guide else ())
        counts_s = w.player.engine.mailbox.put(controls, now_s, w.editor.take_way())
        if w.editor.dragging:
            self._meter.asked(counts_s)
        self.refresh()

    def _on_frame(self, frame: Frame) -> None:
        self._last = frame
        self._window.camera.on_frame(frame, self._window.player.engine.fps)
        if not self._window.toys.composing:
            self._shown = frame
            self._window.viewport.show_frame(frame)

    def _on_shown(self, index: int, sampled_s: float, swap_s: float) -> None:
        self._meter.shown(sampled_s, swap_s)
        if self._shown is not None and self._shown.index == index:
            self.clip.add(self._shown)
            self._shown = None
        self._window.player.look_ahead()

    def _on_coming(self, frame: Frame) -> None:
        if not self._window.toys.composing:
            self._window.viewport.prepare(frame)

    def _on_paths(self) -> None:
        self._window.actions_by_id["path_tool"].setChecked(self._window.paths.tool.on)
        if self._window.paths.playing.on:
            self._on_dragged()  # whoever plays a path needs no hint how to begin
        self.refresh()

    def _on_dragged(self) -> None:
        if not self._has_dragged:
            self._has_dragged = True
            self._window.viewport.set_hint(None)
            self.refresh()

    def _pause(self, on: bool) -> None:
        self._window.player.hold(BY_PERSON, on)
        self.refresh()

    def _on_detail(self) -> None:
        self._settings.detail = self._window.actions_by_id["detail"].isChecked()
        self._window.viewport.set_detail(self._settings.detail)

    def _restart(self) -> None:
        self._window.editor.return_to_origins()
        self._meter.restart()
        self._window.stage.banner.hide()
        self._window.paths.playing.restart()
        self._window.player.restart()

    def _on_state(self, state: EngineState) -> None:
        running = state is EngineState.RUNNING
        if running:
            self._meter.restart()
            self._status_timer.start()
        else:
            self._status_timer.stop()
        if self.guide is not None:
            self.guide.run(running)
        self._window.status.show_state(state)
        self.refresh()

    def set_seen(self, seen: bool) -> None:
        """Whether anybody can see the window."""
        self._window.player.hold("unseen", not seen)

    # ---- what is shown ----------------------------------------------------------------------------

    def refresh(self) -> None:
        """Brings every action and the line over the picture up to date."""
        w, composing, edits = self._window, self._window.toys.composing, self._edited.undo_stack
        w.actions_by_id["fly"].setChecked(w.camera.flying)
        w.actions_by_id.refresh(
            Situation(
                has_picture=w.viewport.has_picture,
                streaming=w.player.streaming,
                paused=w.player.paused_by_person,
                cropping=w.pictures.cropping,
                composing=composing,
                croppable=w.pictures.croppable,
                has_points=bool(w.points.points),
                has_selection=w.toys.selected is not None if composing else bool(w.points.selection),
                dragging=w.editor.dragging,
                can_undo=edits.canUndo(),
                can_redo=edits.canRedo(),
                full_screen=w.full_screen,
                has_paths=bool(w.paths.set.items),
                path_chosen=w.paths.set.key is not None,
                on_paths=w.paths.tool.on or w.paths.playing.on,
            )
        )
        w.viewport.say(self._line())

    def _line(self) -> str:
        player = self._window.player
        if self._window.toys.composing:
            return _COMPOSING_HINT if not self._window.toys.undo_stack.count() else ""
        if not self._window.viewport.has_picture:
            return "" if self.guide else _NO_PICTURE_HINT
        if player.paused_by_person:
            return "Paused  ·  Space to go on"
        if player.state in (EngineState.LOADING, EngineState.WARMING):
            return "Coming alive…"
        if self._window.camera.line:
            return self._window.camera.line
        if player.state is EngineState.RUNNING and not self._has_dragged:
            return _GUIDE_HINT if self.guide else _FIRST_HINT
        return ""

    def _refresh_speed(self) -> None:
        stats = self._window.player.engine.stats()
        self._window.status.show_speed(self._meter.fps(time.monotonic()), self._meter.latency_ms, stats)

    def readings(self) -> Readings:
        """For the telemetry dock."""
        return Readings(
            stats=self._window.player.engine.stats(),
            fps=self._meter.fps(time.monotonic()),
            shown_frames=self._meter.frames,
            latency_ms=self._meter.latency_quantiles_ms(),
        )
