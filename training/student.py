"""Trains the student on its own streams, in pixels: transformer, decoder and mask together.

Owns the three as one network, its loss, recipe and held-out figures. Never touches what finds, outlines and carries
things, nor the encoder. One process of `--threads` threads, beside the workers that make clips.

    python -m training.student --recipe training/recipes/pocket/student.toml --start assets/models/pocket \
        --run runs/student
    python -m training.export --student runs/student --package assets/models/pocket

The student rolls out as in a stream, each chunk over what it saw of its own ones before (Self Forcing, paper section 4:
the cache is detached), and what a person would see is held against the clip: absolute differences, gradients, a
perceptual distance, and a judge of patches. Distribution matching asks a teacher's score instead; ours is weaker than
its student (docs/log.md), and a one-step student that is judged on its own streams needs none (as in Autoregressive
Adversarial Post-Training, arXiv 2506.09350). Resumes from the run's folder.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inference.autoencoder import FRAMES, Autoencoder, Encoder, StreamingDecoder, group_frames
from inference.blend import BlendNet
from inference.config import ModelConfig, load_config
from inference.errors import UserError
from inference.generator import Generator
from inference.package import AUTOENCODER, BLEND, DESCRIPTION, GENERATOR, load_weights
from inference.rollout import Rollout
from training.autoencoder import edge_energy, gradient_loss, psnr
from training.batches import in_order
from training.causal import channel_weights
from training.command import one_process, told_plainly, trainer_options
from training.discriminator import PatchDiscriminator, adversarial_loss, balance, discriminator_loss
from training.distributed import Group
from training.followed import Follow, Followed, FollowedClips
from training.loop import Batch, Descent
from training.one_network import Kind
from training.perceptual import PerceptualDistance
from training.recipe import DataSettings, OptimiserSettings, load_recipe
from training.world import Library, load_library, make_clip

HELD_SEEDS = 6 * 10**9
ALL = slice(None)
COARSE = 8  # pixels of a side whose mean is the coarse band
UNSEEN = 0.5  # a pixel that is shown by less is one that the picture does not show


class Student(nn.Module):
    """What makes frames of what a stream is told: generator, decoder and mask of a package."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        if config.blend is None or config.cache.chunk != 1 or not config.control.carry:
            raise UserError("A student is trained with a mask, a carried picture and chunks of one latent.")
        self.config = config
        self.generator = Generator(config)
        self.decoder = StreamingDecoder(config.autoencoder)
        self.blend = BlendNet(config.blend)

    def rolled_out(self, data: Followed, seeds: list[int]) -> Tensor:
        """Latents [B, F, C, h, w] as a stream makes them, one chunk after another."""
        transformer, (batch, _, _, h, w) = self.generator.transformer, data.latent.shape
        text, cache = transformer.encode_text(data.text), transformer.empty_cache(self.config.cache, batch, h, w)
        rollout = Rollout(self.generator, self.config, text, cache, seeds)
        rollout.write_picture(data.latent, data.picture)
        assert data.chunks.carried is not None
        count = data.chunks.carried.shape[1]
        return torch.cat([rollout.next_chunk(data.chunks.latents(i, i + 1)) for i in range(count)], dim=1)

    def frames(self, data: Followed, latents: Tensor, chosen: slice = ALL) -> Tensor:
        """What a person sees of them, [B, 4F, 3, H, W], or of the chosen frames alone."""
        decoded = self.decoder(torch.cat([data.latent, latents], dim=1))[0][:, 1:].flatten(1, 2)[:, chosen]
        carried = (x[:, chosen].flatten(0, 1) for x in (data.frames, data.shown))
        return self.blend(decoded.flatten(0, 1), *carried).unflatten(0, decoded.shape[:2]).float()


KIND = Kind("student", ModelConfig, Student)
load_student = KIND.load


@dataclass(frozen=True)
class LossSettings:
    pixels_from: int  # the step from which pixels count; before it only latents do, which costs a third
    unseen: float  # extra weight of pixels that the picture does not show
    gradient: float  # weight of the gradients' differences
    latent: float  # of the latents' squared differences
    perceptual: float
    adversarial: float  # of a patch discriminator, times the balance of both pulls; 0: none
    judge_width: int
    judge_from: int  # the step from which it judges
    ema: float
    held: int  # clips of each kind of control, for figures; 0: none
    evaluate_every: int


