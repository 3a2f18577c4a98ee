"""The depth brush: paints on the picture what is nearer and what is farther.

Owns the map while a picture is open, the brush, and whether it is on. Never estimates (the engine's stream does) and
never lays out (`desktop.directing.depth_page`). While it is on the picture itself is shown in the colours of its depth
and the video waits, since depth belongs to the picture and not to the moment. UI thread; the engine's answers come
through a queued signal.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QMouseEvent, QUndoCommand, QUndoStack

from desktop.directing.depth_map import FLAT, Change, Stroke, of_picture, tinted
from desktop.handles import XY
from desktop.picture_desk import PictureDesk
from desktop.pictures import Opened, PictureLoader
from desktop.player import Player
from desktop.viewport import Viewport
from inference.channels import GetDepth, SetDepth
from inference.errors import UserError
from render.cover import Cover
from render.overlay import WHITE, Overlay, OverlayDots

MIN_RADIUS, MAX_RADIUS = 0.03, 0.4  # in picture heights
_WHEEL_STEP = 1.15
_HOLD = "painting depth"


class DepthBrush(QObject):
    """A tool and a layer of the viewport. `switched(on)` and `changed` (size, side, map) tell the page."""

    switched = Signal(bool)
    changed = Signal()
    failed = Signal(object)  # UserError

    _answered = Signal(object, object)  # the picture that was asked about, its depth or a UserError

    def __init__(
        self, player: Player, viewport: Viewport, pictures: PictureDesk, undo_stack: QUndoStack, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._player, self._viewport, self._pictures, self._undo_stack = player, viewport, pictures, undo_stack
        self.on = False
        self.nearer = True  # what the left button paints
        self.radius = 0.12
        self._picture: np.ndarray | None = None  # uint8 [h, w, 3]
        self._own: np.ndarray | None = None  # what the stream said of it
        self._depth: np.ndarray | None = None  # as it is now
        self._stroke: Stroke | None = None
        self._at: XY | None = None
        self._cover: Cover | None = None
        self._loader = PictureLoader(self)
        self._loader.loaded.connect(self._on_file)
        self._loader.failed.connect(self.failed)
        pictures.accepted.connect(lambda _, pixels: self.open(pixels))
        pictures.cropping_changed.connect(lambda _: self.turn(False))
        self._answered.connect(self._on_answer, Qt.ConnectionType.QueuedConnection)
        viewport.pointer.tools.append(self)
        viewport.layers.append(self)

    # ---- for the window and the page --------------------------------------------------------------

    def open(self, picture: np.ndarray) -> None:
        """Another picture, uint8 [h, w, 3]: its depth is not known before the brush is asked for."""
        self.turn(False)
        self._picture, self._own, self._depth, self._cover = picture, None, None, None
        self.changed.emit()

    def turn(self, on: bool) -> None:
        """Takes the brush up, or lays it down; nothing happens without a picture."""
        if on == self.on or (on and self._picture is None):
            self.switched.emit(self.on)
            return
        if on:
            self._viewport.pointer.pressed.emit()  # a person takes over from the hand that shows how
            self._viewport.set_hint(None)  # nothing can be grabbed meanwhile
        self.on, self._stroke = on, None
        self._player.hold(_HOLD, on)
        if on and self._own is None:
            self._ask()
        self._viewport.repaint_soon()
        self.switched.emit(on)

    def resize(self, radius: float) -> None:
        self.radius = min(max(radius, MIN_RADIUS), MAX_RADIUS)
        self._viewport.repaint_soon()
        self.changed.emit()

    def paint_nearer(self, nearer: bool) -> None:
        self.nearer = nearer
        self.changed.emit()

    @property
    def ready(self) -> bool:
        """Whether there is a map to paint on."""
        return self._depth is not None

    def make_flat(self) -> None:
        """Everything equally near."""
        if self._depth is not None:
            self._push("Flat depth", np.full_like(self._depth, FLAT))

    def return_to_picture(self) -> None:
        """What the picture itself says, without what was painted."""
        if self._own is not None:
            self._push("Depth from the picture", self._own)

    def open_file(self, path: Path) -> None:
        """A depth picture that another program made of the open one: white is nearest."""
        self._loader.request(path, path.name, own=True)

    def take_estimate(self, picture: np.ndarray, depth: np.ndarray, name: str, *, as_edit: bool) -> None:
        """What another model makes of `picture` is from now on what the picture says. What was painted stays unless
        the person asks for this now (`as_edit`), which can be undone.
        """
        if picture is not self._picture:  # another one was opened since
            return
        painted = self._depth is not self._own
        self._own = depth
        if self._depth is not None and as_edit:
            self._push(f"Depth by {name}", depth)
        elif not painted:
            self._put(depth)

    def stop(self) -> None:
        """When the window closes."""
        self._loader.stop()

    # ---- the map ----------------------------------------------------------------------------------

    def _ask(self) -> None:
        picture = self._picture

        def tell(future: Future[np.ndarray]) -> None:  # on the engine's thread
            fault = future.exception()
            self._answered.emit(picture, future.result() if fault is None else fault)

        self._player.engine.send(GetDepth()).add_done_callback(tell)

    def _on_answer(self, picture: np.ndarray, answer: np.ndarray | Exception) -> None:
        if picture is not self._picture:  # another one was opened since
            return
        if isinstance(answer, Exception) or answer.shape != picture.shape[:2]:
            self.turn(False)
            fault = answer if isinstance(answer, UserError) else None
            self.failed.emit(fault or UserError("The depth of this picture cannot be told.", next="Try again."))
            return
        if self._own is None:  # an estimate may have come first
            self._own = self._depth = answer
            self._show(answer)
            self.changed.emit()

    def _on_file(self, opened: Opened) -> None:
        if self._depth is None:  # another picture was opened since
            return
        try:
            self._push("Depth from a file", of_picture(self._pictures.cropped_alike(opened.picture)))
        except UserError as error:
            self.failed.emit(error)

    def _push(self, text: str, after: np.ndarray) -> None:
        assert self._depth is not None
        change = Change.between(self._depth, after)
        if change is not None:
            self._undo_stack.push(_PaintDepth(self, text, change))

    def _put(self, depth: np.ndarray) -> None:
        """The map of an edit that is done or undone, shown and told to the engine."""
        self._depth = depth
        self._player.engine.send(SetDepth(depth))
        self._show(depth)
        self.changed.emit()

    def _show(self, depth: np.ndarray) -> None:
        assert self._picture is not None
        self._cover = Cover(tinted(self._picture, depth))
        self._viewport.repaint_soon()

    # ---- the mouse --------------------------------------------------------------------------------

    def press(self, xy: XY, event: QMouseEvent) -> bool:
        left = event.button() == Qt.MouseButton.LeftButton
        if not self.on or not (left or event.button() == Qt.MouseButton.RightButton):
            return False
        self._at = xy
        if self._depth is not None:
            self._stroke = Stroke(self._depth, xy, self.radius, nearer=self.nearer == left)
            self._show(self._stroke.values)
        return True

    def drag(self, xy: XY, way: Sequence[tuple[float, XY]], event_position: tuple[float, float]) -> None:
        self._at = xy
        if self._stroke is not None:
            for _, earlier in way:
                self._stroke.to(earlier)
            self._stroke.to(xy)
            self._show(self._stroke.values)

    def release(self, xy: XY) -> None:
        stroke, self._stroke = self._stroke, None
        if stroke is not None:
            stroke.to(xy)
            self._push("Paint depth", stroke.values)

    def hover(self, xy: XY) -> None:
        if self.on:
            self._at = xy
            self._viewport.repaint_soon()

    def wheel(self, xy: XY, notches: float, modifiers: Qt.KeyboardModifier) -> bool:
        if self.on:
            self._at = xy
            self.resize(self.radius * _WHEEL_STEP**notches)
        return self.on

    def cursor(self, xy: XY) -> Qt.CursorShape | None:
        return Qt.CursorShape.CrossCursor if self.on else None

    def overlay(self) -> Overlay:
        if not self.on:
            return Overlay()
        ring = ()
        if self._at is not None:
            size_px = self.radius * self._viewport.picture_size().height()
            ring = (OverlayDots(np.array([self._at], np.float32), WHITE, radius=size_px, stroke=1.5),)
        return Overlay(dots=ring, cover=self._cover)


class _PaintDepth(QUndoCommand):
    """One stroke, or one reset."""

    def __init__(self, brush: DepthBrush, text: str, change: Change) -> None:
        super().__init__(text)
        self._brush, self._change = brush, change

    def redo(self) -> None:
        assert self._brush._depth is not None
        self._brush._put(self._change.done(self._brush._depth))

    def undo(self) -> None:
        assert self._brush._depth is not None
        self._brush._put(self._change.undone(self._brush._depth))
