"""What every trainer's loop shares: the schedule, the update, the running average, the log, and when to stop.

Owns `Descent` (one network being trained) and `run_steps`. Never knows a loss. Every process calls it alike, on the
trainer's thread.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from inference.errors import UserError
from training.autoencoder import learning_rate
from training.distributed import Checkpoints, Group, local, whole
from training.recipe import OptimiserSettings

Batch = dict[str, Any]  # tensors [B, ...]; "seed", int64 [B], is what all of a sample's chances are drawn from


class NotFinite(Exception):
    """A loss or its gradient is not a number. Nothing was changed."""

    def __init__(self, seeds: list[int]) -> None:
        super().__init__(seeds)
        self.seeds = seeds


class Descent:
    """A network under AdamW: of a generator, the sharded one."""

    def __init__(self, network: nn.Module, settings: OptimiserSettings, group: Group) -> None:
        self.network, self.settings, self.group = network, settings, group
        self.optimiser = torch.optim.AdamW(
            network.parameters(), weight_decay=settings.weight_decay, betas=settings.betas
        )

    def update(self, step: int, loss: Callable[[Batch], Tensor], batches: Sequence[Batch]) -> float:
        """One update by the mean loss over `batches` (accumulated) and all processes; returns that mean.

        Raises NotFinite, with the seeds of the samples at fault, before anything is changed.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(step, vars(self.settings))
        self.optimiser.zero_grad(set_to_none=True)
        total, bad = torch.zeros((), device=self.group.device), []
        for batch in batches:
            # Without its cache: a weight first cast under no_grad would be found again without its gradient.
            with torch.autocast(
                self.group.device.type, torch.bfloat16, enabled=self.settings.bf16, cache_enabled=False
            ):
                value = loss(batch) / len(batches)
            value.backward()
            total += value.detach()
            if not torch.isfinite(value):
                bad += batch["seed"].tolist()
        norm = whole(torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip))
        mean = self.group.mean(total)
        if not (torch.isfinite(norm) and torch.isfinite(mean)):  # both the same in every process
            self.optimiser.zero_grad(set_to_none=True)
            raise NotFinite(self.group.gathered(bad) or self.group.gathered(_seeds(batches)))
        self.optimiser.step()
        return float(mean)


def _seeds(batches: Sequence[Batch]) -> list[int]:
    return [seed for batch in batches for seed in batch["seed"].tolist()]


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Moves the running average towards the weights; while the run is young it follows fast."""
    share = 1.0 - min(decay, (1 + step) / (10 + step))
    for kept, value in zip(average.parameters(), network.parameters(), strict=True):
        local(kept).lerp_(local(value), share)


def run_steps(
    update: Callable[[int], dict[str, float]],
    checkpoints: Checkpoints,
    *,
    steps: int,
    minutes: float,
    evaluate: Callable[[int], dict[str, Any]] | None = None,
    evaluate_every: int = 0,
    save_every_s: float = 300.0,
) -> int:
    """Calls `update(step)` until `steps` are done or `minutes` are over, from where the run's checkpoint stands.

    Logs what it returns to `log.jsonl`. Raises UserError where a loss is not a number: the run then stands
    at the last good step. Returns the step it came to.
    """
    group, folder = checkpoints.group, checkpoints.folder
    folder.mkdir(parents=True, exist_ok=True)
    first = step = checkpoints.resume()
    if evaluate and step == 0:
        log(folder, group, step=step, **evaluate(step))  # what all later figures are held against
    end_s, saved_s = time.monotonic() + 60.0 * minutes, time.monotonic()
    while step < steps and not group.agreed(time.monotonic() >= end_s):
        started = time.monotonic()
        try:
            values = update(step)
        except NotFinite as fault:
            checkpoints.save(step)
            seeds = ", ".join(map(str, fault.seeds))
            raise UserError(
                f"The loss of step {step} is not a number; it came from the samples of batch seeds {seeds}.",
                kept=f"The run is saved as it stood before, after {step} steps.",
                next="Lower the learning rate for a fresh run, or set another data.seed to go on with other clips.",
            ) from fault
        step += 1
        log(folder, group, step=step, **values, s_a_step=round(time.monotonic() - started, 2))
        if evaluate and evaluate_every and step % evaluate_every == 0:
            log(folder, group, step=step, **evaluate(step))
        if group.agreed(time.monotonic() - saved_s >= save_every_s):
            checkpoints.save(step)
            saved_s = time.monotonic()
    if step > first:
        checkpoints.save(step)
    return step


def log(folder: Path, group: Group, **values: Any) -> None:
    """One JSON object a line; the first process writes."""
    if group.rank == 0:
        with (folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")
