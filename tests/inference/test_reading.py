"""What a sentence says: subjects, clauses read one by one, and names with all their words."""

import numpy as np
import pytest
import torch
from torch import Tensor

from inference.config import WordsConfig
from inference.motion.said import CAMERA, MOTION
from inference.reading import ROLES, Subject, clause_text, read, states_of, subjects, whole_words, words_of
from inference.text import TextEncoder
from inference.words import WordsNet
from training.directed import MINILM

NONE, THING, SHOT = range(len(ROLES))
TOKENS = 24


@pytest.fixture(scope="module")
def text() -> TextEncoder:
    return TextEncoder.load(MINILM)


class Roles(torch.nn.Module):
    def __init__(self, roles: list[int]) -> None:
        super().__init__()
        self.roles = roles

    def forward(self, states: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(torch.tensor(self.roles), len(ROLES)).float()


class Listening(WordsNet):
    """Takes words for subjects as it was told to, and keeps what it heard of clauses."""

    def __init__(self, roles: list[int]) -> None:
        super().__init__(WordsConfig(looks=3, cell=4, text_tokens=TOKENS, text_dim=384, role=4, part=4))
        self.role = Roles(roles)
        self.heard: Tensor | None = None

    def told(self, parts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        self.heard = parts
        return torch.tensor([3.0, -3.0]), torch.zeros(len(parts), len(MOTION)), torch.zeros(len(parts), len(CAMERA))


def test_a_clause_goes_from_its_subject_to_the_next() -> None:
    roles = np.array([NONE, THING, THING, NONE, NONE, SHOT, NONE, THING])
    assert subjects(roles) == [
        Subject("thing", 1, 3, 0, 5), Subject("camera", 5, 6, 5, 7), Subject("thing", 7, 8, 7, 8)
    ]  # fmt: skip
    assert subjects(np.zeros(4, int)) == []


def test_a_clause_is_without_what_leads_to_the_next(text: TextEncoder) -> None:
    sentence = "The cat hops left, and the dog sleeps while zoom in."
    words = words_of(text, sentence, TOKENS)
    spoken = [sentence[a:b] for a, b in words]
    roles = np.array([{"cat": THING, "dog": THING, "zoom": SHOT}.get(word, NONE) for word in spoken])
    cut = [clause_text(sentence, words, subject) for subject in subjects(roles)]
    assert cut == ["The cat hops left, and the", "dog sleeps", "zoom in"]
    (link,) = subjects(np.array([THING]))  # taken for a subject by mistake
    assert clause_text("and", words_of(text, "and", TOKENS), link) == "and"


def test_what_another_clause_says_does_not_change_how_one_is_read(text: TextEncoder) -> None:
    heard = []
    for other in ("goes up", "stays still"):
        net = Listening([NONE, THING, NONE, NONE, NONE, THING, NONE, NONE])
        clauses = read(net, text, f"the cat runs left, dog {other}", TOKENS)
        assert [(clause.role, clause.name, clause.moves) for clause in clauses] == [
            ("thing", "cat", True), ("thing", "dog", False)
        ]  # fmt: skip
        assert net.heard is not None
        heard.append(net.heard)
    torch.testing.assert_close(heard[0][0], heard[1][0], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(heard[0][1], heard[1][1], atol=1e-2)


def test_parts_of_a_word_have_one_role() -> None:
    odds = torch.zeros(4, len(ROLES))
    odds[0, NONE], odds[1, THING], odds[2, NONE], odds[3, THING] = 1.0, 3.0, 1.0, 1.0
    # One word of two parts, then a word by itself, then another.
    assert whole_words(odds, [(0, 3), (3, 6), (7, 9), (10, 12)]).tolist() == [THING, THING, NONE, THING]


def test_nothing_is_read_from_nothing(text: TextEncoder) -> None:
    assert read(Listening([]), text, "", TOKENS) == []
    assert read(Listening([NONE, NONE]), text, "hello there", TOKENS) == []
    assert [len(one) for one in states_of(text, ["one two", "one"], TOKENS)] == [2, 1]
