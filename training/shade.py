"""Trains the network that knows a thing's shadow from the ground it falls on.

Owns its samples, loss and held-out figures. Never touches other weights. One process of `--threads` threads, beside
the workers that make pictures.

    python -m training.shade --recipe training/recipes/pocket/shade.toml --run runs/shade

Every thing of a picture of the world is drawn without its shadow, and then given one: the world's own soft disc, or
its silhouette laid on the ground to any side, sharp or soft, with a dark line of contact or without; or none. Shadows
are factors, so the truth is exact. Resumes from the run's folder.
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

from inference.config import ShadeConfig
from inference.shade import FINE, ShadeNet
from training.affinity import relit
from training.batches import in_order
from training.clips import video_tensor
from training.command import run_trainer
from training.depth import Pictures, PictureSettings
from training.distributed import Group
from training.loop import Batch, Descent
from training.one_network import Kind
from training.recipe import OptimiserSettings
from training.world import Clip, Library, load_library, make_clip
from training.world.render import draw_shadow, render
from training.world.scene import PLACE, Scene

HELD_SEEDS = 7 * 10**9
LEAST = 60  # pixels: what is smaller is no thing to hold
NONE, DISC = 0.2, 0.4  # shares of things without a shadow, and with the world's own; the rest lay their silhouette down
KIND = Kind("shade", ShadeConfig, ShadeNet)
load_shade = KIND.load


@dataclass(frozen=True)
class LossSettings:
    shadow: float  # extra weight of places in the thing's shadow
    ema: float
    held: int  # pictures for figures; 0: none
    evaluate_every: int


@dataclass(frozen=True)
class ShadeRecipe:
    model: ShadeConfig
    data: PictureSettings
    optimiser: OptimiserSettings
    loss: LossSettings


def sample(clip: Clip, rng: np.random.Generator) -> Batch:
    """A picture [3, H, W], a thing's outline [1, H, W], and on a grid of FINE pixels [1, H/2, W/2] how much of the
    light it takes, and which places count: what it covers itself does not.
    """
    scene, owner = clip.scene, clip.owner_map[0]
    bare = render(replace(scene, things=tuple(replace(thing, shadow=None) for thing in scene.things)))[0][0]
    things = [k for k in np.unique(owner) if k != PLACE and (owner == k).sum() > LEAST]
    held = int(rng.choice(things)) if things else PLACE
    left = {int(k): left_by(scene, int(k), owner, rng) for k in things}
    place = owner == PLACE
    light = np.where(place, np.prod(list(left.values()), axis=0), 1.0) if left else np.ones(owner.shape)
    dark = np.where(place, 1.0 - left[held], 0.0) if held in left else np.zeros(owner.shape)
    picture = relit(video_tensor(bare[None])[0], rng)
    picture = (picture + 1.0) * torch.from_numpy(light).float() - 1.0
    mask = (owner == held) & (held != PLACE)
    grown = cv2.dilate(mask.astype(np.uint8), np.ones((2 * int(rng.integers(3)) + 1,) * 2, np.uint8))
    planes = torch.from_numpy(np.stack([grown, dark, ~mask]).astype(np.float32))
    if rng.random() < 0.5:
        picture, planes = picture.flip(-1), planes.flip(-1)
    dark_and_counts = F.avg_pool2d(planes[1:], FINE)
    return {
        "picture": picture.contiguous(), "outline": planes[:1].contiguous(),
        "dark": dark_and_counts[:1], "counts": dark_and_counts[1:],
    }  # fmt: skip


def left_by(scene: Scene, thing: int, owner: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What of the light a thing of the first frame leaves for every pixel, [H, W] in [0, 1]."""
    kind = rng.random()
    left = np.ones((*owner.shape, 1), np.float32)
    if kind < NONE:
        return left[..., 0]
    if kind < NONE + DISC:
        disc = np.full((*owner.shape, 1), 255.0, np.float32)
        draw_shadow(disc, scene.things[thing], int(scene.middles[0]))
        return np.minimum(disc[..., 0] / 255.0, 1.0)
    height, width = owner.shape
    mask = (owner == thing).astype(np.float32)
    foot = float(np.flatnonzero(mask.any(1))[-1]) + 1.0
    flat, lean = rng.uniform(-0.5, 0.5), rng.normal(0.0, 0.9)
    shadows = [(flat, lean, rng.uniform(0.004, 0.05), rng.uniform(0.2, 0.75))]
    if rng.random() < 0.6:
        shadows.append((rng.uniform(0.02, 0.1), 0.0, rng.uniform(0.004, 0.015), rng.uniform(0.2, 0.7)))
    for flat, lean, blur, strength in shadows:
        # Of the silhouette the row y pixels above the foot lies flat * y above it, and lean * y to the side.
        lay = np.array([[1, -lean, lean * foot], [0, flat, foot * (1 - flat)]], np.float32)
        shadow = cv2.GaussianBlur(cv2.warpAffine(mask, lay, (width, height)), (0, 0), blur * height)
        left[..., 0] *= 1.0 - strength * shadow
    return left[..., 0]


