"""PySide6 6.12.0 drops a reference to None with every void call and aborts the interpreter: run on every bump."""

import sys

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QLabel


class _Sender(QObject):
    sent = Signal(float)


def test_pyside_keeps_the_references_of_none_and_true(qapp: QApplication) -> None:
    label, sender = QLabel(), _Sender()
    sender.sent.connect(lambda value: None)
    before = sys.getrefcount(None), sys.getrefcount(True)
    for _ in range(300):  # fewer than 500: a faulty version aborts there, before the assertion can say why
        label.setText("x")
        sender.sent.emit(1.0)
    assert sys.getrefcount(None) > before[0] - 150
    assert sys.getrefcount(True) > before[1] - 150
