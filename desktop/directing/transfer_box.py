"""The box on the picture in which a driving video's frame lies: moved by its middle, scaled by its corners.

Owns where the box is and what of it is drawn. Never lends anything (`desktop.directing.transfer`). UI thread.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QObject, QSizeF, Qt, Signal
from PySide6.QtGui import QMouseEvent

from desktop.handles import XY
from inference.motion.transfer import Placement
from render.overlay import BLUE, WHITE, Overlay, OverlayDots, OverlayLine

_REACH_PX = 14.0
_INSIDE_PX = 12.0
_SMALLEST, _LARGEST = 0.1, 4.0  # picture heights
_POINT_RADIUS = 1.75
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
_MIDDLE = 4


class TransferBox(QObject):
    """A tool and a layer (`desktop.directing.tool`). shown: whether it is there at all. aspect: of the video's frame,
    width to height; points: what is drawn of its tracks, normalised in the frame, [N, 2].
    """

    moved = Signal()  # while it is dragged
    placed = Signal()  # when it is let go somewhere else

    def __init__(self, picture_size: Callable[[], QSizeF], parent: QObject) -> None:
        super().__init__(parent)
        self.placement = Placement()
        self.aspect = 16 / 9
        self.shown = False
        self.points = np.zeros((0, 2), np.float32)
        self._picture_size = picture_size
        self._held: int | None = None  # a corner or the middle
        self._from: tuple[XY, Placement] = ((0.0, 0.0), self.placement)

    @property
    def picture_aspect(self) -> float:
        size = self._picture_size()
        return size.width() / max(1.0, size.height())

    def fit(self, aspect: float) -> None:
        """As large as the picture lets a whole frame be, in the middle."""
        self.aspect = aspect
        self.placement = replace(self.placement, centre=(0.5, 0.5), height=min(1.0, self.picture_aspect / aspect))

    def handles(self) -> np.ndarray:
        """Where to take the corners and the middle on the picture, [5, 2]: a little inside, so that a box as large as
        the picture can be taken too.
        """
        size = self._picture_size()
        pixels = np.array([max(1.0, size.width()), max(1.0, size.height())])
        places = self._on_picture(np.concatenate([CORNERS, [[0.5, 0.5]]])) * pixels
        inwards = places[_MIDDLE] - places[:_MIDDLE]
        places[:_MIDDLE] += inwards * np.minimum(0.5, _INSIDE_PX / np.linalg.norm(inwards, axis=1, keepdims=True))
        return places / pixels

    def overlay(self) -> Overlay:
        if not self.shown:
            return Overlay()
        handles, corners = self.handles(), self._on_picture(CORNERS)
        return Overlay(
            lines=(OverlayLine(corners[[0, 1, 2, 3, 0]].astype(np.float32), BLUE, strength=0.7),),
            dots=(
                OverlayDots(self._on_picture(self.points).astype(np.float32), BLUE, _POINT_RADIUS, 0.8),
                OverlayDots(handles[:_MIDDLE].astype(np.float32), WHITE, 4.5),
                OverlayDots(handles[_MIDDLE:].astype(np.float32), WHITE, 9.0, stroke=2.0),
            ),
        )

    # ---- tool -------------------------------------------------------------------------------------

    def press(self, xy: XY, event: QMouseEvent) -> bool:
        self._held = self._near(xy) if event.button() == Qt.MouseButton.LeftButton else None
        self._from = xy, self.placement
        return self._held is not None

    def drag(self, xy: XY, way: Sequence[tuple[float, XY]], event_position: tuple[float, float]) -> None:
        if self._held is None:
            return
        begun, before = self._from
        if self._held == _MIDDLE:
            centre = before.centre[0] + xy[0] - begun[0], before.centre[1] + xy[1] - begun[1]
            self.placement = replace(before, centre=(min(max(centre[0], 0.0), 1.0), min(max(centre[1], 0.0), 1.0)))
        else:
            self.placement = self._scaled(before, np.subtract(xy, begun))
        self.moved.emit()

    def release(self, xy: XY) -> None:
        self._held = None
        if self.placement != self._from[1]:
            self.placed.emit()

    def hover(self, xy: XY) -> None:
        pass

    def wheel(self, xy: XY, notches: float, modifiers: Qt.KeyboardModifier) -> bool:
        return False

    def cursor(self, xy: XY) -> Qt.CursorShape | None:
        handle = self._held if self._held is not None else self._near(xy)
        if handle is None:
            return None
        if handle == _MIDDLE:
            return Qt.CursorShape.SizeAllCursor
        corners = self.handles()
        across, down = (corners[handle] - corners[_MIDDLE]) * (self.picture_aspect, 1.0)
        return Qt.CursorShape.SizeFDiagCursor if across * down > 0 else Qt.CursorShape.SizeBDiagCursor

    def _near(self, xy: XY) -> int | None:
        """The handle within reach of the pointer."""
        if not self.shown:
            return None
        size = self._picture_size()
        away = np.linalg.norm((self.handles() - xy) * (size.width(), size.height()), axis=1)
        return int(away.argmin()) if away.min() <= _REACH_PX else None

    def _scaled(self, before: Placement, way: np.ndarray) -> Placement:
        """The corner that is held goes along `way` [2], the one across stays, the shape is kept."""
        assert self._held is not None
        scale = np.array([self.picture_aspect, 1.0])  # to picture heights
        corners = before.on_picture(CORNERS, self.aspect, self.picture_aspect) * scale
        stays = corners[(self._held + 2) % 4]
        diagonal = corners[self._held] - stays
        along = diagonal / np.linalg.norm(diagonal)
        per_height = math.hypot(self.aspect, 1.0)
        length = float(np.clip((diagonal + way * scale) @ along, _SMALLEST * per_height, _LARGEST * per_height))
        centre = (stays + along * length / 2) / scale
        return replace(before, centre=(float(centre[0]), float(centre[1])), height=length / per_height)

    def _on_picture(self, xy: np.ndarray) -> np.ndarray:
        return self.placement.on_picture(xy, self.aspect, self.picture_aspect)
