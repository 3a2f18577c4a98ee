"""Checkpoints of a training run: written whole or not at all, resumed after a kill.

Owns the files under an ignored `runs/` folder. Never exports a package (`training.export`). Runs on the trainer's
thread.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from inference.errors import UserError
from training.recipe import first_difference

CHECKPOINT = "last.pt"


class Run:
    """A folder for one training run: its checkpoint and a log of one JSON object a line.

    recipe: what a later session must share to go on, where a trainer says so.
    """

    def __init__(self, folder: Path, *, every_s: float = 300.0, recipe: dict[str, Any] | None = None) -> None:
        self.folder, self.every_s = folder, every_s
        self.recipe = json.loads(json.dumps(recipe))  # tuples become lists, as they will be read
        folder.mkdir(parents=True, exist_ok=True)
        self._saved_s = time.monotonic()

    def log(self, **values: Any) -> None:
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")

    def due(self) -> bool:
        return time.monotonic() - self._saved_s >= self.every_s

    def save(self, step: int, **parts: nn.Module | Optimizer) -> None:
        """Writes the step and every part's state, beside and then renamed: a kill in between leaves the last good
        checkpoint. Raises UserError where it cannot be written; that one is intact then, too.
        """
        beside = self.folder / (CHECKPOINT + ".new")
        state = {"step": step, "recipe": self.recipe} | {name: part.state_dict() for name, part in parts.items()}
        try:
            torch.save(state, beside)
        except (OSError, RuntimeError) as error:  # torch's own writer raises the second on a full disk
            beside.unlink(missing_ok=True)
            kept = "The last good one is untouched." if (self.folder / CHECKPOINT).exists() else ""
            raise UserError(
                f"The checkpoint of step {step} could not be written to {self.folder} ({str(error).splitlines()[0]}).",
                kept, "Make room on the disk, then give the same command again.",
            ) from error  # fmt: skip
        beside.replace(self.folder / CHECKPOINT)
        self._saved_s = time.monotonic()

    def resume(self, **parts: nn.Module | Optimizer) -> int:
        """Loads the last checkpoint where there is one and returns the step to go on from (0 for a fresh run).

        A part that the checkpoint does not have stays as it is: a judge may join a run later. Raises UserError where
        it was made under another recipe.
        """
        path = self.folder / CHECKPOINT
        if not path.exists():
            return 0
        state = torch.load(path, weights_only=True)
        before = state.get("recipe")
        if before is not None and self.recipe is not None and (key := first_difference(before, self.recipe)):
            raise UserError(
                f"{path} was made under another recipe: {key} differs.", "Nothing was changed.",
                "Go on with the recipe it began with, or choose another folder for --run.",
            )  # fmt: skip
        for name, part in parts.items():
            if name in state:
                part.load_state_dict(state[name])
        return int(state["step"])


@torch.no_grad()
def update_ema(ema: nn.Module, model: nn.Module, decay: float) -> None:
    """Moves the running average of the weights towards the weights; buffers are copied."""
    for average, value in zip(ema.parameters(), model.parameters(), strict=True):
        average.lerp_(value, 1.0 - decay)
    for kept, buffer in zip(ema.buffers(), model.buffers(), strict=True):
        kept.copy_(buffer)
