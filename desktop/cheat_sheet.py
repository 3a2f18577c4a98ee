"""The cheat sheet (F1): what the mouse and every key do, made from the one list of actions.

Owns a non-modal dialog; the stream behind it goes on. UI thread.
"""

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QLabel, QLayout, QVBoxLayout, QWidget

from desktop.actions import MOUSE, SPECS


class CheatSheet(QDialog):
    """Two columns: the mouse and the hand's keys, everything else. Any of Esc and F1 closes it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Mouse and keys")
        groups: dict[str, list[tuple[str, str]]] = {"Mouse": list(MOUSE)}
        for spec in SPECS:
            if spec.shortcuts:
                keys = QKeySequence(spec.shortcuts[0]).toString(QKeySequence.SequenceFormat.NativeText)
                groups.setdefault(spec.menu or "While cropping", []).append(
                    (keys, f"{spec.text}: {spec.tip}" if spec.tip else spec.text)
                )
        row = QHBoxLayout(self)
        row.setSizeConstraint(QLayout.SizeConstraint.SetFixedSize)
        row.setContentsMargins(28, 24, 28, 24)
        row.setSpacing(44)
        for names in (("Mouse", "Edit", "While cropping"), ("File", "Play", "Direct", "View", "Help")):
            column = QVBoxLayout()
            for name in names:
                column.addLayout(_group(name, groups[name]))
                column.addSpacing(14)
            column.addStretch()
            row.addLayout(column)


def _group(name: str, rows: list[tuple[str, str]]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(7)
    grid.setColumnMinimumWidth(0, 130)
    grid.setColumnStretch(1, 1)
    heading = QLabel(name)
    heading.setObjectName("heading")
    grid.addWidget(heading, 0, 0, 1, 2)
    for line, (keys, meaning) in enumerate(rows, start=1):
        key = QLabel(keys)
        key.setObjectName("key")
        text = QLabel(meaning, wordWrap=len(meaning) > 40)
        text.setMinimumWidth(230)
        grid.addWidget(key, line, 0, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        grid.addWidget(text, line, 1)
    return grid
