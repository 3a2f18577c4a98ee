"""Trains the network that says how near everything in a picture is, from the world's exact depth.

Owns its samples, loss, recipe and held-out figures. Never touches other weights. One process of `--threads` threads,
beside the workers that make pictures.

    python -m training.depth --recipe training/recipes/pocket/depth.toml --start assets/models/pocket --run runs/depth

`--start`: a package, or a run of training.affinity, whose network it begins with; without, from nothing.
Resumes from the run's folder.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from inference.config import DepthConfig
from inference.depth import FINE, DepthNet, relative
from inference.errors import UserError
from inference.motion.ground import ground_inverse_depth
from inference.pyramid import STRIDE
from training.affinity import load_affinity, relit, zoomed
from training.batches import in_order, stacked
from training.clips import video_tensor
from training.command import run_trainer
from training.distributed import Group
from training.loop import Batch
from training.one_network import Kind
from training.recipe import OptimiserSettings
from training.world import Clip, Library, load_library, make_clip

CELL = STRIDE // FINE  # pixels of a place of the answer
SCALES = 4  # at which gradients are compared: every place, every second, ...
HELD_SEEDS = 4 * 10**9
KIND = Kind("depth", DepthConfig, DepthNet)
load_depth = KIND.load
PAIRS, APART, NEAR = 4000, 0.05, 20  # per picture; least difference that has an order; places between neighbours


@dataclass(frozen=True)
class PictureSettings:
    """Which pictures are shown. Sizes are (width, height) in pixels, one a step."""

    sizes: tuple[tuple[int, int], ...]
    small_sizes: tuple[tuple[int, int], ...]  # of the first `small_steps` steps
    small_steps: int
    batch: int
    small_batch: int
    workers: int  # processes that make pictures
    seed: int  # of the first one
    zoom: float  # share of pictures of which only a part is taken, enlarged


@dataclass(frozen=True)
class LossSettings:
    gradient: float  # weight of the gradients' differences, over all scales
    anchor: float  # of depth as it is told, neither shifted nor scaled: what makes 0 mean far
    ema: float
    held: int  # pictures for figures; 0: none
    evaluate_every: int


@dataclass(frozen=True)
class DepthRecipe:
    model: DepthConfig
    data: PictureSettings
    optimiser: OptimiserSettings
    loss: LossSettings


def sample(clip: Clip, rng: np.random.Generator, zoom: float) -> Batch:
    """A picture [3, H, W] and the relative inverse depth of every CELLth pixel, [1, H/2, W/2]."""
    picture, depth = clip.frames[0], clip.depth[0]
    if rng.random() < zoom:
        picture, depth = zoomed(picture, depth, rng)
    if rng.random() < 0.5:
        picture, depth = picture[:, ::-1], depth[:, ::-1]
    return {"picture": relit(video_tensor(picture[None].copy())[0], rng), "inverse": told(depth)[None]}


def told(depth: np.ndarray) -> Tensor:
    """Metres [H, W] to relative inverse depth [H/2, W/2]: no mean, which would lie between a thing and what is behind
    it. A sky that the world puts a kilometre away is at the far end.
    """
    return torch.from_numpy(relative(1.0 / depth)[CELL // 2 :: CELL, CELL // 2 :: CELL].copy())


class Pictures(Dataset[Batch]):
    """Batch `step`: first frames of clips of the training split."""

    def __init__(self, library: Callable[[str], Library], settings: PictureSettings) -> None:
        self.library, self.settings = library, settings
        self._library: Library | None = None

    def __getitem__(self, step: int) -> Batch:
        if get_worker_info() is not None:
            torch.set_num_threads(1)
        if self._library is None:
            self._library = self.library("train")
        data = self.settings
        small = step < data.small_steps
        sizes, count = (data.small_sizes, data.small_batch) if small else (data.sizes, data.batch)
        width, height = sizes[step % len(sizes)]
        first = data.seed + step * max(data.batch, data.small_batch)
        made = []
        for seed in range(first, first + count):
            clip = make_clip(self._library, seed, width=width, height=height, frames=1)
            made.append(self.sample(clip, np.random.default_rng([seed, 41])) | {"seed": torch.tensor(seed)})
        return stacked(made)

    def sample(self, clip: Clip, rng: np.random.Generator) -> Batch:
        """What a trainer sees of a clip's first frame."""
        return sample(clip, rng, self.settings.zoom)


def depth_loss(found: Tensor, truth: Tensor, settings: LossSettings) -> Tensor:
    """Scale- and shift-invariant L1 with gradients at four scales (Ranftl et al. 2020, MiDaS), and the anchor.

    found, truth: relative inverse depth [B, 1, h, w].
    """
    difference = _levelled(found) - _levelled(truth)
    loss = difference.abs().mean() + settings.anchor * (found - truth).abs().mean()
    for scale in range(SCALES):
        part = difference[..., :: 2**scale, :: 2**scale]
        across, down = part.diff(dim=-1).abs().mean(), part.diff(dim=-2).abs().mean()
        loss = loss + settings.gradient * (across + down)
    return loss


def _levelled(x: Tensor) -> Tensor:
    """Each picture with its median at 0 and a mean distance from it of 1."""
    flat = x.flatten(1)
    away = flat - flat.median(dim=1, keepdim=True).values
    return (away / away.abs().mean(dim=1, keepdim=True).clamp_min(1e-3)).view_as(x)


