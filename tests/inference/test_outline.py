"""The outline: a held thing ends at its own edge, not where a coarse guess ends."""

import numpy as np

from inference.outline import outlined

THING = np.s_[40:100, 90:170]
MIDDLE, NOWHERE = np.array([[0.5, 0.5]]), np.zeros((0, 2))


def scene() -> np.ndarray:
    """A blue-grey sky over brown ground, both uneven, and a red thing before them."""
    noise = np.random.default_rng(0).integers(-12, 13, (144, 256, 3))
    picture = np.empty((144, 256, 3), np.int64)
    picture[:80], picture[80:] = (150, 170, 210), (120, 90, 60)
    picture[THING] = (200, 40, 50)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def truth() -> np.ndarray:
    mask = np.zeros((144, 256), bool)
    mask[THING] = True
    return mask


def guess(rows: slice, columns: slice, of: float = 0.9) -> np.ndarray:
    likely = np.full((36, 64), 0.02, np.float32)
    likely[rows, columns] = of
    return likely


def overlap(found: np.ndarray) -> float:
    return float((truth() & (found > 0.5)).sum() / (truth() | (found > 0.5)).sum())


def test_a_wide_guess_is_cut_at_the_edge() -> None:
    wide = guess(np.s_[6:30], np.s_[17:48])
    found = outlined(scene(), wide, MIDDLE, NOWHERE)
    assert found.shape == (144, 256)
    assert found.dtype == np.float32
    assert overlap(found) > 0.9  # a pixel wider all around, on purpose
    assert found[70, 80] < 0.05  # sky that the guess took along
    assert found[105, 130] < 0.05  # ground that it took along
    assert 0.0 <= found.min() <= found.max() <= 1.0


def test_the_same_question_has_the_same_answer() -> None:
    asked = scene(), guess(np.s_[8:27], np.s_[20:45]), MIDDLE, NOWHERE
    assert np.array_equal(outlined(*asked), outlined(*asked))


def test_what_the_guess_denies_stays_out_however_it_looks() -> None:
    picture = scene()
    picture[40:100, 200:240] = (200, 40, 50)  # another thing of the same colour
    found = outlined(picture, guess(np.s_[6:30], np.s_[17:46]), MIDDLE, NOWHERE)
    assert found[70, 220] == 0.0
    assert overlap(found) > 0.9


def test_where_nothing_can_be_cut_the_guess_comes_back() -> None:
    everything = np.ones((36, 64), np.float32)
    assert np.array_equal(outlined(scene(), everything, MIDDLE, NOWHERE), np.ones((144, 256), np.float32))


def test_a_cut_that_loses_the_thing_is_not_taken() -> None:
    """One colour all over: no edge to be found, and what the guess took for the thing is still held."""
    plain = np.full((144, 256, 3), 128, np.uint8)
    likely = guess(np.s_[10:26], np.s_[20:44], of=0.3)
    found = outlined(plain, likely, MIDDLE, NOWHERE)
    assert found[72, 128] >= 0.3


def test_a_hold_outside_the_picture_is_no_thing() -> None:
    likely = np.full((36, 64), 0.3, np.float32)
    found = outlined(scene(), likely, np.array([[1.1, 0.5]]), NOWHERE)
    assert np.allclose(found, 0.3)


def test_what_is_known_to_be_beside_it_is_cut_away() -> None:
    """Of its colour, and likely: but a place on it is known to go another way."""
    likely = guess(np.s_[10:25], np.s_[22:43])
    beside = np.stack(np.meshgrid(np.linspace(0.54, 0.65, 8), np.linspace(0.3, 0.68, 12)), -1).reshape(-1, 2)
    found = outlined(scene(), likely, np.array([[0.42, 0.5]]), beside)
    assert found[70, 100] > 0.9
    assert found[70, 155] < 0.1
