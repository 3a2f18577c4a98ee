"""The middle of the window: the picture or the crop panel, and the message above them.

Owns which of the two is visible. UI thread.
"""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from desktop.banner import Banner
from desktop.crop_panel import CropPanel
from desktop.viewport import Viewport


class Stage(QWidget):
    """Shows the viewport; `set_cropping(True)` puts the crop panel in its place."""

    def __init__(self, viewport: Viewport, crop_panel: CropPanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.banner = Banner()
        self.picture = QWidget.createWindowContainer(viewport)
        self.picture.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.picture.setMinimumSize(256, 144)
        self.picture.setAccessibleName("Picture")
        self._pages = QStackedWidget()
        self._pages.addWidget(self.picture)
        self._pages.addWidget(crop_panel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.banner)
        column.addWidget(self._pages, 1)

    def dispose(self) -> None:
        """Deletes the picture and its GL objects with the next turn of the event loop. The container owns
        the viewport, which PySide does not know: left to the interpreter's end, the viewport would go first
        and Qt would crash."""
        self.picture.deleteLater()

    def set_cropping(self, on: bool) -> None:
        self._pages.setCurrentIndex(1 if on else 0)
