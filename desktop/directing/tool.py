"""What a tool for the mouse is: something that can take a press on the picture and have the mouse until its release.

Owns nothing. The pointer (`desktop.pointer`) asks its tools in order; what none of them takes goes to the hand. UI
thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from PySide6.QtCore import Qt
from PySide6.QtGui import QMouseEvent

from desktop.handles import XY
from render.overlay import Overlay


class Tool(Protocol):
    """Positions are normalised picture coordinates and may lie outside the picture."""

    def press(self, xy: XY, event: QMouseEvent) -> bool:
        """Whether this tool takes the press; it then has every move until the release."""

    def drag(self, xy: XY, way: Sequence[tuple[float, XY]], event_position: tuple[float, float]) -> None:
        """The pointer moved while pressed. way: (time_s, xy) of moves before this one that waited. event_position: in
        logical pixels of the viewport.
        """

    def release(self, xy: XY) -> None:
        """The press is over."""

    def hover(self, xy: XY) -> None:
        """The pointer moved without a press."""

    def wheel(self, xy: XY, notches: float, modifiers: Qt.KeyboardModifier) -> bool:
        """Whether this tool takes the wheel."""

    def cursor(self, xy: XY) -> Qt.CursorShape | None:
        """What the pointer looks like there; None to leave it to the hand."""


class Layer(Protocol):
    """Something that draws over the picture, below the hand's points."""

    def overlay(self) -> Overlay: ...
