"""The streams that are compared: the package's own as the application runs it, and the same one in plain torch.

Owns how both are built and driven: the same picture, seed and looping drag for all. One thread.
"""

from __future__ import annotations

import copy
import itertools
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import kernels
from benchmarks.quality.long_run import LOOP, looping_drag
from desktop.resources import resource_path
from inference.cache import CacheContext, KeyValues
from inference.generator import Generator
from inference.motion_transformer import MotionTransformer
from inference.package import GENERATOR, ModelPackage, load_weights
from inference.picture import load_picture
from inference.stream import Chunk, Stream
from inference.tracks import Tracks

PROMPT = "a toy"  # some text: the cross-attention is part of the work


class PlainTransformer(MotionTransformer):
    """Past and present keys joined in a new tensor for every layer, the mask always added: attention as one writes it
    first.
    """

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        control: Tensor | None,
        text: KeyValues,
        context: CacheContext | None = None,
        latent_mask: Tensor | None = None,
        turns: Tensor | None = None,
    ) -> tuple[Tensor, KeyValues]:
        if context is not None:
            context = replace(context, room=None, full=False)
        return super().forward(x, t, control, text, context, latent_mask, turns)


def plain_package(package: ModelPackage, path: Path) -> ModelPackage:
    """The package with its weights in float32 and nothing fused, compiled or converted: eager torch alone."""
    generator = Generator(package.config)
    generator.transformer = PlainTransformer(package.config.transformer)
    load_weights(generator, path / GENERATOR)
    generator.eval().requires_grad_(False)
    autoencoder = copy.deepcopy(package.autoencoder).float()
    blend = None if package.blend is None else copy.deepcopy(package.blend).float()
    return replace(package, generator=generator, autoencoder=autoencoder, blend=blend, dtype=torch.float32)


class Driven:
    """A stream under a looping drag of its picture's own thing, chunk after chunk, never decoded.

    plain: torch alone, attention by its scaled_dot_product_attention whatever this machine's fastest is. `frames`
    counts those made after the picture.
    """

    def __init__(self, package: ModelPackage, *, plain: bool = False) -> None:
        self.stream = Stream(package, fastest=not plain)
        if self.stream.backend is not None:
            self.stream.backend.prepare(package.config.buckets[0])
        self.frames = 0
        self._backend = "sdpa" if plain else None
        picture, grab = _starter(package.config.buckets[0])
        self.stream.open(picture, PROMPT)
        tracks = looping_drag(grab, self.stream.size, LOOP)
        self.stream.anchor(tracks[:1])
        self._chunks = _round_and_round(tracks, self.stream.frames_per_chunk)

    def make(self) -> Chunk:
        """The next chunk's latents and what directs them."""
        self.frames += self.stream.frames_per_chunk
        kernels.use(self._backend)
        try:
            with torch.inference_mode():
                return self.stream.make(next(self._chunks))
        finally:
            kernels.use(None)


def _starter(size: tuple[int, int]) -> tuple[np.ndarray, tuple[float, float]]:
    """The first starter picture, cropped to `size`, and where a hand takes it."""
    folder = resource_path("assets", "pictures")
    entry = tomllib.loads((folder / "pictures.toml").read_text(encoding="utf-8"))["picture"][0]
    return load_picture(folder / entry["file"]).crop(size), (entry["grab"][0], entry["grab"][1])


def _round_and_round(tracks: Tracks, frames: int) -> Iterator[Tracks]:
    """Chunks of the loop without end: its last row is its first."""
    for start in itertools.count(0, frames):
        rows = (start + np.arange(frames)) % LOOP + 1
        yield Tracks(tracks.xy[rows], tracks.visible[rows], tracks.ids)
