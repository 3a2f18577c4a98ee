"""The batches of every step: made from the step's number alone, for this process's share of them.

Owns which clip belongs to which step, part and process, and what a sample holds. One process of eight thus meets an
eighth of what a single one would, and a resumed run goes on with the clips that would have come next. Runs in worker
processes of one thread each, or on the trainer's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, islice
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from inference.config import ModelConfig
from inference.errors import UserError
from inference.text import TextEncoder
from inference.tracks import Tracks
from training.causal import drawn_style
from training.clips import video_tensor
from training.directed import MINILM, padded
from training.distributed import Group
from training.imperfect import imperfect, masked
from training.loop import Batch
from training.recipe import DataSettings
from training.world import Library, make_clip
from training.world.control import sample_control


class Sampled:
    """What a trainer sees of a clip. From step `later` on, tracks are faulty and masked too: first a model learns to
    follow, then to survive (paper section 3: masking in the second stage alone).
    """

    def __init__(self, config: ModelConfig, *, later: int, imperfect: float, mask: float) -> None:
        self.config, self.later, self.imperfect, self.mask = config, later, imperfect, mask
        self._text: TextEncoder | None = None

    def __call__(
        self, frames: np.ndarray, caption: str, tracks: Tracks, rng: np.random.Generator, step: int
    ) -> dict[str, Any]:
        """frames: uint8 [T, H, W, 3]; tracks: the control drawn for this sample, row 0 the picture."""
        if self._text is None:  # once a worker
            self._text = TextEncoder.load(MINILM)
        if step >= self.later:
            if rng.random() < self.imperfect:
                tracks = imperfect(tracks, rng)
            tracks = masked(tracks, rng, self.mask)
        return {
            "video": video_tensor(frames),
            "text": self._text.encode([caption], self.config.transformer.text_tokens)[0],
            **padded(tracks, self.config.control.max_tracks, rng),
        }


class Source(Protocol):
    """Where batches come from: the made world, or shards of real video (training.shards)."""

    def starting_at(self, index: int) -> Iterator[Batch]:
        """This process's share of batches `index`, `index + 1`, ... for ever."""


class WorldBatches(Dataset[Batch]):
    """Batch `step * accumulate + part` of the made world; one size a step, drawn; control from dense to a hand's."""

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
            sample = self.sampled(clip.frames, clip.caption, sample_control(clip, rng), rng, step)
            samples.append(sample | {"seed": torch.tensor(seed)})
        return stacked(samples)

    def starting_at(self, index: int) -> Iterator[Batch]:
        return in_order(self, index, self.settings.workers)


def in_order(batches: Dataset[Batch], index: int, workers: int) -> Iterator[Batch]:
    """Batches `index`, `index + 1`, ... for ever; `workers` processes work two ahead."""
    loader = DataLoader(
        batches, batch_size=None, sampler=_From(index), num_workers=workers, prefetch_factor=2 if workers else None
    )
    return iter(loader)


class _From(Sampler[int]):
    """index, index + 1, ..."""

    def __init__(self, index: int) -> None:
        self.index = index

    def __iter__(self) -> Iterator[int]:
        return count(self.index)


class Feed:
    """The batches of steps in order, `accumulate` at a time, on the device."""

    def __init__(self, source: Source, settings: DataSettings, group: Group) -> None:
        if settings.batch % (settings.accumulate * group.size):
            raise UserError(
                f"A batch of {settings.batch} cannot be shared by {group.size} processes in {settings.accumulate} "
                "parts.",
                next="Change data.batch or data.accumulate in the recipe.",
            )
        self._source, self._parts, self._device = source, settings.accumulate, group.device
        self._next = -1
        self._stream: Iterator[Batch] = iter(())

    def __call__(self, step: int) -> list[Batch]:
        if step != self._next:  # the first call of a session
            self._stream = self._source.starting_at(step * self._parts)
        self._next = step + 1
        return [to(batch, self._device) for batch in islice(self._stream, self._parts)]


def stacked(samples: list[dict[str, Any]]) -> Batch:
    return {key: torch.stack([sample[key] for sample in samples]) for key in samples[0]}


def to(batch: Batch, device: torch.device) -> Batch:
    return {key: value.to(device) if isinstance(value, Tensor) else value for key, value in batch.items()}


def silence(config: ModelConfig, device: torch.device) -> Tensor:
    """Token states of the empty prompt, [1, L, D]."""
    return TextEncoder.load(MINILM).encode([""], config.transformer.text_tokens).to(device)
