"""A crowd of tracks falls into what moves together."""

import numpy as np
import pytest

from inference.parting import STILL, Parting

ASPECT, STEP = 16 / 9, 1 / 12  # picture heights between tracks
FRAMES = 4


def lattice() -> np.ndarray:
    """[N, 2], normalised: even in picture heights."""
    y, x = np.meshgrid(np.arange(12), np.arange(21), indexing="ij")
    return np.stack([(x.ravel() + 0.5) * STEP / ASPECT, (y.ravel() + 0.5) * STEP], 1)


def square(origin: np.ndarray, x: float, y: float, half: float = 0.14) -> np.ndarray:
    """bool [N]: the tracks of a square thing around (x, y), in picture heights."""
    return (np.abs(origin * (ASPECT, 1.0) - (x, y)) < half).all(1)


def chunks(origin: np.ndarray, ways: list[tuple[np.ndarray, tuple[float, float]]], count: int) -> np.ndarray:
    """[count, FRAMES, N, 2]: each of `ways` goes (right, down) picture heights a chunk, evenly."""
    time = (np.arange(count * FRAMES) + 1.0) / FRAMES
    xy = np.repeat(origin[None], len(time), axis=0)
    for of, (right, down) in ways:
        xy[:, of] += time[:, None, None] * np.array([right / ASPECT, down])
    return xy.reshape(count, FRAMES, *origin.shape)


def parted(origin: np.ndarray, xy: np.ndarray, visible: np.ndarray | None = None) -> np.ndarray:
    parting = Parting(ASPECT)
    seen = np.ones(xy.shape[:3], np.bool_) if visible is None else visible
    for chunk, shown in zip(xy, seen, strict=True):
        labels = parting.part(np.arange(len(origin)), origin, chunk, shown)
    return labels


def test_two_things_over_a_still_scene() -> None:
    origin = lattice()
    one, other = square(origin, 0.4, 0.4), square(origin, 1.2, 0.6)
    labels = parted(origin, chunks(origin, [(one, (0.04, 0.0)), (other, (0.0, -0.03))], 5))
    assert len(set(labels[one])) == len(set(labels[other])) == 1
    assert len({labels[one][0], labels[other][0], STILL}) == 3
    assert (labels[~one & ~other] == STILL).all()


def test_neighbours_that_go_different_ways_are_two() -> None:
    origin = lattice()
    one, other = square(origin, 0.5, 0.5), square(origin, 0.79, 0.5)
    labels = parted(origin, chunks(origin, [(one, (-0.03, 0.0)), (other, (0.03, 0.0))], 5))
    assert len({labels[one][0], labels[other][0], STILL}) == 3


def test_a_thing_goes_another_way_than_a_moving_scene() -> None:
    origin = lattice()
    thing = square(origin, 0.8, 0.5)
    labels = parted(origin, chunks(origin, [(~thing, (0.02, 0.0)), (thing, (-0.03, 0.02))], 5))
    assert len(set(labels[thing])) == 1
    assert len(set(labels[~thing])) == 1
    assert labels[thing][0] != labels[~thing][0]


@pytest.mark.parametrize(("turn", "way"), [(0.08, 0.03), (-0.1, 0.03), (0.5, 0.03), (-0.5, 0.0)])
def test_what_turns_and_moves_is_one(turn: float, way: float) -> None:
    """By so many radians a chunk: half of a whole turn in the end, and also on the spot."""
    origin, count = lattice(), 6
    thing = square(origin, 0.7, 0.5)
    xy = chunks(origin, [(thing, (way, 0.0))], count).reshape(-1, *origin.shape)
    middle = xy[:, thing].mean(1, keepdims=True)
    angle = turn * (np.arange(count * FRAMES) + 1.0) / FRAMES
    turning = np.moveaxis(np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]), 2, 0)
    away = (xy[:, thing] - middle) * (ASPECT, 1.0)
    xy[:, thing] = middle + (away @ turning.transpose(0, 2, 1)) / (ASPECT, 1.0)
    labels = parted(origin, xy.reshape(count, FRAMES, *origin.shape))
    assert len(set(labels[thing])) == 1
    assert labels[thing][0] != STILL
    assert (labels[~thing] == STILL).all()


def test_what_a_thing_hides_at_once_does_not_join_it_to_the_scene() -> None:
    origin, count = lattice(), 5
    thing = square(origin, 0.7, 0.5)
    xy = chunks(origin, [(thing, (0.05, 0.0))], count)
    visible = np.ones(xy.shape[:3], np.bool_)
    visible[..., square(origin, 0.98, 0.5) & ~thing] = False
    visible[0, 0] = True
    labels = parted(origin, xy, visible)
    assert len(set(labels[thing])) == 1
    assert (labels[~thing] == STILL).all()


def test_what_was_found_lasts_when_others_come_and_go_and_it_leaves() -> None:
    origin = lattice()
    thing = square(origin, 0.4, 0.4)
    xy = chunks(origin, [(thing, (0.04, 0.0))], 8)
    parting, ids = Parting(ASPECT), np.arange(len(origin))
    seen = np.ones(xy.shape[1:3], np.bool_)
    for chunk in xy[:5]:
        parting.part(ids, origin, chunk, seen)
    fewer = ids[20:]
    for chunk in xy[5:]:
        labels = parting.part(fewer, origin[fewer], chunk[:, fewer], seen[:, fewer] & ~thing[fewer])
    assert len(set(labels[thing[fewer]])) == 1
    assert labels[thing[fewer]][0] != STILL


def test_nothing_moves_and_nobody_is_there() -> None:
    origin = lattice()
    assert (parted(origin, chunks(origin, [], 2)) == STILL).all()
    none = np.zeros((0, 2))
    assert parted(none, np.zeros((1, FRAMES, 0, 2))).shape == (0,)
