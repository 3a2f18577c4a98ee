"""What a sentence says: its subjects, and what each of them shall do.

Owns how a sentence is cut into clauses, and how a clause is read. Never looks at a picture (`inference.words` finds
what is spoken of there). Runs on the caller's thread.

The whole sentence says which words are subjects. Each subject's clause is then encoded by itself: an encoder's states
carry the whole text with them, and another clause's "left" would be read into this one's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from inference.text import TextEncoder

if TYPE_CHECKING:  # it is made of what is read
    from inference.words import WordsNet

ROLES = ("none", "thing", "camera")  # of a word: a thing's name, where it is a subject
MOVES = 0.5  # from here on a subject moves
_ENDS = re.compile(r"[\s,;.]*(?:\b(?:and|while|then|but)\b)?[\s,;.]*$", re.IGNORECASE)


@dataclass(frozen=True)
class Subject:
    """A subject's words [first, last) and those of its clause, [begins, ends)."""

    role: str
    first: int
    last: int
    begins: int
    ends: int


@dataclass(frozen=True, eq=False)
class Clause:
    """A subject and what it shall do. state: [D], of its name; moves: whether it does anything; motion: [len(MOTION)];
    camera: [len(CAMERA)].
    """

    role: str
    name: str
    state: Tensor
    moves: bool
    motion: np.ndarray
    camera: np.ndarray


def subjects(roles: np.ndarray) -> list[Subject]:
    """Of the roles of a sentence's words, int [L] without [CLS] and [SEP]: a clause goes from its subject to before the
    next one; words before the first subject are of its clause.
    """
    edges = np.flatnonzero(np.diff(roles, prepend=0, append=0))
    spans = [(a, b) for a, b in pairwise(edges) if roles[a]]
    found = []
    for n, (first, last) in enumerate(spans):
        begins = 0 if n == 0 else first
        ends = spans[n + 1][0] if n + 1 < len(spans) else len(roles)
        found.append(Subject(ROLES[roles[first]], int(first), int(last), int(begins), int(ends)))
    return found


def words_of(text: TextEncoder, sentence: str, tokens: int) -> list[tuple[int, int]]:
    """Which characters each word (a token) of a sentence is, as far as it is read."""
    return text.offsets(sentence)[1:-1][: tokens - 2]


def clause_text(sentence: str, words: list[tuple[int, int]], subject: Subject) -> str:
    """A subject's clause by itself, without what leads over to the next one."""
    whole = sentence[words[subject.begins][0] : words[subject.ends - 1][1]]
    return _ENDS.sub("", whole) or whole


def states_of(text: TextEncoder, sentences: list[str], tokens: int) -> list[Tensor]:
    """The states of each sentence's words [L, D], without [CLS] and [SEP]."""
    return [states[1 : max(int((states.abs().sum(-1) > 0).sum()) - 1, 1)] for states in text.encode(sentences, tokens)]


def name_states(text: TextEncoder, names: Sequence[str], tokens: int) -> Tensor:
    """What names, each by itself, mean: [K, D]."""
    states = text.encode(names, tokens)
    return states.sum(1) / (states.abs().sum(-1) > 0).sum(1, keepdim=True).clamp_min(1)


def summed_up(states: Tensor) -> Tensor:
    """What the network reads of a clause: [L, D] to [2 D]."""
    return torch.cat([states.mean(0), states.amax(0)])


def whole_words(roles: Tensor, words: list[tuple[int, int]]) -> np.ndarray:
    """The role of every word, int [L], from log odds [L, len(ROLES)]: the parts of one word have one role."""
    odds, first = roles.clone(), 0
    for n in range(1, len(words) + 1):
        if n == len(words) or words[n][0] > words[n - 1][1]:
            odds[first:n] = roles[first:n].mean(0)
            first = n
    return odds.argmax(-1).cpu().numpy()


@torch.no_grad()
def read(net: WordsNet, text: TextEncoder, sentence: str, tokens: int) -> list[Clause]:
    """What a sentence says, clause by clause, in its order."""
    words = words_of(text, sentence, tokens)
    if not words:
        return []
    device = next(net.parameters()).device
    (states,) = states_of(text, [sentence], tokens)
    spoken_of = subjects(whole_words(net.role(states.to(device)), words))
    if not spoken_of:
        return []
    names = [sentence[words[subject.first][0] : words[subject.last - 1][1]] for subject in spoken_of]
    called = name_states(text, names, tokens)
    alone = states_of(text, [clause_text(sentence, words, subject) for subject in spoken_of], tokens)
    moves, motions, cameras = net.told(torch.stack([summed_up(one) for one in alone]).to(device))
    return [
        Clause(
            subject.role,
            names[n],
            called[n],
            bool(moves[n].sigmoid() > MOVES),
            motions[n].cpu().numpy(),
            cameras[n].cpu().numpy(),
        )
        for n, subject in enumerate(spoken_of)
    ]
