"""Paths: a toy is where its path is, when the path is there."""

import numpy as np
import pytest

from benchmarks.quality.tracker import follow
from tests.gui.directing.conftest import LiveDesk

pytestmark = pytest.mark.directing

TOY = (0.38, 0.3)
WAY = tuple((TOY[0] + 0.02 * step, TOY[1] + 0.012 * step) for step in range(13))  # 61 px right, 21 px down


def test_a_toy_follows_its_path_in_time(live: LiveDesk) -> None:
    live.open("airplane")
    paths, tool = live.window.paths, live.window.paths.tool
    live.key("shift+p")
    live.wait(lambda: tool.on and live.at(1.0, 0.5).x() < 800)
    live.pointer.press(live.at(*WAY[0]))
    live.wait(lambda: tool.busy)
    for place in WAY[1:]:
        count = len(tool.drawing)
        live.pointer.move(live.at(*place))
        live.wait(lambda count=count: len(tool.drawing) > count)
    live.pointer.release()
    live.wait(lambda: paths.set.items)
    paths.page.duration.setValue(1.5)
    paths.page.even.click()
    live.key("Return")
    live.wait(lambda: paths.playing.on and any(frame.began for frame in live.shown))
    live.wait(lambda: not paths.playing.on)
    live.wait_for_frames(6)  # what is moved stays

    (path,) = [item.path for item in paths.set.paths]
    images = np.stack([frame.image[:, :, :3] for frame in live.shown])
    size = np.array([images.shape[2], images.shape[1]])
    followed = follow(images, live.corners(TOY, 0.08) * size)
    began = next(iter(next(frame.began for frame in live.shown if frame.began).values()))
    for share, at_s in (("half way", 0.75), ("at the end", 1.5), ("and stays", np.inf)):
        shown = next((k for k, f in enumerate(live.shown) if (f.index - began) / 24 >= at_s), len(images) - 1)
        moved = np.where(followed.alive[shown][:, None], followed.xy[shown] - followed.xy[0], np.nan)
        time_s = (live.shown[shown].index - began) / 24
        expected = (path.at(np.array([time_s]))[0] - path.knots[0]) * size
        assert np.isfinite(moved[:, 0]).mean() > 0.5, "the tracker lost the airplane"
        np.testing.assert_allclose(np.nanmedian(moved, axis=0), expected, atol=6, err_msg=share)
    half = (path.at(np.array([0.75]))[0] - path.knots[0]) * size
    whole = (np.array(path.knots[-1]) - path.knots[0]) * size
    np.testing.assert_allclose(half, whole / 2, atol=2)
    np.testing.assert_allclose(whole, (61, 21), atol=3)
