"""Moving, turning and scaling points together."""

import math

import numpy as np
import pytest

from desktop.handles import HandleModel
from desktop.similarity import MAX_GROW, MIN_GROW, Similarity

ASPECT = 16 / 9


def test_a_quarter_turn_is_one_on_the_screen() -> None:
    """Clockwise: what was right of the pivot is below it, as far in pixels."""
    quarter = Similarity(pivot=(0.5, 0.5), turn=math.pi / 2, aspect=ASPECT)
    np.testing.assert_allclose(quarter.place((0.5 + 0.1 / ASPECT, 0.5)), (0.5, 0.6))
    np.testing.assert_allclose(quarter.place((0.5, 0.6)), (0.5 - 0.1 / ASPECT, 0.5))


def test_the_pivot_stays_and_the_shift_comes_last() -> None:
    change = Similarity(shift=(0.1, -0.2), pivot=(0.3, 0.4), turn=1.0, grow=2.0, aspect=ASPECT)
    np.testing.assert_allclose(change.place((0.3, 0.4)), (0.4, 0.2))


def test_a_point_turns_and_grows_with_it_within_limits() -> None:
    point = HandleModel().new_point((0.5, 0.5), pinned=True)
    twice = Similarity(pivot=(0.4, 0.5), turn=0.3, grow=2.0, aspect=ASPECT)
    changed = twice.change(twice.change(point))
    assert (changed.turn, changed.grow) == (pytest.approx(0.6), pytest.approx(4.0))
    assert twice.change(changed).grow == MAX_GROW
    assert Similarity(grow=0.01).change(point).grow == MIN_GROW
    assert changed.hold == point.hold
