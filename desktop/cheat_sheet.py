"""The cheat sheet (F1): what the mouse and every key do, made from the one list of actions.

Owns a non-modal dialog, never so large that it hides the window wholly: the stream behind it goes on. UI thread.
"""

import itertools

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from desktop.actions import MOUSE, SPECS

SHARE = 0.9  # of the window that it takes at most; the rest is scrolled to
TEXT_WIDTH = 250


class CheatSheet(QDialog):
    """What the mouse does and every key, in as many columns as there is room for. Any of Esc and F1 closes it."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setWindowTitle("Mouse and keys")
        groups: dict[str, list[tuple[str, str]]] = {"Mouse": list(MOUSE)}
        for spec in SPECS:
            if spec.shortcuts:
                keys = QKeySequence(spec.shortcuts[0]).toString(QKeySequence.SequenceFormat.NativeText)
                groups.setdefault(spec.menu or "While cropping", []).append(
                    (keys, f"{spec.text}: {spec.tip}" if spec.tip else spec.text)
                )
        scroll = QScrollArea(widgetResizable=True, horizontalScrollBarPolicy=Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        room, rim = window.size() * SHARE, scroll.verticalScrollBar().sizeHint().width() + 2
        pages = (_page(groups, columns) for columns in (3, 2, 1))
        page = next((page for page in pages if page.sizeHint().width() + rim <= room.width()), None) or _page(groups, 1)
        scroll.setWidget(page)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scroll)
        wanted = page.sizeHint() + QSize(rim, 2)
        self.resize(wanted.width(), min(wanted.height(), room.height()))


def _page(groups: dict[str, list[tuple[str, str]]], columns: int) -> QWidget:
    page = QWidget()
    row = QHBoxLayout(page)
    row.setContentsMargins(28, 24, 28, 24)
    row.setSpacing(44)
    for names in _columns({name: len(rows) for name, rows in groups.items()}, columns):
        column = QVBoxLayout()
        for name in names:
            column.addLayout(_group(name, groups[name]))
            column.addSpacing(14)
        column.addStretch()
        row.addLayout(column)
    return page


def _columns(lengths: dict[str, int], count: int) -> list[list[str]]:
    """The groups in their order, in `count` columns whose longest is as short as it can be. lengths: rows a group."""
    names = list(lengths)
    cuts = itertools.combinations(range(1, len(names)), count - 1)
    choices = [[names[i:j] for i, j in itertools.pairwise((0, *cut, len(names)))] for cut in cuts]
    return min(choices, key=lambda columns: max(sum(lengths[name] + 2 for name in column) for column in columns))


def _group(name: str, rows: list[tuple[str, str]]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(7)
    grid.setColumnMinimumWidth(0, 150)
    grid.setColumnStretch(2, 1)
    heading = QLabel(name)
    heading.setObjectName("heading")
    grid.addWidget(heading, 0, 0, 1, 2)
    for line, (keys, meaning) in enumerate(rows, start=1):
        key = QLabel(keys)
        key.setObjectName("key")
        text = QLabel(meaning, wordWrap=True)
        text.ensurePolished()  # its font decides where it wraps
        text.setFixedSize(TEXT_WIDTH, text.heightForWidth(TEXT_WIDTH))
        grid.addWidget(key, line, 0, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        grid.addWidget(text, line, 1)
    return grid
