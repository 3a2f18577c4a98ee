"""The prompt box: Enter applies the text, Escape gives the keyboard back to the picture.

Owns the text being typed. While it has the focus no shortcut fires: every key belongs to the text. UI thread.
"""

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

_MAX_CHARACTERS = 400  # far beyond the text encoder's tokens; keeps a pasted novel out of the layout


class PromptBox(QLineEdit):
    """Emits `applied(text)` on Enter and `left()` when the person is done with the keyboard."""

    applied = Signal(str)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.set_example("")
        self.setMaxLength(_MAX_CHARACTERS)
        self.setClearButtonEnabled(True)
        self.setAccessibleName("Prompt")
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # the keyboard starts with the picture
        self.returnPressed.connect(self._apply)

    def set_example(self, example: str) -> None:
        """What the empty box suggests for the picture that is shown."""
        hint = "Describe the motion and press Enter"
        self.setPlaceholderText(f"{hint}, for instance: {example}" if example else hint)

    def put(self, text: str) -> None:
        """As if a person had typed it and pressed Enter; the keyboard stays where it is."""
        self.setText(text)
        self.applied.emit(self.text().strip())

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()  # the key goes to the text field and to no action of the window
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
            return
        super().keyPressEvent(event)

    def _apply(self) -> None:
        self.applied.emit(self.text().strip())
        self.left.emit()
