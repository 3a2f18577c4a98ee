"""Trains the network that says what a sentence moves in a picture, and how, from the made world's things and their names.

Owns its loss, recipe and held-out figures. Never touches other weights. One process of `--threads` threads, beside the
workers that make pictures.

    python -m training.words --recipe training/recipes/pocket/words.toml --start assets/models/pocket --run runs/words

`--start`: a package, or a run of training.affinity, whose network it begins with; without, from nothing.
Resumes from the run's folder.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from inference.config import WordsConfig, parse
from inference.errors import UserError
from inference.motion.said import MOTION
from inference.text import TextEncoder
from inference.words import PLAIN, WordsNet
from training.affinity import load_affinity
from training.batches import in_order, to
from training.causal import MINILM
from training.command import run_trainer
from training.distributed import Checkpoints, Group, load_part
from training.loop import Batch, Descent, follow, run_steps
from training.recipe import OptimiserSettings
from training.told_pictures import Shown, ToldPictures, ToldSettings, name_states, shown, told
from training.world import Library, load_library
from training.world.wording import Meant, sentence

HELD_SEEDS = 6 * 10**9
DESCRIPTION = "words.json"  # of the network, beside a run's checkpoints
OF_THINGS = 3.0  # a place of a thing weighs as much as so many of the place behind
UNDER = 0.5  # from here on a place belongs to a thing, or moves


@dataclass(frozen=True)
class LossSettings:
    how: float  # weight of the motion where something moves
    camera: float
    anything: float  # of telling things from the place behind them
    name: float  # of telling a thing's name among all names
    ema: float
    held: int  # pictures for figures; 0: none
    evaluate_every: int


@dataclass(frozen=True)
class WordsRecipe:
    model: WordsConfig
    data: ToldSettings
    optimiser: OptimiserSettings
    loss: LossSettings


def words_loss(net: WordsNet, batch: Batch, names: Tensor, settings: LossSettings) -> Tensor:
    """names: [names, D], the states that `batch["name"]` numbers."""
    like, thing = net.looked_at(batch["picture"])
    each = len(batch["tokens"]) // len(like)  # sentences of a picture
    where, how, camera = net.said_of(
        like.repeat_interleave(each, 0), thing.repeat_interleave(each, 0), batch["tokens"]
    )
    anything = batch["anything"]
    weight = (1.0 + (OF_THINGS - 1.0) * anything).repeat_interleave(each, 0)
    loss = F.binary_cross_entropy(where.clamp(1e-4, 1.0 - 1e-4), batch["moves"], weight)
    loss = loss + settings.anything * F.binary_cross_entropy_with_logits(thing, anything)
    moving = (batch["moves"] > UNDER).float()
    plain = torch.from_numpy(PLAIN).to(how)[:, None, None]
    off = F.smooth_l1_loss(how / plain, batch["how"] / plain, reduction="none", beta=0.3)
    loss = loss + settings.how * (off * moving).sum() / moving.sum().clamp_min(1.0) / len(MOTION)
    loss = loss + settings.camera * F.smooth_l1_loss(camera, batch["camera"], beta=0.3)
    if len(batch["name"]):
        mask = batch["mask"][:, None]
        of_thing = (like[batch["of_picture"]] * mask).sum((2, 3)) / mask.sum((2, 3))  # [M, match]
        key = F.normalize(net.named(names), dim=-1)
        guess = F.normalize(of_thing, dim=-1) @ key.T * net.sharpness.exp()
        loss = loss + settings.name * F.cross_entropy(guess, batch["name"])
    return loss


@dataclass(frozen=True, eq=False)
class HeldSentence:
    shown: Shown
    meant: Meant
    tokens: Tensor  # [1, L, D]


def held_sentences(count: int, library: Library, tokens: int) -> list[HeldSentence]:
    """Two sentences for each of `count` pictures."""
    text, found = TextEncoder.load(MINILM), []
    for i in range(count):
        rng = np.random.default_rng([HELD_SEEDS + i, 59])
        picture = shown(library, HELD_SEEDS + i, (256, 144), rng)
        for _ in range(2):
            meant = sentence(rng, picture.names)
            found.append(HeldSentence(picture, meant, text.encode([meant.text], tokens)))
    return found


@torch.no_grad()
def evaluate(net: WordsNet, held: list[HeldSentence]) -> dict[str, float]:
    """Means. one_iou, some_iou: overlap of what moves with what shall, in pictures of one thing, and of several;
    meant: how often what shall move is found rather than anything else that is there, in pictures of several things of
    which one moves (meant_by_chance: by guessing); way: how often it goes within 45 degrees of where it shall;
    idle: share of the picture that moves where nothing shall; camera: mean error.
    """
    figures: dict[str, list[float]] = {name: [] for name in
                                       ("one_iou", "some_iou", "meant", "meant_by_chance", "way", "idle", "camera")}  # fmt: skip
    device = next(net.parameters()).device
    for one in held:
        where, how, camera = (x[0].cpu() for x in net(one.shown.picture[None].to(device), one.tokens.to(device)))
        figures["camera"].append(float((camera - torch.from_numpy(one.meant.camera)).abs().mean()))
        moves, _ = told(one.shown, one.meant)
        found = where > UNDER
        if not one.meant.moved:
            figures["idle"].append(float(found.float().mean()))
            continue
        truth = moves > UNDER
        alone = len(one.shown.names) == 1
        figures["one_iou" if alone else "some_iou"].append(float((found & truth).sum() / (found | truth).sum().clamp_min(1)))
        if len(one.meant.moved) == 1 and len(one.shown.masks) > 1:
            score = {name: float((where[0] * mask).sum() / mask.sum()) for name, mask in one.shown.masks.items()}
            figures["meant"].append(float(max(score, key=lambda name: score[name]) in one.meant.moved))
            figures["meant_by_chance"].append(1.0 / len(score))
        for name, motion in one.meant.moved.items():
            if np.hypot(*motion[:2]) > 0.05:
                weight = where[0] * one.shown.masks[name]
                went = ((how[:2] * weight).sum((1, 2)) / weight.sum().clamp_min(1e-6)).numpy()
                cosine = went @ motion[:2] / max(np.hypot(*went) * np.hypot(*motion[:2]), 1e-6)
                figures["way"].append(float(cosine > math.sqrt(0.5)))
    return {name: round(float(np.mean(values)), 4) for name, values in figures.items() if values}


def begin(config: WordsConfig, start: Path | None) -> WordsNet:
    """A fresh network, with the affinity network's layers where they are the same."""
    torch.manual_seed(0)
    net = WordsNet(config)
    if start is not None:
        affinity = load_affinity(start)
        layers = {name: value for name, value in affinity.state_dict().items() if not name.startswith("out.")}
        own = net.state_dict()
        if any(own[name].shape != value.shape for name, value in layers.items()):
            raise UserError(
                f"The affinity network of {start} has other sizes than this network.",
                next="Give the recipe its sizes, or leave --start out.",
            )
        net.load_state_dict(own | layers)
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
    net = begin(recipe.model, start).to(group.device)
    average = copy.deepcopy(net).requires_grad_(False)
    descent, settings = Descent(net, recipe.optimiser, group), recipe.loss
    checkpoints = Checkpoints(
        folder, group, {"model": net, "ema": average}, {"optimiser": (net, descent.optimiser)},
        {"trainer": "words"} | asdict(recipe),
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DESCRIPTION).write_text(json.dumps(asdict(recipe.model)), encoding="utf-8")
    tokens = recipe.model.text_tokens
    names = name_states(library("train"), tokens).to(group.device)
    pictures = ToldPictures(library, recipe.data, tokens)
    stream: Iterator[Batch] | None = None

    def update(step: int) -> dict[str, float]:
        nonlocal stream
        if stream is None:  # where this session goes on
            stream = in_order(pictures, step, recipe.data.workers)
        batch = to(next(stream), group.device)
        loss = descent.update(step, lambda batch: words_loss(net, batch, names, settings), [batch])
        follow(average, net, settings.ema, step)
        return {"loss": round(loss, 4)}

    held = held_sentences(settings.held, library("held"), tokens)
    known = held_sentences(settings.held // 2, library("train"), tokens)  # names that were learnt, pictures that were not

    def figures(step: int) -> dict[str, Any]:
        return evaluate(average, held) | {f"known_{name}": value for name, value in evaluate(average, known).items()}

    return run_steps(
        update, checkpoints, steps=recipe.optimiser.steps, minutes=minutes, evaluate=figures if held else None,
        evaluate_every=settings.evaluate_every,
    )  # fmt: skip


def load_words(folder: Path) -> WordsNet:
    """The average of a training run's last checkpoint. Raises UserError where there is none."""
    try:
        config = parse(WordsConfig, json.loads((folder / DESCRIPTION).read_text(encoding="utf-8")), "words")
    except (OSError, ValueError) as error:
        raise UserError(f"{folder} is no words training run: {error}.", next="Give the folder of its --run.") from error
    net = WordsNet(config)
    load_part(folder, "ema", net)
    return net.eval().requires_grad_(False)


def main() -> None:
    run_trainer(__doc__, WordsRecipe, train, start="a package or an affinity run whose network it begins with")


if __name__ == "__main__":
    main()
