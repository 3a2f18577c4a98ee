"""The core: latents in, latents out, one chunk after another, through the sink-and-window cache.

Owns the order of evaluations and the cache. No decoder, no threads, no clock. The live stream drives this class, causal
training its `evaluate` and cache: batched, and differentiable when gradients are enabled. Runs on the caller's thread.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from inference import sampler
from inference.autoencoder import FRAMES
from inference.cache import CacheContext, KeyValues, SinkWindowCache
from inference.config import ModelConfig
from inference.generator import Direction, Generator

FELT_WITHIN = 6  # chunks: when nothing is remembered as another text would have it
TIMESTEP_SCALE = 1000.0  # the transformer's t for pure noise


@dataclass(frozen=True)
class _Asked:
    """An evaluation, to be asked again."""

    x: Tensor
    t: float
    direction: Direction


class Rollout:
    """A batch of streams of one size under one text each.

    `seed` seeds the noise, of the whole batch or, as a list, of each stream. Under `torch.no_grad` or `inference_mode`
    the cache is written in place; with gradients on, each commit makes a new one and cuts the graph there (paper
    section 4: cached keys and values are detached), and of a chunk's evaluations the sampler's last one alone is
    differentiated.
    """

    def __init__(
        self,
        generator: Generator,
        config: ModelConfig,
        text: KeyValues,
        cache: SinkWindowCache,
        seed: int | Sequence[int],
    ) -> None:
        self.generator, self.config, self.text, self.cache = generator, config, text, cache
        self._recaches = config.cache.window >= FELT_WITHIN or config.cache.sink > 1
        self._asked: list[_Asked] = []  # then: what the cache holds beyond the picture, the oldest first
        self._noise = [torch.Generator().manual_seed(each) for each in ([seed] if isinstance(seed, int) else seed)]

    def write_picture(self, latent: Tensor, direction: Direction) -> None:
        """Latent 0, [B, 1, C, h, w], becomes the sink's first, seeing nothing but itself. Called again, it replaces
        that and nothing else.
        """
        new = self.evaluate(latent, 0.0, direction, self.cache.empty_context())[1]
        if torch.is_grad_enabled():
            self.cache = self.cache.committed(new.detach())
        else:
            self.cache.rewrite_sink(new)

    def next_chunk(self, direction: Direction) -> Tensor:
        """Makes the next chunk of clean latents [B, chunk, C, h, w] and takes it into the cache: as the finished
        latents' own pass sees it (paper section 4), or, a pass cheaper, as the last step saw it.
        """
        latents, asked, seen = self.denoise(direction)
        if self.config.sampler.clean_pass:
            asked = _Asked(latents.detach(), 0.0, direction)
            with torch.no_grad():
                seen = self.evaluate(latents, 0.0, direction)[1]
        self.commit(seen)
        if self._recaches:
            self._remember(asked)
        return latents

    @torch.no_grad()
    def set_text(self, text: KeyValues, latent: Tensor, direction: Direction) -> None:
        """Another text from now on, and the picture written under it, as `write_picture` takes it.

        Within FELT_WITHIN chunks no key or value of the old text is left. A short window has turned over by then; a
        longer one, or a sink that holds more than the picture, is made anew at once (LongLive's KV-recache, arXiv
        2509.22622): each chunk is evaluated as it was, over what of the cache is made anew before it.
        """
        self.text = text
        if not self._recaches:
            self.write_picture(latent, direction)
            return
        self.cache.reset()
        self.write_picture(latent, direction)
        for asked in self._asked:
            self.commit(self.evaluate(asked.x, asked.t, asked.direction)[1])

    def denoise(self, direction: Direction) -> tuple[Tensor, _Asked, KeyValues]:
        """The few-step sampler: estimate x_0, go back to the next timestep with fresh noise, again (paper section
        4). Also returns the last step, and its keys and values. Gradients, where they are on, pass through that step
        alone.
        """
        settings, grad, last = self.config.sampler, torch.is_grad_enabled(), len(self.config.sampler.timesteps) - 1
        batch, frames, _, h, w = direction.canvas.shape
        shape = (batch, frames // FRAMES, self.config.autoencoder.channels, h, w)
        clean, x, seen = torch.zeros(shape), torch.zeros(shape), KeyValues((), ())
        for step, t in enumerate(settings.timesteps):
            begin = sampler.start(settings, direction, self._fresh_noise(shape, direction.canvas))
            x = begin if step == 0 else sampler.between(clean, begin, t)
            with torch.set_grad_enabled(grad and step == last):
                output, seen = self.evaluate(x, t, direction)
                clean = sampler.clean_from(settings, output, x, t, direction)
        return clean, _Asked(x.detach(), settings.timesteps[-1], direction), seen

    def evaluate(
        self, x: Tensor, t: float | Tensor, direction: Direction, context: CacheContext | None = None
    ) -> tuple[Tensor, KeyValues]:
        """One evaluation of the transformer at noise level t in [0, 1] over `context`, or what the cache holds."""
        if isinstance(t, float):  # filled on the device: an upload could not be captured in a graph
            t = torch.full((x.shape[0],), t, device=x.device)
        times = t.expand(x.shape[0]) * TIMESTEP_SCALE
        control = self.generator.control(direction)
        return self.generator.transformer(x, times, control, self.text, context or self.cache.context())

    def commit(self, new: KeyValues) -> None:
        """Takes a chunk's keys and values into the cache."""
        if torch.is_grad_enabled():
            self.cache = self.cache.committed(new.detach())
        else:
            self.cache.commit(new)

    def _remember(self, asked: _Asked) -> None:
        cache = self.config.cache
        sunk = math.ceil((cache.sink - 1) / cache.chunk)  # chunks that stay in the sink behind the picture
        self._asked.append(asked)
        if len(self._asked) > sunk + cache.window:
            del self._asked[sunk]

    def _fresh_noise(self, shape: tuple[int, ...], like: Tensor) -> Tensor:
        share = (shape[0] // len(self._noise), *shape[1:])
        return torch.cat([sampler.fresh_noise(share, each, like) for each in self._noise])
