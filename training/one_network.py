"""Training one network by itself: what the trainers of depth, backdrop and words share.

Owns what such a run is: the network and the running average that is handed on, its folder (description, checkpoints,
log) and how it is read back. Never knows a loss, a sample or a figure: those are a trainer's own. Trainer's thread.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from torch import nn

from inference.config import parse
from inference.errors import UserError
from training.batches import to
from training.distributed import Checkpoints, Group, load_part
from training.loop import Batch, Descent, follow, run_steps
from training.recipe import OptimiserSettings

Config = TypeVar("Config")
Network = TypeVar("Network", bound=nn.Module)


class LossSettings(Protocol):
    """What every such trainer's settings of its loss hold beside its own."""

    @property
    def ema(self) -> float: ...
    @property
    def evaluate_every(self) -> int: ...


class Recipe(Protocol):
    @property
    def model(self) -> Any: ...
    @property
    def optimiser(self) -> OptimiserSettings: ...
    @property
    def loss(self) -> LossSettings: ...


@dataclass(frozen=True)
class Kind(Generic[Config, Network]):
    """name: the trainer's, in its checkpoints and of `NAME.json`, which describes the network beside them."""

    name: str
    config: type[Config]
    network: Callable[[Config], Network]

    def described(self, folder: Path) -> Path:
        """Where a run's folder says what its network is."""
        return folder / f"{self.name}.json"

    def load(self, folder: Path) -> Network:
        """The average of a training run's last checkpoint. Raises UserError where there is none."""
        try:
            config = parse(self.config, json.loads(self.described(folder).read_text(encoding="utf-8")), self.name)
        except (OSError, ValueError) as error:
            again = "Give the folder of its --run."
            raise UserError(f"{folder} is no {self.name} training run: {error}.", next=again) from error
        net = self.network(config)
        load_part(folder, "ema", net)
        return net.eval().requires_grad_(False)

    def train(
        self,
        net: Network,
        recipe: Recipe,
        folder: Path,
        group: Group,
        *,
        batches: Callable[[int], Iterator[Batch]],
        update: Callable[[Descent, int, Batch], float],
        evaluate: Callable[[Network, int], dict[str, Any]] | None,
        minutes: float = math.inf,
        judging: Descent | None = None,
    ) -> int:
        """Trains until the recipe's steps or the minutes are over; goes on where the folder stands. Returns the step.

        recipe: a dataclass. batches: of a step and all after it, for ever. update: one step by the descent of `net`,
        which gives its loss. evaluate: figures of the average at a step; None: none. judging: of a judge that learns
        beside the network and is kept with it.
        """
        net.to(group.device)
        average = copy.deepcopy(net).requires_grad_(False)
        descent = Descent(net, recipe.optimiser, group)
        parts: dict[str, nn.Module] = {"model": net, "ema": average}
        optimisers = {"optimiser": descent}
        if judging is not None:
            parts["judge"], optimisers["judging"] = judging.network, judging
        checkpoints = Checkpoints(
            folder, group, parts, {name: (each.network, each.optimiser) for name, each in optimisers.items()},
            {"trainer": self.name} | asdict(recipe),  # type: ignore[call-overload]  # no protocol of dataclasses
        )  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        self.described(folder).write_text(json.dumps(asdict(recipe.model)), encoding="utf-8")
        stream: Iterator[Batch] | None = None

        def step_once(step: int) -> dict[str, float]:
            nonlocal stream
            if stream is None:  # where this session goes on
                stream = batches(step)
            loss = update(descent, step, to(next(stream), group.device))
            follow(average, net, recipe.loss.ema, step)
            return {"loss": round(loss, 4)}

        return run_steps(
            step_once, checkpoints, steps=recipe.optimiser.steps, minutes=minutes,
            evaluate=None if evaluate is None else lambda step: evaluate(average, step),
            evaluate_every=recipe.loss.evaluate_every,
        )  # fmt: skip
