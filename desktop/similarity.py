"""Moving, turning and scaling points together.

Owns that one map and how it changes a point. Pure, any thread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from desktop.handles import XY, Point

MIN_GROW, MAX_GROW = 0.2, 5.0  # of a point since it took hold: beyond, there is no picture left to show


@dataclass(frozen=True)
class Similarity:
    """Turns by `turn` (radians, clockwise on the screen) and scales by `grow` about `pivot`, then moves by `shift`.

    Positions are normalised; aspect is the picture's width over its height, so that a turn is one on the screen.
    """

    shift: XY = (0.0, 0.0)
    pivot: XY = (0.0, 0.0)
    turn: float = 0.0
    grow: float = 1.0
    aspect: float = 1.0

    def place(self, xy: XY) -> XY:
        """Where it brings a position."""
        if self.turn == 0.0 and self.grow == 1.0:
            return xy[0] + self.shift[0], xy[1] + self.shift[1]
        x, y = (xy[0] - self.pivot[0]) * self.aspect, xy[1] - self.pivot[1]
        along, down = self.grow * math.cos(self.turn), self.grow * math.sin(self.turn)
        return (
            self.pivot[0] + (along * x - down * y) / self.aspect + self.shift[0],
            self.pivot[1] + down * x + along * y + self.shift[1],
        )

    def change(self, point: Point) -> Point:
        """The point there, with its grid turned and scaled alike."""
        grow = min(max(point.grow * self.grow, MIN_GROW), MAX_GROW)
        return replace(point, xy=self.place(point.xy), turn=point.turn + self.turn, grow=grow)
