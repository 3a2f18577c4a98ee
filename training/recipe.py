"""Recipes: every setting of a training run, read from one TOML file, none with a default.

Owns reading and checking them, the sections that trainers share, and what may change between two sessions of one run.
Never trains. Any thread.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from inference.config import parse
from inference.errors import UserError

T = TypeVar("T")
# May differ when a run goes on: how long, on how many processes' workers, and which clips come next.
FREE = ("steps", "accumulate", "workers", "seed", "held_clips", "held", "evaluate_every", "pictures", "sentences")


@dataclass(frozen=True)
class DataSettings:
    """What a trainer is shown. Sizes are (width, height) in pixels, one a step."""

    sizes: tuple[tuple[int, int], ...]
    frames: int  # 1 + 4 F
    batch: int  # samples an update, over all processes
    accumulate: int  # backward passes an update
    workers: int  # processes that make samples, for each process that trains
    seed: int  # of the first clip; another one goes on with other clips
    shards: str  # tar shards of real video (training.shards), or "" for the made world

    def __post_init__(self) -> None:
        if self.frames % 4 != 1 or self.frames < 5:
            raise ValueError(f"data.frames is {self.frames}, not 1 + 4 F")
        if min(self.batch, self.accumulate) < 1 or self.workers < 0 or not self.sizes:
            raise ValueError(f"impossible data settings: {self}")


@dataclass(frozen=True)
class OptimiserSettings:
    """AdamW with a linear warm-up and a cosine from `learning_rate` to `floor`."""

    learning_rate: float
    floor: float
    warmup_steps: int
    steps: int
    weight_decay: float
    betas: tuple[float, float]
    clip: float  # greatest norm of a gradient
    bf16: bool  # matrix products in bfloat16, weights and optimiser in float32


def load_recipe(kind: type[T], path: Path, **known: dict[str, Any]) -> T:
    """Reads a recipe. Raises UserError naming what is missing, unknown or mistyped.

    known: what is known otherwise, to be added to the sections of these names.
    """
    again = "Correct the recipe, or start from one in training/recipes."
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return parse(kind, table | {name: table.get(name, {}) | more for name, more in known.items()}, path.name)
    except FileNotFoundError:
        raise UserError(f"There is no recipe at {path}.", next=again) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError, ValueError) as error:
        raise UserError(f"The recipe {path} cannot be used: {error}.", next=again) from error


def first_difference(before: Any, now: Any, where: str = "") -> str | None:
    """The first key in which two nested tables differ, but for the `FREE` ones; None where they agree."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            name = f"{where}.{key}" if where else key
            if key in FREE:
                continue
            if key not in before or key not in now:
                return name
            if found := first_difference(before[key], now[key], name):
                return found
        return None
    return None if before == now else where
