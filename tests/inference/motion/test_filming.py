"""The camera applied last: tracks of the scene to tracks of the screen."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from inference.channels import ControlSnapshot, Handle
from inference.motion.camera import HOME, Scene, Shot, View
from inference.motion.director import Director, Span
from inference.motion.filming import POINTS
from inference.motion.fly import Ask, CameraControl, GoHome, Levels
from inference.track_ids import source_ids
from inference.tracks import Tracks

T, FPS = 4, 24.0
SIZE = (256, 144)


class Eyes:
    """Near on the left, far on the right; a thing is a disc around what holds it."""

    def __init__(self) -> None:
        self.inverse_depth = np.full((36, 64), 0.2, np.float32)
        self.inverse_depth[:, :32] = 1.0
        self.asked = 0

    def depth(self) -> np.ndarray:
        self.asked += 1
        return self.inverse_depth

    def belongs(self, places: np.ndarray) -> np.ndarray:
        y, x = np.mgrid[0:36, 0:64]
        near = [np.hypot((x + 0.5) / 64 * 16 / 9 - px * 16 / 9, (y + 0.5) / 36 - py) < 0.2 for px, py in places]
        return np.any(near, axis=0).astype(np.float32)

    def together(self, places: np.ndarray, middle: int) -> np.ndarray:
        return np.ones(len(places), bool)


@dataclass(frozen=True)
class To:
    """A move that is at `view` from its second frame on."""

    view: View
    key: int = 5

    def views(self, start: View, seconds: np.ndarray, distance: float) -> list[View]:
        return [start if second <= 0 else self.view for second in seconds.tolist()]


@dataclass(frozen=True)
class Still:
    key: int
    places: np.ndarray
    whole: bool = False

    def tracks(self, span: Span, began: int) -> Tracks:
        xy = np.repeat(self.places[None].astype(np.float32), span.frames, 0)
        return Tracks(xy, np.ones(xy.shape[:2], np.bool_), source_ids(self.key, np.arange(len(self.places))))


class Set:
    """A director with its own clock of frames."""

    def __init__(self, budget: int = 400) -> None:
        self.eyes, self.frame = Eyes(), 1
        self.director = Director(SIZE, budget)
        self.director.reset(SIZE, self.eyes)

    def chunk(self, *handles: Handle, camera: CameraControl | None = None, sources: tuple = ()) -> Tracks:
        since = (self.frame - 1) / FPS
        span = Span(since, since + T / FPS, self.frame, T, FPS)
        self.frame += T
        snapshot = ControlSnapshot(
            handles, {}, span.since_s, span.now_s, None, sources=sources, camera=camera or CameraControl()
        )
        return self.director.direct(snapshot, span)

    def asked(self, *what: Ask) -> CameraControl:
        return CameraControl(tuple((self.frame / FPS, one) for one in what))


def handle(number: int, x: float, y: float, **more: object) -> Handle:
    return Handle(number, (x, y), pinned=True, held=False, radius=0.06, **more)  # type: ignore[arg-type]


LEFT = CameraControl(move=To(View((-0.1, 0.0, 0.0))))


def own(tracks: Tracks) -> np.ndarray:
    return (tracks.ids < 0) & (tracks.ids > -5000)


def test_a_camera_that_never_moved_changes_nothing_and_asks_for_no_depth() -> None:
    stage, bare = Set(), Director(SIZE, 400)
    for x in (0.3, 0.35, 0.5):
        since = (stage.frame - 1) / FPS
        span = Span(since, since + T / FPS, stage.frame, T, FPS)
        tracks = stage.chunk(handle(1, x, 0.3), camera=stage.asked(Levels()) if x == 0.3 else None)
        alone = bare.direct(ControlSnapshot((handle(1, x, 0.3),), {}, span.since_s, span.now_s, None), span)
        assert np.array_equal(tracks.xy, alone.xy)
        assert np.array_equal(tracks.visible, alone.visible)
        assert np.array_equal(tracks.ids, alone.ids)
        assert stage.director.shots == (None,) * T


def test_points_over_the_picture_go_as_their_depth_says() -> None:
    stage = Set()
    first = stage.chunk(camera=LEFT)
    assert 150 < first.ids.size <= POINTS
    assert np.all(np.abs(stage.director.shots[-1].view.numbers - View((-0.1, 0, 0)).numbers) < 1e-12)  # type: ignore[union-attr]
    way = first.xy[-1] - first.xy[0]
    near = first.xy[0, :, 0] < 0.45
    far = first.xy[0, :, 0] > 0.55
    assert np.median(way[near, 0]) == pytest.approx(5 * np.median(way[far, 0]), rel=1e-3)
    assert np.abs(way[:, 1]).max() < 1e-6
    assert np.array_equal(stage.chunk(camera=LEFT).ids, first.ids)


def test_new_points_begin_where_the_picture_has_them() -> None:
    """The stream traces them back through what it showed last: from home, that is where they are."""
    first = Set().chunk(camera=LEFT)
    x = np.unique(np.round(first.xy[0, :, 0], 5))
    assert np.allclose(np.diff(x), x[1] - x[0], atol=1e-4)


def test_what_leaves_the_view_is_invisible_and_returns() -> None:
    stage = Set()
    stage.chunk(camera=LEFT)
    away = stage.chunk(camera=CameraControl(move=To(View(yaw=0.6), 6)))
    there = stage.chunk(camera=CameraControl(move=To(View(yaw=0.6), 6)))
    assert not there.visible[-1].all()
    inside = np.all((there.xy[-1] >= 0) & (there.xy[-1] <= 1), axis=1)
    assert not there.visible[-1][~inside].any()
    back = stage.chunk(camera=CameraControl(move=To(HOME, 7)))
    kept = np.isin(back.ids, away.ids)
    assert back.visible[-1][kept].all()


def test_what_a_nearer_surface_hides_is_invisible() -> None:
    stage = Set()
    far_left = CameraControl(move=To(View((-0.4, 0.0, 0.0))))
    pin = handle(1, 0.55, 0.5)
    stage.chunk(pin, camera=far_left)
    tracks = stage.chunk(pin, camera=far_left)
    held = tracks.ids >= 0
    assert not tracks.visible[-1][held].any(), "the pin is behind the near half"
    assert tracks.visible[-1][own(tracks)].any()


def test_coming_home_ends_it_and_the_points_go() -> None:
    stage = Set()
    stage.chunk(camera=stage.asked(Levels(right=-0.5)))
    assert stage.chunk().ids.size > 0
    for _ in range(10):
        tracks = stage.chunk(camera=stage.asked(GoHome()) if stage.frame == 9 else None)
    assert tracks.ids.size == 0
    assert stage.director.shots == (None,) * T


def test_a_pin_stays_with_the_world() -> None:
    stage = Set()
    pin = handle(1, 0.25, 0.5)
    stage.chunk(pin)
    for _ in range(2):
        tracks = stage.chunk(pin, camera=LEFT)
    scene = Scene(stage.eyes.inverse_depth, 16 / 9)
    middle = tracks.xy[-1, tracks.ids == 64 + 12]
    there, _ = Shot(View((-0.1, 0.0, 0.0)), scene).to_screen(np.array([[0.25, 0.5]]), np.ones(1))
    assert np.allclose(middle, there, atol=1e-6)


def test_what_the_hand_moved_goes_with_hand_and_camera_at_the_depth_it_had() -> None:
    """From the near half over the far one: it keeps the parallax of the near."""
    stage = Set()
    stage.chunk(handle(1, 0.25, 0.5))
    for _ in range(3):
        tracks = stage.chunk(handle(1, 0.75, 0.5, origin=(0.25, 0.5)), camera=LEFT)
    middle = tracks.xy[-1, tracks.ids == 64 + 12][0]
    scene = Scene(stage.eyes.inverse_depth, 16 / 9)
    there, _ = Shot(View((-0.1, 0.0, 0.0)), scene).to_screen(np.array([[0.75, 0.5]]), np.ones(1))
    assert np.allclose(middle, there[0], atol=1e-6)
    assert tracks.visible[-1, tracks.ids == 64 + 12].all()


def test_a_thing_is_as_near_as_its_handle_and_ground_as_it_lies() -> None:
    """What a thing's tracks differ by is the depth network's noise; its far end would be torn off by it."""
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (36, 64)).astype(np.float32)
    nearer = CameraControl(move=To(View((0.0, 0.0, -0.3))))
    for wide in (False, True):
        stage = Set()
        stage.eyes.inverse_depth = 0.6 + noise
        if wide:
            stage.eyes.belongs = lambda places: np.ones((36, 64), np.float32)
        stage.chunk(handle(1, 0.25, 0.5))
        for _ in range(3):
            tracks = stage.chunk(handle(1, 0.25, 0.5), camera=nearer)
        held = tracks.ids >= 0
        across = tracks.xy[-1, held, 0].reshape(5, 5)
        steps = np.diff(across, axis=1)
        assert steps.mean() > 0.01
        assert (np.ptp(steps) < 1e-6) != wide, "a thing is seen larger, and no otherwise"


def test_the_cameras_points_do_not_hold_back_what_the_hand_moved_nor_show_through_it() -> None:
    stage = Set()
    stage.chunk(handle(1, 0.25, 0.5), camera=LEFT)
    still = stage.chunk(handle(1, 0.25, 0.5), camera=LEFT)
    moved = stage.chunk(handle(1, 0.75, 0.5, origin=(0.25, 0.5)), camera=LEFT)
    moved = stage.chunk(handle(1, 0.75, 0.5, origin=(0.25, 0.5)), camera=LEFT)
    thing = moved.xy[-1, moved.ids == 64 + 12][0]
    lost = np.setdiff1d(still.ids[own(still) & still.visible[-1]], moved.ids[own(moved) & moved.visible[-1]])
    places = still.xy[0, np.isin(still.ids, lost)]
    there, here = (np.abs(places - place).max(1) < 0.3 for place in ((0.25, 0.5), thing))
    assert there.sum() > 5
    assert (there | here).all(), "points elsewhere went as well"
    covered = own(moved) & ~moved.visible[-1]
    off = (moved.xy[-1] - thing) * (16 / 9, 1.0)
    assert covered[own(moved) & (np.hypot(*off.T) < 0.15)].all()
    for _ in range(4):
        again = stage.chunk(handle(1, 0.25, 0.5), camera=LEFT)
    there = own(again) & again.visible[-1] & (np.abs(again.xy[-1] - thing + (0.5, 0.0)).max(1) < 0.1)
    assert there.sum() > 5, "they stayed away from what was put back"


def test_dragged_ground_goes_along_as_a_whole_and_what_it_uncovers_at_the_rim_has_no_points() -> None:
    stage = Set()
    ground = np.zeros((36, 64), np.float32)
    ground[18:] = 1.0
    stage.eyes.belongs = lambda places: ground  # type: ignore[method-assign]
    stage.chunk(handle(1, 0.5, 0.75))
    way = np.array([-0.1, -0.2])
    for _ in range(3):
        tracks = stage.chunk(handle(1, 0.4, 0.55, origin=(0.5, 0.75)), camera=LEFT)
    filming = stage.director._filming
    places = filming._lattice[-tracks.ids[own(tracks)] - 1]
    screen, seen = tracks.xy[-1, own(tracks)], tracks.visible[-1, own(tracks)]
    shot, scene = filming.shots[-1], Scene(stage.eyes.inverse_depth, 16 / 9)
    assert shot is not None
    dragged = places[:, 1] > 0.53
    there, _ = shot.to_screen(places + way * dragged[:, None], scene.at(places))
    further = np.hypot(*((places - (0.5, 0.75)) * (16 / 9, 1.0)).T) > 0.3
    assert (dragged & further & seen).sum() > 40
    assert np.allclose(screen[dragged & seen], there[dragged & seen], atol=1e-5)
    inner = seen & (np.abs(screen[:, 0] - 0.5) < 0.3)
    assert screen[inner, 1].max() < 0.85


def test_a_grid_of_another_size_on_a_moved_thing_is_still_that_thing() -> None:
    stage = Set()
    stage.chunk(handle(1, 0.25, 0.5, origin=(0.25, 0.5)))
    there = handle(1, 0.75, 0.5, origin=(0.25, 0.5))
    stage.chunk(there, camera=LEFT)
    stage.chunk(there, camera=LEFT)
    before = stage.chunk(there, camera=LEFT)
    stage.chunk(replace(there, radius=0.1), camera=LEFT)
    after = stage.chunk(replace(there, radius=0.1), camera=LEFT)
    assert np.allclose(
        after.xy[-1, after.ids % 64 == 12][after.ids[after.ids % 64 == 12] >= 0],
        before.xy[-1, before.ids == 64 + 12],
        atol=1e-6,
    )


def test_a_borrowed_motion_is_filmed_too_and_counts_before_the_cameras_points() -> None:
    stage = Set(budget=100)
    places = np.stack([np.linspace(0.05, 0.95, 60), np.full(60, 0.9)], 1)
    stage.chunk(camera=LEFT, sources=(Still(7, places),))
    tracks = stage.chunk(camera=LEFT, sources=(Still(7, places),))
    lent = tracks.ids < -5000
    assert lent.sum() == 60
    assert own(tracks).sum() == 40
    x = np.sort(tracks.xy[-1, lent, 0])
    assert x[0] - 0.05 == pytest.approx(5 * (x[-1] - 0.95), rel=1e-3)


def test_a_held_point_stays_under_the_pointer_in_every_frame() -> None:
    stage = Set()
    stage.chunk(handle(1, 0.25, 0.5))
    fly = stage.asked(Levels(right=-0.3, yaw=0.2))
    for _ in range(4):
        held = Handle(1, (0.3, 0.5), False, True, 0.06, origin=(0.25, 0.5), screen=(0.4, 0.45))
        tracks = stage.chunk(held, camera=fly)
        fly = None
    middle = tracks.xy[:, tracks.ids == 64 + 12][:, 0]
    assert np.allclose(middle, (0.4, 0.45), atol=1e-5)


def test_nearer_a_gap_is_filled_with_points_of_the_picture() -> None:
    stage = Set()
    closer = CameraControl(move=To(View((-0.3, 0.0, -0.5))))
    stage.chunk(camera=closer)
    sparse = stage.chunk(camera=closer)
    for _ in range(3):
        dense = stage.chunk(camera=closer)
    assert dense.visible[-1].sum() > sparse.visible[0].sum() or dense.visible[-1].sum() > 120
    assert dense.ids.size <= POINTS
    new = ~np.isin(dense.ids, sparse.ids)
    lattice = -dense.ids[new] - 1
    assert (lattice >= 0).all()


def test_a_handle_beside_all_that_the_picture_shows_holds_nothing() -> None:
    stage = Set()
    right = CameraControl(move=To(View(yaw=-0.5)))
    stage.chunk(camera=right)
    for _ in range(2):
        tracks = stage.chunk(handle(1, 1.2, 0.5), camera=right)
    assert not tracks.visible[:, tracks.ids >= 0].any()


def test_painted_depth_counts_from_the_next_chunk_on() -> None:
    stage = Set()
    before = stage.chunk(camera=LEFT)
    stage.eyes.inverse_depth = np.full((4, 4), 0.5, np.float32)
    stage.chunk(camera=LEFT)
    tracks = stage.chunk(camera=LEFT)
    kept = np.isin(before.ids, tracks.ids), np.isin(tracks.ids, before.ids)
    way = tracks.xy[-1, kept[1], 0] - before.xy[0, kept[0], 0]
    assert way.std() < 1e-5, "the two halves still go at their own pace"
    assert way.mean() > 0.01


def test_a_restart_brings_the_camera_home() -> None:
    stage = Set()
    stage.chunk(camera=stage.asked(Levels(right=-0.5), Levels()))
    stage.chunk()
    stage.director.reset(SIZE, stage.eyes)
    assert stage.chunk().ids.size == 0
