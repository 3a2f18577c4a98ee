"""The window by gamepad: the focus moves, what has it is used, menus open.

Owns the translation of four directions, "use" and "back" into keys and focus changes for Qt. UI thread.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QMainWindow,
    QScrollArea,
    QWidget,
)

_ARROWS = {"up": Qt.Key.Key_Up, "down": Qt.Key.Key_Down, "left": Qt.Key.Key_Left, "right": Qt.Key.Key_Right}
_TAKES_SIDEWAYS = (QAbstractSlider, QComboBox, QLineEdit)


class PadFocus:
    """home: the picture; there buttons mean the hand (`at_home`)."""

    def __init__(self, window: QMainWindow, home: QWidget) -> None:
        self._window, self._home = window, home

    @property
    def at_home(self) -> bool:
        """Nothing but the picture has the focus."""
        if QApplication.activePopupWidget() is not None:
            return False
        active = QApplication.activeWindow()
        return active in (None, self._window) and QApplication.focusWidget() in (None, self._home, self._window)

    def move(self, direction: str) -> None:
        """ "up", "down", "left" or "right": through a menu or list, to a neighbour, or along a slider."""
        popup, focus = QApplication.activePopupWidget(), self._focus()
        if popup is not None:
            _press(popup.focusWidget() or popup, _ARROWS[direction])
        elif direction in ("up", "down") and isinstance(focus, QAbstractItemView | QAbstractSpinBox):
            self._within(focus, direction)
        elif direction in ("left", "right") and isinstance(focus, _TAKES_SIDEWAYS):
            _press(focus, _ARROWS[direction])
        else:
            self._step(focus, direction in ("down", "right"))

    def use(self) -> None:
        """Presses what has the focus."""
        popup, focus = QApplication.activePopupWidget(), self._focus()
        if popup is not None:
            _press(popup.focusWidget() or popup, Qt.Key.Key_Return)
        elif isinstance(focus, QLineEdit | QAbstractItemView):
            _press(focus, Qt.Key.Key_Return)
        else:
            _press(focus, Qt.Key.Key_Space)

    def back(self) -> None:
        """Closes the menu or the dialog; otherwise the picture has the focus again."""
        popup, active = QApplication.activePopupWidget(), QApplication.activeWindow()
        if popup is not None:
            _press(popup, Qt.Key.Key_Escape)
        elif active not in (None, self._window):
            _press(active.focusWidget() or active, Qt.Key.Key_Escape)
        else:
            self._home.setFocus(Qt.FocusReason.OtherFocusReason)

    def open_menu(self) -> None:
        """The first menu, ready for the arrows; closed where one is open."""
        popup, bar = QApplication.activePopupWidget(), self._window.menuBar()
        if popup is not None:
            popup.close()
            bar.setActiveAction(None)  # type: ignore[arg-type]
        elif bar.isVisible() and bar.actions():
            bar.setActiveAction(bar.actions()[0])
            menu = bar.actions()[0].menu()
            if isinstance(menu, QWidget) and menu.isVisible():
                _press(menu, Qt.Key.Key_Down)

    def enter(self, page: QWidget) -> None:
        """Gives the focus to the first thing on a page that can have it."""
        first = page if _can_focus(page) else _neighbour(page, True)
        if first is not None and page.isAncestorOf(first):
            self._give(first)

    def _focus(self) -> QWidget:
        active = QApplication.activeWindow() or self._window
        return active.focusWidget() or QApplication.focusWidget() or (self._home if active is self._window else active)

    def _within(self, focus: QAbstractItemView | QAbstractSpinBox, direction: str) -> None:
        """Along a list, and out of it at its end; a number changes."""
        before = focus.currentIndex() if isinstance(focus, QAbstractItemView) else None
        QApplication.sendEvent(focus, _event(_ARROWS[direction]))  # at once: where it went is looked at
        if isinstance(focus, QAbstractItemView) and focus.currentIndex() == before:
            self._step(focus, direction == "down")

    def _step(self, focus: QWidget, forward: bool) -> None:
        found = _neighbour(focus, forward)
        if found is not None:
            self._give(found)

    @staticmethod
    def _give(widget: QWidget) -> None:
        widget.setFocus(Qt.FocusReason.TabFocusReason)
        parent = widget.parentWidget()
        while parent is not None:
            if isinstance(parent, QScrollArea):
                parent.ensureWidgetVisible(widget)
            parent = parent.parentWidget()


def _can_focus(widget: QWidget) -> bool:
    takes_tab = widget.focusPolicy().value & Qt.FocusPolicy.TabFocus.value
    return bool(takes_tab) and widget.isVisible() and widget.isEnabled()


def _neighbour(widget: QWidget, forward: bool) -> QWidget | None:
    """The next widget of the same window in the order of Tab that can have the focus."""
    step = widget
    for _ in range(5000):  # the chain is a ring; a widget deleted meanwhile must not make it endless
        step = step.nextInFocusChain() if forward else step.previousInFocusChain()
        if step is widget:
            return None
        if step.window() is widget.window() and step.focusProxy() is None and _can_focus(step):
            return step
    return None


def _press(widget: QWidget, key: Qt.Key) -> None:
    """A key for this widget alone: no shortcut of the window hears it. Posted, so that the poll is over before a dialog
    opens.
    """
    for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
        QApplication.postEvent(widget, _event(key, kind))


def _event(key: Qt.Key, kind: QEvent.Type = QEvent.Type.KeyPress) -> QKeyEvent:
    return QKeyEvent(kind, key, Qt.KeyboardModifier.NoModifier)
