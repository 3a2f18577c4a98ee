"""What one chunk costs: operations and bytes of every stage, from the configuration alone.

Owns the formulas and the roofline they are held against; measures nothing and runs nothing. Any thread.

FLOPs are those of matrix products and convolutions, two a multiply-add, as torch's counter has them. Bytes are what the
fused kernels must move between memory and processor when nothing is kept from one product to the next: weights once a
call, inputs read, outputs written. Time on a device is then at least the larger of FLOPs over its peak and bytes over
its bandwidth, product by product.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from inference.config import AutoencoderConfig, ModelConfig, TransformerConfig

CELL, FRAMES = 8, 4  # pixels of a latent's side, frames of a latent: `inference.autoencoder`


@dataclass(frozen=True)
class Work:
    """Some operations: FLOPs and bytes."""

    flops: float
    bytes: float

    def seconds(self, peak_flops: float, bandwidth: float) -> float:
        """The least time on a device of so many FLOP/s and bytes/s."""
        return max(self.flops / peak_flops, self.bytes / bandwidth)


@dataclass(frozen=True)
class Stage:
    """One stage of a chunk; `calls` times `work`, one after another."""

    name: str
    calls: int
    work: tuple[Work, ...]

    @property
    def flops(self) -> float:
        return self.calls * sum(work.flops for work in self.work)

    @property
    def bytes(self) -> float:
        return self.calls * sum(work.bytes for work in self.work)

    def seconds(self, peak_flops: float, bandwidth: float) -> float:
        return self.calls * sum(work.seconds(peak_flops, bandwidth) for work in self.work)


def linear(rows: float, inputs: int, outputs: int, size: int) -> Work:
    """A product with a matrix of weights; size: bytes of a number."""
    return Work(2 * rows * inputs * outputs, size * (rows * (inputs + outputs) + inputs * outputs))


def convolution(places: float, inputs: int, outputs: int, kernel: int, size: int) -> Work:
    """places: outputs in space and time; kernel: taps, 9 for 3 x 3."""
    return Work(
        2 * places * inputs * outputs * kernel, size * (places * (inputs + outputs) + inputs * outputs * kernel)
    )


def attention(queries: int, keys: int, dim: int, size: int) -> Work:
    """All heads together, scores never leaving the processor."""
    return Work(4 * queries * keys * dim, size * 2 * (queries + keys) * dim)


def moved(numbers: float, size: int) -> Work:
    """No product, memory traffic alone."""
    return Work(0, numbers * size)


def transformer(config: TransformerConfig, tokens: int, keys: int, size: int, levels: int = 1) -> tuple[Work, ...]:
    """One evaluation. tokens: of the chunk; keys: all that they attend to, their own included; levels: noise levels."""
    dim, patch = config.dim, prod(config.patch)
    block = [
        moved(2 * tokens * dim, size),  # norm and modulation
        *[linear(tokens, dim, dim, size)] * 3,
        moved(6 * tokens * dim, size),  # norms, turns, the write to the cache
        attention(tokens, keys, dim, size),
        linear(tokens, dim, dim, size),
        moved(4 * tokens * dim, size),  # gated residual and norm
        linear(tokens, dim, dim, size),
        moved(2 * tokens * dim, size),  # the query's norm
        attention(tokens, config.text_tokens, dim, size),
        linear(tokens, dim, dim, size),
        moved(4 * tokens * dim, size),
        linear(tokens, dim, config.ffn_dim, size),
        moved(2 * tokens * config.ffn_dim, size),  # GELU
        linear(tokens, config.ffn_dim, dim, size),
        moved(3 * tokens * dim, size),  # gated residual
    ]
    return (
        linear(tokens, config.in_channels * patch, dim, size),
        linear(levels, config.freq_dim, dim, size),
        linear(levels, dim, dim, size),
        linear(levels, dim, 6 * dim, size),
        *block * config.layers,
        moved(2 * tokens * dim, size),
        linear(tokens, dim, config.out_channels * patch, size),
    )


def roll(config: TransformerConfig, window_tokens: int, size: int) -> tuple[Work, ...]:
    """The window's move: keys and values of every layer read and written once."""
    return (moved(4 * config.layers * window_tokens * config.dim, size),)


