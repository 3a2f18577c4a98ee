"""The teacher as a contender: whole clips from its training run, sampled in many steps with joint guidance.

Owns how a case becomes what the teacher is told, and its frames. Never trains. Caller's thread; weights are float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.quality.clips import Case
from inference.autoencoder import FRAMES
from inference.blend import BlendNet
from inference.config import load_config
from inference.generator import Generator
from inference.package import BLEND, DESCRIPTION, load_weights
from inference.tracks import Tracks
from training.batches import silence
from training.clips import video_tensor
from training.directed import Directed, padded
from training.distributed import load_part, trained_under
from training.flow import Chances, Prior, Told
from training.guidance import GuidanceSettings, sample
from training.teacher import Base

STEPS = 40


@dataclass(frozen=True, eq=False)
class Teacher:
    """A run of `training.teacher` (its average) within the package that it began with."""

    base: Base
    generator: Generator
    blend: BlendNet | None
    quiet: Tensor
    prior: Prior
    shift: float
    guidance: GuidanceSettings

    @classmethod
    def load(cls, package: Path, run: Path) -> Teacher:
        """Raises UserError where the run has no checkpoint, or is of a network of another shape."""
        base = Base.load(package, torch.device("cpu"))
        recipe = trained_under(run)
        generator = Generator(base.config)
        load_part(run, "ema", generator)
        generator.eval().requires_grad_(False)
        described, blend = load_config(package / DESCRIPTION).blend, None
        if described is not None:
            blend = BlendNet(described).eval().requires_grad_(False)
            load_weights(blend, package / BLEND)
        return cls(
            base, generator, blend, silence(base.config, torch.device("cpu")), Prior(recipe["teacher"]["prior"]),
            recipe["teacher"]["shift"], GuidanceSettings(**recipe["guidance"]),
        )  # fmt: skip

    @torch.no_grad()
    def video(
        self,
        case: Case,
        tracks: Tracks,
        *,
        guidance: GuidanceSettings | None,
        steps: int = STEPS,
        text: Tensor | None = None,
        masked: bool = True,
    ) -> np.ndarray:
        """uint8 [T, H, W, 3] of a case whose T is 1 + 4 F; the truth's later frames are not looked at.

        text: token states [1, L, D], none for the empty prompt. masked: through the package's mask, as a stream's
        frames go; without it, as the generator made them.
        """
        data = self.directed(case, tracks, self.quiet if text is None else text)
        noise = Chances([0]).normal(data.latents[:, 1:])
        made = sample(
            self.generator, self.base.config, Told.of(data, self.prior), self.quiet, guidance,
            steps=steps, shift=self.shift, noise=noise,
        )  # fmt: skip
        decoded = self.base.autoencoder.decoder(torch.cat([data.latents[:, :1], made], dim=1))[0][0].flatten(0, 1)
        if masked and self.blend is not None and data.carried is not None:
            picture = video_tensor(case.frames[:1]).expand(FRAMES, -1, -1, -1)
            through = torch.cat([picture, data.carried.frames[0]])
            shown = torch.cat([torch.ones_like(picture[:, :1]), data.carried.shown[0]])
            decoded = self.blend(decoded, through, shown)
        frames = decoded[FRAMES - 1 :]  # the picture stands four times
        return frames.clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()

    def directed(self, case: Case, tracks: Tracks, text: Tensor) -> Directed:
        """The case as the model sees it, each point under an identity drawn at random, as in training."""
        rng = np.random.default_rng([0, 1])
        control = self.base.config.control
        ids = rng.permutation(control.id_range)[: tracks.ids.size].astype(np.int64)
        points = padded(Tracks(tracks.xy, tracks.visible, ids), control.max_tracks, rng)
        batch = {"video": video_tensor(case.frames), "text": text[0], **points}
        return self.base.directed({key: value[None] for key, value in batch.items()})
