"""Trains the generator causally: each latent from noise over a clean past, through the inference code's own cache.

Owns the loop, its loss and its held-out figures. Never touches the autoencoder's or the affinity network's weights. One
process of `--threads` threads, beside the worker processes that make clips.

    python -m training.causal --recipe training/recipes/pocket/causal.toml --autoencoder runs/autoencoder \
        --affinity runs/affinity --run runs/causal

Where the sampler makes a clean pass: teacher forcing, with a part of the past taken from the model's own estimates
(recipe: `own_past`), so that a stream's small errors are met in training. Where it does not, the past is what the model
saw while it made it, as in a stream. Resumes from the run's folder.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from inference import sampler
from inference.affinity import AffinityNet
from inference.autoencoder import Autoencoder
from inference.backdrop import BackdropNet
from inference.config import ModelConfig
from inference.errors import UserError
from inference.generator import Direction, Generator
from inference.package import GENERATOR, load_weights
from inference.rollout import Rollout
from training.affinity import load_affinity
from training.autoencoder import learning_rate, load_autoencoder, psnr
from training.checkpoint import Run, update_ema
from training.clips import ClipStream, clip_loader
from training.command import told_plainly, trainer_options
from training.directed import Directed, Prepare, padded
from training.recipe import load_recipe
from training.world import load_library, make_clip
from training.world.control import IDS, sample_control

LEAST_UNSEEN = 0.003  # share of a clip's pixels below which what the picture does not show has no figure
STYLES = {"hand": 0.45, "objects": 0.15, "camera": 0.2, "both": 0.2}


@dataclass(frozen=True)
class CausalData:
    """Sizes are (width, height) in pixels, drawn in turn: the small ones for the first `small_steps` steps."""

    sizes: tuple[tuple[int, int], ...]
    small_sizes: tuple[tuple[int, int], ...]
    small_steps: int
    frames: int  # 1 + 4 F
    batch: int
    small_batch: int
    workers: int
    text_dropout: float
    layouts: tuple[tuple[int, int], ...]  # (sink, window), one of them drawn for each step; none: the model's own


@dataclass(frozen=True)
class CausalOptimiser:
    learning_rate: float
    floor: float
    warmup_steps: int
    steps: int
    weight_decay: float
    ema: float


@dataclass(frozen=True)
class CausalLoss:
    unsure: float  # extra weight where the carried picture cannot be trusted
    exact_timesteps: float  # share of samples at the sampler's own timesteps, the rest uniform
    own_past: float  # with a clean pass: share of latents whose past is the model's own estimate, not the truth


@dataclass(frozen=True)
class CausalRecipe:
    model: ModelConfig  # in the file without the autoencoder's and the affinity network's sizes
    data: CausalData
    optimiser: CausalOptimiser
    loss: CausalLoss


def drawn_style(rng: np.random.Generator) -> str:
    return str(rng.choice(list(STYLES), p=list(STYLES.values())))


def channel_weights(autoencoder: Autoencoder) -> Tensor:
    """How much a unit of each latent channel changes the pixels, mean 1, [C, 1, 1]: an error in brightness outweighs
    one in grain.
    """
    reach = autoencoder.decoder.linear.weight.detach().flatten(1).norm(dim=0) * autoencoder.decoder.std
    return (reach / reach.mean())[:, None, None]


def causal_loss(
    generator: Generator, config: ModelConfig, data: Directed, weights: Tensor, settings: CausalLoss
) -> Tensor:
    """Mean weighted squared error of the clean estimate of every latent, each over the past before it."""
    batch, count, _, h, w = data.latents.shape
    transformer = generator.transformer
    rollout = Rollout(
        generator,
        config,
        transformer.encode_text(data.text),
        transformer.empty_cache(config.cache, batch, h, w),
        0,
    )
    rollout.cache = rollout.cache.committed(rollout.evaluate(data.latents[:, :1], 0.0, data.picture)[1])
    losses = []
    for i in range(1, count):
        direction, truth = data.chunks.latents(i - 1, i), data.latents[:, i : i + 1]
        t = drawn_times(batch, config, settings.exact_timesteps)
        begin = sampler.start(config.sampler, direction, torch.randn_like(truth))
        spread = t[:, None, None, None, None]
        x = sampler.between(truth, begin, spread)
        output, seen = rollout.evaluate(x, t, direction)
        clean = sampler.clean_from(config.sampler, output, x, spread, direction)
        losses.append(((clean - truth).square() * weights * certainty_weight(direction, settings.unsure)).mean())
        if i + 1 < count:
            if config.sampler.clean_pass:
                own = (torch.rand(batch) < settings.own_past)[:, None, None, None, None]
                seen = rollout.evaluate(torch.where(own, clean.detach(), truth), 0.0, direction)[1]
            rollout.cache = rollout.cache.committed(seen)
    return torch.stack(losses).mean()


def drawn_layout(config: ModelConfig, layouts: Sequence[Sequence[int]], step: int) -> ModelConfig:
    """The same under one of the layouts (sink, window), the same one for a step in every session (paper section 4: one
    init then serves all layouts); as it is where none are given.
    """
    if not layouts:
        return config
    sink, window = layouts[int(np.random.default_rng([step, 23]).integers(len(layouts)))]
    return replace(config, cache=replace(config.cache, sink=sink, window=window))


def drawn_times(batch: int, config: ModelConfig, exact: float) -> Tensor:
    """Noise levels [B]: the sampler's own ones for the share `exact`, otherwise uniform."""
    own = torch.tensor(config.sampler.timesteps)[torch.randint(len(config.sampler.timesteps), (batch,))]
    return torch.where(torch.rand(batch) < exact, own, torch.rand(batch).clamp_min(0.02))