def encoder(config: AutoencoderConfig, latents: int, cells: int, size: int) -> tuple[Work, ...]:
    """cells: of one latent."""
    at_eighth, at_quarter = latents * cells, latents * cells * 4
    block = 3 * FRAMES * CELL**2
    quarter, eighth = config.encoder_quarter, config.encoder_eighth
    return (
        convolution(at_eighth, block, config.channels, 1, size),
        convolution(at_quarter, 3 * FRAMES * 16, quarter, 9, size),
        *[convolution(at_quarter, quarter, quarter, 9, size)] * 2,
        convolution(at_eighth, quarter * 4, eighth, 1, size),
        *[convolution(at_eighth, eighth, eighth, 9, size)] * (2 * config.encoder_blocks),
        convolution(at_eighth, eighth, config.channels, 9, size),
    )


def decoder(config: AutoencoderConfig, latents: int, cells: int, size: int) -> tuple[Work, ...]:
    """cells: of one latent."""
    at_eighth, at_quarter = latents * cells, latents * FRAMES * cells * 4
    eighth, quarter = config.decoder_eighth, config.decoder_quarter

    def residual(places: int, width: int) -> list[Work]:
        return [convolution(places, width, width, kernel, size) for kernel in (1, 9, 9)]

    return (
        convolution(at_eighth, config.channels, 3 * FRAMES * CELL**2, 1, size),
        convolution(at_eighth, config.channels, eighth, 9, size),
        *residual(at_eighth, eighth) * config.decoder_blocks,
        convolution(at_eighth, eighth, FRAMES * quarter * 4, 1, size),
        *residual(at_quarter, quarter) * config.decoder_quarter_blocks,
        convolution(at_quarter, quarter, 3 * 16, 9, size),
    )


def stages(config: ModelConfig, width: int, height: int, size: int) -> tuple[Stage, ...]:
    """One chunk of a full stream at width x height pixels; size: bytes of a number.

    The carry is left out: it is interpolation in float32, bound by neither products nor bandwidth, and is measured.
    """
    cells = (width // CELL) * (height // CELL)
    latents = config.cache.chunk
    tokens = latents * cells // prod(config.transformer.patch)
    held = tokens // latents * config.cache.first_slot
    window = tokens // latents * config.cache.window_latents
    channels = FRAMES * (config.control.id_dim + 2)
    made: list[Stage] = [
        Stage("track head", 1, (convolution(latents * cells, channels, config.control.head_channels, 1, size),)),
        Stage(
            "transformer",
            len(config.sampler.timesteps) + config.sampler.clean_pass,
            transformer(config.transformer, tokens, held + tokens, size),
        ),
        Stage("cache", 1, roll(config.transformer, window, size)),
        Stage("decoder", 1, decoder(config.autoencoder, latents, cells, size)),
    ]
    if config.control.carry:
        made.insert(0, Stage("encoder", 1, encoder(config.autoencoder, latents, cells, size)))
    return tuple(made)


def cache_bytes(config: TransformerConfig, slots: int, latent_tokens: int, size: int) -> int:
    """Keys and values of `slots` latents in every layer."""
    return 2 * config.layers * slots * latent_tokens * config.dim * size


def transformer_parameters(config: TransformerConfig) -> int:
    """How many weights a `MotionTransformer` has."""
    dim, patch = config.dim, prod(config.patch)
    attention_weights = 4 * (dim * dim + dim) + (2 * dim if config.qk_norm else 0)
    ffn = 2 * dim * config.ffn_dim + config.ffn_dim + dim
    block = 2 * attention_weights + ffn + 6 * dim + (2 * dim if config.cross_attn_norm else 0)
    text = config.text_dim * dim + dim + dim * dim + dim
    time = config.freq_dim * dim + dim + dim * dim + dim + 6 * dim * dim + 6 * dim
    ends = (config.in_channels * patch + 1) * dim + (dim + 1) * config.out_channels * patch + 2 * dim
    return config.layers * block + text + time + ends


def least_seconds(parts: Iterable[Stage], peak_flops: float, bandwidth: float) -> float:
    """The roofline of a chunk: no device of these figures makes it in less, by these kernels."""
    return sum(part.seconds(peak_flops, bandwidth) for part in parts)
