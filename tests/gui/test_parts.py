"""Parts of the window that need no picture: the list of actions, the meter, the points."""

import itertools
from dataclasses import fields

import numpy as np
import pytest
from PySide6.QtWidgets import QMainWindow
from pytestqt.qtbot import QtBot

from desktop.actions import SPECS, Actions, Situation
from desktop.crop import Crop
from desktop.edits import PointEditor
from desktop.handles import MAX_RADIUS, HandleModel
from desktop.meter import ShownMeter
from desktop.status import StatusLine
from inference.picture import Picture


def test_no_two_actions_answer_to_one_key_at_the_same_time() -> None:
    sharing = [
        (one, other) for one, other in itertools.combinations(SPECS, 2) if set(one.shortcuts) & set(other.shortcuts)
    ]
    assert sharing, "Escape has two meanings: without any pair this test sees nothing"
    for values in itertools.product((False, True), repeat=len(fields(Situation))):
        situation = Situation(*values)
        for one, other in sharing:
            assert not (one.enabled(situation) and other.enabled(situation)), (one.id, other.id)


def test_actions_and_handlers_must_match(qtbot: QtBot) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    handlers = {spec.id: lambda: None for spec in SPECS}
    Actions(window, handlers)
    del handlers["pause"]
    with pytest.raises(ValueError, match="pause"):
        Actions(window, handlers)


def test_every_action_has_a_place_or_a_key() -> None:
    assert [spec.id for spec in SPECS if not (spec.menu or spec.shortcuts)] == []
    assert [spec.id for spec in SPECS if spec.in_toolbar and not spec.icon] == []


def test_meter_counts_frames_a_second_and_latency_to_the_first_frame_that_contains_an_event() -> None:
    meter = ShownMeter()
    assert meter.fps(0.0) == 0.0
    assert meter.latency_ms is None
    meter.asked(10.00)
    meter.shown(sampled_s=9.99, swap_s=10.10)  # sampled before the event: not its answer
    assert meter.latency_ms is None
    meter.shown(sampled_s=10.01, swap_s=10.20)
    assert meter.latency_ms == pytest.approx(200.0)
    assert meter.fps(10.2) == pytest.approx(10.0)
    assert meter.fps(20.0) == 0.0


def test_a_drag_ends_at_the_edge_of_the_picture() -> None:
    editor = PointEditor(HandleModel())
    editor.press((0.5, 0.5), None)
    editor.drag((1.4, -0.3))
    editor.release()
    assert editor.model.points[0].xy == (1.0, 0.0)


def test_the_grid_has_limits_and_a_drag_keeps_a_size_set_meanwhile() -> None:
    editor = PointEditor(HandleModel())
    editor.press((0.5, 0.5), None)
    editor.resize(100)
    editor.drag((0.6, 0.5))
    editor.release()
    (point,) = editor.model.points
    assert point.radius == MAX_RADIUS
    editor.undo_stack.undo()
    assert editor.model.points == ()


def test_only_held_and_pinned_points_control_the_picture() -> None:
    editor = PointEditor(HandleModel())
    editor.toggle_pin((0.2, 0.2), None)
    editor.toggle_pin((0.7, 0.7), None)
    first, second = (point.id for point in editor.model.points)
    editor.toggle_pin((0.2, 0.2), first)
    assert [handle.id for handle in editor.model.controls()] == [second]
    editor.press((0.2, 0.2), first)
    assert [(handle.id, handle.held) for handle in editor.model.controls()] == [(first, True), (second, False)]


def test_a_crop_stays_in_its_picture() -> None:
    picture = Picture(np.zeros((300, 1200, 3), np.uint8))
    crop = Crop((256, 144), centre=(-3.0, 9.0), zoom=0.1).inside(picture)
    left, top, right, bottom = crop.box(picture)
    assert (left, top, bottom) == (0.0, 0.0, 1.0)
    assert crop.zoom == 1.0
    assert (right * 1200) / 300 == pytest.approx(256 / 144)


def test_a_long_credit_never_widens_the_window(qtbot: QtBot) -> None:
    status = StatusLine()
    qtbot.addWidget(status)
    status.show_picture("Kettle", "")
    before = status.minimumSizeHint().width()
    status.show_picture("Kettle", "a photograph by somebody with a very long name " * 8)
    assert status.minimumSizeHint().width() == before
