"""What the words benchmark computes: its clips, when a way agrees, and what a stream's answer is worth."""

import numpy as np
import pytest

from benchmarks.words import SIZE, agrees, answered, cases, corners, measured, summary
from inference.motion.said import MOTION, Said, SaidThing
from tests.fakes import FakeStream
from tests.training.world_pictures import tiny_library
from training.word_samples import share


def moving(mask: np.ndarray, right: float, down: float) -> SaidThing:
    h, w = mask.shape
    y, x = np.nonzero(mask)
    motion = np.zeros(len(MOTION))
    motion[:2] = right, down
    return SaidThing(y * w + x, np.stack([(x + 0.5) / w, (y + 0.5) / h], 1), motion)


@pytest.fixture(scope="module")
def case():
    return next(cases(tiny_library(), 1))


def test_a_case_asks_for_the_way_that_its_caption_tells(case) -> None:
    across, down = case.way
    assert case.name in case.caption
    assert ("left" in case.caption) or ("right" in case.caption) or abs(across) < abs(down)
    assert not (case.mask & case.place).any()
    assert case.picture.shape == (SIZE[1], SIZE[0], 3)
    assert next(cases(tiny_library(), 2)).caption == case.caption  # the same each time


def test_a_way_agrees_within_45_degrees_and_when_it_is_a_way_at_all() -> None:
    up = np.array([0.0, -0.3])
    assert agrees(np.array([0.05, -0.1]), up)
    assert not agrees(np.array([0.2, -0.1]), up)
    assert not agrees(np.array([0.0, 0.3]), up)
    assert not agrees(np.array([0.0, -0.02]), up)


def test_an_answer_counts_where_the_thing_is(case) -> None:
    stream = FakeStream()
    stream.open(case.picture)
    mask = share(case.mask).numpy() > 0.5
    stream.answers[case.caption] = Said((moving(mask, *case.way),))
    assert answered(stream, case) == {"answer": 1.0, "meant": 1.0, "iou": pytest.approx(1.0, abs=0.5)}
    stream.answers[case.caption] = Said((moving(mask, *-case.way),))
    assert answered(stream, case)["answer"] == 0.0
    stream.answers[case.caption] = Said((moving(share(case.place).numpy() > 0.9, *case.way),))
    assert answered(stream, case) == {"answer": 0.0, "meant": 0.0, "iou": pytest.approx(0.0, abs=0.01)}
    stream.answers[case.caption] = Said()
    assert answered(stream, case)["answer"] == 0.0


def test_what_is_shown_is_what_is_measured(case) -> None:
    """The fake stream shifts the whole picture by the tracks it is given: the thing goes, and takes the place along."""
    mask = share(case.mask).numpy() > 0.5
    stream = FakeStream(spend=lambda seconds: None)
    stream.answers[case.caption] = Said((moving(mask, *(0.2 * case.way / np.hypot(*case.way))),))
    row = measured(stream, case)
    assert row["agrees"] == 1.0
    assert row["taken"] > 0.9
    stream.answers[case.caption] = Said()
    row = measured(stream, case)
    assert (row["agrees"], row["taken"]) == (0.0, 0.0)


def test_corners_lie_inside_the_mask(case) -> None:
    found = corners(case.picture, case.mask)
    assert len(found)
    assert all(case.mask[int(y), int(x)] for x, y in found)


def test_means_leave_out_what_could_not_be_seen() -> None:
    assert summary([{"taken": 1.0}, {"taken": float("nan")}]) == {"taken": 1.0, "clips": 2}
