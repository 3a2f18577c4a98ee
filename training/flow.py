"""Rectified flow over whole clips: what teacher and critic learn, and what distribution matching asks of them.

Owns where the flow to clean latents starts (section 3), what the network is told of a clip, and how parts of that are
left unsaid. Never samples, never rolls out. Runs on the trainer's thread.

A recipe's `prior` says where: at pure noise, as in the paper, or at the carried picture, as the few-step sampler does
(`inference.sampler`). What is left unsaid is kept from the network alone: guidance compares answers at one and the same
x_t, so x_t keeps the start that it has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import torch
from torch import Tensor

from inference import sampler
from inference.config import ModelConfig
from inference.generator import Direction, Generator
from inference.rollout import TIMESTEP_SCALE
from training.directed import Directed

LEAST_TIME = 0.02  # of the flow, as in Self-Forcing's code: below it, a velocity is noise divided by nothing


class Prior(StrEnum):
    """Where a flow starts (t = 1)."""

    NOISE = "noise"  # the paper's
    CARRIED = "carried"  # where the student's sampling does


@dataclass(frozen=True)
class Told:
    """What a batch of clips is directed by.

    picture: latent 0, [B, 1, C, h, w]; direction: of latents 0 .. F; text: token states [B, L, D]; bridge: of latents
    1 .. F, what the flow starts at, whatever the network is told; None: pure noise.
    """

    picture: Tensor
    direction: Direction
    text: Tensor
    bridge: Direction | None

    @classmethod
    def of(cls, data: Directed, prior: Prior) -> Told:
        bridge = data.chunks if prior is Prior.CARRIED else None
        return cls(data.latents[:, :1], joined(data.picture, data.chunks), data.text, bridge)

    def without_text(self, silence: Tensor, where: Tensor | None = None) -> Told:
        """The empty prompt's token states [1, L, D] in place of the text, in all clips or where bool [B] says so."""
        return replace(self, text=_chosen(where, silence.expand_as(self.text), self.text))

    def without_tracks(self, where: Tensor | None = None) -> Told:
        """No track says anything: what `inference.generator.direct` makes of an empty set, for all latents."""
        silent = _of_parts(torch.zeros_like, self.direction)
        if silent.support is not None:
            certain = torch.ones_like(silent.support)
            silent.support[:, :1] = 1.0  # the picture itself is, with tracks or without
            unmoved = self.picture.expand(-1, certain.shape[1], -1, -1, -1)
            silent = replace(silent, carried=unmoved, confidence=certain)
        return replace(self, direction=_mixed(where, silent, self.direction))

    def without_picture(self, where: Tensor | None = None) -> Told:
        """No picture and nothing carried from it; identities stay."""
        blank = replace(_of_parts(torch.zeros_like, self.direction), canvas=self.direction.canvas)
        picture = _chosen(where, torch.zeros_like(self.picture), self.picture)
        return replace(self, picture=picture, direction=_mixed(where, blank, self.direction))


def joined(first: Direction, second: Direction) -> Direction:
    """One direction behind the other in time."""
    return _of_parts(lambda a, b: torch.cat([a, b], dim=1), first, second)


def _mixed(where: Tensor | None, new: Direction, old: Direction) -> Direction:
    return _of_parts(lambda a, b: _chosen(where, a, b), new, old)


def _of_parts(make: Callable[..., Tensor], *directions: Direction) -> Direction:
    """A direction whose canvas is made of the canvases, and so on; what a model does not take stays None."""

    def part(name: str) -> Tensor | None:
        parts = [getattr(direction, name) for direction in directions]
        return None if any(x is None for x in parts) else make(*parts)

    canvas = make(*(direction.canvas for direction in directions))
    return Direction(canvas, part("carried"), part("confidence"), part("support"))


def _chosen(where: Tensor | None, new: Tensor, old: Tensor) -> Tensor:
    return new if where is None else torch.where(where.view(-1, *[1] * (old.dim() - 1)), new, old)


def shifted(s: Tensor, shift: float) -> Tensor:
    """The paper's timestep shift, t = k s / (1 + (k - 1) s): more of the time where noise is strong."""
    return shift * s / (1.0 + (shift - 1.0) * s)


def broadcast(t: Tensor) -> Tensor:
    """[B] to [B, 1, 1, 1, 1]."""
    return t.view(-1, 1, 1, 1, 1)


def begin(config: ModelConfig, told: Told, noise: Tensor) -> Tensor:
    """x_1 of latents 1 .. F, [B, F, C, h, w] like `noise`."""
    return noise if told.bridge is None else sampler.start(config.sampler, told.bridge, noise)


def velocity(generator: Generator, config: ModelConfig, x: Tensor, t: Tensor, told: Told) -> Tensor:
    """dx/dt = x_1 - x_0 of latents 1 .. F at noise level t, in both directions over the whole clip.

    x: [B, F, C, h, w]; t: [B] in (0, 1]. The picture stays clean: its own level is 0. Returns [B, F, C, h, w].
    """
    batch, frames = x.shape[:2]
    whole = torch.cat([told.picture, x], dim=1)
    levels = torch.cat([t.new_zeros(batch, 1), t[:, None].expand(-1, frames)], dim=1) * TIMESTEP_SCALE
    text = generator.transformer.encode_text(told.text)
    output = generator.transformer(whole, levels, generator.control(told.direction), text)[0][:, 1:].float()
    if config.sampler.prediction == "velocity":
        return output
    bridge = told.bridge
    if bridge is None:
        direction = told.direction.latents(1, frames + 1)
        assert direction.confidence is not None
        # "With no confidence anywhere" the sampler's arithmetic is that of pure noise; the network was told the truth.
        bridge = replace(direction, confidence=torch.zeros_like(direction.confidence))
    return (x - sampler.clean_from(config.sampler, output, x, broadcast(t), bridge)) / broadcast(t)


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
    first = begin(config, told, noise)
    x = sampler.between(clean, first, broadcast(t))
    error = velocity(generator, config, x, t, told) - (first - clean)
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
