"""The dock of the ways to direct: one page each, chosen by a tab.

Owns the layout. Never knows what a page does. UI thread.
"""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDockWidget, QScrollArea, QTabWidget, QWidget

_WIDTH = 300


class DirectDock(QDockWidget):
    """Hidden until asked for. A page is shown with `turn_to(its name)`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Direct", parent)
        self.setObjectName("direct")
        self._tabs = QTabWidget()
        self._tabs.setUsesScrollButtons(True)
        self._tabs.setDocumentMode(True)
        self._tabs.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(self._tabs)
        self.setMinimumWidth(_WIDTH)
        self.hide()

    def add_page(self, name: str, page: QWidget) -> None:
        """A page at the end, under `name`."""
        frame = QScrollArea(widgetResizable=True)
        frame.setObjectName(name)
        frame.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        frame.setWidget(page)
        self._tabs.addTab(frame, name)

    @property
    def page(self) -> str:
        """The name of the page that is shown, "" while the dock is hidden."""
        return self._tabs.tabText(self._tabs.currentIndex()) if self.isVisible() else ""

    def turn(self, step: int) -> QWidget | None:
        """Shows the dock, `step` pages further round; the page that is shown then."""
        if self._tabs.count():
            self._tabs.setCurrentIndex((self._tabs.currentIndex() + step) % self._tabs.count())
            self.show()
        return self._tabs.currentWidget()

    def turn_to(self, name: str) -> None:
        """Shows the dock at this page; hides it where that is what is shown. Raises ValueError for an unknown name."""
        if self.page == name:
            self.hide()
            return
        for index in range(self._tabs.count()):
            if self._tabs.tabText(index) == name:
                self._tabs.setCurrentIndex(index)
                self.show()
                return
        raise ValueError(f"the dock has no page called {name}")
