"""Several points at once: what goes together, what a release means, and that all of it can be undone."""

import numpy as np
import pytest

from desktop.edits import PointEditor
from desktop.handles import HandleModel, Point


@pytest.fixture
def editor() -> PointEditor:
    return PointEditor(HandleModel())


def placed(editor: PointEditor, *places: tuple[float, float]) -> list[int]:
    for place in places:
        editor.press(place, None)
        editor.release()
    return [point.id for point in editor.model.points[-len(places) :]]


def grouped(editor: PointEditor, *places: tuple[float, float]) -> list[int]:
    ids = placed(editor, *places)
    editor.model.select(*ids)
    editor.group_selected(99)
    editor.model.select()
    return ids


def xy(editor: PointEditor, point_id: int) -> tuple[float, float]:
    return editor.model.get(point_id).xy


def test_selected_points_move_together_and_back_in_one_step(editor: PointEditor) -> None:
    one, two, three = placed(editor, (0.2, 0.2), (0.4, 0.2), (0.8, 0.8))
    editor.model.select(one, two)
    editor.press((0.2, 0.2), one)
    assert {handle.id for handle in editor.model.controls() if handle.held} == {one, two}
    editor.drag((0.3, 0.5))
    editor.release()
    np.testing.assert_allclose([xy(editor, i) for i in (one, two, three)], [(0.3, 0.5), (0.5, 0.5), (0.8, 0.8)])
    editor.undo_stack.undo()
    np.testing.assert_allclose([xy(editor, i) for i in (one, two)], [(0.2, 0.2), (0.4, 0.2)])


def test_a_group_is_taken_by_any_member_until_it_is_none(editor: PointEditor) -> None:
    one, two = grouped(editor, (0.2, 0.2), (0.4, 0.2))
    editor.press((0.4, 0.2), two)
    assert editor.model.moving == {one, two}
    assert editor.model.selected == two
    editor.release()
    editor.group_selected(0)
    editor.model.select()
    editor.press((0.4, 0.2), two)
    assert editor.model.moving == {two}
    editor.release()
    while editor.undo_stack.canUndo():
        editor.undo_stack.undo()
    assert editor.model.points == ()


def test_what_waited_is_told_of_every_member(editor: PointEditor) -> None:
    one, two = grouped(editor, (0.2, 0.2), (0.4, 0.2))
    editor.press((0.2, 0.2), one)
    ways: list[list[tuple[float, int, tuple[float, float]]]] = []
    editor.model.subscribe(lambda: ways.append([(at, was.id, was.xy) for at, was in editor.take_way()]))
    editor.drag((0.3, 0.2), [(1.0, (0.25, 0.9))])
    assert [(at, i) for at, i, _ in ways[0]] == [(1.0, one), (1.0, two)]
    np.testing.assert_allclose([place for _, _, place in ways[0]], [(0.25, 0.9), (0.45, 0.9)])


def test_a_release_that_lets_go(editor: PointEditor) -> None:
    """A new point is gone and nothing is left to undo; one that was there is free where it took hold."""
    editor.lets_go = True
    editor.press((0.2, 0.2), None)
    editor.drag((0.5, 0.5))
    editor.release()
    assert editor.model.points == ()
    assert not editor.undo_stack.canUndo()
    editor.press((0.2, 0.2), None)
    editor.release(invert=True)
    (point,) = editor.model.points
    assert point.pinned
    editor.press((0.2, 0.2), point.id)
    editor.drag((0.5, 0.5))
    editor.release()
    (let_go,) = editor.model.points
    assert (let_go.xy, let_go.pinned) == ((0.2, 0.2), False)
    assert editor.model.controls() == ()
    editor.undo_stack.undo()
    assert editor.model.points == (point,)


def test_a_release_never_leaves_the_engine_without_the_point(editor: PointEditor) -> None:
    """Between the hand and the pin it is always told: else a chunk in between would lose it."""
    editor.press((0.2, 0.2), None)
    told: list[int] = []
    editor.model.subscribe(lambda: told.append(len(editor.model.controls())))
    editor.drag((0.3, 0.3))
    editor.release()
    assert set(told) == {1}


def still(editor: PointEditor) -> list[Point]:
    return [point for point in editor.model.points if point.still]


def test_the_backdrop_gives_way_to_a_new_point_and_returns_with_its_undo(editor: PointEditor) -> None:
    pins = [editor.model.new_point((x, 0.5), pinned=True, side=1, still=True) for x in (0.2, 0.8)]
    editor.add("Hold everything else still", pins)
    editor.press((0.22, 0.5), None)
    assert still(editor) == [pins[1]]
    editor.let_go()
    assert {pin.id for pin in still(editor)} == {pin.id for pin in pins}, "it went for nothing"
    editor.press((0.22, 0.5), None)
    editor.release()
    assert still(editor) == [pins[1]]
    editor.undo_stack.undo()
    assert sorted(pin.xy for pin in still(editor)) == [(0.2, 0.5), (0.8, 0.5)]
    editor.let_go()
    assert len(still(editor)) == 2, "Escape is for the points of a hand"


def test_the_wheel_turns_a_point_and_notches_are_one_edit(editor: PointEditor) -> None:
    (point_id,) = placed(editor, (0.2, 0.2))
    editor.turn(1)
    editor.turn(2)
    editor.resize(1)
    assert editor.model.get(point_id).turn == pytest.approx(np.radians(15))
    editor.undo_stack.undo()
    editor.undo_stack.undo()
    assert editor.model.get(point_id).turn == 0.0
    editor.press((0.2, 0.2), point_id)
    editor.turn(1)
    editor.drag((0.4, 0.4))
    assert editor.model.get(point_id).turn == pytest.approx(np.radians(5)), "the drag forgot the wheel"


def test_restart_turns_back(editor: PointEditor) -> None:
    (point_id,) = placed(editor, (0.2, 0.2))
    editor.turn(3)
    editor.return_to_origins()
    assert (editor.model.get(point_id).turn, editor.model.get(point_id).grow) == (0.0, 1.0)
