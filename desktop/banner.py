"""Messages above the picture: a few sentences, never a modal box, so that a running stream stays in reach.

Owns the one message shown; a newer message replaces an older one, a problem stays until it is dismissed or
solved. UI thread.
"""

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from inference.errors import UserError

_NOTE_MS = 7000


class Banner(QFrame):
    """A strip, there only while it says something. `show_problem` stays; `show_note` leaves by itself."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("banner")
        self._what = QLabel(wordWrap=True)
        self._rest = QLabel(wordWrap=True)
        self._rest.setObjectName("dim")
        for label in (self._what, self._rest):
            label.setTextFormat(Qt.TextFormat.PlainText)  # a file name may look like markup
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        close = QToolButton(text="✕", toolTip="Dismiss", focusPolicy=Qt.FocusPolicy.NoFocus)
        close.clicked.connect(self.hide)
        texts = QVBoxLayout()
        texts.setSpacing(3)
        texts.addWidget(self._what)
        texts.addWidget(self._rest)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 10, 8, 10)
        row.addLayout(texts, 1)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self._timer = QTimer(self, singleShot=True, interval=_NOTE_MS)
        self._timer.timeout.connect(self.hide)
        self.hide()

    @property
    def text(self) -> str:
        """Everything the message says."""
        return " ".join(part for part in (self._what.text(), self._rest.text()) if part)

    def show_problem(self, error: UserError) -> None:
        self._show("problem", error.what, " ".join(part for part in (error.kept, error.next) if part))
        self._timer.stop()

    def show_note(self, text: str) -> None:
        if self.isVisible() and self.property("kind") == "problem":
            return  # a problem not yet read is worth more than a note
        self._show("note", text, "")
        self._timer.start()

    def _show(self, kind: str, what: str, rest: str) -> None:
        self.setProperty("kind", kind)
        self.style().unpolish(self)  # the style sheet looks at `kind` only when polishing
        self.style().polish(self)
        self._what.setText(what)
        self._rest.setText(rest)
        self._rest.setVisible(bool(rest))
        self.show()
