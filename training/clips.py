"""Clips of the world for a training loop, made by worker processes while the trainer computes.

Owns the seeds (each clip is made once, from one seed) and the conversion to tensors. Never trains. The workers are
processes of one thread each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from training.world import Clip, Library, load_library, make_clip

Sample = dict[str, Any]


def video_tensor(frames: np.ndarray) -> Tensor:
    """uint8 [T, H, W, 3] to float32 [T, 3, H, W] in [-1, 1]."""
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1.0


class ClipStream(IterableDataset[Sample]):
    """Endless samples: clip `first + i` of the train split, drawn and turned into tensors by `prepare(clip, rng)`.

    sizes: (width, height) drawn in turn, one a batch, so that a batch stacks. Each worker takes its own batches.
    """

    def __init__(
        self,
        prepare: Callable[[Clip, np.random.Generator], Sample],
        sizes: tuple[tuple[int, int], ...],
        frames: int,
        batch: int,
        first: int,
        style: Callable[[np.random.Generator], str],
    ) -> None:
        self.prepare, self.sizes, self.frames, self.batch, self.first, self.style = (
            prepare, sizes, frames, batch, first, style,
        )  # fmt: skip

    def __iter__(self) -> Iterator[Sample]:
        torch.set_num_threads(1)
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        library: Library = load_library("train")
        index = worker
        while True:
            width, height = self.sizes[index % len(self.sizes)]
            samples = []
            for i in range(self.batch):
                seed = self.first + index * self.batch + i
                rng = np.random.default_rng([seed, 17])
                clip = make_clip(library, seed, width=width, height=height, frames=self.frames, style=self.style(rng))
                samples.append(self.prepare(clip, rng) | {"seed": torch.tensor(seed)})
            yield {key: _collate([sample[key] for sample in samples]) for key in samples[0]}
            index += workers


def _collate(values: list[Any]) -> Any:
    return torch.stack(values) if isinstance(values[0], Tensor) else values


def clip_loader(stream: ClipStream, workers: int) -> DataLoader[Sample]:
    """The stream's batches, ready-made; `workers` processes work two batches ahead."""
    return DataLoader(stream, batch_size=None, num_workers=workers, prefetch_factor=2 if workers else None)
