"""The rig: levels and looks to views, the same at any length of chunk."""

import math

import numpy as np
import pytest

from inference.channels import ControlMailbox
from inference.motion.camera import HOME, View
from inference.motion.fly import HALF_LIFE_S, HOME_S, Ask, FlyRig, GoHome, Levels, Look


def flown(asked: list[tuple[float, Ask]], chunks_s: list[float], frames: int = 4) -> View:
    """Where the rig is after chunks of these lengths, the asked given to the chunk that they fall into."""
    rig, at = FlyRig(), 0.0
    for length in chunks_s:
        inside = [one for one in asked if at < one[0] <= at + length + 1e-9]
        times = at + np.arange(1, frames + 1) / frames * length
        rig.fly(inside, at, times, [HOME] * frames, 1.0)
        at += length
    return rig.view


TURN = [(0.1, Levels(forward=1.0, right=-0.5, yaw=0.8, pitch=0.3)), (0.55, Look(0.3, -0.1)), (0.7, Levels())]


@pytest.mark.parametrize("asked", [TURN, [(0.1, Levels(up=1.0)), (0.2, Levels())]])
def test_the_length_of_a_chunk_does_not_change_where_the_camera_goes(asked: list[tuple[float, Ask]]) -> None:
    quick, slow = flown(asked, [1 / 24] * 48), flown(asked, [1.0, 1.0])
    uneven = flown(asked, [0.13, 0.37, 0.5, 0.21, 0.79])
    assert np.abs(quick.numbers - slow.numbers).max() < 1e-4
    assert np.abs(uneven.numbers - slow.numbers).max() < 1e-4


def test_a_key_let_go_in_a_long_chunk_does_not_overshoot() -> None:
    """The whole way is speed times how long it was held, at any half-life and length of chunk."""
    for chunks in ([2.0], [0.5] * 4, [0.01] * 200):
        view = flown([(0.1, Levels(forward=1.0)), (0.3, Levels())], chunks)
        assert view.position[2] == pytest.approx(-0.2, abs=1e-4)


def test_speed_follows_with_its_half_life() -> None:
    rig = FlyRig()
    times = np.array([HALF_LIFE_S, 2 * HALF_LIFE_S, 1.0, 1.0 + HALF_LIFE_S])
    views = rig.fly([(0.0, Levels(right=1.0))], 0.0, times, [HOME] * 4, 1.0)
    x = [view.position[0] for view in views]
    rate = math.log(2) / HALF_LIFE_S
    assert x[0] == pytest.approx(HALF_LIFE_S - 0.5 / rate, abs=1e-6)
    assert x[3] - x[2] == pytest.approx(HALF_LIFE_S, rel=1e-4)


def test_forward_goes_where_the_camera_looks_and_up_is_the_worlds() -> None:
    rig = FlyRig()
    rig.fly([(0.0, Look(math.pi / 2, 0.0))], 0.0, np.array([2.0]), [HOME], 1.0)
    rig.fly([(2.0, Levels(forward=1.0))], 2.0, np.array([3.0]), [HOME], 1.0)
    x, _, z = rig.view.position
    assert x < -0.9
    assert abs(z) < 1e-3
    rig.fly([(3.0, Levels(up=1.0))], 3.0, np.array([4.0]), [HOME], 1.0)
    assert rig.view.position[1] > 0.9


def test_levels_overwrite_and_looks_add_up() -> None:
    twice = flown([(0.1, Levels(right=1.0)), (0.2, Levels(right=1.0)), (0.3, Levels())], [2.0])
    assert twice.position[0] == pytest.approx(0.2, abs=1e-4)
    looked = flown([(0.1, Look(0.1, 0.0)), (0.2, Look(0.1, 0.05))], [3.0])
    assert (looked.yaw, looked.pitch) == pytest.approx((0.2, 0.05), abs=1e-4)


def test_distance_is_the_unit_of_speed() -> None:
    rig = FlyRig()
    rig.fly([(0.0, Levels(right=1.0))], 0.0, np.array([1.0]), [HOME], 3.0)
    again = FlyRig()
    again.fly([(0.0, Levels(right=1.0))], 0.0, np.array([1.0]), [HOME], 1.0)
    assert rig.view.position[0] == pytest.approx(3 * again.view.position[0])


def test_the_camera_does_not_tip_over() -> None:
    assert abs(flown([(0.1, Levels(pitch=2.0))], [3.0]).pitch) <= math.radians(85.0) + 1e-9


def test_home_is_reached_exactly_and_smoothly_and_a_key_stops_it() -> None:
    rig = FlyRig()
    rig.fly([(0.0, Levels(right=1.0)), (0.5, Levels())], 0.0, np.array([1.0]), [HOME], 1.0)
    away = rig.view.position[0]
    views = rig.fly([(1.0, GoHome())], 1.0, 1.0 + np.linspace(0.1, HOME_S, 8), [HOME] * 8, 1.0)
    x = np.array([away, *(view.position[0] for view in views)])
    assert np.all(np.diff(x) < 0)
    assert views[-1] == HOME
    assert rig.idle
    rig.fly([(2.0, Look(1.0, 0.0))], 2.0, np.array([3.0]), [HOME], 1.0)
    rig.fly([(3.0, GoHome()), (3.2, Levels(forward=1.0)), (3.3, Levels())], 3.0, np.array([6.0]), [HOME], 1.0)
    assert rig.view != HOME


def test_what_is_flown_is_added_to_a_move_and_stays_when_it_ends() -> None:
    rig, base = FlyRig(), View((0.0, 0.5, 0.0), yaw=0.2)
    rig.fly([(0.0, Levels(right=1.0)), (0.5, Levels())], 0.0, np.array([2.0]), [base], 1.0)
    assert rig.view.position[1] == pytest.approx(0.5, abs=1e-6)
    there = rig.view
    rig.add_to(HOME)
    assert rig.fly([], 2.0, np.array([3.0]), [HOME], 1.0)[0].numbers == pytest.approx(there.numbers)


def test_the_mailbox_hands_on_what_is_asked_of_the_camera_once_and_in_order() -> None:
    box = ControlMailbox()
    box.take(1.0)
    box.ask_camera(Levels(right=1.0), 1.5)
    box.ask_camera(Look(0.1, 0.0), 0.5)  # late: counts just after what came before
    taken = box.take(2.0)
    assert [what for _, what in taken.camera.asked] == [Levels(right=1.0), Look(0.1, 0.0)]
    times = [at for at, _ in taken.camera.asked]
    assert taken.since_s < times[0] <= times[1] <= taken.now_s
    assert taken.oldest_event_s == 1.5
    assert box.take(3.0).camera.asked == ()


def test_a_pause_forgets_turning_but_not_the_key_that_is_held() -> None:
    box = ControlMailbox()
    for step in range(2000):
        box.ask_camera(Levels(forward=step + 1.0), 1.0)
        box.ask_camera(Look(0.001, 0.0), 1.0)
    assert sum(what.yaw for _, what in box.take(2.0).camera.asked if isinstance(what, Look)) == pytest.approx(2.0)
    box.ask_camera(Look(1.0, 0.0), 2.5)
    box.ask_camera(Levels(forward=7.0), 2.5)
    box.skip(3.0)
    assert [what for _, what in box.take(4.0).camera.asked] == [Levels(forward=7.0)]


def test_levels_of_several_hands_add_up_and_must_be_finite() -> None:
    assert Levels(right=1.0) + Levels(right=-0.25, yaw=1.0) == Levels(right=0.75, yaw=1.0)
    assert not Levels()
    with pytest.raises(ValueError, match="finite"):
        Levels(forward=math.nan)
