"""Borrowed motion on the picture: where tracks lie, when, and which a chunk gets."""

import numpy as np
import pytest

from inference.channels import ControlSnapshot
from inference.motion.borrow import BorrowedMotion
from inference.motion.director import Director, Span
from inference.motion.transfer import Placement, TransferSource

FPS, T = 24.0, 4
WIDE = 16 / 9


def motion(rows: int = 25, right: float = 0.2) -> BorrowedMotion:
    """Three points that go `right` of the frame's width in all: one always seen, one from row 10 on, one till then."""
    xy = np.tile(np.float32([[0.3, 0.5], [0.5, 0.5], [0.6, 0.7]]), (rows, 1, 1))
    xy[..., 0] += np.linspace(0, right, rows, dtype=np.float32)[:, None]
    visible = np.ones((rows, 3), np.bool_)
    visible[:10, 1] = False
    visible[10:, 2] = False
    return BorrowedMotion(xy, visible, FPS, WIDE)


def span(frame: int) -> Span:
    return Span(0.0, 1.0, frame, T, FPS)


def lent(**how: object) -> TransferSource:
    return TransferSource(3, motion(), Placement(**{"round": "once"} | how), WIDE)


def test_the_whole_frame_lies_on_the_whole_picture_unless_it_is_placed() -> None:
    tracks = lent().tracks(span(1), began=1)
    assert tracks.xy[0] == pytest.approx(np.array([[0.3, 0.5], [0.6, 0.7]]), abs=1e-6)
    assert tracks.xy[3, 0, 0] == pytest.approx(0.3 + 3 * 0.2 / 24, abs=1e-5)


@pytest.mark.parametrize("aspect", [WIDE, 1.0])
def test_a_placed_frame_keeps_its_shape_on_any_picture(aspect: float) -> None:
    placement = Placement((0.4, 0.6), height=0.5, turn_deg=90.0)
    corners = placement.on_picture(np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.5]]), WIDE, aspect)
    assert corners[2] == pytest.approx([0.4, 0.6])
    along = (corners[1] - corners[0]) * [aspect, 1.0]
    assert along == pytest.approx([0.0, 0.5 * WIDE], abs=1e-9), "a quarter turn clockwise leads the top edge downwards"


def test_a_mirrored_motion_goes_the_other_way() -> None:
    there, here = (lent(mirror=on).tracks(span(1), began=1) for on in (True, False))
    assert there.xy[0, 0, 0] == pytest.approx(1 - here.xy[0, 0, 0], abs=1e-6)
    assert there.xy[-1, 0, 0] - there.xy[0, 0, 0] == pytest.approx(here.xy[0, 0, 0] - here.xy[-1, 0, 0], abs=1e-6)


def test_twice_the_speed_is_twice_as_far_on() -> None:
    fast = lent(speed=2.0).tracks(span(5), began=1)
    assert fast.xy[-1, 0, 0] == pytest.approx(0.3 + 14 * 0.2 / 24, abs=1e-5)


@pytest.mark.parametrize(
    ("way", "moments"),
    [("once", [0, 0.5, 1, 1, 1]), ("loop", [0, 0.5, 0, 0.5, 0]), ("back and forth", [0, 0.5, 1, 0.5, 0])],
)
def test_what_comes_after_the_end(way: str, moments: list[float]) -> None:
    played = np.array([0.0, 0.5, 1.0, 1.5, 2.0])
    assert Placement(round=way).moment_s(played, 1.0) == pytest.approx(moments)


def test_a_point_seen_later_is_born_where_it_was_in_the_frame_before_the_chunk() -> None:
    source, began = lent(), 1
    seen_at: dict[int, tuple[int, float]] = {}
    for frame in range(1, 25, T):
        tracks = source.tracks(span(frame), began)
        for n, i in enumerate(tracks.ids.tolist()):
            seen_at.setdefault(i, (frame, float(tracks.xy[0, n, 0])))
    late = {frame: x for frame, x in seen_at.values() if frame > 1}
    assert list(late) == [13], "row 10 is frame 11: in the chunk before it nobody could say what the point holds"
    assert late[13] == pytest.approx(0.5 + 11 * 0.2 / 24, abs=1e-5), "where it was in frame 12"


def test_a_lost_point_is_left_out_and_a_second_round_brings_it_back_at_once() -> None:
    source = lent(round="loop")
    first = source.tracks(span(1), 1)
    later = source.tracks(span(17), 1)
    again = source.tracks(span(25), 1)
    assert first.ids.size == 2
    assert not set(later.ids) >= set(first.ids)
    assert set(first.ids) <= set(again.ids), "the loop begins anew with what it began with"


def test_points_outside_the_picture_are_not_visible() -> None:
    tracks = lent(centre=(1.0, 0.5)).tracks(span(1), began=1)
    assert not tracks.visible[:, tracks.xy[0, :, 0] > 1].any()
    assert tracks.visible[:, tracks.xy[0, :, 0] < 0.99].all()


def test_the_director_takes_it_as_it_takes_every_source() -> None:
    tracks = Director((256, 144), 400).direct(ControlSnapshot((), {}, 0.0, 1.0, None, sources=(lent(),)), span(9))
    assert tracks.ids.size == 2
    assert (tracks.ids < 0).all()
    assert tracks.xy[0, 0, 0] < 0.7


def test_between_rows_a_point_is_halfway() -> None:
    xy, visible = motion().at(np.array([0.5 / FPS, 9.5 / FPS, 9 / FPS, 99.0]))
    assert xy[0, 0, 0] == pytest.approx(0.3 + 0.1 / 24, abs=1e-5)
    assert visible[:, 2].tolist() == [True, False, True, False]
    assert xy[3, 0, 0] == pytest.approx(0.5)
