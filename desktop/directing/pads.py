"""Gamepads through SDL: which are plugged in, what was pressed, where the sticks are.

Owns SDL. Never decides what a button means (`desktop.directing.bindings`). SDL is imported on a thread of its own, as
it takes 0.3 s; the rest happens in `poll`, on the UI thread. Without SDL there are no pads and one line says why.
"""

from __future__ import annotations

import importlib
import logging
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

log = logging.getLogger(__name__)

BUTTONS = (
    "a", "b", "x", "y", "back", "guide", "start", "leftstick", "rightstick", "leftshoulder", "rightshoulder",
    "dpup", "dpdown", "dpleft", "dpright",
)  # fmt: skip
AXES = ("leftx", "lefty", "rightx", "righty", "lefttrigger", "righttrigger")  # both in SDL's order

_FULL = 32767.0


@dataclass(frozen=True)
class PadEvents:
    """What happened since the last poll. pressed: buttons in order. axes: -1 to 1, y down; triggers 0 to 1."""

    pressed: tuple[str, ...] = ()
    axes: Mapping[str, float] = field(default_factory=dict)
    plugged: bool = False  # a pad where there was none
    unplugged: bool = False  # the pad in use


class Pads:
    """The pad in use is the one whose button was pressed last, at first the one plugged in first."""

    def __init__(self) -> None:
        self.problem = ""  # why there will be no pads, a sentence
        self._sdl: Any = None
        self._open: dict[int, Any] = {}  # SDL's controllers by instance
        self._used: int | None = None
        self.is_ready = False  # SDL looks for pads
        self._loading: threading.Thread | None = None

    @property
    def name(self) -> str:
        """Of the pad in use, "" where there is none."""
        if self._used is None:
            return ""
        return (self._sdl.SDL_GameControllerName(self._open[self._used]) or b"Gamepad").decode(errors="replace")

    def load(self) -> None:
        """Begins to load SDL; `poll` answers with nothing until it is there."""
        self._loading = threading.Thread(target=self._load, name="load-sdl", daemon=True)
        self._loading.start()

    def poll(self) -> PadEvents:
        if self._sdl is None or (not self.is_ready and not self._begin()):
            return PadEvents()
        sdl, event = self._sdl, self._sdl.SDL_Event()
        pressed: list[str] = []
        had = self._used
        unplugged = False
        while sdl.SDL_PollEvent(event):
            if event.type == sdl.SDL_CONTROLLERDEVICEADDED:
                self._add(event.cdevice.which)
            elif event.type == sdl.SDL_CONTROLLERDEVICEREMOVED:
                unplugged |= self._remove(event.cdevice.which)
            elif event.type == sdl.SDL_CONTROLLERBUTTONDOWN and event.cbutton.which in self._open:
                self._used = event.cbutton.which
                if event.cbutton.button < len(BUTTONS):
                    pressed.append(BUTTONS[event.cbutton.button])
        axes: dict[str, float] = {}
        if self._used is not None:
            pad = self._open[self._used]
            axes = {name: max(-1.0, sdl.SDL_GameControllerGetAxis(pad, i) / _FULL) for i, name in enumerate(AXES)}
        return PadEvents(tuple(pressed), axes, had is None and self._used is not None, unplugged)

    def close(self) -> None:
        if self._loading is not None:
            self._loading.join()
        if self.is_ready:
            for pad in self._open.values():
                self._sdl.SDL_GameControllerClose(pad)
            self._sdl.SDL_QuitSubSystem(self._sdl.SDL_INIT_GAMECONTROLLER)
        self._open, self._used, self.is_ready, self._sdl = {}, None, False, None

    def _load(self) -> None:
        warnings.filterwarnings("ignore", message="Using SDL2 binaries from pysdl2-dll")
        try:
            self._sdl = importlib.import_module("sdl2")
        except ImportError as error:
            log.warning("no gamepads: %s", error)
            self.problem = "Gamepads need the library SDL2, which is not installed here."

    def _begin(self) -> bool:
        sdl = self._sdl
        sdl.SDL_SetHint(sdl.SDL_HINT_NO_SIGNAL_HANDLERS, b"1")  # Ctrl+C stays Python's
        sdl.SDL_SetHint(sdl.SDL_HINT_JOYSTICK_ALLOW_BACKGROUND_EVENTS, b"1")  # the window is Qt's, SDL knows none
        if sdl.SDL_InitSubSystem(sdl.SDL_INIT_GAMECONTROLLER) != 0:
            reason = sdl.SDL_GetError().decode(errors="replace")
            log.warning("no gamepads: %s", reason)
            self.problem = f"Gamepads cannot be used here ({reason})."
            self._sdl = None
            return False
        self.is_ready = True
        return True

    def _add(self, index: int) -> None:
        pad = self._sdl.SDL_GameControllerOpen(index)
        if not pad:  # gone again, or in another program's hands
            log.warning("a gamepad did not open: %s", self._sdl.SDL_GetError().decode(errors="replace"))
            return
        instance = self._sdl.SDL_JoystickInstanceID(self._sdl.SDL_GameControllerGetJoystick(pad))
        self._open[instance] = pad
        self._used = instance if self._used is None else self._used

    def _remove(self, instance: int) -> bool:
        """Whether it was the one in use; another one that is there takes its place."""
        pad = self._open.pop(instance, None)
        if pad is None:
            return False
        self._sdl.SDL_GameControllerClose(pad)
        if self._used != instance:
            return False
        self._used = next(iter(self._open), None)
        return True
