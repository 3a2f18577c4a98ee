"""The depth brush's arithmetic: soft, bounded, even along a stroke, undone exactly."""

import numpy as np
import pytest

from desktop.directing.depth_map import FLAT, Change, Stroke, tinted
from inference.motion.ground import FARTHEST, ground_inverse_depth

SIZE = (144, 256)


def flat() -> np.ndarray:
    return np.full(SIZE, FLAT, np.float32)


@pytest.mark.parametrize(("nearer", "sign"), [(True, 1), (False, -1)])
def test_a_dab_is_round_soft_and_ends_at_its_radius(nearer, sign):
    made = sign * (Stroke(flat(), (0.5, 0.5), 0.25, nearer=nearer).values - FLAT)
    y, x = np.mgrid[0:144, 0:256]
    away = np.hypot(x - 127.5, y - 71.5)
    assert (made[away > 36] == 0).all()
    assert (made[away < 34] > 0).all()
    order = np.argsort(away[71, 128:164])
    assert (np.diff(made[71, 128:164][order]) <= 0).all()
    np.testing.assert_allclose(made, made[::-1, ::-1], atol=1e-6)
    assert made.max() == pytest.approx(0.12 * abs((1.0 if nearer else FARTHEST) - FLAT), rel=0.01)


def test_however_long_one_paints_it_stays_depth():
    for nearer, end in ((True, 1.0), (False, FARTHEST)):
        depth = ground_inverse_depth(256, 144)
        for _ in range(60):
            depth = Stroke(depth, (0.5, 0.5), 0.2, nearer=nearer).values
        assert depth.min() >= np.float32(FARTHEST)
        assert depth.max() <= 1.0
        assert depth[72, 128] == pytest.approx(end, abs=0.01)


def test_a_stroke_is_the_same_in_few_moves_and_in_many():
    few, many = (Stroke(flat(), (0.2, 0.3), 0.1, nearer=True) for _ in range(2))
    few.to((0.8, 0.7))
    for share in np.linspace(0, 1, 57)[1:]:
        many.to((0.2 + 0.6 * share, 0.3 + 0.4 * share))
    np.testing.assert_allclose(many.values, few.values, atol=1e-4)
    ridge = [few.values[round(144 * (0.3 + 0.4 * s)), round(256 * (0.2 + 0.6 * s))] for s in np.linspace(0.2, 0.8, 20)]
    assert np.ptp(ridge) < 0.02  # even along the way


def test_a_stroke_leaves_what_it_began_with_and_may_leave_the_picture():
    before = flat()
    stroke = Stroke(before, (-0.5, 2.0), 0.1, nearer=True)
    assert np.array_equal(stroke.values, before)
    stroke.to((1.5, -1.0))
    stroke.to((1.5, -1.0))
    assert (before == FLAT).all()
    assert (stroke.values > FLAT).any()


def test_a_change_goes_there_and_back_exactly_and_is_small():
    before = ground_inverse_depth(256, 144)
    after = Stroke(before, (0.3, 0.6), 0.1, nearer=True).values
    change = Change.between(before, after)
    assert np.array_equal(change.done(before), after)
    assert np.array_equal(change.undone(after), before)
    assert change.before.size < before.size / 20
    assert Change.between(before, before.copy()) is None


def test_near_is_warm_and_far_is_blue_and_the_picture_is_still_seen():
    picture = np.zeros((144, 256, 3), np.uint8)
    picture[:, 128:] = 255
    shown = tinted(picture, ground_inverse_depth(256, 144)).astype(int)
    assert shown.shape == (144, 256, 3)
    far, near = shown[0, 200], shown[-1, 200]
    assert far[2] > far[0]
    assert near[0] > near[2]
    assert shown[70, 200].sum() > 2 * shown[70, 50].sum()
