"""Trains the network that imagines what lies behind a thing, from pictures of the world with and without it.

Owns its samples, loss, recipe and held-out figures. Never touches other weights. One process of `--threads` threads,
beside the workers that make pictures.

    python -m training.backdrop --recipe training/recipes/pocket/backdrop.toml --start assets/models/pocket \
        --run runs/backdrop

`--start`: a package, or a run of training.affinity, whose network's layers it begins with, or a run of its own under
another recipe; without, from nothing.
Resumes from the run's folder.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from inference.backdrop import BackdropNet, hole_of
from inference.config import BackdropConfig
from inference.fill import fill
from inference.pyramid import STRIDE
from training.affinity import load_affinity
from training.autoencoder import gradients
from training.batches import in_order
from training.clips import video_tensor
from training.command import run_trainer
from training.depth import Pictures, PictureSettings
from training.discriminator import PatchDiscriminator, balance
from training.distributed import Group
from training.loop import Batch, Descent
from training.one_network import Kind
from training.perceptual import PerceptualDistance
from training.recipe import OptimiserSettings
from training.world import Clip, Library, load_library, make_clip
from training.world.render import render
from training.world.scene import PLACE

HELD_SEEDS = 5 * 10**9
KIND = Kind("backdrop", BackdropConfig, BackdropNet)
load_backdrop = KIND.load
GROWN = 4  # pixels: a hole is up to this much wider than the thing
TORN = 0.25  # share of holes that are no thing's, but any shape: the picture itself is the truth behind them


@dataclass(frozen=True)
class LossSettings:
    gradient: float  # weight of the gradients' differences
    perceptual: float
    adversarial: float  # of a patch discriminator, times the balance of both pulls; 0: none
    judge_width: int
    judge_from: int  # the step from which it judges
    ema: float
    held: int  # pictures for figures; 0: none
    evaluate_every: int


@dataclass(frozen=True)
class BackdropRecipe:
    model: BackdropConfig
    data: PictureSettings
    optimiser: OptimiserSettings
    judge: OptimiserSettings
    loss: LossSettings


def sample(clip: Clip, rng: np.random.Generator) -> Batch:
    """A picture with a thing [3, H, W], the layer that took it away [1, H/4, W/4], and the picture without it."""
    owner, picture = clip.owner_map[0], clip.frames[0]
    things = [k for k in np.unique(owner) if k != PLACE and 60 < (owner == k).sum() < 0.4 * owner.size]
    if things and rng.random() > TORN:
        taken = int(rng.choice(things))
        left = tuple(thing for k, thing in enumerate(clip.scene.things) if k != taken)
        truth, mask = render(replace(clip.scene, things=left))[0][0], owner == taken
    else:
        truth, mask = picture, _torn(rng, owner.shape)
    grown = int(rng.integers(0, GROWN + 1))
    wide = cv2.dilate(mask.astype(np.uint8), np.ones((2 * grown + 1, 2 * grown + 1), np.uint8)).astype(np.float32)
    layer = cv2.resize(wide, (owner.shape[1] // STRIDE, owner.shape[0] // STRIDE), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.5:
        picture, truth, layer = picture[:, ::-1], truth[:, ::-1], layer[:, ::-1]
    both = video_tensor(np.stack([picture, truth]))
    return {"picture": both[0], "truth": both[1], "layer": torch.from_numpy(layer.copy())[None]}


def _torn(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """A rounded shape anywhere, a twentieth to a fifth of the picture's height in radius."""
    height, width = shape
    mask = np.zeros(shape, np.uint8)
    middle, size = rng.uniform(0.1, 0.9, 2) * [width, height], rng.uniform(0.05, 0.2) * height
    for _ in range(3):
        axes = np.maximum(1, rng.uniform(0.4, 1.0, 2) * size).astype(int)
        at = tuple((middle + rng.normal(0, 0.5 * size, 2)).astype(int).tolist())
        cv2.ellipse(mask, at, tuple(axes.tolist()), float(rng.uniform(0, 180)), 0, 360, 1, -1)
    return mask > 0


class Holes(Pictures):
    """Batch `step`: pictures of the training split, each with something to be taken away."""

    def sample(self, clip: Clip, rng: np.random.Generator) -> Batch:
        return sample(clip, rng)


def backdrop_loss(
    net: BackdropNet,
    batch: Batch,
    settings: LossSettings,
    perceptual: PerceptualDistance | None,
    judge: PatchDiscriminator | None = None,
) -> Tensor:
    """Absolute differences of colours and gradients in the hole, by the hole's pixels, how the whole looks, and what
    the judge says of the hole.
    """
    hole, truth = hole_of(batch["layer"]), batch["truth"]
    behind = net(batch["picture"], hole)
    area = hole.sum((1, 2, 3)).clamp_min(64.0)
    loss = (hole * (behind - truth).abs()).sum((1, 2, 3)) / area / 3
    for found, wanted, axis in zip(gradients(behind), gradients(truth), (3, 2), strict=True):
        inside = hole.narrow(axis, 0, hole.shape[axis] - 1)
        loss = loss + settings.gradient * (inside * (found - wanted).abs()).sum((1, 2, 3)) / area / 3
    total, whole = loss.mean(), torch.lerp(truth, behind, hole)
    if perceptual is not None:
        total = total + settings.perceptual * perceptual(whole, truth)
    if judge is not None:
        pull = -_in_hole(judge(whole), hole)
        total = total + settings.adversarial * balance(total, pull, net.net.out.weight) * pull
    return total


