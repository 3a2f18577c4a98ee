"""What a device may tell the camera, whoever flies it. Owns nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class CameraLevels(Protocol):
    """The camera as sticks and sounds see it. UI thread."""

    def set_levels(self, source: str, levels: Mapping[str, float]) -> None:
        """How strongly `source` pushes, -1 to 1, by "right", "up", "forward" (flying) and "yaw", "pitch" (looking right
        and up). It holds until the next call; {} is the end of it.
        """
