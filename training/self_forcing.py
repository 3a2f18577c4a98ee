"""Trains the student by Self Forcing with distribution matching (paper section 4).

Owns both losses, the recipe and the loop. Never touches the teacher's, the autoencoder's or the affinity network's
weights. One process, or one a device under torchrun (training.distributed).

    python -m training.self_forcing --recipe training/recipes/pocket/self_forcing.toml --start assets/models/pocket \
        --teacher runs/teacher --student runs/causal --run runs/self_forcing

The student makes clips through `inference.rollout.Rollout`, with its rolling cache and sink, past the window. A critic
learns by flow matching what the student's clips are like, without guidance. The teacher, with joint guidance, says what
they should be like. Both look at whole clips in both directions, so neither ever sees the cache's seams; the difference
of what they would make of a noised clip is the student's gradient. Needs pictures, prompts and tracks, no true video:
the clips' frames after the first are not looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inference import sampler
from inference.autoencoder import FRAMES
from inference.config import ModelConfig
from inference.errors import UserError
from inference.generator import Generator
from inference.rollout import Rollout
from training.batches import Feed, Sampled, silence, to
from training.causal import channel_weights, held_out_batches
from training.causal import evaluate as evaluate_streamed
from training.checkpoint import CHECKPOINT
from training.command import told_plainly, trainer_options
from training.directed import Directed
from training.distributed import Checkpoints, Group, load_part, processes, sharded, trained_under, twin
from training.flow import Chances, Prior, Told, begin, broadcast, flow_loss, velocity
from training.guidance import GuidanceSettings, guided_velocity
from training.loop import Batch, Descent, follow, run_steps
from training.recipe import DataSettings, OptimiserSettings, load_recipe
from training.shards import source_of
from training.teacher import Base
from training.world import Library, load_library

ROLLOUT, SCORE, CRITIC = 1, 2, 3  # purposes of a sample's chances
LATEST_TIME = 0.98  # at which clips are scored, as in Self-Forcing's code


@dataclass(frozen=True)
class SelfForcingSettings:
    critic_updates: int  # for one of the generator; the paper's ratio is 1:5
    shift: float  # of the timestep at which clips are scored, and the critic learns
    imperfect: float  # share of samples with faulty tracks
    mask: float  # probability that a mid-clip latent's control is silent
    ema: float
    ema_from: int  # the step from which the average lags behind
    held_clips: int  # of each kind, for figures; 0: none
    evaluate_every: int  # steps


@dataclass(frozen=True)
class SelfForcingRecipe:
    data: DataSettings
    generator: OptimiserSettings
    critic: OptimiserSettings
    self_forcing: SelfForcingSettings
    guidance: GuidanceSettings


def rolled_out(student: Generator, config: ModelConfig, data: Directed, steps: int, seeds: list[int]) -> Tensor:
    """The student's own clips, latents 1 .. F [B, F, C, h, w], made as a stream makes them.

    steps: how many of the sampler's steps are made; what the last of them estimates is the answer, and gradients, where
    they are on, pass through it alone. The cache's keys and values carry none.
    """
    count = data.chunks.canvas.shape[1] // FRAMES
    shortened = replace(config, sampler=replace(config.sampler, timesteps=config.sampler.timesteps[:steps]))
    batch, _, _, h, w = data.latents.shape
    text = student.transformer.encode_text(data.text)
    cache = student.transformer.empty_cache(config.cache, batch, h, w)
    rollout = Rollout(student, shortened, text, cache, Chances.seeds_of(seeds, ROLLOUT))
    with torch.no_grad():
        rollout.write_picture(data.latents[:, :1], data.picture)
    chunk = config.cache.chunk
    return torch.cat([rollout.next_chunk(data.chunks.latents(i, i + chunk)) for i in range(0, count, chunk)], dim=1)


def matching_loss(clean: Tensor, real: Tensor, fake: Tensor) -> Tensor:
    """Distribution matching: a loss whose gradient is (fake - real) / mean |clean - real|, a clip at a time, over the
    number of elements.

    clean: the student's clips; real, fake: what teacher and critic make of them, noised; all [B, F, C, h, w].
    """
    scale = (clean - real).abs().mean(dim=(1, 2, 3, 4), keepdim=True).clamp_min(1e-8)
    target = clean - (fake - real) / scale
    # In float64, as in Self-Forcing's code: target and clips are close.
    return 0.5 * (clean.double() - target.detach().double()).square().mean()


def generator_loss(
    student: Generator,
    teacher: Generator,
    critic: Generator,
    config: ModelConfig,
    data: Directed,
    quiet: Tensor,
    recipe: SelfForcingRecipe,
    prior: Prior,
    steps: int,
    seeds: list[int],
) -> Tensor:
    """The student's loss over all its chunks: the real score has joint guidance, the fake one none."""
    clean = rolled_out(student, config, data, steps, seeds)
    told, chances = Told.of(data, prior), Chances(seeds, SCORE)
    t = chances.time(recipe.self_forcing.shift).clamp_max(LATEST_TIME).to(clean.device)
    with torch.no_grad():
        x = sampler.between(clean, begin(config, told, chances.normal(clean)), broadcast(t))
        real = x - broadcast(t) * guided_velocity(teacher, config, x, t, told, quiet, recipe.guidance)
        fake = x - broadcast(t) * velocity(critic, config, x, t, told)
    return matching_loss(clean, real, fake)