def judge_loss(judge: PatchDiscriminator, net: BackdropNet, batch: Batch) -> Tensor:
    """Hinge over the patches in the hole: the truth's above 1, imagined ones below -1."""
    hole, truth = hole_of(batch["layer"]), batch["truth"]
    with torch.no_grad():
        whole = torch.lerp(truth, net(batch["picture"], hole), hole)
    return _in_hole(F.relu(1.0 - judge(truth)), hole) + _in_hole(F.relu(1.0 + judge(whole)), hole)


def _in_hole(scores: Tensor, hole: Tensor) -> Tensor:
    """Mean of the scores of patches [B, 1, H/8, W/8], each as far as the hole covers it."""
    share = F.adaptive_avg_pool2d(hole, (scores.shape[2], scores.shape[3]))
    return (scores * share).sum() / share.sum().clamp_min(1.0)


def held_pictures(count: int, library: Callable[[str], Library]) -> list[Batch]:
    """Batches of one, each with a thing to be taken away."""
    held, seed = library("held"), HELD_SEEDS
    found: list[Batch] = []
    while len(found) < count:
        clip = make_clip(held, seed, width=256, height=144, frames=1)
        made = sample(clip, np.random.default_rng([seed, 7]))
        if not torch.equal(made["picture"], made["truth"]):  # a thing, and not a torn place
            found.append({name: value[None] for name, value in made.items()})
        seed += 1
    return found


@torch.no_grad()
def evaluate(net: BackdropNet, held: list[Batch]) -> dict[str, float]:
    """Means over pictures, in the hole alone: PSNR in dB of the network's answer and of the soft filling, and the
    answer's edge energy as a share of the truth's.
    """
    scores: dict[str, list[float]] = {"hole_db": [], "soft_db": [], "edges": []}
    for batch in held:
        hole, truth = hole_of(batch["layer"]), batch["truth"]
        behind, softly = net(batch["picture"], hole).clamp(-1, 1), fill(batch["picture"], 1.0 - hole)
        for name, found in (("hole_db", behind), ("soft_db", softly)):
            square = float((hole * (found - truth).square()).sum() / hole.sum() / 3)
            scores[name].append(10 * math.log10(4.0 / max(square, 1e-8)))
        energy = [
            sum(float((hole.narrow(axis, 0, hole.shape[axis] - 1) * part.square()).sum())
                for part, axis in zip(gradients(x), (3, 2), strict=True))
            for x in (behind, truth)
        ]  # fmt: skip
        scores["edges"].append(energy[0] / max(energy[1], 1e-6))
    return {name: round(float(np.mean(values)), 3) for name, values in scores.items()}


def begin(config: BackdropConfig, start: Path | None) -> BackdropNet:
    """A fresh network that corrects nothing yet, with the affinity network's layers where they are the same."""
    torch.manual_seed(0)
    net = BackdropNet(config)
    if start is not None and KIND.described(start).exists():
        net.load_state_dict(load_backdrop(start).state_dict())
        return net
    if start is not None:
        layers = load_affinity(start).state_dict()
        own = net.net.state_dict()
        for name, value in layers.items():
            if not name.startswith("out.") and own[name].shape == value.shape:
                own[name] = value
        own["stem.weight"][:, : layers["stem.weight"].shape[1]] = layers["stem.weight"]
        net.net.load_state_dict(own)
    torch.nn.init.zeros_(net.net.out.weight)
    torch.nn.init.zeros_(net.net.out.bias)  # type: ignore[arg-type]  # Conv2d.bias is Optional in the stubs
    return net


def train(
    recipe: BackdropRecipe,
    folder: Path,
    group: Group,
    *,
    start: Path | None = None,
    minutes: float = math.inf,
    library: Callable[[str], Library] = load_library,
) -> int:
    """Trains until the recipe's steps or the minutes are over; goes on where the folder stands. Returns the step."""
    net, settings, held = begin(recipe.model, start), recipe.loss, held_pictures(recipe.loss.held, library)
    judge = PatchDiscriminator(settings.judge_width).to(group.device)
    judging = Descent(judge, recipe.judge, group)
    holes, perceptual = Holes(library, recipe.data), PerceptualDistance() if settings.perceptual else None

    def update(descent: Descent, step: int, batch: Batch) -> float:
        judges = settings.adversarial > 0 and step >= settings.judge_from
        if judges:
            judging.update(step, lambda batch: judge_loss(judge, net, batch), [batch])
        told = judge if judges else None
        return descent.update(step, lambda batch: backdrop_loss(net, batch, settings, perceptual, told), [batch])

    return KIND.train(
        net, recipe, folder, group, minutes=minutes, update=update, judging=judging,
        evaluate=(lambda average, _: evaluate(average, held)) if held else None,
        batches=lambda step: in_order(holes, step, recipe.data.workers),
    )  # fmt: skip


def main() -> None:
    run_trainer(__doc__, BackdropRecipe, train, start="a package or an affinity run whose layers it begins with")


if __name__ == "__main__":
    main()
