"""What a stream is told of a clip: a control drawn for it, followed by the inference code's own parts up to the
transformer.

Owns how a clip becomes such a sample, and a batch of them the generator's input. Never trains, and makes no frame.
`Follow` runs in the worker processes that make clips, `Followed` on the trainer's thread.

`training.directed` carries a whole batch at once by the tracks alone. Here each clip goes through `inference.stream`:
things are found and outlined, a crowd is parted, what left stays out. It is what a finished student meets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from inference.autoencoder import FRAMES
from inference.generator import Direction
from inference.offline import render
from inference.package import ModelPackage
from inference.rollout import Rollout
from inference.stream import Chunk, Stream
from inference.tracks import TrackFile, Tracks
from training.batches import stacked
from training.causal import drawn_style
from training.clips import video_tensor
from training.loop import Batch
from training.recipe import DataSettings
from training.world import Clip, Library, make_clip
from training.world.control import sample_control

TEXT_DROPOUT = 0.2


class _Asked(Rollout):
    """In place of a rollout: notes what it is told, and answers with what was carried."""

    def __init__(self, rollout: Rollout) -> None:
        super().__init__(rollout.generator, rollout.config, rollout.text, rollout.cache, 0)
        self.picture: tuple[Tensor, Direction] | None = None
        self.told: list[Direction] = []

    def write_picture(self, latent: Tensor, direction: Direction) -> None:
        if not self.told:  # what is written anew later adds and drops tracks: a training step writes the picture once
            self.picture = latent, direction

    def next_chunk(self, direction: Direction) -> Tensor:
        self.told.append(direction)
        assert direction.carried is not None
        return direction.carried


class _Watched(Stream):
    """A stream up to its transformer."""

    def open(self, picture: np.ndarray, prompt: str = "", seed: int = 0) -> np.ndarray:
        seen = super().open(picture, prompt, seed)
        self._rollout = self.asked = _Asked(self._opened())
        self.through: list[tuple[Tensor, Tensor]] = []
        self.tokens = self.package.text.encode([prompt], self.package.config.transformer.text_tokens)
        return seen

    def advance(self, tracks: Tracks) -> np.ndarray:
        chunk: Chunk = self.make(tracks)
        assert chunk.through is not None
        self.through.append(chunk.through)
        return np.empty((self.frames_per_chunk, 0, 0, 4), np.uint8)


class Follow:
    """A clip with one drawn control, as `Followed` takes it. package: whose parts follow; read once a process."""

    def __init__(self, package: Path) -> None:
        self.package = package
        self._stream: _Watched | None = None

    @torch.no_grad()
    def __call__(self, clip: Clip, rng: np.random.Generator, kind: str | None = None) -> dict[str, Any]:
        if self._stream is None:
            self._stream = _Watched(ModelPackage.load(self.package))
        stream = self._stream
        tracks = sample_control(clip, rng, kind)
        tracks = tracks.of_points(tracks.visible[0])  # a point that the picture does not show has no origin
        caption = "" if rng.random() < TEXT_DROPOUT else clip.caption
        for _ in render(stream, clip.frames[0], TrackFile(tracks, stream.fps), caption, int(rng.integers(2**31))):
            pass
        asked = stream.asked
        assert asked.picture is not None
        latent, picture = asked.picture
        frames, shown = (torch.cat(parts) for parts in zip(*stream.through, strict=True))
        sample = {
            "video": video_tensor(clip.frames), "text": stream.tokens[0], "latent": latent[0],
            "frames": frames, "shown": shown,
            "canvas": torch.cat([picture.canvas, *(each.canvas for each in asked.told)], dim=1)[0],
        }  # fmt: skip
        for name in ("carried", "confidence", "support"):
            parts = [getattr(each, name) for each in (picture, *asked.told)]
            sample[name] = torch.cat(parts, dim=1)[0]
        return {name: value.float() for name, value in sample.items()}


@dataclass(frozen=True, eq=False)
class Followed:
    """A batch of such samples: truth [B, 1 + 4F, 3, H, W]; the picture's latent [B, 1, C, h, w] and direction; that of
    F latents; the carried frames [B, 4F, 3, H, W] and how far the picture shows them [B, 4F, 1, H, W]; token states.
    """

    truth: Tensor
    latent: Tensor
    picture: Direction
    chunks: Direction
    frames: Tensor
    shown: Tensor
    text: Tensor

    @classmethod
    def of(cls, batch: dict[str, Any]) -> Followed:
        whole = Direction(batch["canvas"], batch["carried"], batch["confidence"], batch["support"])
        latents = whole.canvas.shape[1] // FRAMES
        return cls(
            batch["video"], batch["latent"], whole.latents(0, 1), whole.latents(1, latents),
            batch["frames"], batch["shown"], batch["text"],
        )  # fmt: skip


class FollowedClips(Dataset[Batch]):
    """Batch `step` of the made world: one size a step, drawn; kinds of control as the world draws them."""

    def __init__(self, follow: Follow, library: Callable[[str], Library], settings: DataSettings) -> None:
        self.follow, self.library, self.settings = follow, library, settings
        self._library: Library | None = None

    def __getitem__(self, step: int) -> Batch:
        if torch.utils.data.get_worker_info() is not None:
            torch.set_num_threads(1)
        if self._library is None:
            self._library = self.library("train")
        data = self.settings
        width, height = data.sizes[int(np.random.default_rng([step, 37]).integers(len(data.sizes)))]
        samples = []
        for seed in range(data.seed + step * data.batch, data.seed + (step + 1) * data.batch):
            rng = np.random.default_rng([seed, 29])
            style = drawn_style(rng)
            clip = make_clip(self._library, seed, width=width, height=height, frames=data.frames, style=style)
            samples.append(self.follow(clip, rng) | {"seed": torch.tensor(seed)})
        return stacked(samples)