class Shadows(Pictures):
    """Batch `step`: pictures of the training split, each with a thing and the shadow that is its own."""

    def sample(self, clip: Clip, rng: np.random.Generator) -> Batch:
        return sample(clip, rng)


def shade_loss(net: ShadeNet, batch: Batch, settings: LossSettings) -> Tensor:
    """Cross-entropy of the light that is taken, where the thing does not cover the place itself. (Absolute differences
    learnt nothing: most places lie in no shadow.)
    """
    found = net(batch["picture"], batch["outline"]).float()
    weight = batch["counts"] * (1.0 + settings.shadow * (batch["dark"] > 0.02))
    return F.binary_cross_entropy_with_logits(found, batch["dark"], weight, reduction="sum") / weight.sum().clamp_min(
        1.0
    )


@torch.no_grad()
def evaluate(net: ShadeNet, held: list[Batch]) -> dict[str, float]:
    """Shares of all the light that things take: what is missed, and what is taken beyond it."""
    missed, invented, all_dark = 0.0, 0.0, 0.0
    for batch in held:
        error = batch["counts"] * (net(batch["picture"], batch["outline"]).sigmoid() - batch["dark"])
        missed += float(error.clamp_max(0.0).abs().sum())
        invented += float(error.clamp_min(0.0).sum())
        all_dark += float((batch["counts"] * batch["dark"]).sum())
    return {"missed": round(missed / all_dark, 4), "invented": round(invented / all_dark, 4)}


def held_pictures(count: int, library: Callable[[str], Library]) -> list[Batch]:
    held = library("held")
    found: list[Batch] = []
    for seed in range(HELD_SEEDS, HELD_SEEDS + count):
        clip = make_clip(held, seed, width=256, height=144, frames=1)
        made = sample(clip, np.random.default_rng([seed, 7]))
        found.append({name: value[None] for name, value in made.items()})
    return found


def train(
    recipe: ShadeRecipe,
    folder: Path,
    group: Group,
    *,
    start: Path | None = None,
    minutes: float = math.inf,
    library: Callable[[str], Library] = load_library,
) -> int:
    """Trains until the recipe's steps or the minutes are over; goes on where the folder stands. Returns the step.

    start: a finished run to begin with the weights of.
    """
    torch.manual_seed(0)
    net, settings = ShadeNet(recipe.model) if start is None else load_shade(start).requires_grad_(True), recipe.loss
    held = held_pictures(settings.held, library) if settings.held else []
    pictures = Shadows(library, recipe.data)

    def update(descent: Descent, step: int, batch: Batch) -> float:
        return descent.update(step, lambda batch: shade_loss(net, batch, settings), [batch])

    return KIND.train(
        net, recipe, folder, group, minutes=minutes, update=update,
        evaluate=(lambda average, _: evaluate(average, held)) if held else None,
        batches=lambda step: in_order(pictures, step, recipe.data.workers),
    )  # fmt: skip


def main() -> None:
    run_trainer(__doc__, ShadeRecipe, train, start="a finished run whose weights it begins with")


if __name__ == "__main__":
    main()
