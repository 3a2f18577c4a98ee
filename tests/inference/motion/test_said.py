"""What a sentence moves: its course in time, tracks that go on from where things are, and the camera's move."""

import math

import numpy as np
import pytest

from inference.channels import ControlSnapshot, Handle
from inference.motion.camera import HOME
from inference.motion.director import Director, Span
from inference.motion.said import (
    CAMERA,
    CAMERA_S,
    EDGE,
    MOTION,
    SECONDS,
    SHORTEST,
    Said,
    SaidMove,
    SaidSource,
    SaidThing,
    camera_meant,
    course,
    directing,
    meant,
    overlap,
)

SIZE, FPS, T = (256, 144), 24.0, 4
ASPECT = SIZE[0] / SIZE[1]
REST = np.zeros(len(MOTION))


def motion(**numbers: float) -> np.ndarray:
    return np.array([numbers.get(name, 0.0) for name in MOTION])


def camera(**numbers: float) -> tuple[float, ...]:
    return tuple(numbers.get(name, 0.0) for name in CAMERA)


def thing(what: np.ndarray, first: int = 0) -> SaidThing:
    """Three by three places, 8 pixels apart, around the middle of the picture."""
    x, y = np.meshgrid(np.array([-8.0, 0.0, 8.0]) / 256 + 0.5, np.array([-8.0, 0.0, 8.0]) / 144 + 0.5)
    return SaidThing(np.arange(9) + first, np.stack([x.ravel(), y.ravel()], 1), what)


class Played:
    """A director to which chunks are asked one after the other."""

    def __init__(self, *sources: SaidSource, handles: tuple[Handle, ...] = ()) -> None:
        self.director, self.sources, self.handles, self.frame = Director(SIZE, 400), sources, handles, 1

    def to(self, seconds: float) -> np.ndarray:
        """Tracks of sources in the last row, pixels [N, 2], once the video is `seconds` long."""
        while (self.frame - 1) / FPS < seconds:
            snapshot = ControlSnapshot(self.handles, {}, 0.0, 1.0, None, sources=self.sources)
            self.tracks = self.director.direct(snapshot, Span(0.0, 1.0, self.frame, T, FPS))
            self.frame += T
        return self.tracks.xy[-1, self.tracks.ids < 0][::-1] * SIZE  # ids fall as numbers rise

    def restart(self) -> None:
        self.director.reset(SIZE)
        self.frame = 1


def went(source: SaidSource, xy: np.ndarray) -> np.ndarray:
    """How far the middle of a source's tracks came, in picture heights."""
    return (xy.mean(0) - source.thing.places.mean(0) * SIZE) / SIZE[1]


def test_a_way_is_gone_in_two_seconds_without_a_jerk_and_then_it_stays() -> None:
    seconds = np.linspace(0, 4, 97)
    lasting, _ = course(motion(right=-0.3, down=0.1), seconds)
    assert lasting[0].tolist() == [0, 0, 0, 0]
    np.testing.assert_allclose(lasting[seconds >= SECONDS, :2], [[-0.3, 0.1]] * (seconds >= SECONDS).sum(), atol=1e-12)
    assert np.abs(np.diff(lasting[:, 0], 2)).max() < 0.0012  # of 0.3 in 48 steps: no corner


def test_what_spins_goes_on_and_a_hop_ends_where_it_arrives() -> None:
    lasting, _ = course(motion(turn=math.pi), np.array([2.0, 4.0, 6.0]))
    np.testing.assert_allclose(np.diff(lasting[:, 2]), [math.pi, math.pi])
    seconds = np.linspace(0, 8, 400)
    _, alone = course(motion(hop=0.1), seconds)
    _, on_the_way = course(motion(hop=0.1, right=0.3), seconds)
    assert alone[seconds > 3, 0].max() == pytest.approx(0.1, abs=0.002)
    assert on_the_way[seconds < 2, 0].max() == pytest.approx(0.1, abs=0.002)
    assert (on_the_way[seconds > 2.5] == 0).all()
    assert (alone[:, 0] >= 0).all()


