"""Trains the teacher: the generator over whole clips, in both directions, by rectified flow (paper section 3).

Owns its loss, recipe and held-out figures. Never touches the autoencoder's or the affinity network's weights. One
process, or one a device under torchrun (training.distributed).

    python -m training.teacher --recipe training/recipes/pocket/teacher.toml --start assets/models/pocket \
        --run runs/teacher

Starts from a package's weights. Every latent but the picture's has the same noise level; the picture is clean. Text,
tracks and picture are left out at random, so that guidance has something to compare with. From the recipe's `later` on,
tracks are faulty and fall silent in mid-clip. Resumes from the run's folder.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inference.affinity import AffinityNet
from inference.autoencoder import Autoencoder
from inference.backdrop import BackdropNet
from inference.config import ModelConfig, load_config
from inference.errors import UserError
from inference.generator import Generator
from inference.package import AFFINITY, AUTOENCODER, BACKDROP, DESCRIPTION, GENERATOR, load_weights
from training.autoencoder import psnr
from training.batches import Feed, Sampled, silence, to
from training.causal import channel_weights, held_out_batches
from training.command import told_plainly, trainer_options
from training.directed import Directed
from training.distributed import Checkpoints, Group, processes, sharded, twin
from training.flow import Chances, Prior, Told, flow_loss
from training.guidance import GuidanceSettings, sample
from training.loop import Batch, Descent, follow, run_steps
from training.recipe import DataSettings, OptimiserSettings, load_recipe
from training.shards import source_of
from training.world import Library, load_library


@dataclass(frozen=True)
class TeacherSettings:
    prior: str  # where the flow starts: one of training.flow.Prior
    shift: float  # of the timestep; the paper's k = 6
    drop_text: float  # shares of samples that lack each
    drop_tracks: float
    drop_picture: float
    later: int  # the step from which tracks are faulty and masked
    imperfect: float  # share of samples with faulty tracks, then
    mask: float  # probability that a mid-clip latent's control is silent, then
    ema: float
    held_clips: int  # of each kind, for figures; 0: none
    evaluate_every: int  # steps
    sample_steps: int

    def __post_init__(self) -> None:
        if self.prior not in tuple(Prior):
            raise ValueError(f"teacher.prior is {self.prior!r}, not one of {', '.join(Prior)}")


@dataclass(frozen=True)
class TeacherRecipe:
    data: DataSettings
    optimiser: OptimiserSettings
    teacher: TeacherSettings
    guidance: GuidanceSettings


@dataclass(frozen=True, eq=False)
class Base:
    """A model package as trainers take it: everything but the generator stays as it is."""

    config: ModelConfig
    autoencoder: Autoencoder
    affinity: AffinityNet
    backdrop: BackdropNet | None
    generator: Generator

    @classmethod
    def load(cls, package: Path, device: torch.device) -> Base:
        """Raises UserError where the package is damaged. Weights are float32 here, whatever they are stored in."""
        if not package.is_dir():
            raise UserError(f"There is no model package at {package}.", next="Choose the folder that has model.toml.")
        config = load_config(package / DESCRIPTION)
        autoencoder, affinity = Autoencoder(config.autoencoder), AffinityNet(config.affinity)
        backdrop = BackdropNet(config.backdrop) if config.backdrop else None
        base = cls(config, autoencoder, affinity, backdrop, Generator(config))
        load_weights(base.generator, package / GENERATOR)
        for module, name in ((autoencoder, AUTOENCODER), (affinity, AFFINITY), (backdrop, BACKDROP)):
            if module is not None:
                load_weights(module, package / name)
                module.eval().requires_grad_(False).to(device)
        return base

    def directed(self, batch: Batch) -> Directed:
        device = next(self.autoencoder.parameters()).device.type
        with torch.autocast(device, enabled=False):  # positions need float32, whatever the generator computes in
            return Directed(self.autoencoder, self.affinity, self.config, batch, self.backdrop)


def left_out(told: Told, quiet: Tensor, settings: TeacherSettings, chances: Chances) -> Told:
    """Text, tracks and picture each missing in some of the samples, independently of each other."""
    device = told.text.device
    shares = (settings.drop_text, settings.drop_tracks, settings.drop_picture)
    text, tracks, picture = ((chances.uniform() < share).to(device) for share in shares)
    return told.without_text(quiet, text).without_tracks(tracks).without_picture(picture)


def teacher_loss(
    generator: Generator, base: Base, batch: Batch, quiet: Tensor, weights: Tensor, settings: TeacherSettings
) -> Tensor:
    """Flow loss of one batch; level, noise and what is left out come from each sample's seed."""
    data, chances = base.directed(batch), Chances(batch["seed"].tolist())
    clean = data.latents[:, 1:]
    told = left_out(Told.of(data, Prior(settings.prior)), quiet, settings, chances)
    t = chances.time(settings.shift).to(clean.device)
    return flow_loss(generator, base.config, clean, told, t, chances.normal(clean), weights)