def certainty_weight(direction: Direction, unsure: float) -> Tensor | float:
    return 1.0 if direction.confidence is None else 1.0 + unsure * (1.0 - direction.confidence)


@torch.no_grad()
def streamed(generator: Generator, config: ModelConfig, data: Directed) -> dict[str, Tensor]:
    """Latents [B, 1 + F, C, h, w] of clips: `model`, made chunk by chunk; `autoencoder`, the truth's; and
    `carried`.
    """
    batch, count, _, h, w = data.latents.shape
    transformer, chunk = generator.transformer, config.cache.chunk
    text, cache = transformer.encode_text(data.text), transformer.empty_cache(config.cache, batch, h, w)
    rollout = Rollout(generator, config, text, cache, 0)
    rollout.write_picture(data.latents[:, :1], data.picture)
    made = [rollout.next_chunk(data.chunks.latents(i, i + chunk)) for i in range(0, count - 1, chunk)]
    found = {"model": torch.cat([data.latents[:, :1], *made], dim=1), "autoencoder": data.latents}
    if data.chunks.carried is not None:
        found["carried"] = torch.cat([data.latents[:, :1], data.chunks.carried], dim=1)
    return found


@torch.no_grad()
def evaluate(
    generator: Generator,
    autoencoder: Autoencoder,
    affinity: AffinityNet,
    config: ModelConfig,
    held_out: list[dict[str, Tensor]],
    backdrop: BackdropNet | None = None,
) -> dict[str, float]:
    """Mean PSNR in dB over clips of what `streamed` gives, decoded, and of the frozen first frame; "..._unseen_db": of
    what the picture does not show, in the clips where that is something.
    """
    scores: dict[str, list[float]] = {}
    for batch in held_out:
        truth = batch["video"][:, 1:]
        data = Directed(autoencoder, affinity, config, batch, backdrop)
        unseen = None if data.carried is None else 1.0 - data.carried.shown
        videos = {
            name: autoencoder.decoder(latents)[0][:, 1:].flatten(1, 2)
            for name, latents in streamed(generator, config, data).items()
        }
        for name, video in (videos | {"frozen": batch["video"][:, :1].expand_as(truth)}).items():
            scores.setdefault(name, []).append(psnr(video, truth))
            if unseen is not None and float(unseen.mean()) > LEAST_UNSEEN:
                error = (video.clamp(-1, 1) - truth).square().mean(2, keepdim=True)  # of [-1, 1]
                score = -10.0 * math.log10(float((error * unseen).sum() / unseen.sum()) / 4.0)
                scores.setdefault(f"{name}_unseen", []).append(score)
    return {f"{name}_db": round(float(np.mean(values)), 3) for name, values in scores.items()}


def held_out_batches(config: ModelConfig, count: int) -> dict[str, list[dict[str, Tensor]]]:
    """Held-out clips under dense control and under a hand's: batches of one."""
    library = load_library("held")
    found: dict[str, list[dict[str, Tensor]]] = {}
    for kind, style in (("dense", "both"), ("hand", "hand")):
        prepare = Prepare(config.control.max_tracks, config.transformer.text_tokens, 0.0)
        found[kind] = []
        for i in range(count):
            clip = make_clip(library, 2 * 10**9 + i, width=256, height=144, frames=17, split="held", style=style)
            rng = np.random.default_rng([i, 3])
            sample = prepare(clip, rng) | padded(sample_control(clip, rng, kind), config.control.max_tracks, rng)
            found[kind].append({key: value[None] for key, value in sample.items()})
    return found


