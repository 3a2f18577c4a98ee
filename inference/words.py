"""What a sentence moves in a picture, and how: where the named things are, their motion, and the camera's.

Owns `WordsNet`, the things of a picture and which of them is meant. Never trains (`training.words`), never makes tracks
(`inference.motion.said`, which says what the numbers mean). Runs on the caller's thread.

A sentence comes read (`inference.reading`): clauses, each of a subject and what it does. The picture, which is looked
at through `AffinityNet`, is cut into things. Where there are several, each is cut out and seen by a network that was
made to recognise a thousand kinds of things (`inference.recogniser`), and a map from what that sees to what names
mean says which name fits; things and names are then paired so that they fit best together. So names that were never
learnt can be found, and any name finds the only thing there is. What is learnt here is small: which words are
subjects, what a clause says of its subject, where things are, and the map.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inference.affinity import AffinityNet, feature_distance
from inference.config import AffinityConfig, WordsConfig
from inference.motion.said import CAMERA, MOTION, Said, SaidThing, camera_meant, meant
from inference.pyramid import doubled
from inference.reading import ROLES, Clause
from inference.recogniser import WIDTH, Recogniser
from inference.telling import fitting

CELL = 8  # pixels of a place of the answer
SHARPNESS = 10.0  # of names' fits: log odds for the same direction, against none
# In the picture:
A_THING = 0.6  # from here on a place belongs to some thing
FEWEST = 4  # places of a thing: less is a mistake
TOGETHER = 0.3  # affinity of the places of one thing
MOST_THINGS = 8  # that are told apart
LARGE = 0.3  # of two things that fit alike the larger one is meant: log odds for e times as many places
NONE_LEFT = 1000.0  # what it costs that a name gets no thing
# In the sentence:
NO_THING = ("rest", "everything else", "everything", "nothing else", "nothing", "background")
MOST_PLACES = 256  # that a sentence moves


def looks(affinity: AffinityNet, picture: Tensor) -> Tensor:
    """What there is to know of every CELL of pictures [B, 3, H, W]: [B, look_channels, H/8, W/8]."""
    quarter, eighth, sixteenth = affinity.levels(picture)
    return torch.cat([F.avg_pool2d(quarter, 2), eighth, doubled(sixteenth), F.avg_pool2d(picture, CELL)], dim=1)


def look_channels(config: AffinityConfig) -> int:
    return config.quarter + config.eighth + config.sixteenth + 3


class WordsNet(nn.Module):
    """Three small networks, of a place's look, of a word's role and of a clause, and the map from sight to names."""

    middle: Tensor
    spread: Tensor
    seen_middle: Tensor
    seen_spread: Tensor
    name_middle: Tensor

    def __init__(self, config: WordsConfig) -> None:
        super().__init__()
        self.config = config
        # What is usual, over the pictures it was trained on: of looks, of what is recognised, and of names.
        self.register_buffer("middle", torch.zeros(config.looks))
        self.register_buffer("spread", torch.ones(config.looks))
        self.register_buffer("seen_middle", torch.zeros(WIDTH))
        self.register_buffer("seen_spread", torch.ones(WIDTH))
        self.register_buffer("name_middle", torch.zeros(config.text_dim))
        self.cell = _two_layers(config.looks, config.cell, 1)
        self.role = _two_layers(config.text_dim, config.role, len(ROLES))
        self.part = _two_layers(2 * config.text_dim, config.part, 1 + len(MOTION) + len(CAMERA))
        self.named = nn.Linear(WIDTH, config.text_dim, bias=False)  # the name of what is seen

    def looked_at(self, looks: Tensor) -> Tensor:
        """[..., C] to log odds of a place's belonging to a thing [...]."""
        answer: Tensor = self.cell((looks - self.middle) / self.spread)[..., 0]
        return answer

    def fits(self, seen: Tensor, names: Tensor) -> Tensor:
        """How well names [K, D] fit things that the recogniser has seen [N, WIDTH], by log odds: [N, K]."""
        like = F.normalize(self.named((seen - self.seen_middle) / self.seen_spread), dim=-1)
        meant_by = F.normalize(F.normalize(names, dim=-1) - self.name_middle, dim=-1)
        return SHARPNESS * like @ meant_by.T

    def told(self, parts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of clauses [K, 2 D]: log odds that the subject moves [K], its motion [K, len(MOTION)], and, where
        it is the camera, the camera's [K, len(CAMERA)].
        """
        answer = self.part(parts)
        return answer[:, 0], answer[:, 1 : 1 + len(MOTION)], answer[:, 1 + len(MOTION) :]


def _two_layers(inputs: int, width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, outputs))


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
def said(
    net: WordsNet,
    recogniser: Recogniser,
    looks: Tensor,
    features: Tensor,
    picture: np.ndarray,
    clauses: Sequence[Clause],
) -> Said:
    """What the clauses of a sentence move. looks: [1, C, h, w] and features [1, D, ., .] of the picture; picture: uint8
    [H, W, 3].
    """
    shots = [clause.camera for clause in clauses if clause.role == "camera"]
    camera = camera_meant(np.sum(shots, axis=0)) if shots else None
    named = [clause for clause in clauses if clause.role == "thing" and clause.name.lower() not in NO_THING]
    if not any(clause.moves for clause in named):
        return Said((), camera)
    thing = net.looked_at(looks[0].permute(1, 2, 0))  # [h, w]
    there = things(thing.sigmoid().cpu().numpy(), features)
    if not there:
        return Said((), camera)
    score = LARGE * np.log([[one.sum()] for one in there]) + np.zeros(len(named))  # [things, names]
    if len(there) > 1:
        names = torch.stack([clause.state for clause in named]).to(looks)
        score += net.fits(recogniser.seen(picture, there), names).cpu().numpy()
        score += np.stack([fitting(clause.name, there, picture) for clause in named], axis=1)
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for place, name in paired(score, np.array([clause.moves for clause in named])):
        motion = meant(named[name].motion)
        if named[name].moves and motion.any():
            found.append((there[place], motion))
    return Said(_tracked(found), camera)


def paired(score: np.ndarray, moving: np.ndarray) -> list[tuple[int, int]]:
    """Things and names, each at most once, so that they fit best together. score: [things, names]; moving: bool
    [names], which get a thing first where there are too few.
    """
    # The best for the names so far, by which things (bits) are taken.
    best: dict[int, tuple[float, tuple[tuple[int, int], ...]]] = {0: (0.0, ())}
    for name, moves in enumerate(moving):
        longer: dict[int, tuple[float, tuple[tuple[int, int], ...]]] = {}
        for taken, (worth, pairs) in best.items():
            options = [(taken, worth - NONE_LEFT * (1 + bool(moves)), pairs)]
            for place in range(len(score)):
                if not taken >> place & 1:
                    options.append((taken | 1 << place, worth + float(score[place, name]), (*pairs, (place, name))))
            for key, value, chosen in options:
                if key not in longer or longer[key][0] < value:
                    longer[key] = (value, chosen)
        best = longer
    return list(max(best.values(), key=lambda one: one[0])[1])


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
