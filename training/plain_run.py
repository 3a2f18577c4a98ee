"""The plain loop around one small network: one process, and a checkpoint of one file (`training.checkpoint`).

Owns the schedule, the running average that is handed on, and when to log, save and stop. Never knows a loss or a
figure. What affinity and blend share; `training.one_network` is the loop of what may be trained on several processes.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from training.autoencoder import learning_rate
from training.checkpoint import Run, update_ema
from training.recipe import OptimiserSettings

Network = TypeVar("Network", bound=nn.Module)
Batch = dict[str, Any]


def train_plainly(
    run: Run,
    net: Network,
    settings: OptimiserSettings,
    *,
    batches: Callable[[int], Iterator[Batch]],
    loss: Callable[[Batch], Tensor],
    evaluate: Callable[[Network], dict[str, float]],
    every: int,
    ema: float,
    minutes: float,
) -> None:
    """Trains until the steps of `settings` or the minutes are over; goes on where the run's checkpoint stands.

    batches: of a step and all after it, for ever. evaluate: figures of the average, logged every so many steps with the
    mean loss, and at both ends of a session.
    """
    average = copy.deepcopy(net).requires_grad_(False)
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=settings.weight_decay, betas=settings.betas)
    parts: dict[str, nn.Module | Optimizer] = {"model": net, "ema": average, "optimizer": optimiser}
    step = run.resume(**parts)
    run.log(step=step, **evaluate(average))
    stream = batches(step)
    end_s, losses, seconds = time.monotonic() + 60.0 * minutes, list[float](), time.monotonic()
    while step < settings.steps and time.monotonic() < end_s:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, vars(settings))
        value = loss(next(stream))
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), settings.clip)
        optimiser.step()
        step += 1
        update_ema(average, net, min(ema, (1 + step) / (10 + step)))
        losses.append(float(value.detach()))
        if step % every == 0:
            pace, mean = (time.monotonic() - seconds) / len(losses), float(np.mean(losses))
            run.log(step=step, loss=round(mean, 4), s_a_step=round(pace, 3), **evaluate(average))
            losses, seconds = [], time.monotonic()
        if run.due():
            run.save(step, **parts)
    run.save(step, **parts)
    run.log(step=step, done=True, **evaluate(average))
