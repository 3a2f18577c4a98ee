"""Points: grab a thing and drag it, and it goes along; two of them turn it, and a patch takes a large thing."""

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QPoint

from desktop.directing.gizmo import MARGIN_PX, STEM_PX
from desktop.handles import XY
from tests.gui.directing.conftest import LiveDesk

_ENLARGED = 4  # times, so that features of small things are found

pytestmark = pytest.mark.directing


def test_a_dragged_toy_goes_as_far_as_the_hand(live: LiveDesk) -> None:
    live.open("airplane")
    x, y = 0.38, 0.3
    live.drag(*((x + 60 / 256 * step / 12, y) for step in range(13)), frames=1)
    live.wait_for_frames(16)
    moved = live.moved(live.corners((x, y), 0.08))
    assert np.isfinite(moved[:, 0]).mean() > 0.5, "the tracker lost the airplane"
    assert np.nanmedian(moved[:, 0]) == pytest.approx(60, abs=6)
    assert np.nanmedian(moved[:, 1]) == pytest.approx(0, abs=6)


def turned_deg(first: np.ndarray, last: np.ndarray, at: XY, reach: float) -> float:
    """How far what lies near `at` in the first picture has turned in the last, clockwise on the screen, by matching
    features that are found at any angle (a tracker of small upright windows loses them). reach: in heights.
    """
    size = np.array([first.shape[1], first.shape[0]]) * _ENLARGED
    grey = [
        cv2.resize(cv2.cvtColor(picture[:, :, :3].copy(), cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_CUBIC)
        for picture in (first, last)
    ]
    mask = np.zeros(grey[0].shape, np.uint8)
    cv2.circle(mask, (round(at[0] * size[0]), round(at[1] * size[1])), round(reach * size[1]), 255, -1)
    finder = cv2.SIFT.create(contrastThreshold=0.02)
    (places, looks), (new_places, new_looks) = (
        finder.detectAndCompute(grey[0], mask),
        finder.detectAndCompute(grey[1], None),
    )
    pairs = [
        one for one, other in cv2.BFMatcher().knnMatch(looks, new_looks, k=2) if one.distance < 0.8 * other.distance
    ]
    start = np.array([places[pair.queryIdx].pt for pair in pairs], np.float32)
    end = np.array([new_places[pair.trainIdx].pt for pair in pairs], np.float32)
    similarity, agree = cv2.estimateAffinePartial2D(start, end, ransacReprojThreshold=6.0)
    assert agree.sum() >= 6, "too few features of the thing were found again"
    return float(np.degrees(np.arctan2(similarity[1, 0], similarity[0, 0])))


def test_two_points_turned_by_the_knob_turn_the_thing(live: LiveDesk) -> None:
    live.open("fire_engine")
    ids = [live.place(0.30, 0.66), live.place(0.42, 0.66)]
    live.key("ctrl+a")
    live.wait(lambda: len(live.window.points.selection) == 2)
    (x, y), (to_x, to_y) = (live.at(*live.window.points.get(point_id).xy).toTuple() for point_id in ids)
    centre, reach = np.array([(x + to_x) / 2, (y + to_y) / 2]), abs(y - to_y) / 2 + MARGIN_PX + STEM_PX
    way = [centre + reach * np.array([np.sin(a), -np.cos(a)]) for a in np.radians((0, 10, 20, 30))]
    live.pointer.press(QPoint(*way[0].round().astype(int).tolist()))
    live.wait(lambda: live.window.points.held is not None)
    for place in way[1:]:
        live.pointer.move(QPoint(*place.round().astype(int).tolist()))
        live.wait_for_frames(1)
    live.pointer.release()
    live.wait(lambda: live.window.points.held is None)
    live.wait_for_frames(16)
    turned = turned_deg(live.shown[0].image, live.shown[-1].image, (0.36, 0.66), 0.15)
    assert turned == pytest.approx(30, abs=8)


def test_a_painted_patch_takes_a_large_thing_along(live: LiveDesk) -> None:
    live.open("elephant")
    live.key("b")
    live.pointer("mousemove", *live.at(0.36, 0.5).toTuple(), "mousedown", 1, "sleep", 0.1)
    for x, y in ((0.4, 0.5), (0.46, 0.52), (0.5, 0.55)):
        live.pointer("mousemove", *live.at(x, y).toTuple(), "sleep", 0.1)
    live.pointer.release()
    live.wait(lambda: len(live.window.points.selection) > 5)
    live.key("v")
    x, y = live.window.points.get(live.window.points.selection[0]).xy
    live.drag(*((x + 40 / 256 * step / 10, y) for step in range(11)), frames=1)
    live.wait_for_frames(16)
    moved = live.moved(live.corners((0.44, 0.5), 0.16))
    assert np.isfinite(moved[:, 0]).mean() > 0.5, "the tracker lost the elephant"
    assert np.nanmedian(moved[:, 0]) == pytest.approx(40, abs=4)
    assert np.nanmedian(moved[:, 1]) == pytest.approx(0, abs=4)