@dataclass(frozen=True, eq=False)
class HeldPicture:
    """picture: [1, 3, H, W]; truth: relative inverse depth [h, w]; owner: [h, w]."""

    picture: Tensor
    truth: np.ndarray
    owner: np.ndarray


def held_pictures(count: int, library: Callable[[str], Library]) -> list[HeldPicture]:
    held, found = library("held"), []
    for i in range(count):
        clip = make_clip(held, HELD_SEEDS + i, width=256, height=144, frames=1)
        owner = clip.owner_map[0][CELL // 2 :: CELL, CELL // 2 :: CELL]
        found.append(HeldPicture(video_tensor(clip.frames), told(clip.depth[0]).numpy(), owner))
    return found


def judged(found: list[np.ndarray], held: list[HeldPicture]) -> dict[str, float]:
    """Means over pictures. error: |found - truth| after the best scale and shift; told_error: as it is told, without.
    order: share of pairs of places whose order is right; border_order: of neighbours that belong to different things.
    """
    errors, told_errors, orders, borders = [], [], [], []
    for i, (inverse, one) in enumerate(zip(found, held, strict=True)):
        a = np.stack([inverse.ravel(), np.ones(inverse.size)], axis=1)
        best, *_ = np.linalg.lstsq(a, one.truth.ravel(), rcond=None)
        errors.append(np.abs(a @ best - one.truth.ravel()).mean())
        told_errors.append(np.abs(relative(inverse) - one.truth).mean())
        rng, size = np.random.default_rng([i, 43]), np.array(one.truth.shape)
        here, there = (rng.integers(size, size=(PAIRS, 2)) for _ in range(2))
        orders.append(_ordered(inverse, one.truth, here, there))
        beside = np.clip(here + rng.integers(-NEAR, NEAR + 1, size=(PAIRS, 2)), 0, size - 1)
        across = one.owner[tuple(here.T)] != one.owner[tuple(beside.T)]
        borders.append(_ordered(inverse, one.truth, here[across], beside[across]))
    named = {"error": errors, "told_error": told_errors, "order": orders, "border_order": borders}
    return {name: round(float(np.nanmean(values)), 4) for name, values in named.items()}


def _ordered(found: np.ndarray, truth: np.ndarray, here: np.ndarray, there: np.ndarray) -> float:
    """Of pairs whose truths differ by APART, the share in the right order, a tie counting half; NaN without pairs."""
    true = truth[tuple(here.T)] - truth[tuple(there.T)]
    ours = found[tuple(here.T)] - found[tuple(there.T)]
    clear = np.abs(true) > APART
    right = np.where(ours == 0, 0.5, np.sign(ours) == np.sign(true))
    return float(right[clear].mean()) if clear.any() else float("nan")


@torch.no_grad()
def evaluate(net: DepthNet, held: list[HeldPicture]) -> dict[str, float]:
    device = next(net.parameters()).device
    return judged([net(one.picture.to(device))[0, 0].cpu().numpy() for one in held], held)


def baselines(held: list[HeldPicture]) -> dict[str, dict[str, float]]:
    """The same figures for guesses that look at no picture: one depth for all, the row, and the ground plane."""
    height, width = held[0].truth.shape
    row = np.repeat(np.linspace(0.0, 1.0, height)[:, None], width, axis=1)
    guesses = {"constant": np.ones((height, width)), "row": row, "ground": ground_inverse_depth(width, height)}
    return {name: judged([guess] * len(held), held) for name, guess in guesses.items()}


def begin(config: DepthConfig, start: Path | None) -> DepthNet:
    """A fresh network, with the affinity network's layers where they are the same."""
    torch.manual_seed(0)
    net = DepthNet(config)
    if start is not None:
        affinity = load_affinity(start)
        sizes = {name: value for name, value in asdict(affinity.config).items() if name != "features"}
        if sizes != asdict(config):
            raise UserError(
                f"The affinity network of {start} has other sizes than this depth network.",
                next="Give the recipe its sizes, or leave --start out.",
            )
        layers = {name: value for name, value in affinity.state_dict().items() if not name.startswith("out.")}
        net.load_state_dict(net.state_dict() | layers)
    return net


def train(
    recipe: DepthRecipe,
    folder: Path,
    group: Group,
    *,
    start: Path | None = None,
    minutes: float = math.inf,
    library: Callable[[str], Library] = load_library,
) -> int:
    """Trains until the recipe's steps or the minutes are over; goes on where the folder stands. Returns the step."""
    net, settings, held = begin(recipe.model, start), recipe.loss, held_pictures(recipe.loss.held, library)
    pictures = Pictures(library, recipe.data)

    def loss(batch: Batch) -> Tensor:
        return depth_loss(net(batch["picture"]), batch["inverse"], settings)

    def figures(average: DepthNet, step: int) -> dict[str, Any]:
        return evaluate(average, held) | (baselines(held) if step == 0 else {})

    return KIND.train(
        net, recipe, folder, group, minutes=minutes, evaluate=figures if held else None,
        batches=lambda step: in_order(pictures, step, recipe.data.workers),
        update=lambda descent, step, batch: descent.update(step, loss, [batch]),
    )  # fmt: skip


def main() -> None:
    run_trainer(__doc__, DepthRecipe, train, start="a package or an affinity run whose network it begins with")


if __name__ == "__main__":
    main()
