"""The check-up in the window (Help > Check this machine): a card with the findings as they come.

Owns the card and the worker thread on which the machine is examined; says `measuring` so that the stream can stand
still meanwhile and the figure is the machine's, not half of it. UI thread, except `_work`.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QDialog, QGridLayout, QLabel, QLayout, QPushButton, QVBoxLayout, QWidget

from desktop import theme
from desktop.doctor import Finding, Level, examine

log = logging.getLogger(__name__)

_COLOURS = {Level.GOOD: "#5fd38d", Level.NOTE: theme.WARM, Level.BAD: theme.PIN}

_TEXT_WIDTH = 470


class DoctorCard(QDialog):
    """`examine()` shows it and looks again."""

    measuring = Signal(bool)

    _found = Signal(object)  # Finding
    _finished = Signal()

    def __init__(self, package: Path, gl_renderer: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Check this machine")
        self._package, self._gl_renderer = package, gl_renderer
        self.findings: list[Finding] = []
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="doctor")
        self._running = False
        self._stopping = False
        column = QVBoxLayout(self)
        column.setSizeConstraint(QLayout.SizeConstraint.SetFixedSize)  # grows with each finding
        column.setContentsMargins(28, 24, 28, 20)
        column.setSpacing(14)
        self._rows = QGridLayout()
        self._rows.setHorizontalSpacing(14)
        self._rows.setVerticalSpacing(3)
        self._rows.setColumnMinimumWidth(1, 96)
        self._rows.setColumnMinimumWidth(2, _TEXT_WIDTH)
        column.addLayout(self._rows)
        self.summary = QLabel()
        self.summary.setObjectName("dim")
        column.addWidget(self.summary)
        column.addStretch()
        self._again = QPushButton("Look again")
        self._again.clicked.connect(self.examine)
        column.addWidget(self._again, 0, Qt.AlignmentFlag.AlignRight)
        queued = Qt.ConnectionType.QueuedConnection
        self._found.connect(self._on_found, queued)
        self._finished.connect(self._on_finished, queued)

    def examine(self) -> None:
        window = self.parentWidget()
        self.move(window.mapToGlobal(QPoint((window.width() - _TEXT_WIDTH) // 2 - 80, 48)))  # room to grow downwards
        self.show()
        self.raise_()
        if self._running:
            return
        self._running = True
        self._again.setEnabled(False)
        self.findings = []
        while (item := self._rows.takeAt(0)) is not None:
            item.widget().deleteLater()
        self.summary.setText("Looking, and making frames for two seconds. The picture waits…")
        self.measuring.emit(True)
        self._pool.submit(self._work)

    def stop(self) -> None:
        """Before the window goes."""
        self._stopping = True
        self._pool.shutdown(wait=True)

    def _work(self) -> None:  # on the worker
        try:
            for finding in examine(self._package, self._gl_renderer):
                if self._stopping:
                    return
                self._found.emit(finding)
        except Exception as error:  # the card must end, whatever a driver raises
            log.exception("the check-up failed")
            self._found.emit(Finding("Check-up", "failed", f"{error}. The log says more.", Level.BAD))
        finally:
            if not self._stopping:
                self._finished.emit()

    def _on_found(self, finding: Finding) -> None:
        self.findings.append(finding)
        row = 2 * len(self.findings)
        dot = QLabel(f"<span style='color:{_COLOURS[finding.level]}'>●</span>")
        name, value = QLabel(finding.name), QLabel(finding.value, wordWrap=True)
        advice = QLabel(finding.advice, wordWrap=True)
        advice.setObjectName("dim")
        advice.setContentsMargins(0, 0, 0, 8)
        for label in (value, advice):
            label.setFixedWidth(_TEXT_WIDTH)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._rows.addWidget(dot, row, 0)
        self._rows.addWidget(name, row, 1)
        self._rows.addWidget(value, row, 2)
        self._rows.addWidget(advice, row + 1, 2)

    def _on_finished(self) -> None:
        self._running = False
        self._again.setEnabled(True)
        bad = any(finding.level is Level.BAD for finding in self.findings)
        self.summary.setText("Something needs attention first." if bad else "Ready.")
        self.measuring.emit(False)
