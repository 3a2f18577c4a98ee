"""What the gizmo, the lasso and the brush reckon with."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.directing.brush import sites
from desktop.directing.gizmo import MARGIN_PX, SNAP, STEM_PX, Box, Grip
from desktop.directing.lasso import enclosed
from desktop.handles import HandleModel

SIZE = (800.0, 450.0)


@pytest.fixture
def box() -> Box:
    model = HandleModel()
    return Box.around([model.new_point(xy, pinned=True) for xy in ((0.25, 0.4), (0.75, 0.6))], SIZE)


def test_the_frame_lies_around_the_points_and_has_its_parts(box: Box) -> None:
    assert box.corners[0] == (200 - MARGIN_PX, 180 - MARGIN_PX)
    assert box.corners[2] == (600 + MARGIN_PX, 270 + MARGIN_PX)
    assert [box.part_at(corner) for corner in box.corners] == ["corner"] * 4
    assert box.part_at((400.0, 180 - MARGIN_PX - STEM_PX)) == "knob"
    assert box.part_at((300.0, 200.0)) == "inside"
    assert box.part_at((100.0, 200.0)) is None


def test_the_knob_hangs_below_a_frame_at_the_top() -> None:
    model = HandleModel()
    box = Box.around([model.new_point(xy, pinned=True) for xy in ((0.25, 0.02), (0.75, 0.2))], SIZE)
    assert box.knob == (400.0, 90 + MARGIN_PX + STEM_PX)


def test_moving(box: Box) -> None:
    change = Grip("inside", box, (300.0, 200.0), SIZE).to((380.0, 245.0))
    np.testing.assert_allclose(change.place((0.25, 0.4)), (0.35, 0.5))
    assert (change.turn, change.grow) == (0.0, 1.0)


def test_turning_by_the_knob_goes_around_the_middle_and_beyond_a_whole_turn(box: Box) -> None:
    grip, centre = Grip("knob", box, box.knob, SIZE), box.centre
    reach = math.dist(box.knob, centre)
    for degrees in range(10, 500, 10):  # clockwise from the top
        angle = math.radians(degrees - 90)
        change = grip.to((centre[0] + reach * math.cos(angle), centre[1] + reach * math.sin(angle)))
        assert change.turn == pytest.approx(math.radians(degrees))
    np.testing.assert_allclose(change.place((0.5, 0.5)), (0.5, 0.5))
    snapped = grip.to((centre[0] + 1.0, centre[1] - 100.0), snap=True)
    assert snapped.turn / SNAP == pytest.approx(round(snapped.turn / SNAP))


def test_a_right_angle_turns_a_place_on_the_screen(box: Box) -> None:
    change = Grip("knob", box, box.knob, SIZE).to((box.centre[0] + 90, box.centre[1]))
    x, y = change.place((0.75, 0.5))
    np.testing.assert_allclose((x * 800 - 400, y * 450 - 225), (0.0, 200.0), atol=1e-9)


def test_a_corner_scales_about_the_middle(box: Box) -> None:
    start, (x, y) = box.corners[2], box.centre
    grip = Grip("corner", box, start, SIZE)
    assert grip.to((x + 1.5 * (start[0] - x), y + 1.5 * (start[1] - y))).grow == pytest.approx(1.5)
    assert grip.to((x, y)).grow == pytest.approx(0.2), "never to nothing"


def test_what_the_lasso_encloses() -> None:
    horseshoe = np.array([(0, 0), (3, 0), (3, 3), (2, 3), (2, 1), (1, 1), (1, 3), (0, 3)], float)
    places = np.array([(0.5, 2), (1.5, 2), (2.5, 2), (1.5, 0.5), (-1, 1), (4, 1)])
    assert enclosed(horseshoe, places).tolist() == [True, False, True, True, False, False]
    assert enclosed(horseshoe[::-1], places).tolist() == [True, False, True, True, False, False]
    assert not enclosed(horseshoe[:1], places).any()


@given(st.floats(-2, 2), st.floats(-2, 2), st.floats(0.05, 0.5), st.floats(0.05, 0.3))
def test_the_brush_paints_all_sites_within_its_reach_and_only_those(
    x: float, y: float, size: float, spacing: float
) -> None:
    found = sites((x, y), size, spacing)
    places = np.array(list(found.values())).reshape(-1, 2)
    assert (np.hypot(*(places - (x, y)).T) <= size + 1e-9).all()
    wider = sites((x + spacing / 3, y), size + spacing, spacing)
    assert {key: wider[key] for key in found} == found, "the lattice moved with the brush"
    if len(places) > 1:
        apart = np.linalg.norm(places[:, None] - places[None], axis=2) + np.eye(len(places)) * 9
        assert apart.min() == pytest.approx(spacing)
    if size >= spacing:  # every triangle of the lattice is smaller than the brush
        assert len(places) >= 3
