"""The main window: puts the parts in their places, wires them, and lends every action its handler.

Owns the layout and the wiring. What a gesture means is in `desktop.edits`, what the engine is told in
`desktop.player`, how a picture comes in in `desktop.picture_desk`. UI thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import QSettings, QSize, Qt, QTimer, QUrl
from PySide6.QtGui import (
    QCloseEvent,
    QDesktopServices,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QMainWindow,
    QMessageBox,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from desktop.actions import SPECS, Actions, Situation
from desktop.cheat_sheet import CheatSheet
from desktop.cover import CoverWatch
from desktop.crop import Bucket, CropPanel, to_qimage
from desktop.edits import PointEditor
from desktop.gallery import Gallery
from desktop.handles import HandleModel
from desktop.meter import ShownMeter
from desktop.picture_desk import PictureDesk
from desktop.pictures import FILE_FILTER, Opened, Starter, may_hold_picture
from desktop.player import BY_PERSON, Player
from desktop.prompt import PromptBox
from desktop.resources import APP_NAME
from desktop.stage import Stage
from desktop.status import StatusLine
from desktop.viewport import Viewport
from inference.channels import Frame
from inference.engine import Engine, EngineState
from inference.errors import UserError

_STATUS_MS = 500
_FIRST_HINT = "Grab something and drag it"
_NO_PICTURE_HINT = "Drop a picture here, or press Ctrl+O"


class MainWindow(QMainWindow):
    """`engine` must not have been started. `logs` is where Help shows the logs."""

    def __init__(
        self,
        engine: Engine,
        buckets: tuple[Bucket, ...],
        starters: tuple[Starter, ...],
        data_dir: Path,
        logs: Path,
        seed: int,
    ) -> None:
        super().__init__()
        self.setWindowTitle(APP_NAME)
        self.setAcceptDrops(True)
        self._data_dir, self._logs = data_dir, logs
        self._settings = QSettings(str(data_dir / "settings.ini"), QSettings.Format.IniFormat)
        self._starters = {starter.path: starter for starter in starters}
        self.points = HandleModel()
        self.editor = PointEditor(self.points)
        self.player = Player(engine, seed, self)
        self.viewport = Viewport(self.editor)
        self.crop_panel = CropPanel(buckets)
        self.stage = Stage(self.viewport, self.crop_panel)
        self.pictures = PictureDesk(self.crop_panel, buckets, data_dir / "pictures", self)
        self.gallery = Gallery(starters)
        self.prompt = PromptBox()
        self.status = StatusLine()
        self._meter = ShownMeter()
        self._cover: CoverWatch | None = None
        self._cheat_sheet: CheatSheet | None = None
        self._shown_path: Path | None = None
        self._has_dragged = False
        self._closed = False
        self._status_timer = QTimer(self, interval=_STATUS_MS)
        self.actions_by_id = Actions(self, self._handlers())
        self._lay_out()
        self._wire()
        detail = bool(self._settings.value("detail", True, bool))
        self.actions_by_id["detail"].setChecked(detail)
        self.viewport.set_detail(detail)
        self._refresh()

    # ---- layout and wiring ------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self.actions_by_id.fill_menus(self.menuBar())
        tools = QToolBar(movable=False, iconSize=QSize(20, 20))
        self.actions_by_id.fill_toolbar(tools, (spec.id for spec in SPECS if spec.in_toolbar))
        for child in tools.children():
            if isinstance(child, QWidget):
                child.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        bar = QWidget()
        bar.setObjectName("bar")
        row = QHBoxLayout(bar)
        row.setContentsMargins(10, 7, 10, 7)
        row.addWidget(self.prompt, 1)
        row.addWidget(tools)
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self.stage, 1)
        right.addWidget(bar)
        central = QWidget()
        whole = QHBoxLayout(central)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self.gallery)
        whole.addLayout(right, 1)
        self.setCentralWidget(central)
        self.setStatusBar(self.status)
        self.resize(1280, 800)
        self.stage.picture.setFocus()

    def _wire(self) -> None:
        self.points.subscribe(self._on_points)
        self.editor.undo_stack.indexChanged.connect(self._refresh)
        self.player.state_changed.connect(self._on_state)
        self.player.told.connect(lambda text: self.stage.banner.show_problem(UserError(text)))
        self.player.frame_due.connect(self._on_frame)
        self.viewport.frame_shown.connect(self._on_shown)
        self.viewport.dropped.connect(self.pictures.open_mime)
        self.viewport.dragged.connect(self._on_dragged)
        self.pictures.accepted.connect(self._on_picture)
        self.pictures.cropping_changed.connect(self._on_cropping)
        self.pictures.failed.connect(self._on_picture_failed)
        self.pictures.noted.connect(self.stage.banner.show_note)
        self.gallery.chosen.connect(
            lambda path, title: self.pictures.open_path(path, title, own=path not in self._starters)
        )
        self.prompt.applied.connect(self.player.set_prompt)
        self.prompt.left.connect(self.stage.picture.setFocus)
        self._status_timer.timeout.connect(self._refresh_speed)

    def _handlers(self) -> dict[str, Callable[[], None]]:
        return {
            "open": self._open_dialog,
            "paste": lambda: self.pictures.open_mime(QGuiApplication.clipboard().mimeData()),
            "crop": self.pictures.adjust,
            "crop_use": self.crop_panel.use,
            "crop_cancel": self.pictures.cancel,
            "quit": self.close,
            "undo": self.editor.undo_stack.undo,
            "redo": self.editor.undo_stack.redo,
            "delete": self.editor.remove_selected,
            "let_go": self.editor.let_go,
            "let_go_all": self.editor.remove_all,
            "pause": lambda: self._pause(not self.player.paused_by_person),
            "restart": self._restart,
            "prompt": self.prompt.setFocus,
            "detail": self._on_detail,
            "cheat_sheet": self._show_cheat_sheet,
            "sessions": lambda: self._show_folder(self._data_dir / "sessions"),
            "logs": lambda: self._show_folder(self._logs),
            "about": self._show_about,
        }

    # ---- pictures ---------------------------------------------------------------------------------

    def open_picture(self, path: Path | None) -> None:
        """The first picture: the one named, else the first starter, else none and a hint."""
        if path is not None:
            self.pictures.open_path(path)
        elif self._starters:
            starter = next(iter(self._starters.values()))
            self.pictures.open_path(starter.path, starter.title, own=False)

    def _open_dialog(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open picture", "", FILE_FILTER)
        if name:
            self.pictures.open_path(Path(name))

    def _on_picture(self, opened: Opened, pixels: np.ndarray) -> None:
        """A picture is ready, uint8 [H, W, 3] at a bucket's size: shown at once, then it comes alive."""
        starter = self._starters.get(opened.path)
        self.editor.reset()
        self._meter.restart()
        self.viewport.set_photograph(self.pictures.photograph())
        self.viewport.show_still(pixels)
        self.viewport.set_hint(starter.grab if starter and not self._has_dragged else None)
        self.gallery.mark(opened.path, to_qimage(pixels), opened.title)
        self.prompt.set_example(starter.prompt if starter else "")
        self.status.show_picture(opened.title, starter.credit if starter else "")
        self.stage.banner.hide()
        if opened.path != self._shown_path:  # another crop of the same picture keeps its prompt
            self.prompt.clear()
            self.player.prompt = ""
        self._shown_path = opened.path
        self.player.load(pixels)
        self._refresh()

    def _on_picture_failed(self, error: UserError) -> None:
        kept = error.kept or ("The video goes on." if self.viewport.has_picture else "")
        self.stage.banner.show_problem(UserError(error.what, kept, error.next))

    def _on_cropping(self, cropping: bool) -> None:
        self.player.hold("cropping", cropping)
        self.stage.set_cropping(cropping)
        if not cropping:
            self.stage.picture.setFocus()
        self._refresh()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        event.setAccepted(may_hold_picture(event.mimeData()))

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.pictures.open_mime(event.mimeData())

    # ---- stream -----------------------------------------------------------------------------------

    def _on_points(self) -> None:
        now_s = time.monotonic()
        counts_s = self.player.engine.mailbox.put(self.points.controls(), now_s)
        if self.editor.dragging:
            self._meter.asked(counts_s)
        self._refresh()

    def _on_frame(self, frame: Frame) -> None:
        self.viewport.show_frame(frame)

    def _on_shown(self, _: int, sampled_s: float, swap_s: float) -> None:
        self._meter.shown(sampled_s, swap_s)

    def _on_dragged(self) -> None:
        if not self._has_dragged:
            self._has_dragged = True
            self.viewport.set_hint(None)
            self._refresh()

    def _pause(self, on: bool) -> None:
        self.player.hold(BY_PERSON, on)
        self._refresh()

    def _restart(self) -> None:
        self.editor.return_to_origins()
        self._meter.restart()
        self.stage.banner.hide()
        self.player.restart()

    def _on_state(self, state: EngineState) -> None:
        if state is EngineState.RUNNING:
            self._meter.restart()
            self._status_timer.start()
        else:
            self._status_timer.stop()
        self.status.show_state(state)
        self._refresh()

    def _on_seen(self, seen: bool) -> None:
        self.player.hold("unseen", not seen)

    # ---- what is shown ----------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Brings every action and the line over the picture up to date."""
        stack = self.editor.undo_stack
        self.actions_by_id.refresh(
            Situation(
                has_picture=self.viewport.has_picture,
                streaming=self.player.streaming,
                paused=self.player.paused_by_person,
                cropping=self.pictures.cropping,
                croppable=self.pictures.croppable,
                has_points=bool(self.points.points),
                has_selection=self.points.selected is not None,
                dragging=self.editor.dragging,
                can_undo=stack.canUndo(),
                can_redo=stack.canRedo(),
            )
        )
        self.viewport.say(self._line())

    def _line(self) -> str:
        if not self.viewport.has_picture:
            return _NO_PICTURE_HINT
        if self.player.paused_by_person:
            return "Paused  ·  Space to go on"
        if self.player.state in (EngineState.LOADING, EngineState.WARMING):
            return "Coming alive…"
        if self.player.state is EngineState.RUNNING and not self._has_dragged:
            return _FIRST_HINT
        return ""

    def _refresh_speed(self) -> None:
        self.status.show_speed(self._meter.fps(time.monotonic()), self._meter.latency_ms, self.player.engine.stats())

    def _on_detail(self) -> None:
        on = self.actions_by_id["detail"].isChecked()
        self.viewport.set_detail(on)
        self._settings.setValue("detail", on)

    def _show_cheat_sheet(self) -> None:
        if self._cheat_sheet is None:
            self._cheat_sheet = CheatSheet(self)
        self._cheat_sheet.show()
        self._cheat_sheet.raise_()

    def _show_folder(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
            self.stage.banner.show_note(f"No file manager opened. The folder is {folder}")

    def _show_about(self) -> None:
        box = QMessageBox(self, windowTitle=f"About {APP_NAME}", modal=False)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setText("A living picture: grab a point, drag it, and the video follows.")
        box.setInformativeText(
            "Everything is made on this machine; nothing is sent anywhere.\n"
            "Apache-2.0. Pictures, weights and data: CREDITS.md."
        )
        box.show()

    # ---- window -----------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._cover is None:
            self._cover = CoverWatch(self)
            self._cover.changed.connect(self._on_seen)

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        if self._closed:  # a second close, for instance Quit after the frame's own button
            return
        self._closed = True
        if self._cover is not None:
            self._cover.close()
        self._status_timer.stop()
        self.editor.undo_stack.indexChanged.disconnect(self._refresh)  # the stack speaks once more as it is deleted
        self.pictures.stop()
        self.player.stop()
        self.stage.dispose()
