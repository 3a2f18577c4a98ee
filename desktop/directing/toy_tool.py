"""The mouse on a composition: moves, scales and turns the toy that is taken, and draws the frame of the selected one.

Owns the gesture under way. Never changes a composition by itself: it asks the bench. UI thread.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, Protocol

import numpy as np
from PySide6.QtCore import QSizeF, Qt
from PySide6.QtGui import QMouseEvent

from desktop.directing.compose import Composition, Placed, corners, holds
from desktop.handles import XY
from render.overlay import BLUE, WHITE, Overlay, OverlayDots, OverlayLine

Grip = Literal["move", "scale", "turn"]

_REACH_PX = 14.0
_TURN_PX = 26.0  # how far over the frame the grip for turning stands
_SCALE_STEP, _TURN_STEP = 1.06, 5.0  # one notch of the wheel


class Bench(Protocol):
    """Where the composition lies."""

    composition: Composition | None  # None while none is made
    selected: int | None

    def sprite_aspect(self, toy: Placed) -> float: ...
    def picture_size(self) -> QSizeF: ...
    def select(self, index: int | None) -> None: ...

    def show(self, index: int, toy: Placed) -> None:
        """The toy there as it is in the hand; counts only once it is kept."""

    def keep(self, text: str, *, wheel: bool = False) -> None:
        """What was shown since the last time becomes one edit; notches of the wheel become one together."""


class ToyTool:
    """A `Tool` and a `Layer`."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._held: tuple[Grip, XY, int, Placed] | None = None  # where and on what the press was

    # ---- Tool -------------------------------------------------------------------------------------

    def press(self, xy: XY, event: QMouseEvent) -> bool:
        """Every press while composing: the stream rests, and there is no picture to grab."""
        bench = self._bench
        if bench.composition is None:
            return False
        self._held = None
        if event.button() == Qt.MouseButton.LeftButton:
            grip = self._grip(xy)
            if grip is None:
                bench.select(self._at(xy))
                grip = "move"
            if bench.selected is not None:
                self._held = grip, xy, bench.selected, bench.composition.toys[bench.selected]
        return True

    def drag(self, xy: XY, way: Sequence[tuple[float, XY]], event_position: tuple[float, float]) -> None:
        if self._held is None or self._bench.composition is None:
            return
        grip, start, index, toy = self._held
        aspect = self._bench.composition.aspect
        before, now = (((p[0] - toy.at[0]) * aspect, p[1] - toy.at[1]) for p in (start, xy))  # picture heights
        if grip == "move":
            toy = replace(toy, at=(toy.at[0] + xy[0] - start[0], toy.at[1] + xy[1] - start[1]))
        elif grip == "scale":
            toy = replace(toy, height=toy.height * math.hypot(*now) / max(math.hypot(*before), 1e-3))
        else:
            turned = math.atan2(now[1], now[0]) - math.atan2(before[1], before[0])
            toy = replace(toy, angle=toy.angle + math.degrees(turned))
        self._bench.show(index, toy)

    def release(self, xy: XY) -> None:
        if self._held is not None:
            names: dict[Grip, str] = {"move": "Move toy", "scale": "Resize toy", "turn": "Turn toy"}
            self._bench.keep(names[self._held[0]])
            self._held = None

    def hover(self, xy: XY) -> None:
        pass

    def wheel(self, xy: XY, notches: float, modifiers: Qt.KeyboardModifier) -> bool:
        """Scales the selected toy; with Shift, turns it."""
        bench = self._bench
        if bench.composition is None:
            return False
        if bench.selected is not None and self._held is None:
            toy = bench.composition.toys[bench.selected]
            if modifiers & Qt.KeyboardModifier.ShiftModifier:
                bench.show(bench.selected, replace(toy, angle=toy.angle + _TURN_STEP * notches))
                bench.keep("Turn toy", wheel=True)
            else:
                bench.show(bench.selected, replace(toy, height=toy.height * _SCALE_STEP**notches))
                bench.keep("Resize toy", wheel=True)
        return True

    def cursor(self, xy: XY) -> Qt.CursorShape | None:
        if self._bench.composition is None:
            return None
        shapes: dict[Grip | None, Qt.CursorShape] = {
            "move": Qt.CursorShape.SizeAllCursor,
            "scale": Qt.CursorShape.SizeFDiagCursor,
            "turn": Qt.CursorShape.PointingHandCursor,
            None: Qt.CursorShape.ArrowCursor,
        }
        grip = self._held[0] if self._held else self._grip(xy)
        return shapes[grip or ("move" if self._at(xy) is not None else None)]

    # ---- Layer ------------------------------------------------------------------------------------

    def overlay(self) -> Overlay:
        frame = self._frame()
        if frame is None:
            return Overlay()
        box, grip = frame
        outline = np.concatenate([box, box[:1]]).astype(np.float32)
        stem = np.stack([(box[0] + box[1]) / 2, grip]).astype(np.float32)
        return Overlay(
            lines=(OverlayLine(outline, BLUE), OverlayLine(stem, BLUE)),
            dots=(OverlayDots(box.astype(np.float32), WHITE), OverlayDots(grip[None].astype(np.float32), BLUE)),
        )

    # ---- geometry ---------------------------------------------------------------------------------

    def _frame(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The corners [4, 2] of the selected toy's frame and the grip for turning [2], normalised."""
        bench = self._bench
        if bench.composition is None or bench.selected is None:
            return None
        toy, aspect = bench.composition.toys[bench.selected], bench.composition.aspect
        box = corners(toy, bench.sprite_aspect(toy), aspect)
        up = math.radians(toy.angle)
        lift = _TURN_PX / max(bench.picture_size().height(), 1.0)  # in picture heights
        grip = (box[0] + box[1]) / 2 + np.array([math.sin(up) / aspect, -math.cos(up)]) * lift
        return box, grip

    def _grip(self, xy: XY) -> Grip | None:
        """What of the selected toy's frame lies there."""
        frame = self._frame()
        if frame is None:
            return None
        size = self._bench.picture_size()
        box, turn = ((part - xy) * (size.width(), size.height()) for part in frame)  # logical pixels
        if np.hypot(*turn) <= _REACH_PX:
            return "turn"
        return "scale" if np.hypot(box[:, 0], box[:, 1]).min() <= _REACH_PX else None

    def _at(self, xy: XY) -> int | None:
        """The foremost toy there."""
        composition = self._bench.composition
        assert composition is not None
        for index in reversed(range(len(composition.toys))):
            toy = composition.toys[index]
            if holds(toy, self._bench.sprite_aspect(toy), composition.aspect, xy):
                return index
        return None
