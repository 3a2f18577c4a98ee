"""What each button and axis of a gamepad does, as a value that is kept from one start to the next.

Owns the list of what a pad can do and its text form. Never polls a pad. Any thread.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from desktop.directing.pads import AXES, BUTTONS
from inference.motion.stick import Response

# action: (what a person reads, the control at first)
BUTTON_ACTIONS: dict[str, tuple[str, str]] = {
    "grab": ("Grab; again: pin", "a"),
    "release": ("Let go; back", "b"),
    "anchor": ("Back to where it took hold", "y"),
    "pause": ("Pause", "start"),
    "dock": ("This panel", "back"),
    "menu": ("Menus", "x"),
    "previous": ("Page before", "leftshoulder"),
    "next": ("Next page", "rightshoulder"),
    "up": ("Focus up", "dpup"),
    "down": ("Focus down", "dpdown"),
    "left": ("Less, left", "dpleft"),
    "right": ("More, right", "dpright"),
}
AXIS_ACTIONS: dict[str, tuple[str, str]] = {
    "move_x": ("Move sideways", "leftx"),
    "move_y": ("Move up and down", "lefty"),
    "look_x": ("Look sideways", "rightx"),
    "look_y": ("Look up and down", "righty"),
    "forward": ("Fly forward", "righttrigger"),
    "back": ("Fly back", "lefttrigger"),
}
WORDS = {
    "back": "Back", "guide": "Guide", "start": "Start", "leftstick": "Left stick press",
    "rightstick": "Right stick press", "leftshoulder": "Left shoulder", "rightshoulder": "Right shoulder",
    "dpup": "D-pad up", "dpdown": "D-pad down", "dpleft": "D-pad left", "dpright": "D-pad right",
    "leftx": "Left stick ↔", "lefty": "Left stick ↕", "rightx": "Right stick ↔", "righty": "Right stick ↕",
    "lefttrigger": "Left trigger", "righttrigger": "Right trigger",
} | {name: name.upper() for name in "abxy"}  # fmt: skip

_LIMITS = {"dead_zone": (0.0, 0.9), "curve": (0.5, 4.0), "sensitivity": (0.1, 4.0)}


def _first() -> dict[str, str]:
    return {action: control for action, (_, control) in (BUTTON_ACTIONS | AXIS_ACTIONS).items()}


@dataclass(frozen=True)
class Bindings:
    """controls: the button or axis of every action. A button action may stand on an axis: half pushed it is pressed."""

    controls: Mapping[str, str] = field(default_factory=_first)
    response: Response = field(default_factory=Response)

    def bound(self, action: str, control: str) -> Bindings:
        """With this action on this control; an action of the same kind that had it takes what this one had. Raises
        ValueError for a control that cannot do the action.
        """
        group = BUTTON_ACTIONS if action in BUTTON_ACTIONS else AXIS_ACTIONS
        if control not in (*AXES, *BUTTONS) or (group is AXIS_ACTIONS and control not in AXES):
            raise ValueError(f"{control!r} cannot be used for {action!r}")
        controls = dict(self.controls)
        for other in group:
            if controls[other] == control:
                controls[other] = controls[action]
        controls[action] = control
        return replace(self, controls=controls)

    def pressed(self, controls: tuple[str, ...]) -> list[str]:
        """The button actions of controls that went down, in their order."""
        return [action for control in controls for action in BUTTON_ACTIONS if self.controls[action] == control]

    def to_text(self) -> str:
        return json.dumps({"controls": dict(self.controls), "response": asdict(self.response)})

    @staticmethod
    def from_text(text: str) -> Bindings:
        """What a file says, as far as it makes sense; the rest as at first."""
        bindings = Bindings()
        try:
            kept = json.loads(text)
            controls, response = dict(kept["controls"]), dict(kept["response"])
        except (ValueError, TypeError, KeyError):
            return bindings
        known = dict(bindings.controls)
        for action in known:
            control = controls.get(action)
            if control in AXES or (control in BUTTONS and action in BUTTON_ACTIONS):
                known[action] = control
        numbers = {}
        for name, (low, high) in _LIMITS.items():
            value = response.get(name)
            if isinstance(value, int | float) and math.isfinite(value):
                numbers[name] = min(max(float(value), low), high)
        return Bindings(known, Response(**numbers, invert_y=response.get("invert_y") is True))
