"""How a stick answers: round dead zone, no step at its rim, curve, direction kept."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.motion.stick import Response

DEFLECTIONS = st.floats(-1, 1)


@given(DEFLECTIONS, DEFLECTIONS)
def test_the_direction_is_kept_and_the_strength_is_that_of_the_deflection(x: float, y: float) -> None:
    response = Response(dead_zone=0.15, curve=2.0)
    shaped = response.stick(x, y)
    if math.hypot(x, y) <= 0.15:
        assert shaped == (0.0, 0.0)
    else:
        assert math.hypot(*shaped) == pytest.approx(response.strength(math.hypot(x, y)), abs=1e-9)
        assert shaped[0] * y == pytest.approx(shaped[1] * x, abs=1e-9)


def test_no_step_at_the_rim_and_full_at_full() -> None:
    response = Response(dead_zone=0.2, curve=1.5, sensitivity=0.8)
    assert response.strength(0.2001) < 1e-3
    assert response.strength(1.0) == pytest.approx(0.8)
    assert response.strength(1.4) == pytest.approx(0.8)  # corners of a square stick


def test_a_higher_curve_is_finer_in_the_middle() -> None:
    assert Response(curve=3.0).strength(0.5) < Response(curve=1.0).strength(0.5)


def test_inverted_is_up_for_down_alone() -> None:
    plain, inverted = Response().stick(0.6, 0.5), Response(invert_y=True).stick(0.6, 0.5)
    assert inverted == (plain[0], -plain[1])
