"""The bridge from carried latents to clean ones, and the few-step sampler's arithmetic, equation by equation.

Owns no state and no randomness: noise is handed in. Runs on the caller's thread.

The paper's rectified flow runs from pure noise (t = 1) to the clean latents (t = 0). Ours starts where the carried
picture already is, as far as it can be trusted: x_1 = c h + s(c) e with h the carried latents, c their confidence, e
noise, and s falling from 1 (no trust) to `bridge_noise` (full trust). With no confidence anywhere this is the paper's
form.
"""

from __future__ import annotations

import torch
from torch import Tensor

from inference.config import SamplerConfig
from inference.generator import Direction


def start(config: SamplerConfig, direction: Direction, noise: Tensor) -> Tensor:
    """x_1, where sampling begins; noise: [B, F, C, h, w]."""
    if direction.carried is None or direction.confidence is None:
        return noise
    return direction.confidence * direction.carried + noise_level(config, direction.confidence) * noise


def noise_level(config: SamplerConfig, confidence: Tensor) -> Tensor:
    """s(c): 1 where nothing is trusted, `bridge_noise` where all is."""
    return 1.0 - confidence * (1.0 - config.bridge_noise)


def between(clean: Tensor, begin: Tensor, t: Tensor | float) -> Tensor:
    """x_t = (1 - t) x_0 + t x_1; t broadcasts."""
    return clean + t * (begin - clean)


def clean_from(config: SamplerConfig, output: Tensor, x: Tensor, t: Tensor | float, direction: Direction) -> Tensor:
    """The transformer's output at x_t as an estimate of x_0.

    "residual": the output corrects what x_t says by itself. Were clean latents spread about the carried ones by
    `spread`, the best guess from x_t = (1 - t) x_0 + t x_1 alone would be h + gain (x_t - E[x_t]); at t = 1 it is h.
    """
    if config.prediction == "velocity":
        return x - t * output
    assert direction.carried is not None
    assert direction.confidence is not None
    trust, carried = direction.confidence, direction.carried
    spread = config.spread_unsure + trust * (config.spread_sure - config.spread_unsure)
    signal, noise = spread * (1.0 - t), noise_level(config, trust) * t
    gain = spread * signal / (signal.square() + noise.square())
    return carried + gain * (x - (1.0 - t + t * trust) * carried) + output


def fresh_noise(shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
    """Gaussian noise from a CPU generator, so that a seed means the same on every device."""
    return torch.randn(shape, generator=generator).to(like.device, like.dtype)
