"""Trains the network that says what a sentence moves in a picture, and how, on the made world's things and names.

Owns its loss, recipe and held-out figures. Never touches other weights. One process of `--threads` threads.

    python -m training.words --recipe training/recipes/pocket/words.toml --start assets/models/pocket --run runs/words

`--start`: a package, or a run of training.affinity, through whose network it looks at pictures.
Resumes from the run's folder. What was seen and read lies there in files (training.word_samples).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from inference.affinity import AffinityNet
from inference.config import WordsConfig
from inference.errors import UserError
from inference.reading import read
from inference.recogniser import Recogniser
from inference.text import TextEncoder
from inference.words import WordsNet, look_channels, looks, said
from training.affinity import load_affinity
from training.command import run_trainer
from training.directed import MINILM
from training.distributed import Group
from training.loop import Batch
from training.one_network import Kind
from training.recipe import OptimiserSettings
from training.recogniser import ASSET
from training.word_samples import SampleSettings, Shown, loaded, prepare, shown
from training.world import Library, load_library
from training.world.retold import retold
from training.world.wording import WAY, Meant, sentence

HELD_SEEDS = 6 * 10**9
KIND = Kind("words", WordsConfig, WordsNet)
load_words = KIND.load
PLAIN = torch.tensor([WAY, WAY, math.pi, 0.35, 0.15, 0.2, 0.25])  # motion of each kind, so that all weigh alike
UNDER = 0.5  # from here on a place belongs to a thing


@dataclass(frozen=True)
class LossSettings:
    places: int  # of a step
    words: int
    parts: int
    ridge: float  # of the map from sight to names, for a mean square of 1
    ema: float
    held: int  # pictures for figures; 0: none
    evaluate_every: int


@dataclass(frozen=True)
class WordsRecipe:
    model: WordsConfig
    data: SampleSettings
    optimiser: OptimiserSettings
    loss: LossSettings


class Samples:
    """All places and sentences; a step draws some of each by its number."""

    def __init__(self, places: dict[str, Tensor], sentences: dict[str, Tensor], settings: LossSettings) -> None:
        self.places, self.sentences, self.settings = places, sentences, settings

    def __call__(self, step: int) -> Batch:
        rng, counts = np.random.default_rng([step, 61]), self.settings

        def drawn(among: int, count: int) -> Tensor:
            return torch.from_numpy(rng.integers(0, max(among, 1), count if among else 0))

        at = drawn(len(self.places["thing"]), counts.places)
        word = drawn(len(self.sentences["role"]), counts.words)
        part = drawn(len(self.sentences["moves"]), counts.parts)
        return {
            "looks": self.places["looks"][at].float(),
            "thing": self.places["thing"][at].float(),
            "words": self.sentences["words"][word].float(),
            "role": self.sentences["role"][word].long(),
            **{
                name: self.sentences[name][part].float() for name in ("parts", "is_camera", "moves", "motion", "camera")
            },
            "seed": torch.tensor([step]),
        }


def words_loss(net: WordsNet, batch: Batch) -> Tensor:
    loss = F.binary_cross_entropy_with_logits(net.looked_at(batch["looks"]), batch["thing"])
    loss = loss + F.cross_entropy(net.role(batch["words"]), batch["role"])
    moves, motion, camera = net.told(batch["parts"])
    of_camera = batch["is_camera"]
    told = F.binary_cross_entropy_with_logits(moves, batch["moves"], reduction="none") * (1.0 - of_camera)
    plain = PLAIN.to(motion)
    off = F.smooth_l1_loss(motion / plain, batch["motion"] / plain, reduction="none", beta=0.3).sum(-1)
    shot = F.smooth_l1_loss(camera, batch["camera"], reduction="none", beta=0.3).sum(-1)
    return loss + (told + off * batch["moves"] + shot * of_camera).mean()


@dataclass(frozen=True, eq=False)
class HeldSentence:
    """looks [1, C, h, w] and features [1, D, ., .] of the picture; pixels: uint8 [H, W, 3]."""

    shown: Shown
    meant: Meant
    looks: Tensor
    features: Tensor
    pixels: np.ndarray


@torch.no_grad()
def held_sentences(count: int, library: Library, affinity: AffinityNet) -> list[HeldSentence]:
    """Two sentences for each of `count` pictures."""
    found = []
    for i in range(count):
        rng = np.random.default_rng([HELD_SEEDS + i, 59])
        one = shown(library, HELD_SEEDS + i, (256, 144), rng)
        picture = one.picture[None]
        seen, features = looks(affinity, picture), affinity(picture)
        pixels = ((one.picture.permute(1, 2, 0) * 0.5 + 0.5) * 255).round().to(torch.uint8).numpy()
        for tell in (sentence, retold):
            found.append(HeldSentence(one, tell(rng, list(dict.fromkeys(one.names))), seen, features, pixels))
    return found


@torch.no_grad()
def evaluate(net: WordsNet, recogniser: Recogniser, text: TextEncoder, held: list[HeldSentence]) -> dict[str, float]:
    """Means. one_iou, some_iou: overlap of what moves with what shall, in pictures of one thing, and of several;
    meant: how often what shall move is moved rather than anything else, in pictures of several things of which one
    moves (meant_by_chance: by guessing); way: how often what moves most of a thing moves it within 45 degrees of where
    it shall; idle: how often nothing moves where nothing shall; camera: mean error.
    """
    names = ("one_iou", "some_iou", "meant", "meant_by_chance", "way", "idle", "camera")
    figures: dict[str, list[float]] = {name: [] for name in names}
    for one in held:
        clauses = read(net, text, one.meant.text, net.config.text_tokens)
        answer = said(net, recogniser, one.looks, one.features, one.pixels, clauses)
        camera = np.zeros_like(one.meant.camera) if answer.camera is None else answer.camera
        figures["camera"].append(float(np.abs(camera - one.meant.camera).mean()))
        if not one.meant.moved:
            figures["idle"].append(float(not answer.things))
            continue
        found = [torch.zeros(one.shown.anything.numel()) for _ in answer.things]
        for mine, thing in zip(found, answer.things, strict=True):
            mine[torch.from_numpy(thing.numbers)] = 1.0
        moved = torch.stack(found).amax(0) if found else torch.zeros(one.shown.anything.numel())
        masks = {name: mask.flatten() for name, mask in one.shown.masks.items()}
        truth = torch.stack([masks[name] for name in one.meant.moved]).amax(0) > UNDER
        overlap = float(((moved > 0) & truth).sum() / ((moved > 0) | truth).sum().clamp_min(1))
        figures["one_iou" if len(one.shown.names) == 1 else "some_iou"].append(overlap)
        if len(one.meant.moved) == 1 and len(masks) > 1:
            score = {name: float((moved * mask).sum() / mask.sum()) for name, mask in masks.items()}
            best = max(score, key=lambda name: score[name])
            figures["meant"].append(float(score[best] > 0 and best in one.meant.moved))
            figures["meant_by_chance"].append(1.0 / len(score))
        for name, motion in one.meant.moved.items():
            if np.hypot(*motion[:2]) > 0.05 and found:
                most = max(range(len(found)), key=lambda n: float((found[n] * masks[name]).sum()))
                went = answer.things[most].motion[:2] if (found[most] * masks[name]).sum() > 0 else np.zeros(2)
                cosine = went @ motion[:2] / max(np.hypot(*went) * np.hypot(*motion[:2]), 1e-6)
                figures["way"].append(float(cosine > math.sqrt(0.5)))
    return {name: round(float(np.mean(values)), 4) for name, values in figures.items() if values}


def eyes(recipe: WordsRecipe, start: Path | None) -> AffinityNet:
    """The affinity network that the words network looks through. Raises UserError where it is not given or another one
    than the recipe's.
    """
    if start is None:
        raise UserError("This trainer looks through an affinity network.", next="Name one's package or run by --start.")
    affinity = load_affinity(start)
    if look_channels(affinity.config) != recipe.model.looks:
        raise UserError(
            f"The affinity network of {start} gives {look_channels(affinity.config)} numbers of a place, not "
            f"{recipe.model.looks}.",
            next="Set the recipe's model.looks to that.",
        )
    return affinity


def begin(config: WordsConfig, looked: Tensor, seen: Tensor, name: Tensor, states: Tensor, ridge: float) -> WordsNet:
    """A network that knows what is usual, and the map from sight to names, which is solved for and not trained.

    looked: [N, C], looks; seen: [K, WIDTH], things, whose names are `name` [K] of `states` [names, D]. The map is ridge
    regression on names' directions, all names weighing alike: unlike a classifier of these names, what it learns
    serves for others as well.
    """
    torch.manual_seed(0)
    net = WordsNet(config)
    some = looked[:: max(1, len(looked) // 20000)].float()
    net.middle.copy_(some.mean(0))
    net.spread.copy_(some.std(0).clamp_min(1e-3))
    seen, directions = seen.float(), F.normalize(states.float(), dim=-1)
    net.seen_middle.copy_(seen.mean(0))
    net.seen_spread.copy_(seen.std(0) + 1e-3)
    net.name_middle.copy_(directions.mean(0))
    weight = torch.bincount(name.long(), minlength=len(states))[name.long()].rsqrt()[:, None]
    known = (seen - net.seen_middle) / net.seen_spread * weight  # [K, WIDTH]
    square = known.T @ known
    square += ridge * square.diagonal().mean() * torch.eye(len(square))
    wanted = (directions - net.name_middle)[name.long()] * weight
    net.named.weight.data = torch.linalg.solve(square, known.T @ wanted).T.contiguous()
    net.named.requires_grad_(False)
    return net


def train(
    recipe: WordsRecipe,
    folder: Path,
    group: Group,
    *,
    start: Path | None = None,
    minutes: float = math.inf,
    library: Callable[[str], Library] = load_library,
) -> int:
    """Trains until the recipe's steps or the minutes are over; goes on where the folder stands. Returns the step."""
    affinity, tokens, settings = eyes(recipe, start), recipe.model.text_tokens, recipe.loss
    files = prepare(folder, recipe.data, tokens, affinity, library)
    places = loaded(files.pictures)
    seen, names = loaded(files.seen), loaded(files.names)["states"]
    net = begin(recipe.model, places["looks"], seen["seen"], seen["name"], names, settings.ridge)
    samples = Samples(places, loaded(files.sentences), settings)

    def loss(batch: Batch) -> Tensor:
        return words_loss(net, batch)

    held = held_sentences(settings.held, library("held"), affinity) if settings.held else []
    # Names that were learnt, in pictures that were not.
    known = held_sentences(settings.held // 2, library("train"), affinity) if settings.held else []

    text, recogniser = TextEncoder.load(MINILM), Recogniser.load(ASSET)

    def figures(average: WordsNet, _: int) -> dict[str, Any]:
        both = evaluate(average, recogniser, text, known)
        return evaluate(average, recogniser, text, held) | {f"known_{name}": value for name, value in both.items()}

    return KIND.train(
        net, recipe, folder, group, minutes=minutes, evaluate=figures if held else None,
        batches=lambda first: (samples(step) for step in count(first)),
        update=lambda descent, step, batch: descent.update(step, loss, [batch]),
    )  # fmt: skip


def main() -> None:
    run_trainer(__doc__, WordsRecipe, train, start="a package or an affinity run whose network it looks through")


if __name__ == "__main__":
    main()
