"""Sentences: what they say is what they are said to mean."""

from functools import cache

import numpy as np
import pytest

from inference.motion.said import MOTION
from training.world.wording import WAY, Meant, sentence

NAMES = ["rocket", "red apple", "grapes", "fox face"]


@cache
def all_sentences() -> list[Meant]:
    """Made once, for seconds; read by every test."""
    rng = np.random.default_rng(5)
    return [sentence(rng, NAMES[: 1 + i % len(NAMES)]) for i in range(20000)]


def sentences(count: int) -> list[Meant]:
    return all_sentences()[:count]


def test_only_what_is_named_moves_and_nothing_that_is_said_to_stay():
    for meant in sentences(2000):
        text = meant.text.lower()
        if len(meant.moved) > 1:  # one alone may be "it"
            assert all(name in text for name in meant.moved)
        assert all(name in text for name in meant.still)
        assert not meant.still & meant.moved.keys()
        assert all(np.abs(motion).max() > 0.05 for motion in meant.moved.values())


@pytest.mark.parametrize(
    ("words", "which", "sign"),
    [("flies up", 1, -1), ("goes left", 0, -1), ("slides right", 0, 1), ("falls", 1, 1), ("spins", 2, 1)],
)
def test_words_go_with_their_motion(words: str, which: int, sign: int):
    # By itself: another clause or a second direction would say more.
    found = [m for m in sentences(20000) if m.text.lower().rstrip(".") == f"the rocket {words}"]
    assert found
    for meant in found:
        motion = meant.moved["rocket"]
        assert np.sign(motion[which]) == sign
        assert np.count_nonzero(motion) == 1


def test_every_direction_is_as_long_as_any_other_and_comes_as_often():
    ways = np.array(
        [motion[:2] for m in sentences(6000) for motion in m.moved.values() if np.abs(motion[:2]).min() > 0]
    )
    assert np.abs(ways.mean(0)).max() < 0.03
    assert np.hypot(*ways.T).max() < 2.0 * WAY


def test_a_share_of_sentences_moves_nothing():
    quiet = [m for m in sentences(4000) if not m.moved and not m.camera.any()]
    assert 0.1 < len(quiet) / 4000 < 0.35
    assert any(m.text == "" for m in quiet)
    assert any(" in the rain" in m.text for m in quiet)


def test_without_things_only_the_camera_moves():
    rng = np.random.default_rng(2)
    told = [sentence(rng, []) for _ in range(200)]
    assert not any(meant.moved or meant.still for meant in told)
    assert any(meant.camera.any() for meant in told)
    for meant in told:
        if "the camera" in meant.text.lower():
            assert meant.camera.any()


def test_all_kinds_of_motion_come_up():
    seen = np.zeros(len(MOTION))
    for meant in sentences(2000):
        for motion in meant.moved.values():
            seen += motion != 0
    assert seen.min() > 20
