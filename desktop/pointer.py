"""The mouse on the picture: presses, moves and wheel become gestures of the editor, and the cursor says which.

A tool (`desktop.directing.tool`) may take a press instead, and then has the mouse until its release. The pointer is on
the screen; the editor and the tools are told of places in the scene (`desktop.directing.lens`).

Owns the tools and the moves that wait. A busy window gets many at once: all of them reach the editor, for the polyline
that the engine follows, but the points change, are hit-tested and repainted once. Never decides what a gesture means
(`desktop.edits`). UI thread.
"""

from __future__ import annotations

import time
from typing import Protocol

from PySide6.QtCore import QObject, QPointF, QSizeF, Qt, Signal
from PySide6.QtGui import QCursor, QMouseEvent, QWheelEvent

from desktop.directing.lens import Lens
from desktop.directing.tool import Tool
from desktop.edits import PointEditor, inside
from desktop.handles import XY

_REACH_PX = 18.0  # how near the pointer must come to a point to take it, in logical pixels
_WHEEL_NOTCH = 120.0  # eighths of a degree, Qt's unit


class Surface(Protocol):
    """What the pointer moves over."""

    lens: Lens

    def picture_position(self, position: QPointF) -> XY | None:
        """A widget position on the picture, possibly outside of it; None while there is no picture."""

    def picture_size(self) -> QSizeF:
        """How large the picture is shown, in logical pixels."""

    def cursor(self) -> QCursor: ...
    def setCursor(self, cursor: Qt.CursorShape) -> None: ...


