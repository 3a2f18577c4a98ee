"""The command line of a trainer that needs a recipe and a run's folder.

Owns the options that such trainers share, and how a fault is told. Never trains. One process.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import torch

from inference.errors import UserError
from training.distributed import Group
from training.recipe import load_recipe

Recipe = TypeVar("Recipe")
Told = TypeVar("Told", contravariant=True)


class Train(Protocol[Told]):
    def __call__(self, recipe: Told, folder: Path, group: Group, /, *, start: Path | None, minutes: float) -> int: ...


def trainer_options(description: str | None) -> argparse.ArgumentParser:
    """What every trainer is told: recipe, folder, how long, on how many threads. A trainer adds its own."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True, help="its folder: checkpoints, log; resumes from there")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop, and resume another time")
    parser.add_argument("--threads", type=int, default=1)
    return parser


@contextmanager
def told_plainly() -> Iterator[None]:
    """A fault that a person can mend ends the process with its sentence alone."""
    try:
        yield
    except UserError as error:
        sys.exit(str(error))


def one_process() -> Group:
    return Group(0, 1, torch.device("cuda" if torch.cuda.is_available() else "cpu"))


def run_trainer(description: str | None, kind: type[Recipe], train: Train[Recipe], *, start: str) -> None:
    """Reads the command line and trains in one process. start: what `--start` is."""
    parser = trainer_options(description)
    parser.add_argument("--start", type=Path, help=start)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with told_plainly():
        recipe = load_recipe(kind, arguments.recipe)
        train(recipe, arguments.run, one_process(), start=arguments.start, minutes=arguments.minutes)
