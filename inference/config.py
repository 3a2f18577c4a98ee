"""The numbers that define a model package: every size is read from its `model.toml`, none has a default here.

Owns the frozen configuration dataclasses and their validation. Never touches weights or
tensors and imports no torch: a window without a model reads it too. Any thread.
"""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from inference.errors import UserError


@dataclass(frozen=True)
class AutoencoderConfig:
    """Pictures to latents and back: 8x in space, 4 frames a latent."""

    channels: int  # of a latent
    encoder_quarter: int  # feature width at 1/4 resolution
    encoder_eighth: int  # feature width at 1/8 resolution
    encoder_blocks: int
    decoder_eighth: int
    decoder_blocks: int
    decoder_quarter: int
    decoder_quarter_blocks: int


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes of a `MotionTransformer`.

    in_channels counts latent and control channels together; text_tokens rows of text_dim make a prompt
    (padding is attended to, as in Wan); freq_dim is the width of the timestep's sinusoid;
    patch is (1, height, width).
    """

    in_channels: int
    out_channels: int
    dim: int
    heads: int
    layers: int
    ffn_dim: int
    text_dim: int
    text_tokens: int
    freq_dim: int
    patch: tuple[int, int, int]
    eps: float
    cross_attn_norm: bool
    qk_norm: bool

    def __post_init__(self) -> None:
        if self.dim % (2 * self.heads) or self.freq_dim % 2 or self.patch[0] != 1:
            raise ValueError(f"impossible transformer sizes: {self}")

    @property
    def head_dim(self) -> int:
        return self.dim // self.heads


@dataclass(frozen=True)
class CacheConfig:
    """Layout of a stream. The picture is latent 0, a chunk of one latent in every layout.

    chunk: latents made at a time. sink: latents at the start that are kept for ever (1: the picture alone).
    window: chunks remembered besides the sink; the paper's c3s1w1 is CacheConfig(chunk=3, sink=1, window=1).
    """

    chunk: int
    sink: int
    window: int

    def __post_init__(self) -> None:
        if self.chunk < 1 or self.sink < 0 or self.window < 0:
            raise ValueError(f"impossible cache layout: {self}")

    @property
    def window_latents(self) -> int:
        return self.window * self.chunk

    @property
    def first_slot(self) -> int:
        """The time slot of the first latent of the chunk being made; also how many latents are cached."""
        return self.sink + self.window_latents


@dataclass(frozen=True)
class AffinityConfig:
    """What belongs together in a picture: `inference.affinity`."""

    features: int  # of a place
    quarter: int  # feature width at 1/4 resolution
    eighth: int
    sixteenth: int
    layers: int  # of attention over the whole picture, at 1/16
    heads: int


@dataclass(frozen=True)
class SegmenterConfig:
    """What a hold means: `inference.segmenter`. Widths at 1/4, 1/8 and 1/16 resolution; attention at the last."""

    seen: tuple[int, int, int]  # channels of `inference.segmenter.Sight`
    quarter: int
    eighth: int
    sixteenth: int
    layers: int
    heads: int


@dataclass(frozen=True)
class DepthConfig:
    """How near everything in a picture is: `inference.depth`."""

    quarter: int  # feature width at 1/4 resolution
    eighth: int
    sixteenth: int
    layers: int  # of attention over the whole picture, at 1/16
    heads: int


@dataclass(frozen=True)
class ShadeConfig:
    """The shadow that a thing throws: `inference.shade`."""

    quarter: int  # feature width at 1/4 resolution
    eighth: int
    sixteenth: int
    layers: int  # of attention over the whole picture, at 1/16
    heads: int


@dataclass(frozen=True)
class BackdropConfig:
    """What lies behind what moves: `inference.backdrop`."""

    quarter: int  # feature width at 1/4 resolution
    eighth: int
    sixteenth: int
    layers: int  # of attention over the whole picture, at 1/16
    heads: int


@dataclass(frozen=True)
class BlendConfig:
    """How much of the carried picture a frame lets through: `inference.blend`."""

    width: int  # features of a cell of 4x4 pixels


@dataclass(frozen=True)
class WordsConfig:
    """What a sentence moves in a picture: `inference.words`. Widths of its small networks."""

    looks: int  # numbers of a cell of 8x8 pixels that the affinity network gives
    cell: int
    text_tokens: int  # of a sentence that are read
    text_dim: int  # of a token's state
    role: int
    part: int


@dataclass(frozen=True)
class ControlConfig:
    """How tracks become input channels (paper section 1, and `inference.carry`)."""

    id_dim: int  # width of a track's sinusoidal identity
    id_range: int  # identities are drawn from [0, id_range)
    head_channels: int  # what the track head hands to the transformer for one latent
    carry: bool  # the picture carried along the tracks as a further input
    reach: float  # how far a track pulls its surroundings along, in picture heights
    max_tracks: int


@dataclass(frozen=True)
class SamplerConfig:
    """The few-step sampler."""

    timesteps: tuple[float, ...]  # in (0, 1], falling; the first is 1
    clean_pass: bool  # cache keys and values of the finished latents (one more evaluation), or of the last step
    prediction: str  # "residual": the clean latent over the carried one; "velocity": noise minus clean
    bridge_noise: float  # noise added to the carried latents at t = 1 where they are trusted; 1 = pure noise everywhere
    spread_sure: float  # how far clean latents lie from the carried ones where these are trusted, and
    spread_unsure: float  # where they are not: what the residual form expects before it looks


@dataclass(frozen=True)
class ModelConfig:
    """A whole package. `buckets` are (width, height) in pixels."""

    name: str
    fps: float
    buckets: tuple[tuple[int, int], ...]
    autoencoder: AutoencoderConfig
    affinity: AffinityConfig
    transformer: TransformerConfig
    cache: CacheConfig
    control: ControlConfig
    sampler: SamplerConfig
    # What a package may lack:
    depth: DepthConfig | None = None  # then the ground plane is taken
    backdrop: BackdropConfig | None = None  # then what a thing leaves behind is filled softly
    blend: BlendConfig | None = None  # then frames are what the decoder makes
    shade: ShadeConfig | None = None  # then things take their shadows along
    segmenter: SegmenterConfig | None = None  # then affinity alone says what belongs to a hold
    words: WordsConfig | None = None  # then a prompt speaks to the transformer alone

    def described(self) -> dict[str, Any]:
        """As `model.toml` says it."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def __post_init__(self) -> None:
        control_channels = self.control.head_channels + (self.autoencoder.channels + 2 if self.control.carry else 0)
        expected = self.autoencoder.channels + control_channels
        if self.transformer.in_channels != expected:
            found = self.transformer.in_channels
            raise ValueError(f"transformer.in_channels is {found}, but the latent and its control need {expected}")
        if self.transformer.out_channels != self.autoencoder.channels:
            raise ValueError("transformer.out_channels differs from autoencoder.channels")
        steps = self.sampler.timesteps
        if not steps or steps[0] != 1.0 or steps[-1] <= 0.0 or list(steps) != sorted(steps, reverse=True):
            raise ValueError(f"sampler.timesteps must fall from 1 and stay above 0, not {steps}")
        if self.sampler.prediction not in ("residual", "velocity"):
            raise ValueError(f"sampler.prediction is {self.sampler.prediction!r}: neither 'residual' nor 'velocity'")
        if not 0.0 < self.sampler.bridge_noise <= 1.0:
            raise ValueError(f"sampler.bridge_noise is {self.sampler.bridge_noise}, not in (0, 1]")
        if self.sampler.prediction == "residual" and not self.control.carry:
            raise ValueError(
                "sampler.prediction = 'residual' needs control.carry: it is a residual over the carried latents"
            )
        if min(self.sampler.spread_sure, self.sampler.spread_unsure) <= 0.0:
            raise ValueError("sampler.spread_sure and spread_unsure must be above 0")
        _, down, across = self.transformer.patch
        for width, height in self.buckets:
            if width % (8 * across) or height % (8 * down):
                raise ValueError(f"bucket {width}x{height} does not divide into patches of latent cells of 8 pixels")


