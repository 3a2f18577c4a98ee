"""Whether anybody can see the window: minimised, hidden, or wholly covered by other windows.

Owns the watching; says `changed(bool)`. Qt tells about the first two and, on Wayland and macOS, about the
third. On X11 it does not, so there an own connection to the X server asks for visibility events. Under a
compositing window manager X calls every window visible; then a covered window goes on. UI thread.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import logging

from PySide6.QtCore import QEvent, QObject, QSocketNotifier, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

log = logging.getLogger(__name__)

# From X.h and Xlib.h.
_VISIBILITY_CHANGE_MASK = 1 << 16
_VISIBILITY_NOTIFY = 15
_FULLY_OBSCURED = 2


class _VisibilityEvent(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("state", ctypes.c_int),
    )


class _XEvent(ctypes.Union):
    _fields_ = (("visibility", _VisibilityEvent), ("padding", ctypes.c_long * 24))  # Xlib's own size


class _X11Cover(QObject):
    """Visibility events of one X window. OSError where there is no Xlib or no connection."""

    changed = Signal(bool)  # fully covered

    def __init__(self, window_id: int, parent: QObject) -> None:
        super().__init__(parent)
        name = ctypes.util.find_library("X11")
        if name is None:
            raise OSError("no libX11")
        self._x = ctypes.CDLL(name)
        self._x.XOpenDisplay.restype = ctypes.c_void_p
        self._x.XSelectInput.argtypes = (ctypes.c_void_p, ctypes.c_ulong, ctypes.c_long)
        self._x.XNextEvent.argtypes = (ctypes.c_void_p, ctypes.POINTER(_XEvent))
        for call in (self._x.XPending, self._x.XConnectionNumber, self._x.XFlush, self._x.XCloseDisplay):
            call.argtypes = (ctypes.c_void_p,)
        self._display = self._x.XOpenDisplay(None)
        if not self._display:
            raise OSError("no X connection")
        self._x.XSelectInput(self._display, window_id, _VISIBILITY_CHANGE_MASK)
        self._x.XFlush(self._display)
        self._notifier = QSocketNotifier(self._x.XConnectionNumber(self._display), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._read)

    def _read(self) -> None:
        event = _XEvent()
        while self._x.XPending(self._display):
            self._x.XNextEvent(self._display, ctypes.byref(event))
            if event.visibility.type == _VISIBILITY_NOTIFY:
                self.changed.emit(event.visibility.state == _FULLY_OBSCURED)

    def close(self) -> None:
        self._notifier.setEnabled(False)
        self._x.XCloseDisplay(self._display)


class CoverWatch(QObject):
    """Watches a top-level widget that has been shown once. `changed(seen)` on every change."""

    changed = Signal(bool)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._covered = False
        self._was_exposed = False  # until the first exposure a window is on its way to the screen, not away from it
        self.seen = True
        self._x11: _X11Cover | None = None
        window.installEventFilter(self)
        handle = window.windowHandle()
        handle.installEventFilter(self)
        if QGuiApplication.platformName() == "xcb":
            try:
                self._x11 = _X11Cover(int(window.winId()), self)
            except OSError as error:
                log.info("covered windows are not noticed: %s", error)
            else:
                self._x11.changed.connect(self._on_covered)

    def close(self) -> None:
        """Before the window goes: its X window must not be watched any longer."""
        self._window.removeEventFilter(self)
        self._window.windowHandle().removeEventFilter(self)
        if self._x11 is not None:
            self._x11.close()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kinds = QEvent.Type
        if event.type() in (kinds.WindowStateChange, kinds.Show, kinds.Hide, kinds.Expose):
            self._judge()
        return super().eventFilter(watched, event)

    def _on_covered(self, covered: bool) -> None:
        self._covered = covered
        self._judge()

    def _judge(self) -> None:
        handle = self._window.windowHandle()
        exposed = handle is not None and handle.isExposed()
        self._was_exposed |= exposed
        if not self._was_exposed:
            return
        seen = exposed and self._window.isVisible() and not self._window.isMinimized() and not self._covered
        if seen != self.seen:
            self.seen = seen
            self.changed.emit(seen)