@torch.no_grad()
def evaluate(
    generator: Generator, base: Base, quiet: Tensor, recipe: TeacherRecipe, held: dict[str, list[Batch]]
) -> dict[str, Any]:
    """Mean PSNR in dB of held-out clips sampled whole, with joint guidance and without, by kind of control."""
    found: dict[str, Any] = {}
    for kind, clips in held.items():
        for name, guidance in (("plain", None), ("guided", recipe.guidance)):
            scores = []
            for i, batch in enumerate(clips):
                data = base.directed(batch)
                clean, told = data.latents[:, 1:], Told.of(data, Prior(recipe.teacher.prior))
                made = sample(
                    generator, base.config, told, quiet, guidance, steps=recipe.teacher.sample_steps,
                    shift=recipe.teacher.shift, noise=Chances([i]).normal(clean),
                )  # fmt: skip
                decoded = base.autoencoder.decoder(torch.cat([data.latents[:, :1], made], dim=1))[0]
                scores.append(psnr(decoded[:, 1:].flatten(1, 2), batch["video"][:, 1:]))
            found[f"{kind}_{name}_db"] = round(float(np.mean(scores)), 3)
    return found


def train(
    recipe: TeacherRecipe,
    start: Path,
    folder: Path,
    group: Group,
    *,
    minutes: float = math.inf,
    library: Callable[[str], Library] = load_library,
) -> int:
    """Trains until the recipe's steps or the minutes are over; goes on where the folder stands. Returns the step."""
    torch.manual_seed(0)
    base, settings = Base.load(start, group.device), recipe.teacher
    average = twin(base.generator, group)
    network = sharded(copy.deepcopy(base.generator), group)
    descent = Descent(network, recipe.optimiser, group)
    checkpoints = Checkpoints(
        folder, group, {"model": network, "ema": average}, {"optimiser": (network, descent.optimiser)},
        {"trainer": "teacher", "model": replace(base.config, depth=None).described()} | asdict(recipe),
    )  # fmt: skip
    sampled = Sampled(base.config, later=settings.later, imperfect=settings.imperfect, mask=settings.mask)
    feed = Feed(source_of(sampled, library, recipe.data, group), recipe.data, group)
    quiet, weights = silence(base.config, group.device), channel_weights(base.autoencoder)

    def update(step: int) -> dict[str, float]:
        loss = descent.update(
            step, lambda batch: teacher_loss(network, base, batch, quiet, weights, settings), feed(step)
        )
        follow(average, network, settings.ema, step)
        return {"loss": loss}

    held = {}
    if settings.held_clips:
        held = {
            kind: [to(batch, group.device) for batch in clips]
            for kind, clips in held_out_batches(base.config, settings.held_clips).items()
        }
    return run_steps(
        update, checkpoints, steps=recipe.optimiser.steps, minutes=minutes,
        evaluate=(lambda step: evaluate(average, base, quiet, recipe, held)) if held else None,
        evaluate_every=settings.evaluate_every,
    )  # fmt: skip


def main() -> None:
    parser = trainer_options(__doc__)
    parser.add_argument("--start", type=Path, required=True, help="the package whose weights it begins with")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with told_plainly(), processes() as group:
        recipe = load_recipe(TeacherRecipe, arguments.recipe)
        train(recipe, arguments.start, arguments.run, group, minutes=arguments.minutes)


if __name__ == "__main__":
    main()
