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

    def save(self, step: int, model: nn.Module, ema: nn.Module, optimizer: Optimizer) -> None:
        """Writes beside, then renames: a kill in between leaves the last good checkpoint."""
        state = {
            "step": step,
            "model": model.state_dict(),
            "ema": ema.state_dict(),
            "optimizer": optimizer.state_dict(),
        }
        beside = self.folder / (CHECKPOINT + ".new")
        torch.save(state, beside)
        beside.replace(self.folder / CHECKPOINT)
        self._saved_s = time.monotonic()

    def resume(self, model: nn.Module, ema: nn.Module, optimizer: Optimizer) -> int:
        """Loads the last checkpoint where there is one and returns the step to go on from (0 for a fresh run)."""
        path = self.folder / CHECKPOINT
        if not path.exists():
            return 0
        state = torch.load(path, weights_only=True)
        model.load_state_dict(state["model"])
        ema.load_state_dict(state["ema"])
        optimizer.load_state_dict(state["optimizer"])
        return int(state["step"])


@torch.no_grad()
def update_ema(ema: nn.Module, model: nn.Module, decay: float) -> None:
    """Moves the running average of the weights towards the weights; buffers are copied."""
    for average, value in zip(ema.parameters(), model.parameters(), strict=True):
        average.lerp_(value, 1.0 - decay)
    for kept, buffer in zip(ema.buffers(), model.buffers(), strict=True):
        kept.copy_(buffer)
