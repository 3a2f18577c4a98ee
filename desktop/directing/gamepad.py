"""Directing with a gamepad: polls it, and hands what was pressed to the hand on the picture, the camera or the window.

Owns the poll and the bindings. Where the picture has the focus, buttons mean the hand; elsewhere they use the window.
Polls 60 times a second while there is a pad, once a second while there is none. UI thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication

from desktop.directing.bindings import BUTTON_ACTIONS, Bindings
from desktop.directing.camera_levels import CameraLevels
from desktop.directing.gamepad_page import GamepadPage
from desktop.directing.pad_focus import PadFocus
from desktop.directing.pad_hand import PadHand
from desktop.directing.pads import AXES, PadEvents, Pads
from desktop.settings import Settings
from inference.motion.stick import Response

if TYPE_CHECKING:
    from desktop.main_window import MainWindow

PAGE = "Gamepad"
_POLL_MS, _LOOK_MS = 16, 1000
_LONGEST_S = 0.1  # a window that stood still must not make the point jump
_HALF = 0.5  # an axis pushed this far is a button pressed


class Gamepad(QObject):
    """One a window. `camera`: what the right stick flies; None until there is one."""

    changed = Signal()  # a pad came or went, or the bindings

    def __init__(self, window: MainWindow, settings: Settings) -> None:
        super().__init__(window)
        self.camera: CameraLevels | None = None
        self.pads = Pads()
        self.bindings = Bindings.from_text(settings.gamepad)
        self.hand = PadHand(window.editor, self._aspect, self)
        self._window, self._settings = window, settings
        self._focus = PadFocus(window, window.stage.picture)
        self._axes = dict.fromkeys(AXES, 0.0)
        self._levels: dict[str, float] = {}
        self._waiting_for: str | None = None  # the action that takes the next control
        self._polled_s = 0.0
        self._timer = QTimer(self, interval=_LOOK_MS, timerType=Qt.TimerType.CoarseTimer)
        self._timer.timeout.connect(self.poll)
        self.page = GamepadPage(self)
        window.direct.add_page(PAGE, self.page)
        window.viewport.layers.append(self.hand)
        pointer = window.viewport.pointer
        self.hand.changed.connect(window.viewport.repaint_soon)
        self.hand.pressed.connect(pointer.pressed)
        self.hand.dragged.connect(pointer.dragged)
        self.hand.released.connect(pointer.released)

    def handlers(self) -> dict[str, Callable[[], None]]:
        return {"gamepad": lambda: self._window.direct.turn_to(PAGE)}

    def start(self) -> None:
        """When the window is shown."""
        self.pads.load()
        self._timer.start()

    def stop(self) -> None:
        """When the window closes."""
        self._timer.stop()
        self.pads.close()

    # ---- bindings ---------------------------------------------------------------------------------

    @property
    def waiting_for(self) -> str | None:
        """The action that takes the next control that is used."""
        return self._waiting_for

    def wait_for(self, action: str | None) -> None:
        self._waiting_for = action
        self.changed.emit()

    def set_bindings(self, bindings: Bindings) -> None:
        self.bindings = bindings
        self._settings.gamepad = bindings.to_text()
        self.changed.emit()

    def set_response(self, response: Response) -> None:
        self.set_bindings(Bindings(self.bindings.controls, response))

    @property
    def axes(self) -> dict[str, float]:
        """Where the sticks are, as SDL says it."""
        return dict(self._axes)

    # ---- polling ----------------------------------------------------------------------------------

    def poll(self) -> None:
        """Looks at the pads once and does what they ask."""
        now_s = time.monotonic()
        seconds, self._polled_s = min(now_s - self._polled_s, _LONGEST_S), now_s
        events = self.pads.poll()
        if events.unplugged:
            self._on_unplugged()
        if bool(self.pads.name) != (self._timer.interval() == _POLL_MS):
            self._timer.setInterval(_POLL_MS if self.pads.name else _LOOK_MS)
            self.changed.emit()
        if events.plugged:
            self._window.stage.banner.show_note(f"{self.pads.name} is ready. The left stick moves, A takes hold.")
        pressed = (*events.pressed, *self._pushed(events))
        self._axes = {**dict.fromkeys(AXES, 0.0), **events.axes}
        if not self.pads.name or QApplication.activeWindow() is None:  # another program is in front
            self._steer(0.0, 0.0, seconds)
            self._fly({})
            return
        if self._waiting_for is not None:
            self._bind(pressed)
            return
        for action in self.bindings.pressed(pressed):
            self._do(action)
        self._steer(*self._stick("move_x", "move_y"), seconds)
        look_x, look_y = self._stick("look_x", "look_y")
        strength = self.bindings.response.strength
        forward = strength(abs(self._axis("forward"))) - strength(abs(self._axis("back")))
        self._fly({"yaw": look_x, "pitch": -look_y, "forward": forward})
        if self.page.isVisible():
            self.page.show_axes()

    def _pushed(self, events: PadEvents) -> list[str]:
        """Axes that went over half since the last poll."""
        return [name for name, value in events.axes.items() if abs(value) >= _HALF > abs(self._axes.get(name, 0.0))]

    def _axis(self, action: str) -> float:
        return self._axes[self.bindings.controls[action]]

    def _stick(self, x_action: str, y_action: str) -> tuple[float, float]:
        return self.bindings.response.stick(self._axis(x_action), self._axis(y_action))

    def _bind(self, pressed: tuple[str, ...]) -> None:
        action = self._waiting_for
        assert action is not None
        for control in pressed:
            if action in BUTTON_ACTIONS or control in AXES:
                self._waiting_for = None
                self.set_bindings(self.bindings.bound(action, control))
                return

    # ---- what actions do --------------------------------------------------------------------------

    def _do(self, action: str) -> None:
        at_home = self._focus.at_home
        if action == "grab":
            if not at_home:
                self._focus.use()
            elif self._window.viewport.has_picture and not self._window.pictures.cropping:
                self.hand.grab()
        elif action == "release":
            if not at_home:
                self._focus.back()
            else:
                self.hand.release()
        elif action == "anchor":
            self.hand.return_home()
        elif action == "pause":
            self._window.actions_by_id["pause"].trigger()
        elif action == "menu":
            self._focus.open_menu()
        elif action in ("dock", "previous", "next"):
            self._turn({"dock": 0, "previous": -1, "next": 1}[action])
        else:
            self._focus.move(action)

    def _turn(self, step: int) -> None:
        """The dock at another page, with the focus in it; without a step it opens and closes."""
        dock = self._window.direct
        if step == 0 and dock.isVisible():
            dock.hide()
            self._window.stage.picture.setFocus()
            return
        page = dock.turn(step if dock.isVisible() else 0)
        if page is not None:
            self._focus.enter(page)

    def _steer(self, x: float, y: float, seconds: float) -> None:
        is_needed = x or y or self.hand.holding or self.hand.busy
        if is_needed and self._window.viewport.has_picture and not self._window.pictures.cropping:
            self.hand.steer(x, y, seconds)

    def _fly(self, levels: dict[str, float]) -> None:
        levels = {name: level for name, level in levels.items() if level}
        if self.camera is not None and levels != self._levels:
            self.camera.set_levels("gamepad", levels)
        self._levels = levels

    def _on_unplugged(self) -> None:
        held = self.hand.drop()
        kept = " The point that it held stays where it was, as a pin." if held else ""
        self._window.stage.banner.show_note(f"The gamepad was unplugged.{kept} Everything goes on.")

    def _aspect(self) -> float:
        size = self._window.viewport.picture_size()
        return size.width() / max(1.0, size.height())
