"""The main window: makes the parts, puts them in their places, and answers what is asked of the window itself.

Owns the layout, full screen and the help windows. What happens between the parts is in `desktop.conductor`. UI thread.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSize, Qt, QUrl
from PySide6.QtGui import QCloseEvent, QDesktopServices, QDragEnterEvent, QDropEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMainWindow, QMessageBox, QToolBar, QVBoxLayout, QWidget

from desktop.actions import SPECS, Actions
from desktop.cheat_sheet import CheatSheet
from desktop.conductor import Conductor
from desktop.cover import CoverWatch
from desktop.crop import Bucket
from desktop.crop_panel import CropPanel
from desktop.directing.ati_desk import AtiDesk
from desktop.directing.camera import PAGE as CAMERA_PAGE
from desktop.directing.camera import CameraDesk
from desktop.directing.camera_page import CameraPage
from desktop.directing.depth_brush import DepthBrush
from desktop.directing.depth_estimates import DepthEstimates
from desktop.directing.depth_page import NAME as DEPTH_PAGE
from desktop.directing.depth_page import DepthPage
from desktop.directing.dock import DirectDock
from desktop.directing.gamepad import Gamepad
from desktop.directing.paths import Paths
from desktop.directing.points import PointsDesk
from desktop.directing.points_page import PointsPage
from desktop.directing.score import Score
from desktop.directing.sound import SoundDesk
from desktop.directing.toys import ToyBox
from desktop.directing.toys_page import NAME as TOYS_PAGE
from desktop.directing.toys_page import ToysPage
from desktop.directing.transfer import TransferDesk
from desktop.directing.words import WordsDesk
from desktop.doctor_card import DoctorCard
from desktop.edits import PointEditor
from desktop.gallery import Choice, Gallery, StartPanel, thumbnail
from desktop.handles import HandleModel
from desktop.picture_desk import PictureDesk
from desktop.pictures import OPEN_FILTER, Starter, may_hold_picture
from desktop.player import Player
from desktop.prompt import PromptBox
from desktop.recorded_hand import Demo
from desktop.resources import APP_NAME, resource_path
from desktop.settings import Settings
from desktop.stage import Stage
from desktop.status import StatusLine
from desktop.telemetry import TelemetryDock
from desktop.viewport import Viewport
from inference.engine import Engine


class MainWindow(QMainWindow):
    """`engine` must not have been started. `logs` is where Help shows the logs; `package` what the check-up measures;
    `demo` what the start screen plays, None for none."""

    def __init__(
        self,
        engine: Engine,
        buckets: tuple[Bucket, ...],
        starters: tuple[Starter, ...],
        data_dir: Path,
        logs: Path,
        seed: int,
        package: Path | None = None,
        demo: Demo | None = None,
    ) -> None:
        super().__init__()
        self.setWindowTitle(APP_NAME)
        self.setAcceptDrops(True)
        self._data_dir, self._logs, self._package, self._demo = data_dir, logs, package, demo
        self._settings = Settings(data_dir)
        by_path = {starter.path: starter for starter in starters}
        self.points = HandleModel()
        self.editor = PointEditor(self.points)
        self.player = Player(engine, seed, self)
        self.viewport = Viewport(self.editor)
        self.score = Score(engine.mailbox, self.points.numbers, self)
        self.direct = DirectDock(self)
        self.camera = CameraDesk(engine.mailbox, self.points, self.viewport, self.direct)
        self.points_desk = PointsDesk(self.editor, self.viewport, self.player, self._settings, self)
        self.direct.add_page("Points", PointsPage(self.points_desk))
        self.crop_panel = CropPanel(buckets)
        self.stage = Stage(self.viewport, self.crop_panel)
        self.pictures = PictureDesk(self.crop_panel, buckets, by_path, data_dir / "pictures", self)
        self.depth_brush = DepthBrush(self.player, self.viewport, self.pictures, self.editor.undo_stack, self)
        self.depth_estimates = DepthEstimates(self.depth_brush, self.pictures, self._settings, self)
        toys = resource_path("assets", "toys")
        self.toys = ToyBox(self.viewport, self.pictures, toys, data_dir / "compositions", buckets, self)
        choices = tuple(Choice(s.path, s.title, s.credit, thumbnail(s.path)) for s in starters)
        choices = tuple(choice for choice in choices if not choice.image.isNull())
        recent = self.recent_choices()
        self.paths = Paths(
            self.score,
            self.editor,
            self.player,
            self.viewport,
            self.direct,
            self.pictures,
            data_dir / "paths",
            self,
        )
        self.camera_page = CameraPage(self.camera, self.viewport, self.stage.banner)
        self.direct.add_page(CAMERA_PAGE, self.camera_page)
        self.gallery = Gallery(recent + choices)
        self.start = StartPanel(choices, recent)
        self.prompt = PromptBox()
        self.words = WordsDesk(self.score, self.camera, self.player, self.points.numbers, self)
        self.status = StatusLine()
        self.transfer = TransferDesk(self, self._settings)
        self.conductor = Conductor(self, by_path, self._settings)
        self.telemetry = TelemetryDock(self.conductor.readings, self)
        self.full_screen = False
        self._at_start = False
        self._cover: CoverWatch | None = None
        self._cheat_sheet: CheatSheet | None = None
        self._doctor: DoctorCard | None = None
        self._closed = False
        self.gamepad = Gamepad(self, self._settings)
        self.sound = SoundDesk(self)
        self.gamepad.camera = self.sound.camera = self.camera
        handlers = self.conductor.handlers() | self._handlers()
        for way in (
            self.points_desk,
            self.paths,
            self.camera,
            self.gamepad,
            self.sound,
            self.toys,
            self.transfer,
        ):
            handlers |= way.handlers()
        self.actions_by_id = Actions(self, handlers)
        self.points_desk.show_in(self.actions_by_id)
        # One tool at a time. The hand may be chosen by another way's tool, and leaves that as it is.
        for tool in ("path_tool", "depth"):
            self.actions_by_id[tool].toggled.connect(lambda on: self.points_desk.stand_back() if on else None)
        self.points_desk.tool_chosen.connect(self._put_away_tools)
        self.toys.composing_changed.connect(lambda on: self._put_away_tools("") if on else None)
        self.direct.add_page(TOYS_PAGE, ToysPage(self.toys))
        self._lay_out()
        self.start.open_asked.connect(self._open_dialog)
        self._connect_depth()
        self.conductor.connect_parts()
        self.ati = AtiDesk(self.pictures, self.prompt, self.paths, self)
        self.ati.failed.connect(self.stage.banner.show_problem)

    # ---- layout -----------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self.actions_by_id.fill_menus(self.menuBar())
        tools = QToolBar(movable=False, iconSize=QSize(20, 20))
        self.actions_by_id.fill_toolbar(tools, (spec.id for spec in SPECS if spec.in_toolbar))
        for child in tools.children():
            if isinstance(child, QWidget):
                child.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._bar = QWidget()
        self._bar.setObjectName("bar")
        row = QHBoxLayout(self._bar)
        row.setContentsMargins(10, 7, 10, 7)
        row.addWidget(self.prompt, 1)
        row.addWidget(self.words.button)
        row.addWidget(tools)
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self.stage, 1)
        right.addWidget(self._bar)
        central = QWidget()
        whole = QHBoxLayout(central)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self.start)
        whole.addWidget(self.gallery)
        whole.addLayout(right, 1)
        self.setCentralWidget(central)
        self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.direct)
        self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.telemetry)
        self.setStatusBar(self.status)
        self.resize(1280, 800)
        self.show_start(False)
        self.stage.picture.setFocus()

    def _handlers(self) -> dict[str, Callable[[], None]]:
        return {
            "open": self._open_dialog,
            "quit": self.close,
            "start": lambda: self.show_start(not self._at_start),
            "toys": lambda: self.direct.turn_to(TOYS_PAGE),
            "telemetry": lambda: self.telemetry.setVisible(not self.telemetry.isVisible()),
            "full_screen": lambda: self._set_full_screen(not self.full_screen),
            "leave_full_screen": lambda: self._set_full_screen(False),
            "points_page": lambda: self.direct.turn_to("Points"),
            "cheat_sheet": self._show_cheat_sheet,
            "doctor": self._show_doctor,
            "depth": self._paint_depth,
            "sessions": lambda: self._show_folder(self._data_dir / "sessions"),
            "logs": lambda: self._show_folder(self._logs),
            "about": self._show_about,
        }

    def _put_away_tools(self, chosen: str) -> None:
        """The lasso or the brush was chosen, or a picture is composed."""
        if chosen != "hand":
            self.paths.set_tool(False)
            self.depth_brush.turn(False)

    def show_start(self, on: bool) -> None:
        """All pictures at once in place of the strip."""
        self._at_start = on
        self.start.setVisible(on and not self.full_screen)
        self.gallery.setVisible(not on and not self.full_screen)

    def _set_full_screen(self, on: bool) -> None:
        """The picture alone on the whole screen, and back."""
        self.full_screen = on
        for part in (self.menuBar(), self._bar, self.status):
            part.setVisible(not on)
        self.show_start(self._at_start)
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)
        self.stage.picture.setFocus()
        self.conductor.refresh()

    # ---- directing --------------------------------------------------------------------------------

    def _connect_depth(self) -> None:
        brush = self.depth_brush
        self.direct.add_page(DEPTH_PAGE, DepthPage(brush, self.depth_estimates))
        self.depth_estimates.failed.connect(self.stage.banner.show_problem)
        brush.failed.connect(self.stage.banner.show_problem)
        brush.switched.connect(self.actions_by_id["depth"].setChecked)
        brush.switched.connect(self.viewport.lens.turn_off)

    def _paint_depth(self) -> None:
        self.depth_brush.turn(not self.depth_brush.on)
        if self.depth_brush.on and self.direct.page != DEPTH_PAGE:
            self.direct.turn_to(DEPTH_PAGE)

    # ---- pictures ---------------------------------------------------------------------------------

    def open_picture(self, path: Path | None) -> None:
        """The first picture: the one named, else the start screen, else none and a hint."""
        if path is not None:
            self.pictures.open_path(path)
        elif self._demo is not None:
            self.conductor.begin(self._demo)

    def recent_choices(self) -> tuple[Choice, ...]:
        """A person's own pictures of before, the latest first."""
        recent = ((path, self._settings.thumbnail(path)) for path in self._settings.recent)
        return tuple(Choice(path, path.name, "", image) for path, image in recent if not image.isNull())

    def _open_dialog(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open picture", "", OPEN_FILTER)
        if name:
            self.show_start(False)
            self.pictures.open_path(Path(name))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        event.setAccepted(may_hold_picture(event.mimeData()))

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.pictures.open_mime(event.mimeData())

    # ---- help -------------------------------------------------------------------------------------

    def _show_cheat_sheet(self) -> None:
        if self._cheat_sheet is None:
            self._cheat_sheet = CheatSheet(self)
        self._cheat_sheet.show()
        self._cheat_sheet.raise_()

    def _show_doctor(self) -> None:
        if self._doctor is None and self._package is not None:
            self._doctor = DoctorCard(self._package, self.viewport.gl_renderer, self)
            self._doctor.measuring.connect(lambda on: self.player.hold("measuring", on))
        if self._doctor is not None:
            self._doctor.examine()

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
            self._cover.changed.connect(self.conductor.set_seen)
            self.gamepad.start()

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        if self._closed:  # a second close, for instance Quit after the frame's own button
            return
        self._closed = True
        if self._cover is not None:
            self._cover.close()
        self.conductor.stop()
        self.gamepad.stop()
        self.sound.stop()
        if self._doctor is not None:
            self._doctor.stop()
        self.toys.stop()
        self.pictures.stop()
        self.depth_brush.stop()
        self.depth_estimates.stop()
        self.transfer.stop()
        self.player.stop()
        self.stage.dispose()