def test_tracks_go_the_way_and_are_the_pictures_own_places_at_first() -> None:
    source = SaidSource(3, thing(motion(right=0.2, down=-0.3)), ASPECT)
    played = Played(source)
    first = played.to(0.01)
    assert np.abs(first - source.thing.places * SIZE).max() < 1.0  # four frames of an eased start
    np.testing.assert_allclose(went(source, played.to(2.2)), [0.2, -0.3], atol=1e-5)


def test_it_stays_in_the_picture_and_yet_goes_its_way() -> None:
    source = SaidSource(3, thing(motion(down=-0.8, right=0.4)), ASPECT)
    xy = Played(source).to(2.2)
    np.testing.assert_allclose(xy.mean(0), [128 + 0.2 * 144, EDGE * 144], atol=0.01)  # half of both
    place = thing(motion(down=-0.4))
    high = SaidSource(3, SaidThing(place.numbers, place.places - [0, 0.44], place.motion), ASPECT)
    np.testing.assert_allclose(went(high, Played(high).to(2.2)), [0.0, -0.4 * SHORTEST], atol=1e-5)


def test_it_turns_clockwise_and_grows_about_its_middle() -> None:
    source = SaidSource(3, thing(motion(grow=math.log(2.0))), ASPECT)
    xy = Played(source).to(2.2)
    np.testing.assert_allclose(np.ptp(xy, axis=0), [32, 32], atol=1e-3)
    source = SaidSource(3, thing(motion(turn=math.pi / 2 * SECONDS)), ASPECT)
    seconds = 1.0 + 0.2  # a quarter a second, the first 0.4 s half as fast
    xy = Played(source).to(seconds)
    top = xy[source.thing.places[:, 1].argsort()[1]]  # middle of the upper row
    assert top[0] > 128 + 7  # it is on the right now
    assert abs(top[1] - 72) < 1.5


def test_a_top_leans_and_a_foot_stays() -> None:
    source = SaidSource(3, thing(motion(sway=0.25)), ASPECT)
    xy = Played(source).to(0.5)  # a quarter of the sway
    np.testing.assert_allclose(xy[6:], source.thing.places[6:] * SIZE, atol=1e-3)
    np.testing.assert_allclose(xy[:3] - source.thing.places[:3] * SIZE, [[4, 0]] * 3, atol=0.1)


def test_new_words_begin_where_things_are() -> None:
    source = SaidSource(3, thing(motion(right=0.3, hop=0.1)), ASPECT)
    played = Played(source)
    before = played.to(1.0)
    source.say(motion(down=0.2))
    after = played.to(1.01)
    assert np.abs(after - before).max() < 0.15 * SIZE[1] * 0.3  # no jump
    there = went(source, played.to(4.0))
    assert there[1] == pytest.approx(0.2, abs=1e-4)
    assert 0.1 < there[0] < 0.2  # where the first words had brought it: half of 0.3, eased


def test_rest_stops_it_there() -> None:
    source = SaidSource(3, thing(motion(right=0.3)), ASPECT)
    played = Played(source)
    before = played.to(1.0)
    source.say(REST)
    np.testing.assert_allclose(played.to(3.0), before, atol=1e-4)


def test_a_restart_begins_anew() -> None:
    source = SaidSource(3, thing(motion(right=0.3)), ASPECT)
    played = Played(source)
    first = played.to(1.0)
    source.say(motion(down=0.2))
    played.to(3.0)
    played.restart()
    np.testing.assert_allclose(went(source, played.to(2.2)), [0.0, 0.2], atol=1e-5)
    assert went(source, first)[0] > 0.1


def test_a_pin_on_the_thing_holds_all_of_it_and_one_beside_it_nothing() -> None:
    def pin(x: float, y: float) -> Handle:
        return Handle(1, (x / 256, y / 144), pinned=True, held=False, radius=0.1)

    assert len(Played(SaidSource(3, thing(motion(right=0.3)), ASPECT), handles=(pin(128, 76),)).to(0.1)) == 0
    assert len(Played(SaidSource(3, thing(motion(right=0.3)), ASPECT), handles=(pin(148, 72),)).to(0.1)) == 9


def test_a_thing_that_the_hand_has_dragged_away_is_the_hands() -> None:
    """Its pin is elsewhere now; it took hold where the thing lies in the picture."""
    away = Handle(1, (0.8, 0.5), pinned=True, held=False, radius=0.1, origin=(0.5, 0.5))
    assert len(Played(SaidSource(3, thing(motion(down=0.3)), ASPECT), handles=(away,)).to(0.1)) == 0


