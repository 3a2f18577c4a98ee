"""A picture and what was read: things told apart, names given to them, and what then moves."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inference.config import WordsConfig
from inference.motion.said import CAMERA, MOTION, Said
from inference.package import ModelPackage
from inference.reading import Clause
from inference.stream import Stream
from inference.words import FEWEST, MOST_PLACES, WordsNet, paired, said, things
from tests.tiny import tiny_config, write_package

H, W = 8, 12


class Told(WordsNet):
    """A network that was told everything: a name's state says which name it is."""

    def __init__(self, like: Tensor, thing: Tensor) -> None:
        super().__init__(WordsConfig(looks=3, cell=4, text_tokens=8, text_dim=4, role=4, part=4))
        self._like, self._thing = like, thing

    def looked_at(self, looks: Tensor) -> Tensor:
        return self._thing

    def fits(self, seen: Tensor, names: Tensor) -> Tensor:
        return seen @ names.T

    def seen(self, picture: np.ndarray, things: Sequence[np.ndarray]) -> Tensor:
        """As a recogniser that was told everything, too."""
        return torch.stack([self._like[torch.from_numpy(thing)].mean(0) for thing in things])


def answered(net: Told, *arguments: Any) -> Said:
    return said(net, net, *arguments)  # type: ignore[arg-type]


def clause(name: int, *, moves: bool = True, role: str = "thing", called: str = "toy") -> Clause:
    state, motion, camera = torch.zeros(4), np.zeros(len(MOTION)), np.zeros(len(CAMERA))
    if name >= 0:
        state[name] = 1.0
    motion[0], camera[3] = 0.3, 1.0
    return Clause(role, called, state, moves, motion, camera)


def picture() -> tuple[Told, Tensor]:
    """Two things beside each other, the left one of the first name, and features that tell them apart."""
    like, thing, features = torch.zeros(H, W, 4), torch.full((H, W), -5.0), torch.zeros(1, 2, H, W)
    for name, columns in enumerate((slice(2, 6), slice(6, 10))):
        like[2:6, columns, name] = 1.0
        thing[2:6, columns] = 5.0
        features[0, name, 2:6, columns] = 9.0
    return Told(like, thing), features


LOOKS = torch.zeros(1, 3, H, W)
GREY = np.full((8 * H, 8 * W, 3), 128, np.uint8)


def columns(numbers: np.ndarray) -> tuple[int, int]:
    return int((numbers % W).min()), int((numbers % W).max())


def test_things_that_touch_are_told_apart_and_crumbs_are_none() -> None:
    net, features = picture()
    thing = net.looked_at(LOOKS).sigmoid().numpy()
    thing[0, : FEWEST - 1] = 0.9
    found = sorted(columns(np.flatnonzero(one)) for one in things(thing, features))
    assert found == [(2, 5), (6, 9)]


def test_only_the_named_thing_moves() -> None:
    net, features = picture()
    for name, expected in ((0, (2, 5)), (1, (6, 9))):
        answer = answered(net, LOOKS, features, GREY, [clause(name)])
        (moved,) = answer.things
        assert columns(moved.numbers) == expected
        assert answer.camera is None
        np.testing.assert_allclose(moved.motion[0], 0.3)
        x, y = (moved.places * (W, H)).T
        np.testing.assert_array_equal(moved.numbers, (y - 0.5) * W + x - 0.5)


def test_a_name_that_was_never_learnt_finds_what_is_left() -> None:
    net, features = picture()
    answer = answered(net, LOOKS, features, GREY, [clause(0, moves=False), clause(3)])
    (moved,) = answer.things
    assert columns(moved.numbers) == (6, 9)


def test_the_rest_takes_no_thing_from_what_moves() -> None:
    net, features = picture()
    for name, expected in ((0, (2, 5)), (1, (6, 9))):
        answer = answered(net, LOOKS, features, GREY, [clause(name), clause(-1, moves=False, called="rest")])
        (moved,) = answer.things
        assert columns(moved.numbers) == expected
    net._thing[:, 6:] = -5.0  # one thing alone, and two names
    answer = answered(net, LOOKS, features, GREY, [clause(-1, moves=False), clause(3)])
    assert [columns(moved.numbers) for moved in answer.things] == [(2, 5)]


def test_what_stays_still_and_what_says_nothing_move_nothing() -> None:
    net, features = picture()
    assert answered(net, LOOKS, features, GREY, [clause(0, moves=False)]).things == ()
    assert answered(net, LOOKS, features, GREY, []).things == ()


def test_the_left_one_is_on_the_left_whatever_its_name_looks_like() -> None:
    net, features = picture()
    for side, expected in (("left", (2, 5)), ("right", (6, 9))):
        answer = answered(net, LOOKS, features, GREY, [clause(3, called=f"{side} toy")])
        assert [columns(moved.numbers) for moved in answer.things] == [expected]


def test_things_and_names_are_paired_so_that_they_fit_best_together() -> None:
    both_like_the_first = np.array([[5.0, 4.0], [4.0, 0.0]])  # [things, names]
    assert sorted(paired(both_like_the_first, np.ones(2, bool))) == [(0, 1), (1, 0)]
    assert paired(both_like_the_first[:1], np.array([False, True])) == [(0, 1)]
    assert paired(both_like_the_first[:, :1], np.ones(1, bool)) == [(0, 0)]


def test_the_camera_has_its_part() -> None:
    net, features = picture()
    answer = answered(net, LOOKS, features, GREY, [clause(0), clause(-1, role="camera")])
    assert len(answer.things) == 1
    assert answer.camera is not None
    assert answer.camera[3] == 1.0


def test_a_thing_as_large_as_the_picture_brings_no_more_tracks_than_there_is_room_for() -> None:
    like, thing, features = torch.ones(24, 32, 4), torch.full((24, 32), 5.0), torch.zeros(1, 2, 24, 32)
    looked = torch.zeros(1, 3, 24, 32)
    (moved,) = answered(Told(like, thing), looked, features, GREY, [clause(0)]).things
    assert MOST_PLACES < len(moved.numbers) <= 24 * 32 / 2  # a chequered half


def test_a_package_with_words_answers_and_one_without_moves_nothing(tmp_path) -> None:
    picture = np.random.default_rng(1).integers(0, 255, (32, 64, 3), np.uint8)
    stream = Stream(ModelPackage.load(write_package(tmp_path)))
    stream.open(picture)
    assert stream.said("the toy flies up").things == ()
    words = WordsConfig(looks=27, cell=8, text_tokens=24, text_dim=384, role=8, part=8)
    with_words = write_package(tmp_path / "with", replace(tiny_config(), words=words))
    stream = Stream(ModelPackage.load(with_words))
    stream.open(picture)
    assert stream.said("").things == ()
    for thing in stream.said("the toy flies up").things:  # whatever random weights say, it is of the picture
        assert ((thing.places > 0) & (thing.places < 1)).all()
