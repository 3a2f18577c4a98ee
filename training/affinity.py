"""Trains the network that says what belongs together in a picture, from the world's owner maps.

Owns its samples, loss and held-out figures. Never touches other weights. One process of `--threads` threads,
beside the workers that make pictures.

    python -m training.affinity --recipe training/recipes/pocket/affinity.toml --run runs/affinity
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from inference.affinity import STRIDE, AffinityNet, feature_distance
from inference.config import AffinityConfig, load_config, parse
from inference.layer import grid_centres
from inference.package import AFFINITY, DESCRIPTION, load_weights
from training.autoencoder import any_style
from training.checkpoint import CHECKPOINT, Run
from training.clips import ClipStream, clip_loader, video_tensor
from training.command import trainer_options
from training.plain_run import train_plainly
from training.recipe import OptimiserSettings
from training.world import Clip, load_library, make_clip
from training.world.scene import PLACE

WIDE = 0.5  # picture heights: further from a query than this, an error weighs little, for no track reaches there
FAR_WEIGHT = 0.2
HELD_SEEDS = 4 * 10**9


class Queries:
    """A picture, places in it, and for each the share of every feature cell that its thing covers."""

    def __init__(self, count: int, zoom: float) -> None:
        self.count, self.zoom = count, zoom

    def __call__(self, clip: Clip, rng: np.random.Generator) -> dict[str, Any]:
        picture, owner = clip.frames[0], clip.owner_map[0]
        if rng.random() < self.zoom:
            picture, owner = zoomed(picture, owner, rng)
        if rng.random() < 0.5:
            picture, owner = picture[:, ::-1], owner[:, ::-1]
        at, mask = self.drawn(owner, rng)
        return {"picture": relit(video_tensor(picture[None].copy())[0], rng), "at": at, "mask": mask}

    def drawn(self, owner: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Places [N, 2], two of three on things where there are any, and masks [N, h, w]."""
        height, width = owner.shape
        things = [k for k in np.unique(owner) if k != PLACE and (owner == k).sum() > 30]
        at, masks = [], []
        for n in range(self.count):
            mask = owner == (things[rng.integers(len(things))] if things and n % 3 else PLACE)
            if not mask.any():  # one thing covers all
                mask = owner == owner[0, 0]
            row, column = np.argwhere(mask)[rng.integers(mask.sum())]
            at.append(((column + rng.random()) / width, (row + rng.random()) / height))
            masks.append(mask)
        share = F.avg_pool2d(torch.from_numpy(np.stack(masks)).float()[:, None], STRIDE)[:, 0]
        return torch.tensor(at, dtype=torch.float32), share


