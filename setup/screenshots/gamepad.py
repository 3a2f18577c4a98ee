"""The scene of docs/guide/images/gamepad.png: a virtual gamepad holds a toy, its page beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from desktop.directing.pads import AXES, BUTTONS

if TYPE_CHECKING:
    from desktop.main_window import MainWindow

PICTURE = Path(__file__).resolve().parents[2] / "assets" / "pictures" / "airplane.jpg"


def scene(window: MainWindow, wait: Callable[[Callable[[], object]], None]) -> None:
    """Leaves the window as the picture shall show it. wait: until a condition holds."""
    window.open_picture(PICTURE)
    wait(lambda: window.player.state.name == "RUNNING")
    pad = window.gamepad
    wait(lambda: pad.pads.is_ready)
    import sdl2  # the window has loaded it

    index = sdl2.SDL_JoystickAttachVirtual(sdl2.SDL_JOYSTICK_TYPE_GAMECONTROLLER, len(AXES), len(BUTTONS), 0)
    wait(lambda: pad.pads.name)
    joystick = sdl2.SDL_JoystickOpen(index)

    def push(**axes: float) -> None:
        for name, value in axes.items():
            sdl2.SDL_JoystickSetVirtualAxis(joystick, AXES.index(name), round(value * 32767))

    push(lefttrigger=-1.0, righttrigger=-0.2, rightx=0.3, righty=-0.2)
    pad.hand.xy = (0.38, 0.3)
    pad.hand.grab()
    push(leftx=0.62, lefty=0.3)
    wait(lambda: pad.hand.xy[0] > 0.55)
    window.direct.turn_to("Gamepad")
    window.stage.banner.hide()
    pad.poll()
    sdl2.SDL_JoystickClose(joystick)
