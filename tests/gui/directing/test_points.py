"""Points: grab a thing and drag it, and it goes along."""

import numpy as np
import pytest

from tests.gui.directing.conftest import LiveDesk

pytestmark = pytest.mark.directing


def test_a_dragged_toy_goes_as_far_as_the_hand(live: LiveDesk) -> None:
    live.open("airplane")
    x, y = 0.38, 0.3
    live.drag(*((x + 60 / 256 * step / 12, y) for step in range(13)))
    live.wait_for_frames(16)
    moved = live.moved(live.corners((x, y), 0.08))
    assert np.isfinite(moved[:, 0]).mean() > 0.5, "the tracker lost the airplane"
    assert np.nanmedian(moved[:, 0]) == pytest.approx(60, abs=6)
    assert np.nanmedian(moved[:, 1]) == pytest.approx(0, abs=6)