def zoomed(picture: np.ndarray, owner: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A part of the picture, as large as the whole."""
    height, width = owner.shape
    scale = rng.uniform(0.35, 0.9)
    h, w = round(height * scale), round(width * scale)
    top, left = rng.integers(height - h + 1), rng.integers(width - w + 1)
    part = np.s_[top : top + h, left : left + w]
    return (
        cv2.resize(picture[part], (width, height), interpolation=cv2.INTER_CUBIC),
        cv2.resize(owner[part], (width, height), interpolation=cv2.INTER_NEAREST),
    )


def relit(picture: Tensor, rng: np.random.Generator) -> Tensor:
    """Another light: gain and gamma a channel, sometimes without colour."""
    x = (picture + 1.0) / 2.0
    gain, gamma = (torch.from_numpy(rng.uniform(low, 1 / low, (3, 1, 1))).float() for low in (0.85, 0.8))
    x = (x.clamp(0, 1) ** gamma * gain).clamp(0, 1)
    if rng.random() < 0.1:
        x = x.mean(0, keepdim=True).expand(3, -1, -1)
    return (x * 2.0 - 1.0).contiguous()


def affinity_loss(model: AffinityNet, batch: dict[str, Tensor]) -> Tensor:
    """Binary cross-entropy of the affinity to each query's thing, over all cells."""
    _, _, height, width = batch["picture"].shape
    distance = feature_distance(model(batch["picture"]), batch["at"])  # [B, Q, N]
    share = batch["mask"].flatten(2).transpose(1, 2)
    apart = (-torch.expm1(-distance - 1e-4)).log()  # log of 1 - affinity
    aspect = torch.tensor([width / height, 1.0])
    cells = (grid_centres(height // STRIDE, width // STRIDE, share.device) * aspect).expand(len(share), -1, -1)
    weight = torch.where(torch.cdist(cells, batch["at"] * aspect) < WIDE, 1.0, FAR_WEIGHT)
    return (weight * (share * distance - (1.0 - share) * apart)).mean()


@torch.no_grad()
def evaluate(model: AffinityNet, pictures: list[dict[str, Tensor]]) -> dict[str, float]:
    """Mean intersection over union with the query's thing, over queries on things, and the loss."""
    overlaps, losses = [], []
    for sample in pictures:
        distance = feature_distance(model(sample["picture"]), sample["at"])
        found = torch.exp(-distance) > 0.5
        truth = sample["mask"].flatten(2).transpose(1, 2) > 0.5
        union = (found | truth).sum(1).clamp_min(1)
        overlap = (found & truth).sum(1) / union  # [1, N]
        overlaps.append(overlap[truth.float().mean(1) < 0.4])
        losses.append(float(affinity_loss(model, sample)))
    return {"iou": round(float(torch.cat(overlaps).mean()), 4), "loss_held": round(float(np.mean(losses)), 4)}


def held_out_pictures(count: int, queries: int) -> list[dict[str, Tensor]]:
    """Batches of one, of the held-out split."""
    library, found = load_library("held"), []
    for i in range(count):
        clip = make_clip(library, HELD_SEEDS + i, width=256, height=144, frames=1, style="any")
        at, mask = Queries(queries, 0.0).drawn(clip.owner_map[0], np.random.default_rng([i, 11]))
        found.append({"picture": video_tensor(clip.frames), "at": at[None], "mask": mask[None]})
    return found


def batches(data: dict[str, Any], step: int) -> Iterator[dict[str, Tensor]]:
    """Those of `step` and of all steps after it: small pictures first."""
    prepare = Queries(data["queries"], data["zoom"])
    while True:
        small = step < data["small_steps"]
        sizes, batch = (data["small_sizes"], data["small_batch"]) if small else (data["sizes"], data["batch"])
        # Seeds are a step's own, so that a resumed run meets new pictures.
        stream = ClipStream(prepare, tuple(map(tuple, sizes)), 1, batch, step * 64, any_style)
        yield from islice(clip_loader(stream, data["workers"]), data["small_steps"] - step if small else None)
        step = data["small_steps"]


def train(recipe: dict[str, Any], run: Run, *, minutes: float, threads: int) -> None:
    """Trains until the recipe's steps or the minutes are over; goes on where the run's checkpoint stands."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model, data = AffinityNet(parse(AffinityConfig, recipe["model"], "model")), recipe["data"]
    (run.folder / "affinity.json").write_text(json.dumps(recipe["model"]), encoding="utf-8")
    known = {name: value for name, value in recipe["optimiser"].items() if name != "ema"}
    held_out = held_out_pictures(60, data["queries"])
    train_plainly(
        run, model, OptimiserSettings(**known, betas=(0.9, 0.98), clip=1.0, bf16=False),
        batches=lambda step: batches(data, step), loss=lambda samples: affinity_loss(model, samples),
        evaluate=lambda average: evaluate(average, held_out), every=100, ema=recipe["optimiser"]["ema"],
        minutes=minutes,
    )  # fmt: skip


def load_affinity(folder: Path) -> AffinityNet:
    """The average of a training run's last checkpoint, or the affinity network of a model package."""
    if (folder / DESCRIPTION).exists():
        affinity = AffinityNet(load_config(folder / DESCRIPTION).affinity)
        load_weights(affinity, folder / AFFINITY)
    else:
        config = json.loads((folder / "affinity.json").read_text(encoding="utf-8"))
        affinity = AffinityNet(parse(AffinityConfig, config, "affinity"))
        affinity.load_state_dict(torch.load(folder / CHECKPOINT, weights_only=True)["ema"])
    return affinity.eval().requires_grad_(False)


def main() -> None:
    parser = trainer_options(__doc__)
    arguments = parser.parse_args()
    recipe = tomllib.loads(arguments.recipe.read_text(encoding="utf-8"))
    train(recipe, Run(arguments.run), minutes=arguments.minutes, threads=arguments.threads)


if __name__ == "__main__":
    main()
