"""A crowd keeps what it found while tracks are born and end, as a webcam's do."""

import numpy as np
import torch

from inference.crowd import ENDED, Crowd, Led
from inference.track_ids import A_FILE, SCENE, holder_of, source_ids

ASPECT, FRAMES = 16 / 9, 4
HOLDER = int(holder_of(source_ids(3, np.zeros(1, np.int64)))[0])


class Webcam:
    """240 tracks over a still scene, of which those in a square go right; some end in every chunk, and others are born
    at their places.
    """

    def __init__(self, seed: int = 0) -> None:
        y, x = np.meshgrid((np.arange(12) + 0.5) / 12, (np.arange(20) + 0.5) / 20, indexing="ij")
        self.places = np.stack([x.ravel(), y.ravel()], 1)  # [N, 2]
        self.on_thing = (np.abs(self.places - (0.3, 0.5)) < (0.13, 0.2)).all(1)
        self.numbers = np.arange(len(self.places))
        self.chance, self.next, self.chunk = np.random.default_rng(seed), len(self.places), 0
        self.crowd = Crowd(ASPECT)

    def advance(self, replaced: int = 0) -> tuple[Led, np.ndarray]:
        """What the crowd made of it, and which of its tracks are on the thing and there."""
        for n in self.chance.choice(len(self.numbers), replaced, replace=False):
            self.numbers[n], self.next = self.next, self.next + 1
        order = np.argsort(-self.numbers)  # as a session's: ids of a source are negative
        time = (self.chunk * FRAMES + np.arange(FRAMES) + 1.0)[:, None]
        self.chunk += 1
        xy = np.repeat(self.places[None], FRAMES, 0)
        xy[:, self.on_thing, 0] += 0.008 * time
        ids = source_ids(3, self.numbers)[order]
        led = Led(
            ids,
            holder_of(ids),
            torch.from_numpy(self.places[order]).float()[None],
            torch.from_numpy(xy[:, order]).float()[None],
            torch.ones(1, FRAMES, len(order), dtype=torch.bool),
        )
        return self.crowd.parted(led), self.on_thing[order]


def test_a_thing_is_found_and_stays_found_while_tracks_come_and_go() -> None:
    webcam = Webcam()
    for _ in range(6):
        led, on_thing = webcam.advance()
    assert (led.holders[: len(on_thing)][on_thing] != SCENE).all()
    for _ in range(40):
        led, on_thing = webcam.advance(replaced=6)
        there = led.holders[: len(on_thing)]
        assert (there[~on_thing] == SCENE).all()
        assert (there[on_thing] != SCENE).mean() > 0.6
        assert len(led.ids) <= len(on_thing) + ENDED


def test_tracks_that_ended_follow_the_thing_they_were_on() -> None:
    webcam = Webcam()
    for _ in range(6):
        webcam.advance()
    led, on_thing = webcam.advance(replaced=80)
    ended = led.holders[len(on_thing) :]
    assert len(ended) > 5
    assert set(ended) <= set(led.holders[: len(on_thing)][on_thing])
    assert not led.visible[..., len(on_thing) :].any()


def test_few_tracks_and_a_flights_are_no_crowd() -> None:
    for holder in (SCENE, 7):
        webcam = Webcam()
        led, _ = webcam.advance()
        plain = Led(led.ids, np.full(len(led.ids), holder), led.origin, led.xy, led.visible)
        assert Crowd(ASPECT).parted(plain) is plain
    few = Led(led.ids[:9], np.full(9, A_FILE), led.origin[:, :9], led.xy[:, :, :9], led.visible[:, :, :9])
    crowd = Crowd(ASPECT)
    assert crowd.parted(few) is few
    assert not crowd.is_there


def test_a_crowd_that_thins_out_is_no_hand() -> None:
    """Taken for a hand's, what is left of it would be one thing with one outline."""
    webcam = Webcam()
    for _ in range(6):
        led, on_thing = webcam.advance()
    left = np.arange(len(on_thing)) % 3 == 0
    few = Led(
        *(x[left] for x in (led.ids, led.holders)), led.origin[:, left], led.xy[:, :, left], led.visible[:, :, left]
    )
    led = webcam.crowd.parted(Led(few.ids, holder_of(few.ids), few.origin, few.xy, few.visible))
    here = led.holders[: left.sum()]
    assert (here[~on_thing[left]] == SCENE).all()
    assert HOLDER not in led.holders