@dataclass(frozen=True)
class StudentRecipe:
    model: ModelConfig  # the package's
    data: DataSettings
    optimiser: OptimiserSettings
    judge: OptimiserSettings
    loss: LossSettings


@dataclass(frozen=True, eq=False)
class Losses:
    """What a batch is held against besides its pixels."""

    settings: LossSettings
    encoder: Encoder
    weights: Tensor  # of latent channels
    perceptual: PerceptualDistance | None

    def of(
        self, student: Student, batch: Batch, judge: PatchDiscriminator | None = None, *, pixels: bool = True
    ) -> Tensor:
        settings, data, chosen = self.settings, Followed.of(batch), one_a_latent(batch["seed"])
        latents = student.rolled_out(data, batch["seed"].tolist())
        with torch.no_grad():
            wanted = self.encoder(group_frames(data.truth))[:, 1:]
        off = ((latents - wanted).square() * self.weights).mean()
        if not pixels:
            return off
        made, truth = student.frames(data, latents, chosen), data.truth[:, 1:][:, chosen]
        weight = 1.0 + settings.unseen * (1.0 - data.shown[:, chosen])
        loss = (weight * (made - truth).abs()).sum() / weight.sum() / 3
        made, truth = made.flatten(0, 1), truth.flatten(0, 1)
        loss = loss + settings.gradient * gradient_loss(made, truth) + settings.latent * off
        if self.perceptual is not None:
            loss = loss + settings.perceptual * self.perceptual(made, truth)
        if judge is not None:
            pull = adversarial_loss(judge, made)
            loss = loss + settings.adversarial * balance(loss, pull, student.decoder.out.weight) * pull
        return loss


def judge_loss(judge: PatchDiscriminator, student: Student, batch: Batch) -> Tensor:
    data, chosen = Followed.of(batch), one_a_latent(batch["seed"])
    with torch.no_grad():
        made = student.frames(data, student.rolled_out(data, batch["seed"].tolist()), chosen)
    return discriminator_loss(judge, made.flatten(0, 1), data.truth[:, 1:][:, chosen].flatten(0, 1))


