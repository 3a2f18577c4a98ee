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

CHECKPOINT = "last.pt"


class Run:
    """A folder for one training run: its checkpoint and a log of one JSON object a line."""

    def __init__(self, folder: Path, *, every_s: float = 300.0) -> None:
        self.folder, self.every_s = folder, every_s
        folder.mkdir(parents=True, exist_ok=True)
        self._saved_s = time.monotonic()

    def log(self, **values: Any) -> None:
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")

    def due(self) -> bool:
        return time.monotonic() - self._saved_s >= self.every_s

    def save(self, step: int, **parts: nn.Module | Optimizer) -> None:
        """Writes the step and every part's state, beside and then renamed: a kill in between leaves the last good
        checkpoint.
        """
        beside = self.folder / (CHECKPOINT + ".new")
        torch.save({"step": step} | {name: part.state_dict() for name, part in parts.items()}, beside)
        beside.replace(self.folder / CHECKPOINT)
        self._saved_s = time.monotonic()

    def resume(self, **parts: nn.Module | Optimizer) -> int:
        """Loads the last checkpoint where there is one and returns the step to go on from (0 for a fresh run).

        A part that the checkpoint does not have stays as it is: a judge may join a run later.
        """
        path = self.folder / CHECKPOINT
        if not path.exists():
            return 0
        state = torch.load(path, weights_only=True)
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
