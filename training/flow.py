"""Rectified flow over whole clips: what teacher and critic learn, and what distribution matching asks of them.

Owns the paper's flow from pure noise to clean latents (section 3), what the network is told of a clip, and how parts of
that are left unsaid. Never samples, never rolls out. Runs on the trainer's thread.

The few-step sampler's bridge starts at the carried picture (`inference.sampler`). Here every clip starts at pure noise,
as in the paper: guidance compares answers at one and the same x_t, and where x_t already leans towards the tracks'
picture there is little left to compare. The carried picture stays an input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from inference import sampler
from inference.config import ModelConfig
from inference.generator import Direction, Generator
from inference.rollout import TIMESTEP_SCALE
from training.causal import Directed

LEAST_TIME = 0.02  # of the flow, as in Self-Forcing's code: below it, a velocity is noise divided by nothing


@dataclass(frozen=True)
class Told:
    """What a batch of clips is directed by.

    picture: latent 0, [B, 1, C, h, w]; direction: of latents 0 .. F; text: token states [B, L, D].
    """

    picture: Tensor
    direction: Direction
    text: Tensor

    @classmethod
    def of(cls, data: Directed) -> Told:
        return cls(data.latents[:, :1], joined(data.picture, data.chunks), data.text)

    def without_text(self, silence: Tensor, where: Tensor | None = None) -> Told:
        """The empty prompt's token states [1, L, D] in place of the text, in all clips or where bool [B] says so."""
        return replace(self, text=_chosen(where, silence.expand_as(self.text), self.text))

    def without_tracks(self, where: Tensor | None = None) -> Told:
        """No track says anything: what `inference.generator.direct` makes of an empty set, for all latents."""
        direction = self.direction
        carried = None if direction.carried is None else self.picture.expand_as(direction.carried)
        confidence = None if direction.confidence is None else torch.ones_like(direction.confidence)
        support = None if direction.support is None else torch.zeros_like(direction.support)
        if support is not None:
            support[:, :1] = 1.0  # the picture itself is certain, with tracks or without
        return replace(
            self, direction=_mixed(where, Direction(torch.zeros_like(direction.canvas), carried, confidence, support),
            direction),
        )  # fmt: skip

    def without_picture(self, where: Tensor | None = None) -> Told:
        """No picture and nothing carried from it; identities stay."""
        direction = self.direction
        blank = Direction(
            direction.canvas,
            *(None if x is None else torch.zeros_like(x)
              for x in (direction.carried, direction.confidence, direction.support)),
        )  # fmt: skip
        picture = _chosen(where, torch.zeros_like(self.picture), self.picture)
        return replace(self, picture=picture, direction=_mixed(where, blank, direction))


def joined(first: Direction, second: Direction) -> Direction:
    """One direction behind the other in time."""

    def both(a: Tensor | None, b: Tensor | None) -> Tensor | None:
        return None if a is None or b is None else torch.cat([a, b], dim=1)

    return Direction(
        torch.cat([first.canvas, second.canvas], dim=1),
        both(first.carried, second.carried),
        both(first.confidence, second.confidence),
        both(first.support, second.support),
    )


def _mixed(where: Tensor | None, new: Direction, old: Direction) -> Direction:
    def chosen(a: Tensor | None, b: Tensor | None) -> Tensor | None:
        return None if a is None or b is None else _chosen(where, a, b)

    return Direction(
        _chosen(where, new.canvas, old.canvas),
        chosen(new.carried, old.carried),
        chosen(new.confidence, old.confidence),
        chosen(new.support, old.support),
    )


def _chosen(where: Tensor | None, new: Tensor, old: Tensor) -> Tensor:
    return new if where is None else torch.where(where.view(-1, *[1] * (old.dim() - 1)), new, old)


def shifted(s: Tensor, shift: float) -> Tensor:
    """The paper's timestep shift, t = k s / (1 + (k - 1) s): more of the time where noise is strong."""
    return shift * s / (1.0 + (shift - 1.0) * s)


def broadcast(t: Tensor) -> Tensor:
    """[B] to [B, 1, 1, 1, 1]."""
    return t.view(-1, 1, 1, 1, 1)


def velocity(generator: Generator, config: ModelConfig, x: Tensor, t: Tensor, told: Told) -> Tensor:
    """dx/dt = noise - clean of latents 1 .. F at noise level t, in both directions over the whole clip.

    x: [B, F, C, h, w]; t: [B] in (0, 1]. The picture stays clean: its own level is 0. Returns [B, F, C, h, w].
    """
    batch, frames = x.shape[:2]
    whole = torch.cat([told.picture, x], dim=1)
    levels = torch.cat([t.new_zeros(batch, 1), t[:, None].expand(-1, frames)], dim=1) * TIMESTEP_SCALE
    text = generator.transformer.encode_text(told.text)
    output = generator.transformer(whole, levels, generator.control(told.direction), text)[0][:, 1:].float()
    if config.sampler.prediction == "velocity":
        return output
    direction = told.direction.latents(1, frames + 1)
    assert direction.confidence is not None
    # "With no confidence anywhere" the sampler's arithmetic is that of pure noise; the network was told the true one.
    doubted = replace(direction, confidence=torch.zeros_like(direction.confidence))
    return (x - sampler.clean_from(config.sampler, output, x, broadcast(t), doubted)) / broadcast(t)


def flow_loss(
    generator: Generator,
    config: ModelConfig,
    clean: Tensor,
    told: Told,
    t: Tensor,
    noise: Tensor,
    weights: Tensor | float,
) -> Tensor:
    """Mean weighted squared error of the velocity (paper section 3). clean, noise: [B, F, C, h, w]; t: [B]."""
    x = sampler.between(clean, noise, broadcast(t))
    error = velocity(generator, config, x, t, told) - (noise - clean)
    return (error.square() * weights).mean()


class Chances:
    """Random numbers that belong to a sample, not to a process: one process and many draw the same for its seed."""

    def __init__(self, seeds: Sequence[int], purpose: int = 0) -> None:
        self._generators = [torch.Generator().manual_seed(seed) for seed in self.seeds_of(seeds, purpose)]

    @staticmethod
    def seeds_of(seeds: Sequence[int], purpose: int) -> list[int]:
        """Seeds that no other purpose has."""
        return [int(seed) * 1009 + purpose for seed in seeds]

    def uniform(self) -> Tensor:
        """[B] in [0, 1)."""
        return torch.cat([torch.rand(1, generator=g) for g in self._generators])

    def normal(self, like: Tensor) -> Tensor:
        """Gaussian noise of the shape [B, ...], on the device and in the format of `like`."""
        each = [torch.randn(like.shape[1:], generator=g) for g in self._generators]
        return torch.stack(each).to(like.device, like.dtype)

    def time(self, shift: float) -> Tensor:
        """[B]: uniform, then shifted."""
        return shifted(self.uniform(), shift).clamp_min(LEAST_TIME)