class Pointer(QObject):
    """`pressed` before a press counts; `dragged` when a drag has moved a point; `released` when it is over."""

    pressed = Signal()
    dragged = Signal()
    released = Signal()

    _waiting = Signal()

    def __init__(self, editor: PointEditor, surface: Surface) -> None:
        super().__init__()
        self.tools: list[Tool] = []  # asked in this order, before the hand
        self._editor, self._surface = editor, surface
        self._tool: Tool | None = None  # has the mouse
        self._tool_button = Qt.MouseButton.NoButton
        self._tool_xy: XY = (0.0, 0.0)  # where it took the press: its drag stays as deep
        self._last: QPointF | None = None  # where the pointer was last
        self._moves: list[tuple[int, QPointF]] = []  # Qt's time of the event in ms, position
        # Queued: comes after every move that the window system has delivered together, and before anything else.
        self._waiting.connect(self.apply_moves, Qt.ConnectionType.QueuedConnection)

    def press(self, event: QMouseEvent) -> None:
        self.apply_moves()
        screen = self._surface.picture_position(event.position())
        if screen is None or self._tool is not None:
            return
        self._last = event.position()
        xy = self._surface.lens.hit(screen)
        self.pressed.emit()
        if not self._editor.dragging:
            self._tool = next((tool for tool in self.tools if tool.press(xy, event)), None)
        if self._tool is not None:
            self._tool_button, self._tool_xy = event.button(), xy
            self._show_cursor(xy)
            return
        right = event.button() == Qt.MouseButton.RightButton
        hit = self.hit(xy, still=right)
        if hit is None and inside(screen) != screen:
            self._editor.model.select()
        elif event.button() == Qt.MouseButton.LeftButton:
            self._editor.press(xy, hit)
        elif right:
            self._editor.toggle_pin(xy, hit)
        self._show_cursor(xy)

    def move(self, event: QMouseEvent) -> None:
        """Remembered, and applied with all others that wait."""
        self._moves.append((event.timestamp(), event.position()))
        if len(self._moves) == 1:
            self._waiting.emit()

    def release(self, event: QMouseEvent) -> None:
        self.apply_moves()
        if self._tool is not None:
            screen = self._surface.picture_position(event.position())
            if event.button() == self._tool_button and screen is not None:
                tool, self._tool = self._tool, None
                xy, moved_points = self._surface.lens.to_scene(screen, self._tool_xy), self._editor.dragging
                tool.release(xy)
                if moved_points:
                    self.released.emit()
                self._show_cursor(xy)
            return
        if event.button() == Qt.MouseButton.LeftButton and self._editor.dragging:
            self._editor.release(invert=bool(event.modifiers() & Qt.KeyboardModifier.AltModifier))
            self.released.emit()
            screen = self._surface.picture_position(event.position())
            if screen is not None:
                xy = self._surface.lens.hit(screen)
                self._editor.model.hover(self.hit(xy))
                self._show_cursor(xy)

    def wheel(self, event: QWheelEvent) -> None:
        self.apply_moves()
        notches = event.angleDelta().y() / _WHEEL_NOTCH
        screen = self._surface.picture_position(event.position())
        xy = self._surface.lens.hit(screen) if screen is not None else None
        if xy is not None and any(tool.wheel(xy, notches, event.modifiers()) for tool in self.tools):
            event.accept()
            return
        turning = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        event.setAccepted(self._editor.turn(notches) if turning else self._editor.resize(notches))

    def leave(self) -> None:
        self.apply_moves()
        if not self._editor.dragging:
            self._editor.model.hover(None)

    def apply_moves(self) -> None:
        """Hands over the moves that wait; each keeps its own time before the newest, which is now."""
        moves, self._moves = self._moves, []
        if not moves:
            return
        position = self._last = moves[-1][1]
        screen = self._surface.picture_position(position)
        if screen is None:
            return
        lens = self._surface.lens
        if self._tool is not None:
            xy = lens.to_scene(screen, self._tool_xy)
            way = [(at_s, lens.to_scene(earlier, self._tool_xy)) for at_s, earlier in self._way(moves)]
            self._tool.drag(xy, way, (position.x(), position.y()))
            if self._editor.dragging:
                self.dragged.emit()
        elif self._editor.dragging:
            xy = self._drag(screen, self._way(moves))
            self.dragged.emit()
        else:
            xy = lens.hit(screen)
            self._editor.model.hover(self.hit(xy))
            for tool in self.tools:
                tool.hover(xy)
        self._show_cursor(xy)

    def reframe(self) -> None:
        """The camera has moved: what the hand holds stays under the pointer."""
        if self._editor.dragging and self._last is not None:
            screen = self._surface.picture_position(self._last)
            if screen is not None:
                self._drag(screen, [])

    def _drag(self, screen: XY, way: list[tuple[float, XY]]) -> XY:
        """Moves the held point to where its plane is seen at `screen`."""
        lens, model = self._surface.lens, self._editor.model
        if lens.shot is None or model.held is None:
            self._editor.drag(screen, way)
            return screen
        screen, origin = inside(screen), model.get(model.held).origin
        xy = lens.to_scene(screen, origin)
        self._editor.drag(xy, [(at_s, lens.to_scene(inside(earlier), origin)) for at_s, earlier in way], screen)
        return xy

    def _way(self, moves: list[tuple[int, QPointF]]) -> list[tuple[float, XY]]:
        """The moves before the newest, each at its own time before it; the newest is now."""
        now_s, newest_ms = time.monotonic(), moves[-1][0]
        return [
            (now_s - (newest_ms - moved_ms) / 1000.0, earlier)
            for moved_ms, place in moves[:-1]
            if (earlier := self._surface.picture_position(place)) is not None
        ]

    def hit(self, xy: XY, *, still: bool = False) -> int | None:
        """The point under the pointer there, a place of the scene. still: whether the still pins count."""
        size, lens = self._surface.picture_size(), self._surface.lens
        screen = lens.to_screen(xy, xy) or xy
        return self._editor.model.nearest(
            screen, (size.width(), size.height()), _REACH_PX, still=still, place=lens.to_screen
        )

    def _show_cursor(self, xy: XY) -> None:
        asked = (self._tool,) if self._tool is not None else self.tools
        of_tool = next((shape for tool in asked if (shape := tool.cursor(xy)) is not None), None)
        if of_tool is not None:
            shape = of_tool
        elif self._editor.dragging:
            shape = Qt.CursorShape.ClosedHandCursor
        elif self._editor.model.hovered is not None:
            shape = Qt.CursorShape.OpenHandCursor
        elif inside(xy) == xy:
            shape = Qt.CursorShape.CrossCursor
        else:
            shape = Qt.CursorShape.ArrowCursor
        if self._surface.cursor().shape() != shape:
            self._surface.setCursor(shape)