def critic_loss(
    critic: Generator,
    student: Generator,
    config: ModelConfig,
    data: Directed,
    settings: SelfForcingSettings,
    prior: Prior,
    steps: int,
    seeds: list[int],
    weights: Tensor,
) -> Tensor:
    """The critic's flow loss on the student's clips, which carry no gradient; weighed like the teacher's own."""
    with torch.no_grad():
        clean = rolled_out(student, config, data, steps, seeds)
    chances = Chances(seeds, CRITIC)
    t = chances.time(settings.shift).clamp_max(LATEST_TIME).to(clean.device)
    return flow_loss(critic, config, clean, Told.of(data, prior), t, chances.normal(clean), weights)


def drawn_steps(config: ModelConfig, draw: int) -> int:
    """k in 1 .. K (paper section 4), the same in every process: they run in step."""
    return 1 + int(np.random.default_rng([draw, 31]).integers(len(config.sampler.timesteps)))


def first_student(base: Base, folder: Path | None) -> Generator:
    """The package's generator, or the average of a run of training.causal."""
    if folder is not None:
        try:
            state = torch.load(folder / CHECKPOINT, weights_only=True, map_location="cpu")["ema"]
            base.generator.load_state_dict(state)
        except (OSError, KeyError, RuntimeError) as error:
            raise UserError(
                f"{folder} holds no causal run that fits the package: {str(error).splitlines()[0]}.",
                next="Train with training.causal first, or leave --student out.",
            ) from error
    return base.generator


def train(
    recipe: SelfForcingRecipe,
    start: Path,
    teacher_run: Path,
    folder: Path,
    group: Group,
    *,
    student_run: Path | None = None,
    minutes: float = math.inf,
    library: Callable[[str], Library] = load_library,
) -> int:
    """A step is `critic_updates` updates of the critic and one of the student. Returns the step it came to."""
    torch.manual_seed(0)
    base, settings = Base.load(start, group.device), recipe.self_forcing
    config, scorer = base.config, Generator(base.config)
    load_part(teacher_run, "ema", scorer)
    prior = Prior(trained_under(teacher_run)["teacher"]["prior"])  # scores mean nothing along another flow
    first = first_student(base, student_run)
    average, student = twin(first, group), sharded(first, group)
    teacher, critic = twin(scorer, group), sharded(scorer, group)
    descents = Descent(student, recipe.generator, group), Descent(critic, recipe.critic, group)
    checkpoints = Checkpoints(
        folder, group, {"model": student, "ema": average, "critic": critic},
        {"optimiser": (student, descents[0].optimiser), "critic_optimiser": (critic, descents[1].optimiser)},
        {"trainer": "self_forcing", "model": replace(config, depth=None).described(), "prior": prior} | asdict(recipe),
    )  # fmt: skip
    if (recipe.data.frames - 1) // FRAMES % config.cache.chunk:
        raise UserError(
            f"Clips of {recipe.data.frames} frames are no whole number of chunks of {config.cache.chunk} latents.",
            next="Change data.frames in the recipe.",
        )
    sampled = Sampled(config, later=0, imperfect=settings.imperfect, mask=settings.mask)
    feed = Feed(source_of(sampled, library, recipe.data, group), recipe.data, group)
    quiet, weights = silence(config, group.device), channel_weights(base.autoencoder)

    def criticise(step: int, n: int) -> float:
        def loss(batch: Batch) -> Tensor:
            data, seeds = base.directed(batch), batch["seed"].tolist()
            steps = drawn_steps(config, n)
            return critic_loss(critic, student, config, data, settings, prior, steps, seeds, weights)

        return descents[1].update(step, loss, feed(n))

    def match(step: int, n: int) -> float:
        def loss(batch: Batch) -> Tensor:
            data, seeds = base.directed(batch), batch["seed"].tolist()
            steps = drawn_steps(config, n)
            return generator_loss(student, teacher, critic, config, data, quiet, recipe, prior, steps, seeds)

        return descents[0].update(step, loss, feed(n))

    def update(step: int) -> dict[str, float]:
        first = step * (settings.critic_updates + 1)  # each update meets clips of its own
        last = first + settings.critic_updates
        losses = [criticise(step, n) for n in range(first, last)]
        matched = match(step, last)
        follow(average, student, settings.ema if step >= settings.ema_from else 0.0, step)
        return {"matching": matched, "critic": sum(losses) / max(len(losses), 1)}

    held = held_out_batches(config, settings.held_clips) if settings.held_clips else {}

    def evaluate(step: int) -> dict[str, Any]:
        return {
            kind: evaluate_streamed(
                average,
                base.autoencoder,
                base.affinity,
                config,
                [to(batch, group.device) for batch in clips],
                base.backdrop,
            )
            for kind, clips in held.items()
        }

    return run_steps(
        update, checkpoints, steps=recipe.generator.steps, minutes=minutes,
        evaluate=evaluate if held else None, evaluate_every=settings.evaluate_every,
    )  # fmt: skip


def main() -> None:
    parser = trainer_options(__doc__)
    parser.add_argument("--start", type=Path, required=True, help="the package: its sizes, its autoencoder")
    parser.add_argument("--teacher", type=Path, required=True, help="run folder of training.teacher")
    parser.add_argument("--student", type=Path, help="run folder of training.causal; without it, the package's weights")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with told_plainly(), processes() as group:
        train(
                load_recipe(SelfForcingRecipe, arguments.recipe), arguments.start, arguments.teacher, arguments.run,
                group, student_run=arguments.student, minutes=arguments.minutes,
            )  # fmt: skip


if __name__ == "__main__":
    main()
