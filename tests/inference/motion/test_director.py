"""All ways to direct, mixed: the order, the budget, the rule for conflicts, and when something began."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from inference.channels import ControlMailbox, ControlSnapshot, Handle
from inference.motion.camera import Scene, Shot, View
from inference.motion.director import Director, Span, joined
from inference.track_ids import source_ids
from inference.tracks import Tracks

T = 4
SIZE = (256, 144)


def span(frame: int = 1, since_s: float = 0.0, now_s: float = 1.0) -> Span:
    return Span(since_s, now_s, frame, T, 24.0)


def handle(number: int, x: float, y: float) -> Handle:
    return Handle(number, (x, y), pinned=True, held=False, radius=0.1)


@dataclass(frozen=True)
class Still:
    """A source of tracks that stand at `places`, float [N, 2]."""

    key: int
    places: np.ndarray
    whole: bool = False

    def tracks(self, span: Span, began: int) -> Tracks:
        xy = np.repeat(self.places[None].astype(np.float32), span.frames, 0)
        return Tracks(xy, np.ones(xy.shape[:2], np.bool_), source_ids(self.key, np.arange(len(self.places))))


@dataclass(frozen=True)
class Riser:
    """Adds a handle that rises by a tenth each second of video since it began."""

    key: int

    def perform(self, snapshot: ControlSnapshot, span: Span, began: int) -> ControlSnapshot:
        at = handle(self.key, 0.5, 0.9 - 0.1 * float(span.video_s(began)[-1]))
        return replace(snapshot, handles=(*snapshot.handles, at))


def snapshot(*handles: Handle, **beside: tuple) -> ControlSnapshot:
    return ControlSnapshot(handles, {}, 0.0, 1.0, None, **beside)


def places(count: int) -> np.ndarray:
    return np.stack([np.linspace(0.05, 0.95, count), np.full(count, 0.9)], 1)


def test_sources_are_added_to_the_hand_with_ids_of_their_own() -> None:
    tracks = Director(SIZE, 400).direct(snapshot(handle(1, 0.3, 0.3), sources=(Still(7, places(10)),)), span())
    assert tracks.ids.size == 25 + 10
    assert (tracks.ids < 0).sum() == 10
    assert np.all(np.diff(tracks.ids) > 0)


def test_two_sources_never_share_an_id() -> None:
    tracks = Director(SIZE, 400).direct(snapshot(sources=(Still(7, places(10)), Still(8, places(10)))), span())
    assert np.unique(tracks.ids).size == 20


def test_the_hand_comes_first_when_room_is_short_and_the_rest_is_thinned_evenly() -> None:
    director = Director(SIZE, 40)
    shown = snapshot(handle(1, 0.3, 0.3), sources=(Still(7, places(90)), Still(8, places(5))))
    first, second = director.direct(shown, span()), director.direct(shown, span(5))
    assert first.ids.size == 40
    assert (first.ids >= 0).sum() == 25
    x = first.xy[0, first.ids < 0, 0]
    assert x.max() - x.min() > 0.85
    assert np.array_equal(first.ids, second.ids), "other tracks were chosen for the next chunk"


def test_what_the_hand_takes_no_source_moves_any_more() -> None:
    director, source = Director(SIZE, 400), Still(7, np.array([[0.3, 0.3], [0.8, 0.8]]))
    assert director.direct(snapshot(sources=(source,)), span()).ids.size == 2
    held = director.direct(snapshot(handle(1, 0.3, 0.32), sources=(source,)), span(5))
    assert (held.ids < 0).sum() == 1
    away = director.direct(snapshot(handle(1, 0.6, 0.32), sources=(source,)), span(9))
    assert (away.ids < 0).sum() == 1, "the track came back under the thing that was dragged away"
    gone = director.direct(snapshot(sources=(source,)), span(13))
    assert gone.ids.size == 1


def test_a_track_that_only_passes_a_handle_stays() -> None:
    director = Director(SIZE, 400)
    director.direct(snapshot(handle(1, 0.3, 0.3), sources=(Still(7, np.array([[0.8, 0.8]])),)), span())
    passing = director.direct(snapshot(handle(1, 0.3, 0.3), sources=(Still(7, np.array([[0.3, 0.3]])),)), span(5))
    assert (passing.ids < 0).sum() == 1


def test_a_performer_counts_video_time_from_its_own_first_frame() -> None:
    director = Director(SIZE, 400)
    director.direct(snapshot(), span(1))
    first = director.direct(snapshot(performers=(Riser(9),)), span(5))
    assert director.began == {9: 5}
    later = director.direct(snapshot(performers=(Riser(9),)), span(29))
    assert director.began == {9: 5}
    rise = first.xy[-1, :, 1].mean() - later.xy[-1, :, 1].mean()
    assert rise == pytest.approx(0.1, abs=1e-5)
    director.direct(snapshot(), span(33))
    assert director.began == {}


def test_a_restart_begins_what_performs_anew() -> None:
    director = Director(SIZE, 400)
    director.direct(snapshot(performers=(Riser(9),)), span(101))
    director.reset(SIZE)
    director.direct(snapshot(performers=(Riser(9),)), span(1))
    assert director.began == {9: 1}


def test_the_last_control_time_of_a_span_is_now_to_the_last_bit() -> None:
    for since_s, now_s in ((0.1, 0.7), (1234.567, 1234.9), (3.0, 3.0)):
        times_s = Span(since_s, now_s, 1, 4, 24.0).times_s
        assert times_s[-1] == now_s
        assert np.all(np.diff(times_s) >= 0)


def test_the_mailbox_hands_over_what_directs_until_it_is_replaced() -> None:
    mailbox = ControlMailbox()
    mailbox.direct((Riser(9),), (Still(7, places(2)),))
    for _ in range(2):
        taken = mailbox.take(1.0)
        assert [one.key for one in (*taken.performers, *taken.sources)] == [9, 7]
    mailbox.direct((), ())
    assert mailbox.take(2.0).performers == ()


def test_joining_keeps_every_track_with_its_own_rows() -> None:
    one = Tracks(np.full((2, 1, 2), 0.25, np.float32), np.ones((2, 1), np.bool_), np.array([5]))
    other = Tracks(np.full((2, 1, 2), 0.75, np.float32), np.zeros((2, 1), np.bool_), np.array([-3]))
    both = joined([one, other])
    assert both.ids.tolist() == [-3, 5]
    assert both.xy[0, :, 0].tolist() == [0.75, 0.25]
    assert both.visible[1].tolist() == [False, True]


def test_a_grid_is_thinned_by_what_the_picture_shows_at_home_and_held_whole_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Sight:
        def depth(self) -> np.ndarray:
            return np.ones((36, 64), np.float32)

        def belongs(self, places: np.ndarray) -> np.ndarray:
            return np.ones((36, 64), np.float32)

        def together(self, places: np.ndarray, middle: int) -> np.ndarray:
            return np.arange(len(places)) == middle

    director = Director(SIZE, 100)
    director.reset(SIZE, Sight())
    controls = ControlSnapshot((handle(1, 0.5, 0.5),), {}, 0.0, 1.0, None)
    assert len(director.direct(controls, span()).ids) == 1
    director.reset(SIZE, Sight())
    director._filming.shots = (Shot(View(yaw=0.1), Scene(np.ones((36, 64), np.float32), 16 / 9)),)
    assert director.together(np.zeros((25, 2)), 12).all()