T = TypeVar("T")


def parse(kind: type[T], table: dict[str, Any], where: str) -> T:
    """Builds the dataclass `kind` from a TOML table. Raises ValueError naming a missing, unknown or mistyped key."""
    hints = get_type_hints(kind)
    known = {f.name: f.default is MISSING for f in fields(kind)}  # type: ignore[arg-type]  # always one of the above
    if unknown := sorted(table.keys() - known.keys()):
        raise ValueError(f"{where} has an unknown key {unknown[0]!r}")
    if missing := sorted(name for name, needed in known.items() if needed and name not in table):
        raise ValueError(f"{where} lacks {missing[0]!r}")
    return kind(**{name: _value(hints[name], value, f"{where}.{name}") for name, value in table.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    if isinstance(hint, UnionType):  # a part that may be left out
        if value is None:  # JSON can say so; TOML leaves it out
            return None
        (hint,) = (kind for kind in get_args(hint) if kind is not NoneType)
    if isinstance(hint, type) and is_dataclass(hint):
        if not isinstance(value, dict):
            raise ValueError(f"{where} must be a table")
        return parse(hint, value, where)
    if get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{where} must be a list")
        arguments = get_args(hint)
        items = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else list(arguments)
        if len(items) != len(value):
            raise ValueError(f"{where} must have {len(items)} entries")
        return tuple(_value(item, entry, where) for item, entry in zip(items, value, strict=True))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise ValueError(f"{where} must be {hint.__name__}, not {type(value).__name__}")
    return value


def load_config(path: Path) -> ModelConfig:
    """Reads a `model.toml`. Raises UserError when it is missing, unreadable or contradicts itself."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return parse(ModelConfig, table, path.name)
    except FileNotFoundError:
        raise UserError(
            f"The model package has no {path.name} in {path.parent}.", next="Choose another package folder."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError) as error:
        raise UserError(
            f"The model's description {path} cannot be used: {error}.",
            next="Restore the file or choose another package.",
        ) from error
