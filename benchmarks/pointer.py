"""A pointer that drags with real X events and says when it sent each: `python -m benchmarks.pointer`.

Owns its own process, so that neither the window nor the model delays the sending. Speaks XTest through ctypes (libX11
and libXtst come with xdotool). Reads lines of "x y" (screen pixels), "down" or "up" on stdin; answers each
move with a line "x y TIME", CLOCK_MONOTONIC, taken right before the event is handed to the X server.
"""

from __future__ import annotations

import ctypes
import sys
import time

LEFT_BUTTON = 1


class Pointer:
    """The X server's core pointer. Raises OSError without the libraries or a display."""

    def __init__(self) -> None:
        self._x = ctypes.CDLL("libX11.so.6")
        self._xtst = ctypes.CDLL("libXtst.so.6")
        self._x.XOpenDisplay.restype = ctypes.c_void_p
        display = self._x.XOpenDisplay(None)
        if not display:
            raise OSError("no X display")
        self._display = ctypes.c_void_p(display)

    def move(self, x: int, y: int) -> float:
        """Moves to a screen position; returns the time of sending."""
        sent_s = time.monotonic()
        self._xtst.XTestFakeMotionEvent(self._display, -1, x, y, ctypes.c_ulong(0))
        self._x.XFlush(self._display)
        return sent_s

    def button(self, down: bool) -> None:
        self._xtst.XTestFakeButtonEvent(self._display, LEFT_BUTTON, int(down), ctypes.c_ulong(0))
        self._x.XFlush(self._display)


def main() -> None:
    pointer = Pointer()
    for line in sys.stdin:
        match line.split():
            case ["down" | "up" as word]:
                pointer.button(word == "down")
            case [x, y]:
                print(x, y, pointer.move(int(x), int(y)), flush=True)


if __name__ == "__main__":
    main()