def test_what_goes_along_with_a_handle_is_the_hands_too() -> None:
    """The handle took hold of the thing further off than it stands on any of its places; the picture joins them."""

    class Sight:
        def __init__(self, joined: bool) -> None:
            self.joined = joined

        def depth(self) -> np.ndarray:
            return np.ones((2, 2), np.float32)

        def belongs(self, places: np.ndarray) -> np.ndarray:
            plane = np.zeros((36, 64), np.float32)
            plane[10:26, 20:44] = self.joined
            return plane

        def together(self, places: np.ndarray, middle: int) -> np.ndarray:
            return np.ones(len(places), bool)

    away = Handle(1, (0.8, 0.5), pinned=True, held=False, radius=0.1, origin=(0.4, 0.5))
    for joined, left in ((True, 0), (False, 9)):
        played = Played(SaidSource(3, thing(motion(down=0.3)), ASPECT), handles=(away,))
        played.director.reset(SIZE, Sight(joined))
        assert len(played.to(0.1)) == left


def test_a_pin_that_comes_while_words_move_takes_it_for_good() -> None:
    source = SaidSource(3, thing(motion(right=0.3)), ASPECT)
    played = Played(source)
    middle = played.to(1.0).mean(0) / SIZE
    played.handles = (Handle(1, (float(middle[0]), float(middle[1])), pinned=True, held=False, radius=0.1),)
    assert len(played.to(1.2)) == 0
    played.handles = ()
    assert len(played.to(1.4)) == 0


def test_little_is_not_meant() -> None:
    assert not meant(motion(right=0.02, turn=0.3, hop=0.01)).any()
    np.testing.assert_array_equal(meant(motion(right=0.2, turn=0.3)), motion(right=0.2))
    assert camera_meant(np.array(camera(pan=0.1, zoom=-0.2))) is None
    np.testing.assert_array_equal(camera_meant(np.array(camera(pan=0.1, zoom=-0.9))), camera(zoom=-0.9))


@pytest.mark.parametrize(
    ("name", "number", "sign"),
    [
        ("pan", 3, -1),
        ("tilt", 4, -1),
        ("roll", 5, -1),
        ("zoom", 6, -1),
        ("forward", 2, -1),
        ("right", 0, 1),
        ("up", 1, 1),
    ],
)
def test_the_camera_goes_where_it_is_said_to(name: str, number: int, sign: int) -> None:
    """View: x, y, z (it looks along -z), yaw to the left, pitch up, roll anticlockwise, field of view."""
    move = SaidMove(5, camera(**{name: 1.0}))
    start, *_, end, later = move.views(HOME, np.array([0.0, 1.0, CAMERA_S, 9.0]), 1.0)
    assert start == HOME
    assert end == later
    change = end.numbers - HOME.numbers
    assert np.sign(change[number]) == sign
    assert np.count_nonzero(np.abs(change) > 1e-9) == 1


def test_a_circle_keeps_what_it_sees_in_the_middle() -> None:
    (end,) = SaidMove(5, camera(circle=1.0)).views(HOME, np.array([CAMERA_S]), 2.0)
    to_it = np.array([0.0, 0.0, -2.0]) - np.array(end.position)
    np.testing.assert_allclose(to_it / np.linalg.norm(to_it), -end.rotation[:, 2], atol=1e-9)
    assert end.position[0] > 0


def test_what_directs_leaves_held_things_out() -> None:
    said = Said((thing(motion(right=0.3)),), np.array(camera(zoom=1.0)))
    sources, move = directing(said, ASPECT, np.array([[0.5, 0.5]]))
    assert (sources, move is not None) == ((), True)
    sources, _ = directing(said, ASPECT, np.array([[0.1, 0.5]]))
    assert len(sources) == 1
    assert directing(Said(), ASPECT) == ((), None)


def test_two_sentences_mean_one_thing_where_their_places_are_shared() -> None:
    assert overlap(thing(REST), thing(REST, first=3)) == pytest.approx(6 / 9)
    assert overlap(thing(REST), thing(REST, first=9)) == 0
