"""A gamepad of SDL's own, plugged into this process; what it does goes through SDL's real events and mappings."""

from __future__ import annotations

import sdl2

from desktop.directing.gamepad import Gamepad
from desktop.directing.pads import AXES, BUTTONS
from tests.gui.conftest import Desk


class VirtualPad:
    """Plugged in from the beginning; SDL must have been started by the window."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        gamepad: Gamepad = desk.window.gamepad
        desk.wait(lambda: gamepad.pads.is_ready or gamepad.pads.problem)
        assert not gamepad.pads.problem
        self._index = sdl2.SDL_JoystickAttachVirtual(sdl2.SDL_JOYSTICK_TYPE_GAMECONTROLLER, len(AXES), len(BUTTONS), 0)
        assert self._index >= 0, sdl2.SDL_GetError()
        desk.wait(lambda: gamepad.pads.name)
        self._joystick = sdl2.SDL_JoystickOpen(self._index)
        self.push(lefttrigger=0.0, righttrigger=0.0)

    def push(self, **axes: float) -> None:
        """Axes by SDL's names, -1 to 1, triggers 0 to 1; they stay until the next call."""
        for name, value in axes.items():
            if name.endswith("trigger"):
                value = 2 * value - 1  # at rest a trigger's raw axis is at its low end
            sdl2.SDL_JoystickSetVirtualAxis(self._joystick, AXES.index(name), round(value * 32767))

    def press(self, button: str) -> None:
        """Down and up again, each seen by a poll."""
        sdl2.SDL_JoystickSetVirtualButton(self._joystick, BUTTONS.index(button), 1)
        self._desk.window.gamepad.poll()
        sdl2.SDL_JoystickSetVirtualButton(self._joystick, BUTTONS.index(button), 0)
        self._desk.window.gamepad.poll()

    def steer_to(self, x: float, y: float) -> None:
        """The left stick, pushed towards there, softly when near, as a person does; then let go."""
        hand = self._desk.window.gamepad.hand

        def is_there() -> bool:
            dx, dy = x - hand.xy[0], y - hand.xy[1]
            far = max(abs(dx), abs(dy))
            if far < 0.004:
                self.push(leftx=0.0, lefty=0.0)
                return True
            strength = min(1.0, 0.35 + 0.65 * 5 * far)
            self.push(leftx=strength * dx * 16 / 9 / (2 * far), lefty=strength * dy / (2 * far))
            return False

        self._desk.wait(is_there)
        self._desk.window.gamepad.poll()

    def unplug(self) -> None:
        sdl2.SDL_JoystickDetachVirtual(self._index)
