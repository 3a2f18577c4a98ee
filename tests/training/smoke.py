"""The smoke recipes on a tiny package and a tiny library: what the trainers' tests share."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import torch

from inference.generator import Generator
from tests.tiny import tiny_config, write_package
from tests.training.world_pictures import tiny_library
from training import self_forcing, teacher
from training.distributed import Group, load_part
from training.recipe import load_recipe
from training.self_forcing import SelfForcingRecipe
from training.teacher import TeacherRecipe

RECIPES = Path("training/recipes/smoke")
ALONE = Group(0, 1, torch.device("cpu"))


def teacher_recipe(steps: int = 4) -> TeacherRecipe:
    recipe = load_recipe(TeacherRecipe, RECIPES / "teacher.toml")
    return replace(recipe, optimiser=replace(recipe.optimiser, steps=steps))


def self_forcing_recipe(steps: int = 2) -> SelfForcingRecipe:
    recipe = load_recipe(SelfForcingRecipe, RECIPES / "self_forcing.toml")
    return replace(recipe, generator=replace(recipe.generator, steps=steps))


def package(folder: Path) -> Path:
    """A tiny package; the same each time, made once a folder."""
    return folder / "tiny" if (folder / "tiny").exists() else write_package(folder)


def train_teacher(folder: Path, run: Path, group: Group = ALONE, steps: int = 4, minutes: float = math.inf) -> int:
    return teacher.train(teacher_recipe(steps), package(folder), run, group, library=tiny_library, minutes=minutes)


def train_student(folder: Path, teacher_run: Path, run: Path, group: Group = ALONE, steps: int = 2) -> int:
    recipe = self_forcing_recipe(steps)
    return self_forcing.train(recipe, package(folder), teacher_run, run, group, library=tiny_library)


def weights(run: Path, part: str) -> dict[str, torch.Tensor]:
    """One part of a run's newest checkpoint."""
    generator = Generator(tiny_config())
    load_part(run, part, generator)
    return generator.state_dict()
