"""The batches of every step: made from the step's number alone, for this process's share of them.

Owns which clip belongs to which step, part and process, and what a sample holds. One process of eight thus meets an
eighth of what a single one would, and a resumed run goes on with the clips that would have come next. Runs in worker
processes of one thread each, or on the trainer's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from inference.config import ModelConfig
from inference.errors import UserError
from inference.text import TextEncoder
from training.causal import MINILM, Prepare, drawn_style, padded
from training.distributed import Group
from training.imperfect import imperfect, masked
from training.loop import Batch
from training.recipe import DataSettings
from training.world import Clip, Library, make_clip
from training.world.control import sample_control


class Sampled:
    """A clip with control drawn anew, from dense to a hand's small grid; from step `later` on, faulty and masked too.

    First a model learns to follow, then to survive (paper section 3: masking in the second stage alone).
    """

    def __init__(self, config: ModelConfig, *, later: int, imperfect: float, mask: float) -> None:
        self.config, self.later, self.imperfect, self.mask = config, later, imperfect, mask
        self._prepare = Prepare(config.control.max_tracks, config.transformer.text_tokens, 0.0)

    def __call__(self, clip: Clip, rng: np.random.Generator, step: int) -> dict[str, Any]:
        tracks = sample_control(clip, rng)
        if step >= self.later:
            if rng.random() < self.imperfect:
                tracks = imperfect(tracks, rng)
            tracks = masked(tracks, rng, self.mask)
        return self._prepare(clip, rng) | padded(tracks, self.config.control.max_tracks, rng)


class WorldBatches(Dataset[Batch]):
    """Batch `step * accumulate + part` of the made world; one size a step, drawn."""

    def __init__(
        self, sampled: Sampled, library: Callable[[str], Library], settings: DataSettings, group: Group
    ) -> None:
        self.sampled, self.library, self.settings = sampled, library, settings
        self.rank, self.size = group.rank, group.size
        self._library: Library | None = None

    def __getitem__(self, index: int) -> Batch:
        if torch.utils.data.get_worker_info() is not None:
            torch.set_num_threads(1)
        if self._library is None:
            self._library = self.library("train")
        data = self.settings
        share = data.batch // (data.accumulate * self.size)
        step, part = divmod(index, data.accumulate)
        # Not in turn: every sixth step is the student's, and would meet the same size each time.
        width, height = data.sizes[int(np.random.default_rng([step, 37]).integers(len(data.sizes)))]
        first = data.seed + step * data.batch + (part * self.size + self.rank) * share
        samples = []
        for seed in range(first, first + share):
            rng = np.random.default_rng([seed, 29])
            style = drawn_style(rng)
            clip = make_clip(self._library, seed, width=width, height=height, frames=data.frames, style=style)
            samples.append(self.sampled(clip, rng, step) | {"seed": torch.tensor(seed)})
        return {key: torch.stack([sample[key] for sample in samples]) for key in samples[0]}


class Feed:
    """The batches of steps in order, `accumulate` at a time, on the device."""

    def __init__(self, batches: WorldBatches, settings: DataSettings, group: Group) -> None:
        if settings.batch % (settings.accumulate * group.size):
            raise UserError(
                f"A batch of {settings.batch} cannot be shared by {group.size} processes in {settings.accumulate} parts.",
                next="Change data.batch or data.accumulate in the recipe.",
            )
        self._batches, self._settings, self._group = batches, settings, group
        self._next, self._stream = -1, iter(())

    def __call__(self, step: int) -> list[Batch]:
        parts = self._settings.accumulate
        if step != self._next:  # the first call, or another place after a resume
            self._stream = self._from(step)
        self._next = step + 1
        return [to(batch, self._group.device) for batch in islice(self._stream, parts)]

    def _from(self, step: int) -> Iterator[Batch]:
        workers = self._settings.workers
        loader = DataLoader(
            self._batches, batch_size=None, sampler=_Endless(step * self._settings.accumulate), num_workers=workers,
            prefetch_factor=2 if workers else None,
        )  # fmt: skip
        return iter(loader)


class _Endless(torch.utils.data.Sampler[int]):
    def __init__(self, first: int) -> None:
        self.first = first

    def __iter__(self) -> Iterator[int]:
        index = self.first
        while True:
            yield index
            index += 1


def to(batch: Batch, device: torch.device) -> Batch:
    return {key: value.to(device) if isinstance(value, Tensor) else value for key, value in batch.items()}


def silence(config: ModelConfig, device: torch.device) -> Tensor:
    """Token states of the empty prompt, [1, L, D]."""
    return TextEncoder.load(MINILM).encode([""], config.transformer.text_tokens).to(device)
