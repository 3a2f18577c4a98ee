"""Directing by points: which tool the mouse is, what is selected and grouped, what a release means, what holds still.

Owns the tools of the points and joins them with the editor, the settings and what the engine says of its speed limit.
Lays out nothing (`desktop.directing.points_page`). UI thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal

from desktop.directing.brush import STEP, Brush
from desktop.directing.gizmo import Gizmo
from desktop.directing.lasso import Lasso
from desktop.edits import PointEditor
from desktop.handles import XY, Point
from desktop.player import Player
from desktop.settings import Settings
from desktop.viewport import Viewport
from inference.channels import Frame, GetBelonging
from render.overlay import AMBER, Overlay, OverlayDots, OverlayLine

if TYPE_CHECKING:
    from desktop.actions import Actions

ToolName = Literal["hand", "lasso", "brush"]

STILL_SPACING = 24 / 144  # of the still pins, in picture heights; wider where the budget asks for it
BELONGS = 0.5  # of a place: from here on it goes along with what is grabbed
DEFAULT_SPEED = 1.5  # picture heights in a second of video, when the limit is switched on


class PointsDesk(QObject):
    """`changed` when the tool, the brush, the release choice, the speed limit or the points have changed."""

    changed = Signal()
    tool_chosen = Signal(str)  # its name

    _told = Signal(object, object)  # points, and what goes along with them

    def __init__(
        self, editor: PointEditor, viewport: Viewport, player: Player, settings: Settings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.tool: ToolName = "hand"
        self.brush = Brush(editor, viewport, self)
        self.model = editor.model
        self._editor, self._viewport, self._settings = editor, viewport, settings
        self._gizmo, self._lasso = Gizmo(editor, viewport), Lasso(editor.model, viewport)
        self._behind: dict[int, XY] = {}  # in the frame shown, what the speed limit keeps behind
        self._actions: Actions | None = None
        viewport.pointer.tools += [self._gizmo, self._lasso, self.brush]
        viewport.layers += [self, self._gizmo, self._lasso, self.brush]
        editor.lets_go = settings.lets_go
        self.model.speed = settings.speed_limit
        self.model.subscribe(self.changed.emit)
        self.brush.changed.connect(self.changed)
        self._engine = player.engine
        self._told.connect(self._pin_the_rest, Qt.ConnectionType.QueuedConnection)  # from the engine's thread
        player.frame_due.connect(self._on_frame)

    def handlers(self) -> dict[str, Callable[[], None]]:
        return {
            "hand": lambda: self.choose("hand"),
            "lasso": lambda: self.choose("lasso"),
            "brush": lambda: self.choose("brush"),
            "brush_larger": lambda: self.brush.set_size(self.brush.size * STEP),
            "brush_smaller": lambda: self.brush.set_size(self.brush.size / STEP),
            "select_all": self.select_all,
            "select_none": self.model.select,
            "group": self.group,
            "ungroup": self.ungroup,
            "still": self.hold_still,
            "lets_go": lambda: self.set_lets_go(not self.lets_go),
        }

    def show_in(self, actions: Actions) -> None:
        """Keeps the marks of these actions up to date."""
        self._actions = actions
        self._mark()

    # ---- tools --------------------------------------------------------------------------------------

    def choose(self, tool: ToolName) -> None:
        self.tool = tool
        self._lasso.active, self.brush.active = tool == "lasso", tool == "brush"
        self._viewport.repaint_soon()
        self._mark()
        self.tool_chosen.emit(tool)

    def stand_back(self) -> None:
        """Another way's tool has the mouse: the points' are put away, and the gizmo with them."""
        self.choose("hand")
        self.model.select()

    # ---- selection ----------------------------------------------------------------------------------

    def select_all(self) -> None:
        """All but the still pins."""
        self.model.select(*(point.id for point in self.model.points if not point.still))

    def group(self) -> None:
        if len(self.model.selection) > 1:
            self._editor.group_selected(next(self.model.numbers))

    def ungroup(self) -> None:
        self._editor.group_selected(0)

    # ---- what holds still ---------------------------------------------------------------------------

    @property
    def stills(self) -> list[Point]:
        return [point for point in self.model.points if point.still]

    def hold_still(self) -> None:
        """Pins over everything that no point has taken and that goes along with none; the next call takes them away."""
        if self._editor.dragging or not self._viewport.has_picture:
            return
        if stills := self.stills:
            self._editor.remove("Let everything else go", stills)
            return
        taken = [point for point in self.model.points if self._is_grabbed(point)]
        if not taken:
            self._pin_the_rest([], None)
            return
        asked = self._engine.send(GetBelonging(np.array([point.origin for point in taken])))
        asked.add_done_callback(lambda done: self._told.emit(taken, None if done.exception() else done.result()))

    def _is_grabbed(self, point: Point) -> bool:
        """Rather than a pin that holds its own place."""
        return not point.pinned or point.xy != point.origin or point.id in self.model.selection

    def _pin_the_rest(self, taken: list[Point], belonging: np.ndarray | None) -> None:
        """taken: what was asked about; belonging: of the picture, float32 [h, w], None where nobody knows."""
        if self.stills or self._editor.dragging:
            return  # it took a moment: somebody was faster
        spacing = STILL_SPACING
        while len(places := self._unclaimed(spacing, taken, belonging)) > self.model.room > 0:
            spacing *= 1.1
        if places and self.model.room > 0:
            pins = [self.model.new_point(xy, pinned=True, radius=spacing / 2, side=1, still=True) for xy in places]
            self._editor.add("Hold everything else still", pins)

    def _unclaimed(self, spacing: float, taken: list[Point], belonging: np.ndarray | None) -> list[XY]:
        """An even grid over the picture, without points' own places and what goes along with them where it is now."""
        columns, rows = max(1, round(self._editor.aspect / spacing)), max(1, round(1.0 / spacing))
        places = [((i + 0.5) / columns, (j + 0.5) / rows) for j in range(rows) for i in range(columns)]
        free = [xy for xy in places if not any(self._editor.claims(point, xy) for point in self.model.points)]
        if belonging is None:
            return free
        size = np.array(belonging.shape[::-1])
        goes_along = np.zeros(len(free), np.bool_)
        for point in taken:
            cell = np.floor((np.array(free).reshape(-1, 2) - point.xy + point.origin) * size).astype(np.int64)
            inside = ((cell >= 0) & (cell < size)).all(axis=1)
            x, y = np.where(inside[:, None], cell, 0).T
            goes_along |= inside & (belonging[y, x] > BELONGS)
        return [xy for xy, along in zip(free, goes_along.tolist(), strict=True) if not along]

    # ---- release and speed --------------------------------------------------------------------------

    @property
    def lets_go(self) -> bool:
        return self._editor.lets_go

    def set_lets_go(self, on: bool) -> None:
        self._editor.lets_go = self._settings.lets_go = on
        self._mark()

    @property
    def speed_limit(self) -> float:
        """Picture heights in a second of video; inf without a limit."""
        return self.model.speed

    def set_speed_limit(self, heights: float) -> None:
        self.model.speed = self._settings.speed_limit = heights
        self.model.put()  # what is told of every point has changed

    # ---- what is shown ------------------------------------------------------------------------------

    def overlay(self) -> Overlay:
        """A rubber band from where the engine has a point to where the hand has it. Of a patch only the one in the
        hand has one.
        """
        marked = (self.model.held, self.model.selected)
        bands = [
            (self._behind[point.id], point.xy)
            for point in self.model.points
            if point.id in self._behind and (point.side > 1 or point.id in marked)
        ]
        lines = tuple(OverlayLine(np.array(band, np.float32), AMBER, 0.9, fading=True) for band in bands)
        ends = np.array([shown for shown, _ in bands], np.float32).reshape(-1, 2)
        return Overlay(lines=lines, dots=(OverlayDots(ends, AMBER, 8.0, stroke=2.0),) if bands else ())

    def _on_frame(self, frame: Frame) -> None:
        self._behind = frame.behind

    def _mark(self) -> None:
        if self._actions is not None:
            for tool in ("hand", "lasso", "brush"):
                self._actions[tool].setChecked(tool == self.tool)
            self._actions["lets_go"].setChecked(self.lets_go)
        self.changed.emit()
