"""The gamepad's hand on the picture: a cursor that a stick moves, and the point that it holds.

Owns the cursor. What it does to a point is a gesture of the editor, as the mouse's are, and can be undone. UI thread.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QObject, Signal

from desktop.edits import PointEditor
from desktop.handles import XY
from render.overlay import WHITE, Overlay, OverlayDots

SPEED = 0.6  # picture heights a second at full deflection
_HOME_SPEED = 1.2  # of a point that goes back to where it took hold
_REACH = 0.12  # heights within which the cursor takes a point instead of putting one
_SHOWN_S = 4.0  # after the last use


class PadHand(QObject):
    """A layer of the viewport, too. aspect: width by height of the picture that is shown."""

    changed = Signal()
    pressed = Signal()  # before a grab counts
    dragged = Signal()  # a held point was moved
    released = Signal()

    def __init__(self, editor: PointEditor, aspect: Callable[[], float], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.xy: XY = (0.5, 0.5)
        self._editor, self._aspect = editor, aspect
        self._held: int | None = None
        self._home: XY | None = None  # where a point is on its way to
        self._goes_home_by_itself = False  # it was not held before
        self._idle_s = math.inf  # since the last use

    @property
    def holding(self) -> bool:
        """The pad holds a point, and nothing has taken it from it."""
        return self._held is not None and self._editor.model.held == self._held

    @property
    def busy(self) -> bool:
        """Something moves or shows that needs the next `steer`."""
        return self._home is not None or self._idle_s < _SHOWN_S

    def grab(self) -> None:
        """Takes the point nearest to the cursor, or puts one there; what is held is pinned where it is."""
        self._idle_s = 0.0
        if self.holding:
            self._pin()
        elif not self._editor.dragging:
            self._take(self._editor.model.nearest(self.xy, (self._aspect(), 1.0), _REACH))
        self.changed.emit()

    def release(self) -> bool:
        """The held point no longer holds the picture. False where nothing is held."""
        if not self.holding:
            return False
        self._held = self._home = None
        self._editor.let_go()
        self.released.emit()
        return True

    def return_home(self) -> None:
        """The held point, or else the selected one, goes back to where it took hold."""
        model = self._editor.model
        if not self.holding:
            if self._editor.dragging or model.selected is None:
                return
            self._goes_home_by_itself = True
            self._take(model.selected)
        self._home = model.get(model.held).origin if model.held is not None else None

    def drop(self) -> bool:
        """The pad is gone: what it held stays as a pin. Whether it held anything."""
        self._idle_s = math.inf
        held = self.holding
        if held:
            self._pin()
        self._held = self._home = None
        self.changed.emit()
        return held

    def steer(self, x: float, y: float, seconds: float) -> None:
        """Some seconds of the stick, -1 to 1, y down: it moves the held point, takes the selected one, or else
        moves the cursor.
        """
        pushed = x != 0.0 or y != 0.0
        was_shown = self._idle_s < _SHOWN_S
        self._idle_s = 0.0 if pushed or self.holding else self._idle_s + seconds
        model = self._editor.model
        if not self.holding:
            self._held = self._home = None
            if pushed and model.selected is not None and not self._editor.dragging:
                self._take(model.selected)
        if pushed:
            self._home = None
        if self.holding and self._home is not None:
            self._go_home(seconds)
        elif self.holding and pushed:
            self._editor.drag(self._moved(model.get(model.held).xy, x, y, seconds))  # type: ignore[arg-type]
            self.xy = model.get(model.held).xy  # type: ignore[arg-type]
            self.dragged.emit()
        elif pushed and not self._editor.dragging:
            self.xy = self._moved(self.xy, x, y, seconds)
        if pushed or was_shown != (self._idle_s < _SHOWN_S):
            self.changed.emit()

    def overlay(self) -> Overlay:
        if self._idle_s >= _SHOWN_S or self.holding:
            return Overlay()
        at = np.array([self.xy], np.float32)
        ring = OverlayDots(at, WHITE, radius=13.0, strength=0.9, stroke=2.0)
        return Overlay(dots=(ring, OverlayDots(at, WHITE, radius=2.5)))

    def _take(self, hit: int | None) -> None:
        self.pressed.emit()
        if hit is not None:
            self.xy = self._editor.model.get(hit).xy
        self._editor.press(self.xy, hit)
        self._held = self._editor.model.held

    def _pin(self) -> None:
        self._held = self._home = None
        self._goes_home_by_itself = False
        self._editor.release(invert=self._editor.lets_go)  # a pin, whatever a release of the mouse does
        self._editor.model.select()  # else the stick would take it up at once
        self.released.emit()

    def _go_home(self, seconds: float) -> None:
        model, home = self._editor.model, self._home
        assert home is not None
        assert model.held is not None
        x, y = model.get(model.held).xy
        way = math.hypot((home[0] - x) * self._aspect(), home[1] - y)
        share = 1.0 if way == 0.0 else min(1.0, _HOME_SPEED * seconds / way)
        self._editor.drag((x + share * (home[0] - x), y + share * (home[1] - y)))
        self.xy = model.get(model.held).xy
        if share == 1.0:
            self._home = None
            if self._goes_home_by_itself:
                self._pin()

    def _moved(self, xy: XY, x: float, y: float, seconds: float) -> XY:
        step = SPEED * seconds
        return (
            min(max(xy[0] + x * step / self._aspect(), 0.0), 1.0),
            min(max(xy[1] + y * step, 0.0), 1.0),
        )
