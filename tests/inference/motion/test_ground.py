"""The ground plane: what a pinhole camera over a floor would measure."""

import numpy as np
import pytest

from inference.motion.ground import WALL, ground_inverse_depth


def test_the_floor_is_the_plane_that_a_level_camera_sees():
    """Rays through the rows below the horizon, met with a real floor: inverse depths agree up to one scale."""
    height, horizon, focal, above = 90, 0.4, 1.1, 1.6
    found = ground_inverse_depth(160, height, horizon)[:, 7]
    row = (np.arange(height) + 0.5) / height
    fall = (row - horizon) / focal  # how far a ray falls while it goes one unit ahead
    on_floor = found > WALL
    truth = fall[on_floor] / above  # 1/z where it has fallen by the camera's height
    np.testing.assert_allclose(found[on_floor], truth / truth[-1], rtol=1e-5)
    assert on_floor.sum() > 40


@pytest.mark.parametrize("size", [(256, 144), (192, 192), (144, 256)])
def test_it_is_one_at_the_bottom_far_at_the_top_and_never_falls_on_the_way_down(size):
    width, height = size
    found = ground_inverse_depth(width, height)
    assert found.shape == (height, width)
    assert found.dtype == np.float32
    assert (found[-1] == 1).all()
    assert (found[0] == np.float32(WALL)).all()
    assert (np.diff(found, axis=0) >= 0).all()
    assert (found == found[:, :1]).all()


@pytest.mark.parametrize("horizon", [-0.1, 0.999, 1.5, float("nan")])
def test_a_horizon_that_shows_no_floor_is_refused(horizon):
    with pytest.raises(ValueError, match="horizon"):
        ground_inverse_depth(256, 144, horizon)
