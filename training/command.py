"""The command line of a trainer that needs a recipe and a run's folder.

Owns the options that such trainers share, and how a fault is told. Never trains. One process.
"""

from __future__ import annotations

import argparse
import math
import sys
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


def run_trainer(description: str | None, kind: type[Recipe], train: Train[Recipe], *, start: str) -> None:
    """Reads the command line and trains; exits with a sentence where something is wrong. start: what `--start` is."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--start", type=Path, help=start)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop, and resume another time")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    group = Group(0, 1, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    try:
        recipe = load_recipe(kind, arguments.recipe)
        train(recipe, arguments.run, group, start=arguments.start, minutes=arguments.minutes)
    except UserError as error:
        sys.exit(str(error))
