"""Trains the pocket autoencoder on clips of the world.

Owns the loop, its losses and its held-out figures. Never touches the transformer. One process of `--threads` threads,
beside the worker processes that make clips.

    python -m training.autoencoder --recipe training/recipes/pocket/autoencoder.toml --run runs/autoencoder --minutes 30

Resumes from the run's folder. The cosine of the learning rate spans the recipe's steps.
"""

from __future__ import annotations

import copy
import json
import math
import time
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from inference.autoencoder import CELL, Autoencoder, group_frames
from inference.config import AutoencoderConfig, load_config, parse
from inference.package import AUTOENCODER, DESCRIPTION, load_weights
from inference.precision import fastest_dtype
from training.checkpoint import Run, update_ema
from training.clips import ClipStream, clip_loader, video_tensor
from training.command import trainer_options
from training.components import start_from_components
from training.discriminator import PatchDiscriminator, adversarial_loss, balance, discriminator_loss
from training.perceptual import PerceptualDistance
from training.world import Clip, load_library, make_clip


class Crops:
    """Cuts `count` random crops of one clip, [count, T, 3, crop, crop]."""

    def __init__(self, crop: int, count: int) -> None:
        self.crop, self.count = crop, count

    def __call__(self, clip: Clip, rng: np.random.Generator) -> dict[str, Any]:
        height, width = clip.frames.shape[1:3]
        crops = []
        for _ in range(self.count):
            top = int(rng.integers(0, (height - self.crop) // CELL + 1)) * CELL
            left = int(rng.integers(0, (width - self.crop) // CELL + 1)) * CELL
            crops.append(video_tensor(clip.frames[:, top : top + self.crop, left : left + self.crop]))
        return {"video": torch.stack(crops)}


def any_style(rng: np.random.Generator) -> str:
    return "any"


def gradients(x: Tensor) -> tuple[Tensor, Tensor]:
    return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]


def gradient_loss(a: Tensor, b: Tensor, scales: int = 3) -> Tensor:
    """Mean absolute difference of image gradients over a small pyramid; [M, 3, H, W]."""
    loss = a.new_zeros(())
    for _ in range(scales):
        for x, y in zip(gradients(a), gradients(b), strict=True):
            loss = loss + (x - y).abs().mean()
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    return loss / scales


def energy_loss(a: Tensor, b: Tensor, window: int = 8) -> Tensor:
    """Difference of edge energy in windows of a few pixels; [M, 3, H, W]. Grain that cannot be right can still be
    there.
    """

    def energy(x: Tensor) -> Tensor:
        across, down = gradients(x)
        square = across[..., :-1, :].square() + down[..., :-1].square()
        return (F.avg_pool2d(square.mean(1, keepdim=True), window) + 1e-5).sqrt()

    return (energy(a) - energy(b)).abs().mean()


def reconstruction_loss(
    decoded: Tensor, truth: Tensor, weights: dict[str, float], perceptual: PerceptualDistance
) -> Tensor:
    """decoded, truth: [B, F, 4, 3, H, W]. Pixels that move within a latent weigh more: still ones are easy and many."""
    change = (truth - truth.mean(2, keepdim=True)).abs().mean(3, keepdim=True)
    weight = 1.0 + weights["motion"] * (4.0 * change).clamp(max=1.0)
    loss = ((decoded - truth).abs() * weight).mean()
    a, b = decoded.flatten(0, 2), truth.flatten(0, 2)
    loss = loss + weights["gradient"] * gradient_loss(a, b) + weights["energy"] * energy_loss(a, b)
    if weights["perceptual"]:
        # One frame a latent: the network costs as much as the decoder.
        frame = int(torch.randint(decoded.shape[2], ()))
        loss = loss + weights["perceptual"] * perceptual(
            decoded[:, :, frame].flatten(0, 1), truth[:, :, frame].flatten(0, 1)
        )
    return loss


def held_out_clips(count: int, *, frames: int = 17) -> list[Tensor]:
    """Held-out clips at 256x144, [1, T, 3, H, W] each: objects and places that no training clip shows."""
    library = load_library("held")
    clips = [make_clip(library, 10**9 + i, width=256, height=144, frames=frames, split="held") for i in range(count)]
    return [video_tensor(clip.frames)[None] for clip in clips]


def psnr(a: Tensor, b: Tensor) -> float:
    """Of values in [-1, 1], in dB."""
    return 10.0 * math.log10(4.0 / float((a.clamp(-1, 1) - b).square().mean()))


def edge_energy(x: Tensor) -> float:
    return sum(float(g.square().mean()) for g in gradients(x))


@torch.no_grad()
def evaluate(autoencoder: Autoencoder, clips: list[Tensor]) -> dict[str, float]:
    """Mean PSNR in dB and edge energy relative to the truth's, over held-out clips."""
    scores, edges = [], []
    for video in clips:
        truth = group_frames(video)
        decoded, _ = autoencoder.decoder(autoencoder.encoder(truth))
        truth = truth.unflatten(2, (-1, 3))
        scores.append(psnr(decoded[:, 1:], truth[:, 1:]))
        edges.append(edge_energy(decoded[:, 1:].clamp(-1, 1)) / edge_energy(truth[:, 1:]))
    return {"psnr_db": round(float(np.mean(scores)), 3), "edge_share": round(float(np.mean(edges)), 3)}


def learning_rate(step: int, recipe: dict[str, Any]) -> float:
    """Linear warm-up, then a cosine from `learning_rate` to `floor`."""
    high, low, warmup = recipe["learning_rate"], recipe["floor"], recipe["warmup_steps"]
    if step < warmup:
        return high * (step + 1) / warmup
    turn = min(1.0, (step - warmup) / max(1, recipe["steps"] - warmup))
    return low + 0.5 * (high - low) * (1.0 + math.cos(math.pi * turn))


def parameter_groups(model: Autoencoder, linear_share: float) -> list[dict[str, Any]]:
    """The linear paths learn at a share of the rate: their weights are a thousandth in size, and already good."""
    linear = [*model.encoder.linear.parameters(), *model.decoder.linear.parameters()]
    known = set(map(id, linear))
    rest = [parameter for parameter in model.parameters() if id(parameter) not in known]
    return [{"params": rest, "share": 1.0}, {"params": linear, "share": linear_share}]


def train(recipe: dict[str, Any], run: Run, *, minutes: float, threads: int, start: Path | None = None) -> None:
    """start: an autoencoder whose encoder is kept as it is; only its decoder is trained on."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    if start is None:
        model = Autoencoder(parse(AutoencoderConfig, recipe["model"], "model"))
    else:
        model = load_autoencoder(start).train()
        model.decoder.requires_grad_(True)
    ema = copy.deepcopy(model).requires_grad_(False)
    optimiser = torch.optim.AdamW(
        parameter_groups(model, recipe["optimiser"]["linear_share"]), weight_decay=0.0, betas=(0.9, 0.98)
    )
    parts: dict[str, nn.Module | Optimizer] = {"model": model, "ema": ema, "optimizer": optimiser}
    judge = PatchDiscriminator(recipe["loss"]["judge_width"])
    judging = torch.optim.AdamW(judge.parameters(), lr=recipe["loss"]["judge_rate"], betas=(0.5, 0.9))
    if recipe["loss"]["adversarial"]:
        parts |= {"judge": judge, "judging": judging}
    step = run.resume(**parts)
    if step >= recipe["optimiser"]["steps"] and (run.folder / AUTOENCODER).exists():
        return  # finished: measuring the latents anew would shift them under a transformer trained on them
    data = recipe["data"]
    size = ((data["width"], data["height"]),)
    stream = ClipStream(
        Crops(data["crop"], data["crops"]),
        size,
        data["frames"],
        data["batch"],
        step * data["batch"],
        any_style,
    )
    batches = iter(clip_loader(stream, data["workers"]))
    clips = held_out_clips(8)
    if step == 0 and start is None:
        count = max(1, data["component_clips"] // data["batch"])
        start_from_components(model, (group_frames(next(batches)["video"].flatten(0, 1)) for _ in range(count)))
        ema.load_state_dict(model.state_dict())
    if step == 0:
        run.log(step=0, **evaluate(ema, clips))
    perceptual = PerceptualDistance()
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a documented overload that the stubs lack
    end_s, losses, seconds = time.monotonic() + 60.0 * minutes, [], time.monotonic()
    while step < recipe["optimiser"]["steps"] and time.monotonic() < end_s:
        for group in optimiser.param_groups:
            group["lr"] = group["share"] * learning_rate(step, recipe["optimiser"])
        frames = group_frames(next(batches)["video"].flatten(0, 1))  # [B, F, 12, H, W]
        with torch.autocast("cpu", torch.bfloat16, enabled=fastest_dtype() is torch.bfloat16):
            decoded, _ = model.decoder(model.encoder(frames))
            truth = frames.unflatten(2, (-1, 3))
            loss = reconstruction_loss(decoded.float(), truth, recipe["loss"], perceptual)
        if recipe["loss"]["adversarial"]:
            frame = int(torch.randint(truth.shape[2], ()))  # one a latent, as for the perceptual loss
            made, real = (x[:, :, frame].flatten(0, 1).float() for x in (decoded, truth))
            judging.zero_grad(set_to_none=True)
            discriminator_loss(judge, made, real).backward()
            judging.step()
            pull = adversarial_loss(judge, made)
            loss = loss + recipe["loss"]["adversarial"] * balance(loss, pull, model.decoder.out.weight) * pull
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        update_ema(ema, model, min(recipe["optimiser"]["ema"], (1 + step) / (10 + step)))
        losses.append(float(loss.detach()))
        if step % 100 == 0:
            pace = (time.monotonic() - seconds) / len(losses)
            run.log(
                step=step,
                loss=round(float(np.mean(losses)), 4),
                s_a_step=round(pace, 3),
                **evaluate(ema, clips),
            )
            losses, seconds = [], time.monotonic()
        if run.due():
            run.save(step, **parts)
    run.save(step, **parts)
    run.log(step=step, done=True, **evaluate(ema, clips))
    # Eight more clips of the training stream stand for all: a channel's deviation is over 10^5 cells.
    if start is None:
        measure_latents(ema, (next(batches)["video"].flatten(0, 1) for _ in range(8)))
    save_autoencoder(ema, run.folder)


@torch.no_grad()
def measure_latents(autoencoder: Autoencoder, videos: Iterable[Tensor]) -> None:
    """Sets the latents' mean and deviation a channel, over clips [B, T, 3, H, W]: the transformer sees unit
    variance.
    """
    autoencoder.encoder.mean.zero_()
    autoencoder.encoder.std.fill_(1.0)
    latents = torch.cat([autoencoder.encoder(group_frames(video)).movedim(2, 0).flatten(1) for video in videos], dim=1)
    for part in (autoencoder.encoder, autoencoder.decoder):
        part.mean.copy_(latents.mean(1))
        part.std.copy_(latents.std(1))


def save_autoencoder(autoencoder: Autoencoder, folder: Path) -> None:
    (folder / "autoencoder.json").write_text(json.dumps(vars(autoencoder.config)), encoding="utf-8")
    save_file({name: tensor.contiguous() for name, tensor in autoencoder.state_dict().items()}, folder / AUTOENCODER)


def load_autoencoder(folder: Path) -> Autoencoder:
    """The frozen result of a finished (or timed out) training run, or the autoencoder of a model package."""
    if (folder / DESCRIPTION).exists():
        config = load_config(folder / DESCRIPTION).autoencoder
    else:
        config = AutoencoderConfig(**json.loads((folder / "autoencoder.json").read_text(encoding="utf-8")))
    autoencoder = Autoencoder(config)
    load_weights(autoencoder, folder / AUTOENCODER)
    return autoencoder.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a documented overload that the stubs lack


def main() -> None:
    parser = trainer_options(__doc__)
    parser.add_argument("--start", type=Path, help="keep this autoencoder's encoder and train its decoder on")
    parser.add_argument("--channels", type=int, help="in place of the recipe's, for comparisons")
    arguments = parser.parse_args()
    recipe = tomllib.loads(arguments.recipe.read_text(encoding="utf-8"))
    if arguments.channels:
        recipe["model"]["channels"] = arguments.channels
    train(recipe, Run(arguments.run), minutes=arguments.minutes, threads=arguments.threads, start=arguments.start)


if __name__ == "__main__":
    main()
