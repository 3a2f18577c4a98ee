"""One thing that a sound does, as a person chose it. A value; owns nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

from inference.motion.sound import Drive

CAMERA_AXES = {"camera forward": "forward", "camera turn": "yaw", "camera tilt": "pitch"}  # to the camera's own names
AXES = ("right", "down", "grow", *CAMERA_AXES)


@dataclass(frozen=True)
class SoundMove:
    """handles: ids of the points that move; none for the camera. axis: one of AXES. amount: in heights at level 1;
    for the camera its strength from -1 to 1.
    """

    handles: tuple[int, ...] = ()
    axis: str = "right"
    amount: float = 0.1
    drive: Drive = field(default_factory=lambda: Drive("low"))
    quarters: tuple[tuple[int, int, int, int], ...] = ()