def one_a_latent(seed: Tensor) -> slice:
    """Another one of each four frames from step to step: mask and losses cost more than all latents together."""
    return slice(int(seed[0]) // len(seed) % FRAMES, None, FRAMES)


def held_samples(
    follow: Follow, size: tuple[int, int], count: int, library: Callable[[str], Library]
) -> dict[str, list[Batch]]:
    """Held-out clips under dense control and under a hand's: batches of one."""
    found: dict[str, list[Batch]] = {}
    width, height = size
    held = library("held") if count else None
    for kind, styles in (("dense", ("objects", "camera", "both")), ("hand", ("hand",))):
        found[kind] = []
        for i in range(count):
            assert held is not None
            style = styles[i % len(styles)]
            clip = make_clip(held, HELD_SEEDS + i, width=width, height=height, frames=25, split="held", style=style)
            sample = follow(clip, np.random.default_rng([i, 3]), kind)
            found[kind].append({name: value[None] for name, value in sample.items()})
    return found


@torch.no_grad()
def evaluate(student: Student, held: dict[str, list[Batch]], perceptual: PerceptualDistance | None) -> dict[str, float]:
    """By kind of control, of the carried and of the student's frames: PSNR in dB, of everything and of what the picture
    does not show, the perceptual distance, and edge energy of the truth's; and PSNR of the coarse band, carried and
    decoded.
    """
    scores: dict[str, list[float]] = {}
    for kind, batches in held.items():
        for batch in batches:
            data = Followed.of(batch)
            truth, unseen = data.truth[:, 1:], (data.shown < UNSEEN).float()
            latents = student.rolled_out(data, [0])
            made = student.frames(data, latents).clamp(-1, 1)
            decoded = student.decoder(torch.cat([data.latent, latents], dim=1))[0][:, 1:].flatten(1, 2)
            for name, video in (("carried", data.frames), ("decoded", decoded)):
                low = [F.avg_pool2d(x.flatten(0, 1), COARSE) for x in (video, truth)]
                scores.setdefault(f"{kind}_{name}_coarse_db", []).append(psnr(*low))
            for name, video in (("carried", data.frames), ("made", made)):
                add = lambda what, value, of=f"{kind}_{name}": scores.setdefault(f"{of}_{what}", []).append(value)  # noqa: E731
                add("db", psnr(video, truth))
                if float(unseen.mean()) > 0.003:
                    error = float(((video - truth).square().mean(2, keepdim=True) * unseen).sum() / unseen.sum())
                    add("unseen_db", 10.0 * math.log10(4.0 / error))
                add("edges", edge_energy(video) / edge_energy(truth))
                if perceptual is not None:
                    add("far", float(perceptual(video[0, ::4], truth[0, ::4])))
    return {name: round(float(np.mean(values)), 3) for name, values in scores.items()}


def begin(config: ModelConfig, package: Path) -> tuple[Student, Autoencoder]:
    """The package's own weights."""
    student, autoencoder = Student(config), Autoencoder(config.autoencoder)
    load_weights(autoencoder, package / AUTOENCODER)
    load_weights(student.generator, package / GENERATOR)
    load_weights(student.blend, package / BLEND)
    student.decoder.load_state_dict(autoencoder.decoder.state_dict())
    return student, autoencoder.eval().requires_grad_(False)


def reopen(mask: BlendNet) -> None:
    """Half everywhere: a finished mask is so sure of the carried picture that nothing behind it learns."""
    torch.nn.init.zeros_(mask.out.weight)
    assert mask.out.bias is not None
    torch.nn.init.zeros_(mask.out.bias)


def train(
    recipe: StudentRecipe,
    folder: Path,
    group: Group,
    *,
    start: Path,
    minutes: float = math.inf,
    library: Callable[[str], Library] = load_library,
) -> int:
    """Trains until the recipe's steps or the minutes are over; goes on where the folder stands. Returns the step.

    start: the package whose weights it begins with, and whose other parts tell it of clips.
    """
    student, autoencoder = begin(recipe.model, start)
    reopen(student.blend)
    settings, follow = recipe.loss, Follow(start)
    held = held_samples(follow, recipe.model.buckets[0], settings.held, library)
    perceptual = PerceptualDistance().to(group.device) if settings.perceptual else None
    if perceptual is not None:
        perceptual.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a documented overload that the stubs lack
    judge = PatchDiscriminator(settings.judge_width).to(group.device)
    judging = Descent(judge, recipe.judge, group)
    # Squared: of pixels, then. Coarse errors outweigh fine ones, which the carried picture says better anyway.
    weights = channel_weights(autoencoder).square().to(group.device)
    weights = weights / weights.mean()
    losses = Losses(settings, autoencoder.encoder.to(group.device), weights, perceptual)
    clips = FollowedClips(follow, library, recipe.data)

    def update(descent: Descent, step: int, batch: Batch) -> float:
        judges = settings.adversarial > 0 and step >= settings.judge_from
        if judges:
            judging.update(step, lambda batch: judge_loss(judge, student, batch), [batch])
        told = judge if judges else None
        pixels = step >= settings.pixels_from
        return descent.update(step, lambda batch: losses.of(student, batch, told, pixels=pixels), [batch])

    return KIND.train(
        student, recipe, folder, group, minutes=minutes, update=update, judging=judging,
        evaluate=(lambda average, _: evaluate(average, held, perceptual)) if settings.held else None,
        batches=lambda step: in_order(clips, step, recipe.data.workers),
    )  # fmt: skip


def main() -> None:
    parser = trainer_options(__doc__)
    parser.add_argument("--start", type=Path, required=True, help="a package: its weights, and what tells of clips")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with told_plainly():
        known = load_config(arguments.start / DESCRIPTION).described()
        recipe = load_recipe(StudentRecipe, arguments.recipe, model=known)
        train(recipe, arguments.run, one_process(), start=arguments.start, minutes=arguments.minutes)


if __name__ == "__main__":
    main()
