"""How a stick or a trigger answers: dead zone, curve, sensitivity. Pure; no Qt, no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Response:
    """dead_zone: radius around the rest that counts as rest, 0 to 0.9. curve: exponent; 1 is straight, more is finer in
    the middle. sensitivity: of the whole. invert_y: pushing away from oneself is down.
    """

    dead_zone: float = 0.15
    curve: float = 1.8
    sensitivity: float = 1.0
    invert_y: bool = False

    def strength(self, deflection: float) -> float:
        """How strongly a deflection from 0 to 1 counts, from 0 to `sensitivity`, without a step at the dead zone."""
        beyond = (min(deflection, 1.0) - self.dead_zone) / (1.0 - self.dead_zone)
        return self.sensitivity * max(0.0, beyond) ** self.curve

    def stick(self, x: float, y: float) -> tuple[float, float]:
        """A stick's two axes (-1 to 1, y down) as they count. The dead zone is round, the direction is kept."""
        deflection = math.hypot(x, y)
        if deflection <= self.dead_zone:
            return 0.0, 0.0
        scale = self.strength(deflection) / deflection
        return x * scale, y * scale * (-1.0 if self.invert_y else 1.0)
