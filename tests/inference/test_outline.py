"""The outline: what is held of what is likely, in pixels."""

import numpy as np

from inference.outline import outlined

SIZE = (256, 144)
MIDDLE, NOWHERE = np.array([[0.5, 0.5]]), np.zeros((0, 2))


def guess(*parts: tuple[slice, slice], of: float = 0.9) -> np.ndarray:
    """On places of 2x2 pixels."""
    likely = np.full((72, 128), 0.02, np.float32)
    for part in parts:
        likely[part] = of
    return likely


THING, OTHER = np.s_[20:50, 45:85], np.s_[20:50, 100:120]


def test_a_likely_thing_is_outlined() -> None:
    found = outlined(guess(THING), SIZE, MIDDLE, NOWHERE)
    assert (found.shape, found.dtype) == ((144, 256), np.float32)
    assert 0.0 <= found.min() <= found.max() <= 1.0
    inside = np.zeros((144, 256), bool)
    inside[40:100, 90:170] = True
    assert found[inside].min() > 0.9
    rim = np.zeros_like(inside)
    rim[38:102, 88:172] = True
    assert (found[~rim] < 0.1).all()


def test_another_likely_thing_that_nobody_holds_stays() -> None:
    found = outlined(guess(THING, OTHER), SIZE, MIDDLE, NOWHERE)
    assert found[70, 130] > 0.9
    assert found[70, 220] == 0.0
    both = outlined(guess(THING, OTHER), SIZE, np.array([[0.5, 0.5], [0.86, 0.5]]), NOWHERE)
    assert both[70, 220] > 0.9


TAIL = np.s_[28:38, 88:96]


def test_a_tail_comes_along() -> None:
    """By a stem that is too thin to be seen; what is as large, or far off, is something else."""
    likely = guess(THING, TAIL)
    assert outlined(likely, SIZE, MIDDLE, NOWHERE)[66, 184] > 0.9
    assert outlined(np.maximum(likely, guess(OTHER)), SIZE, MIDDLE, NOWHERE)[70, 220] == 0.0, "as large"
    assert outlined(guess(THING, np.s_[28:38, 110:118]), SIZE, MIDDLE, NOWHERE)[66, 228] == 0.0, "far off"
    beside = np.array([[0.95, 0.95]])
    assert outlined(likely, SIZE, MIDDLE, beside)[66, 184] == 0.0, "in a crowd it has tracks of its own"


def test_what_is_known_to_be_beside_it_is_not_of_it() -> None:
    beside = np.stack(np.meshgrid(np.linspace(0.6, 0.65, 4), np.linspace(0.3, 0.68, 24)), -1).reshape(-1, 2)
    found = outlined(guess(THING), SIZE, MIDDLE, beside)
    assert found[70, 130] > 0.9
    assert found[70, 160] < 0.1


def test_what_lies_at_a_hold_is_held_however_unlikely() -> None:
    found = outlined(guess(), SIZE, MIDDLE, NOWHERE)
    assert found[72, 128] > 0.9
    assert 5 < (found > 0.5).sum() < 100


def test_a_hold_outside_the_picture_holds_nothing() -> None:
    assert outlined(guess(THING), SIZE, np.array([[1.1, 0.5]]), NOWHERE).max() == 0.0
