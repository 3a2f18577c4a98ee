"""The check-up in the window: the findings of the real examination, while the stream stands still."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from desktop.app import build_window
from desktop.doctor import Level
from desktop.doctor_card import DoctorCard
from inference.lifecycle import EngineState
from tests.fakes import FakeStream
from tests.gui.conftest import Desk, Pointer
from tests.tiny import write_package


@pytest.fixture
def patient(qtbot: QtBot, tmp_path: Path, picture_file: Path) -> Iterator[Desk]:
    """A window whose package can be measured."""
    streams = [FakeStream(cost_s=0.01)]
    window = build_window(lambda: streams[0], data_dir=tmp_path / "data", package=write_package(tmp_path / "models"))
    desk = Desk(window, streams, Pointer(), qtbot)
    desk.pointer.move(QPoint(1590, 990))
    window.show()
    qtbot.waitExposed(window)
    desk.pointer.focus(window)
    window.open_picture(picture_file)
    desk.wait_for_state(EngineState.RUNNING)
    yield desk
    window.close()
    window.deleteLater()


def test_the_card_examines_while_the_picture_waits(patient: Desk) -> None:
    patient.window.actions_by_id["doctor"].trigger()
    patient.wait_for_state(EngineState.PAUSED)
    (card,) = patient.window.findChildren(DoctorCard)
    patient.wait(lambda: card.summary.text() in ("Ready.", "Something needs attention first."))
    names = [finding.name for finding in card.findings]
    assert names == ["Processor", "Memory", "OpenGL", "Display", "Audio", "Package", "Computes on", "Speed"]
    assert card.findings[2].value == patient.window.viewport.gl_renderer
    assert ("attention" in card.summary.text()) == any(finding.level is Level.BAD for finding in card.findings)
    texts = [label.text() for label in card.findChildren(QLabel)]
    for finding in card.findings:
        assert finding.value in texts
        assert finding.advice in texts
    patient.wait_for_state(EngineState.RUNNING)
