"""Trains the network that says what a hold means, from the world's owner maps.

Owns its samples, loss, recipe and held-out figures. Never touches other weights: the two networks through which it
sees are a package's. One process of `--threads` threads, beside the workers that make pictures.

    python -m training.segmenter --recipe training/recipes/pocket/segmenter.toml --start assets/models/pocket \
        --run runs/segmenter

`--start`: the package whose affinity network it sees through, and whose segmenter, where it has one of this recipe's
shape, it goes on with. Resumes from the run's folder.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from inference.affinity import AffinityNet
from inference.config import SegmenterConfig, load_config
from inference.errors import UserError
from inference.package import DESCRIPTION, SEGMENTER, load_weights
from inference.recogniser import Recogniser
from inference.segmenter import FINE, SegmenterNet, Sight, shown
from training.affinity import load_affinity, relit, zoomed
from training.batches import in_order, to
from training.clips import video_tensor
from training.command import run_trainer
from training.depth import Pictures, PictureSettings
from training.distributed import Group
from training.loop import Batch
from training.one_network import Kind
from training.recipe import OptimiserSettings
from training.recogniser import ASSET
from training.world import Clip, Library, load_library, make_clip
from training.world.scene import PLACE

HELD_SEEDS = 4 * 10**9
LEAST = 30  # pixels: what is smaller is no thing to hold
PLACES = 6  # shown at most on a thing, and as many beside it
ON_THING, ALONE, NOTHING_BESIDE = 0.85, 0.5, 0.6  # shares of holds
RING = 21  # pixels: half of the places beside a thing lie this near to it
KIND = Kind("segmenter", SegmenterConfig, SegmenterNet)
load_segmenter = KIND.load


@dataclass(frozen=True)
class HoldSettings(PictureSettings):
    holds: int


@dataclass(frozen=True)
class LossSettings:
    overlap: float  # weight of the soft intersection over union beside the cross-entropy
    ema: float
    held: int  # pictures for figures; 0: none
    evaluate_every: int


@dataclass(frozen=True)
class SegmenterRecipe:
    model: SegmenterConfig
    data: HoldSettings
    optimiser: OptimiserSettings
    loss: LossSettings


@dataclass(frozen=True, eq=False)
class Eyes:
    affinity: AffinityNet
    recogniser: Recogniser

    @torch.no_grad()
    def see(self, picture: Tensor) -> Sight:
        return Sight.of(picture, self.affinity, self.recogniser)


class Holds(Pictures):
    """Pictures with holds: places on a thing and beside it, [K, PLACES, 2] each with NaN for none, and the share of
    every place of FINE x FINE pixels that the thing covers, [K, H/2, W/2].
    """

    def __init__(self, library: Callable[[str], Library], settings: HoldSettings) -> None:
        super().__init__(library, settings)
        self.holds = settings.holds

    def sample(self, clip: Clip, rng: np.random.Generator) -> Batch:
        picture, owner = clip.frames[0], clip.owner_map[0]
        if rng.random() < self.settings.zoom:
            picture, owner = zoomed(picture, owner, rng)
        if rng.random() < 0.5:
            picture, owner = picture[:, ::-1], owner[:, ::-1]
        holds = [drawn(owner, rng) for _ in range(self.holds)]
        on, beside, mask = (torch.stack(part) for part in zip(*holds, strict=True))
        return {"picture": relit(video_tensor(picture[None].copy())[0], rng), "on": on, "beside": beside, "mask": mask}


def drawn(owner: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """A hold of a picture whose pixels' owners are `owner` [H, W]: places on, places beside, and the thing's share."""
    things = [k for k in np.unique(owner) if k != PLACE and (owner == k).sum() > LEAST]
    thing = owner == (things[rng.integers(len(things))] if things and rng.random() < ON_THING else PLACE)
    if not thing.any():  # one thing covers all
        thing = owner == owner[0, 0]
    inside = cv2.erode(thing.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    ring = cv2.dilate(thing.astype(np.uint8), np.ones((RING, RING), np.uint8)) > 0
    count = 1 if rng.random() < ALONE else int(rng.integers(2, PLACES + 1))
    around = 0 if rng.random() < NOTHING_BESIDE else int(rng.integers(1, PLACES + 1))
    on = places(inside if inside.any() else thing, count, rng)
    near = places(ring & ~thing, around // 2, rng)
    far = places(~thing, around - around // 2, rng)
    return padded(on), padded(np.concatenate([near, far])), share(thing)


def places(of: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """So many places of bool [H, W], normalised [n, 2]; none where it is empty."""
    found = np.argwhere(of)
    if not len(found):
        return np.zeros((0, 2))
    return (found[rng.integers(len(found), size=count)][:, ::-1] + rng.random((count, 2))) / of.shape[::-1]


def padded(at: np.ndarray) -> Tensor:
    found = torch.full((PLACES, 2), torch.nan)
    found[: len(at)] = torch.from_numpy(at).float()
    return found


def share(thing: np.ndarray) -> Tensor:
    return F.avg_pool2d(torch.from_numpy(thing).float()[None], FINE)[0]


def maps_of(sight: Sight, batch: Batch) -> Tensor:
    """[B, K, MAPS, h, w]."""
    each = zip(sight.features.split(1), batch["on"], batch["beside"], strict=True)
    return torch.stack([shown(features, on, beside) for features, on, beside in each])


def segmenter_loss(found: Tensor, truth: Tensor, overlap: float) -> Tensor:
    """Cross-entropy and 1 - soft intersection over union (Rahman and Wang, 2016); logits and shares [B, K, h, w]."""
    entropy = F.binary_cross_entropy_with_logits(found, truth)
    likely = torch.sigmoid(found)
    both = torch.minimum(likely, truth).sum((2, 3))
    either = torch.maximum(likely, truth).sum((2, 3)).clamp_min(1.0)
    return entropy + overlap * (1.0 - both / either).mean()


@torch.no_grad()
def evaluate(net: SegmenterNet, eyes: Eyes, held: list[Batch]) -> dict[str, float]:
    """Over things, each held at the place furthest from its rim: mean intersection over union, and the share under
    0.3; affinity_iou: of affinity alone.
    """
    overlaps, by_affinity = list[float](), list[float]()
    for one in held:
        sight = eyes.see(one["picture"])
        maps = maps_of(sight, one)
        truth = one["mask"] > 0.5
        alike = F.interpolate(maps[0, :, None, 2], size=truth.shape[2:], mode="bilinear")[:, 0]
        for found, into in ((net(sight, maps)[0] > 0, overlaps), (alike > 0.5, by_affinity)):
            into += ((found & truth[0]).sum((1, 2)) / (found | truth[0]).sum((1, 2)).clamp_min(1)).tolist()
    return {
        "iou": round(float(np.mean(overlaps)), 4), "lost": round(float(np.mean(np.array(overlaps) < 0.3)), 4),
        "affinity_iou": round(float(np.mean(by_affinity)), 4),
    }  # fmt: skip


def held_out(count: int, library: Callable[[str], Library]) -> list[Batch]:
    """Pictures of the held-out split, with every thing in them held at the place furthest from its rim."""
    held, found = library("held"), list[Batch]()
    for i in range(count):
        clip = make_clip(held, HELD_SEEDS + i, width=256, height=144, frames=1)
        owner, holds = clip.owner_map[0], []
        for thing in (owner == k for k in np.unique(owner) if k != PLACE and (owner == k).sum() > LEAST):
            deep = cv2.distanceTransform(np.pad(thing.astype(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
            row, column = np.unravel_index(deep.argmax(), deep.shape)
            at = (np.array([[column, row]]) + 0.5) / owner.shape[::-1]
            holds.append((padded(at), padded(np.zeros((0, 2))), share(thing)))
        if holds:
            on, beside, mask = (torch.stack(part)[None] for part in zip(*holds, strict=True))
            found.append({"picture": video_tensor(clip.frames), "on": on, "beside": beside, "mask": mask})
    return found


def train(
    recipe: SegmenterRecipe,
    folder: Path,
    group: Group,
    *,
    start: Path | None = None,
    minutes: float = math.inf,
    library: Callable[[str], Library] = load_library,
) -> int:
    """Trains until the recipe's steps or the minutes are over; goes on where the folder stands. Returns the step."""
    if start is None:
        raise UserError("The segmenter sees through a package's networks.", next="Give one with --start.")
    torch.manual_seed(0)
    net, settings, device = SegmenterNet(recipe.model), recipe.loss, group.device
    if (start / DESCRIPTION).exists() and load_config(start / DESCRIPTION).segmenter == recipe.model:
        load_weights(net, start / SEGMENTER)
    eyes = Eyes(load_affinity(start).to(device), Recogniser.load(ASSET).to(device))
    held = [to(one, device) for one in held_out(settings.held, library)] if settings.held else []
    pictures = Holds(library, recipe.data)

    def loss(batch: Batch) -> Tensor:
        sight = eyes.see(batch["picture"])
        return segmenter_loss(net(sight, maps_of(sight, batch)), batch["mask"], settings.overlap)

    def figures(average: SegmenterNet, _: int) -> dict[str, Any]:
        return evaluate(average, eyes, held)

    return KIND.train(
        net, recipe, folder, group, minutes=minutes, evaluate=figures if held else None,
        batches=lambda step: in_order(pictures, step, recipe.data.workers),
        update=lambda descent, step, batch: descent.update(step, loss, [batch]),
    )  # fmt: skip


def main() -> None:
    run_trainer(
        __doc__, SegmenterRecipe, train, start="the package that it sees through, and whose segmenter it goes on with"
    )


if __name__ == "__main__":
    main()
