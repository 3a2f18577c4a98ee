"""Trains the mask that lets the carried picture through, on what a finished generator makes of clips of the world.

Owns its samples, loss and held-out figures. Never touches other weights: the generator rolls out as in a stream,
and only the mask learns. One process of `--threads` threads, beside the workers that make clips.

    python -m training.blend --recipe training/recipes/pocket/blend.toml --package assets/models/pocket --run runs/blend
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from inference.blend import BlendNet
from inference.config import BlendConfig, load_config, parse
from inference.errors import UserError
from inference.package import BLEND, DESCRIPTION, load_weights
from training.autoencoder import edge_energy, gradient_loss, psnr
from training.causal import drawn_style, held_out_batches, streamed
from training.checkpoint import CHECKPOINT, Run
from training.clips import ClipStream, clip_loader
from training.command import trainer_options
from training.directed import Directed, Prepare
from training.plain_run import train_plainly
from training.recipe import OptimiserSettings, load_recipe
from training.teacher import Base

_CONFIG = "blend.json"


@dataclass(frozen=True)
class BlendData:
    """Sizes are (width, height) in pixels, drawn in turn; frames: 1 + 4 F of a clip."""

    sizes: tuple[tuple[int, int], ...]
    frames: int
    batch: int
    workers: int
    gradient: float  # weight of the gradient loss


@dataclass(frozen=True)
class BlendRecipe:
    model: BlendConfig
    data: BlendData
    optimiser: OptimiserSettings


@dataclass(frozen=True, eq=False)
class Made:
    """What a stream makes of clips, [M, 3, H, W] each: decoded frames, carried ones, how far the picture shows them
    [M, 1, H, W], and the truth.
    """

    decoded: Tensor
    carried: Tensor
    shown: Tensor
    truth: Tensor


@torch.no_grad()
def made(base: Base, batch: dict[str, Tensor]) -> Made:
    """The generator's rollout of a batch of clips, decoded."""
    data = Directed(base.autoencoder, base.affinity, base.config, batch, base.backdrop)
    if data.carried is None:
        raise ValueError("a model that carries no picture has nothing to let through")
    decoded = base.autoencoder.decoder(streamed(base.generator, base.config, data)["model"])[0][:, 1:]
    return Made(
        decoded.flatten(0, 2), data.carried.frames.flatten(0, 1), data.carried.shown.flatten(0, 1),
        batch["video"][:, 1:].flatten(0, 1),
    )  # fmt: skip


def blend_loss(net: BlendNet, sample: Made, gradient: float) -> Tensor:
    frames = net(sample.decoded, sample.carried, sample.shown)
    return F.l1_loss(frames, sample.truth) + gradient * gradient_loss(frames, sample.truth)


@torch.no_grad()
def evaluate(net: BlendNet, held_out: dict[str, list[Made]]) -> dict[str, float]:
    """By kind of control: mean PSNR in dB of decoded, carried and blended frames, and the blend's edges of truth's."""
    found: dict[str, float] = {}
    for kind, samples in held_out.items():
        blended = [net(one.decoded, one.carried, one.shown) for one in samples]
        named = {"decoded": [one.decoded for one in samples], "carried": [one.carried for one in samples]}
        for name, videos in (named | {"blended": blended}).items():
            scores = [psnr(video, one.truth) for video, one in zip(videos, samples, strict=True)]
            found[f"{kind}_{name}_db"] = round(float(np.mean(scores)), 3)
        edges = [edge_energy(video) / edge_energy(one.truth) for video, one in zip(blended, samples, strict=True)]
        found[f"{kind}_edges"] = round(float(np.mean(edges)), 3)
    return found


def train(recipe: BlendRecipe, base: Base, run: Run, *, minutes: float, threads: int) -> None:
    """Trains until the recipe's steps or the minutes are over; goes on where the run's checkpoint stands."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    base.generator.eval().requires_grad_(False)
    net = BlendNet(recipe.model)
    (run.folder / _CONFIG).write_text(json.dumps(asdict(recipe.model)), encoding="utf-8")
    held_out = {
        kind: [made(base, batch) for batch in batches] for kind, batches in held_out_batches(base.config, 6).items()
    }
    config, data = base.config, recipe.data
    prepare = Prepare(config.control.max_tracks, config.transformer.text_tokens, 0.1)

    def batches(step: int) -> Iterator[dict[str, Tensor]]:
        # Seeds are a step's own, so that a resumed run meets new clips.
        stream = ClipStream(prepare, data.sizes, data.frames, data.batch, 5 * 10**8 + step * data.batch, drawn_style)
        return iter(clip_loader(stream, data.workers))

    train_plainly(
        run, net, recipe.optimiser, batches=batches,
        loss=lambda batch: blend_loss(net, made(base, batch), data.gradient),
        evaluate=lambda average: evaluate(average, held_out), every=50, ema=0.99, minutes=minutes,
    )  # fmt: skip


def load_blend(folder: Path) -> BlendNet:
    """The average of a training run's last checkpoint, or the mask of a model package."""
    if (folder / DESCRIPTION).exists():
        config = load_config(folder / DESCRIPTION).blend
        if config is None:
            raise UserError(f"The package {folder} lets nothing of the carried picture through.", next="Train a mask.")
        net = BlendNet(config)
        load_weights(net, folder / BLEND)
    else:
        table = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
        net = BlendNet(parse(BlendConfig, table, "blend"))
        net.load_state_dict(torch.load(folder / CHECKPOINT, weights_only=True)["ema"])
    return net.eval().requires_grad_(False)


def main() -> None:
    parser = trainer_options(__doc__)
    parser.add_argument("--package", type=Path, required=True, help="whose generator makes the frames")
    arguments = parser.parse_args()
    recipe = load_recipe(BlendRecipe, arguments.recipe)
    base = Base.load(arguments.package, torch.device("cpu"))
    train(recipe, base, Run(arguments.run), minutes=arguments.minutes, threads=arguments.threads)


if __name__ == "__main__":
    main()