def train(
    recipe: CausalRecipe,
    autoencoder: Autoencoder,
    affinity: AffinityNet,
    run: Run,
    *,
    minutes: float,
    threads: int,
    start: Path | None = None,
    backdrop: BackdropNet | None = None,
) -> None:
    """start: a package whose weights a fresh run begins with; backdrop: what carries the clips, where a package has
    one.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(int(time.time()))
    config, data, settings = recipe.model, recipe.data, recipe.optimiser
    if config.cache.chunk != 1 or config.control.id_range < IDS:
        raise UserError("Causal training makes chunks of one latent, and its clips carry identities up to 4096.")
    generator = Generator(config)
    if start is not None:
        load_weights(generator, start / GENERATOR)
    ema = copy.deepcopy(generator).requires_grad_(False)
    optimiser = torch.optim.AdamW(generator.parameters(), weight_decay=settings.weight_decay, betas=(0.9, 0.98))
    parts: dict[str, nn.Module | Optimizer] = {"model": generator, "ema": ema, "optimizer": optimiser}
    step = run.resume(**parts)
    prepare = Prepare(config.control.max_tracks, config.transformer.text_tokens, data.text_dropout)
    weights = channel_weights(autoencoder)
    held_out = held_out_batches(config, 4)
    end_s, evaluate_s, losses = time.monotonic() + 60.0 * minutes, 0.0, []
    while step < settings.steps and time.monotonic() < end_s:
        small = step < data.small_steps
        sizes, batch = (data.small_sizes, data.small_batch) if small else (data.sizes, data.batch)
        last = data.small_steps if small else settings.steps
        # Seeds are a step's own, so that a resumed run meets new clips.
        stream = ClipStream(prepare, sizes, data.frames, batch, step * 64, drawn_style)
        for samples in clip_loader(stream, data.workers):
            started = time.monotonic()
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(step, vars(settings))
            layout = drawn_layout(config, data.layouts, step)
            directed = Directed(autoencoder, affinity, config, samples, backdrop)
            loss = causal_loss(generator, layout, directed, weights, recipe.loss)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(generator.parameters(), 1.0)
            if not (torch.isfinite(loss) and torch.isfinite(norm)):
                run.save(step, **parts)
                raise UserError(
                    f"The loss of step {step} is not a number; its clips' seeds begin at {int(samples['seed'][0])}.",
                    f"The run is saved as it stood before, after {step} steps.",
                    "Lower the learning rate for a fresh run, or give the command again: other chances are drawn.",
                )
            optimiser.step()
            step += 1
            update_ema(ema, generator, min(settings.ema, (1 + step) / (10 + step)))
            losses.append(float(loss.detach()))
            if step % 20 == 0:
                pace = round(time.monotonic() - started, 2)
                run.log(step=step, loss=round(float(np.mean(losses)), 4), s_a_step=pace, small=small)
                losses = []
            if run.due():
                run.save(step, **parts)
            if time.monotonic() - evaluate_s > 480.0:
                for kind, batches in held_out.items():
                    run.log(step=step, kind=kind, **evaluate(ema, autoencoder, affinity, config, batches, backdrop))
                evaluate_s = time.monotonic()
            if step >= last or time.monotonic() >= end_s:
                break
    run.save(step, **parts)
    for kind, batches in held_out.items():
        run.log(step=step, kind=kind, done=True, **evaluate(ema, autoencoder, affinity, config, batches, backdrop))


def main() -> None:
    parser = trainer_options(__doc__)
    parser.add_argument(
        "--autoencoder", type=Path, required=True, help="run folder of training.autoencoder, or a package"
    )
    parser.add_argument("--affinity", type=Path, required=True, help="run folder of training.affinity, or a package")
    parser.add_argument("--backdrop", type=Path, help="run folder of training.backdrop, or a package")
    parser.add_argument("--start", type=Path, help="a package to begin with the weights of")
    arguments = parser.parse_args()
    from training.backdrop import load_backdrop  # which looks at batches, which are drawn here

    autoencoder, affinity = load_autoencoder(arguments.autoencoder), load_affinity(arguments.affinity)
    known = {"autoencoder": asdict(autoencoder.config), "affinity": asdict(affinity.config)}
    limits = {"minutes": arguments.minutes, "threads": arguments.threads}
    with told_plainly():
        recipe = load_recipe(CausalRecipe, arguments.recipe, model=known)
        train(
            recipe, autoencoder, affinity, Run(arguments.run, recipe=asdict(recipe)), start=arguments.start,
            backdrop=load_backdrop(arguments.backdrop) if arguments.backdrop else None, **limits,
        )  # fmt: skip


if __name__ == "__main__":
    main()
