"""The keys that fly the camera, by where they are on the keyboard, not by what is printed on them.

Owns which are held. Never moves anything. UI thread.
"""

from __future__ import annotations

import sys

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent

# The places of W, A, S, D, Q, E as the system numbers them.
_LINUX = {25: "W", 38: "A", 39: "S", 40: "D", 24: "Q", 26: "E"}  # X11 and Wayland: evdev + 8
_WINDOWS = {17: "W", 30: "A", 31: "S", 32: "D", 16: "Q", 18: "E"}  # scan codes, set 1
_MACOS = {13: "W", 0: "A", 1: "S", 2: "D", 12: "Q", 14: "E"}  # virtual keys: there is no scan code
PLACES = {"linux": _LINUX, "win32": _WINDOWS, "darwin": _MACOS}

_DIRECTIONS = {
    "W": ("forward", 1.0),
    "S": ("forward", -1.0),
    "A": ("right", -1.0),
    "D": ("right", 1.0),
    "E": ("up", 1.0),
    "Q": ("up", -1.0),
}
FASTER, SLOWER = 3.0, 0.3  # with shift, with ctrl


def place_of(event: QKeyEvent, platform: str = sys.platform) -> str | None:
    """Which of W, A, S, D, Q, E lies where this key is; None for any other key."""
    if platform == "darwin":
        letters = range(Qt.Key.Key_A, Qt.Key.Key_Z + 1)  # virtual key 0 is also that of keys without one
        return _MACOS.get(event.nativeVirtualKey()) if event.key() in letters else None
    return PLACES.get(platform, _LINUX).get(event.nativeScanCode())


class FlyKeys:
    """Which keys are held, and what that asks of the camera."""

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._pace = 1.0

    def press(self, event: QKeyEvent) -> bool:
        """Whether the key is one of these; one that repeats by itself changes nothing."""
        return self._change(event, True)

    def release(self, event: QKeyEvent) -> bool:
        """As `press`: X11 tells of a release with every repeat, which is none."""
        return self._change(event, False)

    def clear(self) -> None:
        """Nothing is held: the keyboard has gone elsewhere."""
        self._held.clear()
        self._pace = 1.0

    @property
    def levels(self) -> dict[str, float]:
        """By axis, from -1 to 1, times what shift and ctrl make of it; {} while nothing is held."""
        levels: dict[str, float] = {}
        for axis, level in (_DIRECTIONS[place] for place in self._held):
            levels[axis] = levels.get(axis, 0.0) + level * self._pace
        return levels

    def _change(self, event: QKeyEvent, down: bool) -> bool:
        place = place_of(event)
        if place is None and event.key() not in (Qt.Key.Key_Shift, Qt.Key.Key_Control):
            return False
        if event.isAutoRepeat():
            return place is not None
        if place is not None:
            (self._held.add if down else self._held.discard)(place)
        shift, ctrl = (
            down if event.key() == key else bool(event.modifiers() & modifier)
            for key, modifier in (
                (Qt.Key.Key_Shift, Qt.KeyboardModifier.ShiftModifier),
                (Qt.Key.Key_Control, Qt.KeyboardModifier.ControlModifier),
            )
        )
        self._pace = (FASTER if shift else 1.0) * (SLOWER if ctrl else 1.0)
        return place is not None
