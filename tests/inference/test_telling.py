"""Words beside a name: sides, sizes and colours choose among things."""

import numpy as np
import pytest

from inference.telling import SURE, fitting

H, W = 8, 12
PICTURE = np.full((8 * H, 8 * W, 3), 128, np.uint8)
PICTURE[:, : 4 * W] = (190, 30, 30)
PICTURE[:, 4 * W :] = (40, 90, 200)


def box(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((H, W), bool)
    mask[rows, columns] = True
    return mask


THINGS = [box(slice(1, 3), slice(1, 3)), box(slice(4, 8), slice(7, 12))]  # small, red, upper left; large, blue, right


@pytest.mark.parametrize(
    ("name", "best"),
    [("left ball", 0), ("ball on the right", 1), ("upper ball", 0), ("big ball", 1), ("tiny ball", 0), ("red car", 0),
     ("blue car", 1), ("lower blue car", 1)],
)  # fmt: skip
def test_words_choose_the_thing_that_they_mean(name: str, best: int) -> None:
    odds = fitting(name, THINGS, PICTURE)
    assert odds.argmax() == best
    assert odds[best] - odds[1 - best] > 0.2 * SURE


def test_names_without_such_words_choose_nothing() -> None:
    assert not fitting("roller skate", THINGS, PICTURE).any()
    assert not fitting("red car", THINGS[:1], PICTURE).any()
