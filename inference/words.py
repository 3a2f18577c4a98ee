"""What a sentence moves in a picture, and how: where the named things are, their motion, and the camera's.

Owns `WordsNet` and how its answers become things that move. Never trains (`training.words`), never makes tracks
(`inference.motion.said`, which says what the numbers mean). Runs on the caller's thread.

A sentence is cut where a new subject begins; its part says what the subject does. The picture, which is looked at
through `AffinityNet`, is cut into things; each subject is the thing that its name fits best. So a name that was never
learnt still finds the only thing there is. What the network learns is small: which words are subjects, what a part of
a sentence says of its subject, where things are, and which names fit them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inference.affinity import AffinityNet, feature_distance
from inference.config import AffinityConfig, WordsConfig
from inference.motion.said import CAMERA, MOTION, Said, SaidThing, camera_meant, meant
from inference.pyramid import doubled

CELL = 8  # pixels of a place of the answer
ROLES = ("none", "thing", "camera")  # of a word: a thing's name, where it is a subject
SHARPNESS = 10.0  # of the first match between places and names
# In the picture:
A_THING = 0.6  # from here on a place belongs to some thing
FEWEST = 4  # places of a thing: less is a mistake
TOGETHER = 0.3  # affinity of the places of one thing
MOST_THINGS = 8  # that are told apart
# A fit is believed less of a thing of few places, and of two that fit alike the larger one is meant:
DOUBT, LARGE = 4.0, 0.3  # places; log odds for e times as many
# In the sentence:
MOVES = 0.5  # from here on a subject moves
MOST_PLACES = 256  # that a sentence moves


def looks(affinity: AffinityNet, picture: Tensor) -> Tensor:
    """What there is to know of every CELL of pictures [B, 3, H, W]: [B, look_channels, H/8, W/8]."""
    quarter, eighth, sixteenth = affinity.levels(picture)
    return torch.cat([F.avg_pool2d(quarter, 2), eighth, doubled(sixteenth), F.avg_pool2d(picture, CELL)], dim=1)


def look_channels(config: AffinityConfig) -> int:
    return config.quarter + config.eighth + config.sixteenth + 3


class WordsNet(nn.Module):
    """Four small networks: of a place's look, of a word's role, of a part of a sentence, and of a name."""

    middle: Tensor
    spread: Tensor

    def __init__(self, config: WordsConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("middle", torch.zeros(config.looks))  # of looks, over the pictures it was trained on
        self.register_buffer("spread", torch.ones(config.looks))
        self.cell = _two_layers(config.looks, config.cell, config.match + 1)
        self.role = _two_layers(config.text_dim, config.role, len(ROLES))
        self.part = _two_layers(2 * config.text_dim, config.part, 1 + len(MOTION) + len(CAMERA))
        self.named = nn.Linear(config.text_dim, config.match)
        self.sharpness = nn.Parameter(torch.tensor(SHARPNESS).log())

    def looked_at(self, looks: Tensor) -> tuple[Tensor, Tensor]:
        """[..., C] to what a place is like, of length one, [..., M], and log odds of its belonging to a thing [...]."""
        found = self.cell((looks - self.middle) / self.spread)
        return F.normalize(found[..., :-1], dim=-1), found[..., -1]

    def fits(self, like: Tensor, names: Tensor) -> Tensor:
        """How well names [K, D] (means of their words' states) fit places [N, M], by log odds: [N, K]."""
        return like @ F.normalize(self.named(names), dim=-1).T * self.sharpness.exp()

    def told(self, parts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of parts of sentences [K, 2 D]: log odds that the subject moves [K], its motion [K, len(MOTION)], and, where
        it is the camera, the camera's [K, len(CAMERA)].
        """
        answer = self.part(parts)
        return answer[:, 0], answer[:, 1 : 1 + len(MOTION)], answer[:, 1 + len(MOTION) :]


def _two_layers(inputs: int, width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, outputs))


@dataclass(frozen=True)
class Subject:
    """A subject's words [first, last) and those of its part of the sentence, [begins, ends)."""

    role: str
    first: int
    last: int
    begins: int
    ends: int


def subjects(roles: np.ndarray) -> list[Subject]:
    """Of the roles of a sentence's words, int [L] without [CLS] and [SEP]: a part goes from its subject to before the
    next one; words before the first subject are of its part.
    """
    edges = np.flatnonzero(np.diff(roles, prepend=0, append=0))
    spans = [(a, b) for a, b in pairwise(edges) if roles[a]]
    found = []
    for n, (first, last) in enumerate(spans):
        begins = 0 if n == 0 else first
        ends = spans[n + 1][0] if n + 1 < len(spans) else len(roles)
        found.append(Subject(ROLES[roles[first]], int(first), int(last), int(begins), int(ends)))
    return found


def part_of(states: Tensor, subject: Subject) -> Tensor:
    """What the network reads of a subject's part of the sentence: [L, D] to [2 D]."""
    words = states[subject.begins : subject.ends]
    return torch.cat([words.mean(0), words.amax(0)])


def name_of(states: Tensor, subject: Subject) -> Tensor:
    return states[subject.first : subject.last].mean(0)


@torch.no_grad()
def things(thing: np.ndarray, features: Tensor) -> list[np.ndarray]:
    """The picture's things, bool [h, w] each. thing: float [h, w], how far a place belongs to some thing; features:
    [1, D, ., .] of the affinity network.
    """
    h, w = thing.shape
    features = F.adaptive_avg_pool2d(features, (h, w))
    left = thing.copy()
    found: list[np.ndarray] = []
    while left.max() > A_THING and len(found) < MOST_THINGS:
        row, column = np.unravel_index(left.argmax(), left.shape)
        at = torch.tensor([[[(column + 0.5) / w, (row + 0.5) / h]]], dtype=torch.float32).to(features)
        with_it = torch.exp(-feature_distance(features, at))[0, :, 0].view(h, w).cpu().numpy()
        one = (left > A_THING) & (with_it > TOGETHER)
        one[row, column] = True
        _, parts = cv2.connectedComponents(one.astype(np.uint8), connectivity=4)
        one = parts == parts[row, column]
        if one.sum() >= FEWEST:
            found.append(one)
        left[one] = 0.0
    return found


@torch.no_grad()
def said(net: WordsNet, looks: Tensor, features: Tensor, states: Tensor) -> Said:
    """What a sentence moves. looks: [1, C, h, w] and features [1, D, ., .] of the picture; states: [1, L, D] of the
    sentence's tokens, zeros where there are none.
    """
    states = states[0, : int((states[0].abs().sum(-1) > 0).sum())][1:-1]
    spoken_of = subjects(net.role(states).argmax(-1).cpu().numpy()) if len(states) else []
    if not spoken_of:
        return Said()
    moves, motions, cameras = net.told(torch.stack([part_of(states, subject) for subject in spoken_of]))
    shots = [cameras[n].cpu().numpy() for n, subject in enumerate(spoken_of) if subject.role == "camera"]
    camera = camera_meant(np.sum(shots, axis=0)) if shots else None
    h, w = looks.shape[2:]
    like, thing = net.looked_at(looks[0].permute(1, 2, 0))  # [h, w, M], [h, w]
    there = things(thing.sigmoid().cpu().numpy(), features)
    named = [n for n, subject in enumerate(spoken_of) if subject.role == "thing"]
    if not there or not named:
        return Said((), camera)
    names = torch.stack([name_of(states, spoken_of[n]) for n in named])
    fits = net.fits(like.flatten(0, 1), names).view(h, w, -1).cpu().numpy()
    score = np.stack([fits[one].mean(0) for one in there])  # [things, names]
    moving = moves[named].sigmoid().cpu().numpy() > MOVES
    found: list[tuple[np.ndarray, np.ndarray]] = []
    places = np.array([one.sum() for one in there], np.float64)
    for place, name in _paired(score, places, moving):
        motion = meant(motions[named[name]].cpu().numpy())
        if moving[name] and motion.any():
            found.append((there[place], motion))
    return Said(_tracked(found), camera)


def _paired(score: np.ndarray, places: np.ndarray, moving: np.ndarray) -> list[tuple[int, int]]:
    """Things and names, each once, the best fits first. score: [things, names]; places: [things], how many each has;
    moving: bool [names].

    What counts is how much better a thing fits a name than others do: "the rest" fits none. Where there are fewer
    things than names, those come first that move.
    """
    left = (score - score.mean(0)) * (places / (places + DOUBT))[:, None] + LARGE * np.log(places)[:, None]
    pairs = []
    for names in [moving, ~moving] if len(left) < len(moving) else [np.ones_like(moving)]:
        for _ in range(int(names.sum())):
            place, name = np.unravel_index(np.where(names, left, -np.inf).argmax(), left.shape)
            if not np.isfinite(left[place, name]):
                break
            pairs.append((int(place), int(name)))
            left[place], left[:, name] = -np.inf, -np.inf
    return pairs


def _tracked(found: list[tuple[np.ndarray, np.ndarray]]) -> tuple[SaidThing, ...]:
    """Things as places that move, at most MOST_PLACES: a chequered half of them where there are more."""
    places = sum(int(mine.sum()) for mine, _ in found)
    every = 1 + (places > MOST_PLACES)
    answer = []
    for mine, motion in found:
        h, w = mine.shape
        row, column = np.indices((h, w))
        y, x = np.nonzero(mine & ((row + column) % every == 0))
        answer.append(SaidThing(y * w + x, np.stack([(x + 0.5) / w, (y + 0.5) / h], axis=1), motion))
    return tuple(answer)
