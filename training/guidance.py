"""Joint text-motion guidance (paper section 3), and the teacher's sampler over whole clips.

Owns the guidance formula and the many-step sampler. Never trains and holds no state. Runs on the caller's thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from inference.config import ModelConfig
from inference.generator import Generator
from training.flow import Told, begin, shifted, velocity


@dataclass(frozen=True)
class GuidanceSettings:
    """The paper: text 3.0, motion 1.5."""

    text: float  # w_t
    motion: float  # w_m

    def __post_init__(self) -> None:
        if self.text < 0 or self.motion < 0 or self.text + self.motion <= 0:
            raise ValueError(f"guidance needs weights that are not negative and not both zero: {self}")


def joint(without_text: Tensor, without_tracks: Tensor, both: Tensor, settings: GuidanceSettings) -> Tensor:
    """v = a v(0, c_m) + (1 - a) v(c_t, 0) + w_t [v(c_t, c_m) - v(0, c_m)] + w_m [v(c_t, c_m) - v(c_t, 0)], with
    a = w_t / (w_t + w_m).

    Motion guidance alone makes things slide like cut-outs, text guidance alone leaves the tracks; the first two terms
    set off from between the two. All four tensors have one shape.
    """
    share = settings.text / (settings.text + settings.motion)
    return (
        share * without_text
        + (1.0 - share) * without_tracks
        + settings.text * (both - without_text)
        + settings.motion * (both - without_tracks)
    )


def guided_velocity(
    generator: Generator,
    config: ModelConfig,
    x: Tensor,
    t: Tensor,
    told: Told,
    silence: Tensor,
    settings: GuidanceSettings | None,
) -> Tensor:
    """`training.flow.velocity` with joint guidance: three evaluations; without settings, the plain one.

    silence: token states of the empty prompt [1, L, D].
    """
    both = velocity(generator, config, x, t, told)
    if settings is None:
        return both
    return joint(
        velocity(generator, config, x, t, told.without_text(silence)),
        velocity(generator, config, x, t, told.without_tracks()),
        both,
        settings,
    )


@torch.no_grad()
def sample(
    generator: Generator,
    config: ModelConfig,
    told: Told,
    silence: Tensor,
    settings: GuidanceSettings | None,
    *,
    steps: int,
    shift: float,
    noise: Tensor,
) -> Tensor:
    """Clean latents 1 .. F of whole clips, [B, F, C, h, w]: Euler's method over `steps` shifted levels, from where the
    flow starts with `noise`.
    """
    x = begin(config, told, noise)
    levels = shifted(torch.linspace(1.0, 0.0, steps + 1), shift).tolist()
    for level, following in pairwise(levels):
        t = torch.full((x.shape[0],), level, device=x.device)
        x = x + (following - level) * guided_velocity(generator, config, x, t, told, silence, settings)
    return x
