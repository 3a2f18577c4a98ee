"""A model package: a folder with `model.toml`, safetensors and a model card.

Owns loading, checking and saving of packages. Never unpickles, never downloads. Any thread; the loaded modules belong
to the thread that uses them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from inference.affinity import AffinityNet
from inference.autoencoder import Autoencoder
from inference.backdrop import BackdropNet
from inference.blend import BlendNet
from inference.config import ModelConfig, load_config
from inference.depth import DepthNet
from inference.errors import UserError
from inference.generator import Generator
from inference.precision import fastest_dtype
from inference.recogniser import Recogniser
from inference.segmenter import SegmenterNet
from inference.shade import ShadeNet
from inference.text import TextEncoder
from inference.words import WordsNet

DESCRIPTION = "model.toml"
AUTOENCODER = "autoencoder.safetensors"
GENERATOR = "generator.safetensors"
AFFINITY = "affinity.safetensors"
DEPTH = "depth.safetensors"  # only where model.toml has a [depth]
BACKDROP = "backdrop.safetensors"  # only where it has a [backdrop]
BLEND = "blend.safetensors"  # only where it has a [blend]
SHADE = "shade.safetensors"  # only where it has a [shade]
SEGMENTER = "segmenter.safetensors"  # only where it has a [segmenter]
WORDS = "words.safetensors"  # only where it has a [words]
TEXT_FOLDER = "minilm"  # beside the package's own folder: several packages share one text encoder
RECOGNISER_FOLDER = "recogniser"  # likewise, where a package has a segmenter or words


@dataclass(frozen=True)
class ModelPackage:
    """A package ready to run: its configuration and its networks, in the format the device computes fastest in."""

    config: ModelConfig
    autoencoder: Autoencoder
    generator: Generator
    affinity: AffinityNet
    depth: DepthNet | None
    backdrop: BackdropNet | None
    blend: BlendNet | None
    shade: ShadeNet | None
    segmenter: SegmenterNet | None
    words: WordsNet | None
    recogniser: Recogniser | None  # what segmenter and words look through
    text: TextEncoder
    device: torch.device
    dtype: torch.dtype

    @classmethod
    def load(cls, path: Path, device: str = "cpu") -> ModelPackage:
        """Reads the folder `path`. Raises UserError where a file is missing, cut short, or disagrees with
        `model.toml`.
        """
        path = Path(path)
        if not path.is_dir():
            raise UserError(f"There is no model package at {path}.", next="Choose the folder that holds a model.toml.")
        config = load_config(path / DESCRIPTION)
        dtype = fastest_dtype(device)
        autoencoder, generator = Autoencoder(config.autoencoder), Generator(config)
        affinity = AffinityNet(config.affinity)
        depth = DepthNet(config.depth) if config.depth else None
        backdrop = BackdropNet(config.backdrop) if config.backdrop else None
        blend = BlendNet(config.blend) if config.blend else None
        shade = ShadeNet(config.shade) if config.shade else None
        segmenter = SegmenterNet(config.segmenter) if config.segmenter else None
        words = WordsNet(config.words) if config.words else None
        load_weights(autoencoder, path / AUTOENCODER)
        load_weights(generator, path / GENERATOR)
        load_weights(affinity, path / AFFINITY)
        for extra, file in (
            (depth, DEPTH),
            (backdrop, BACKDROP),
            (blend, BLEND),
            (shade, SHADE),
            (segmenter, SEGMENTER),
            (words, WORDS),
        ):
            if extra is not None:
                load_weights(extra, path / file)
        for module in (autoencoder, generator, blend):
            if module is not None:
                module.eval().requires_grad_(False).to(device=device, dtype=dtype)
        for once_a_picture in (affinity, depth, backdrop, shade, segmenter, words):
            if once_a_picture is not None:  # it stays in float32
                once_a_picture.eval().requires_grad_(False).to(device=device)
        for convolutions in (autoencoder, blend):
            if convolutions is not None:
                convolutions.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a documented overload that the stubs lack
        sees = segmenter is not None or words is not None
        recogniser = Recogniser.load(path.parent / RECOGNISER_FOLDER).to(device) if sees else None
        text = TextEncoder.load(path.parent / TEXT_FOLDER)
        return cls(
            config, autoencoder, generator, affinity, depth, backdrop, blend, shade, segmenter, words, recogniser,
            text,
            torch.device(device), dtype,
        )  # fmt: skip


def load_weights(module: nn.Module, path: Path) -> None:
    """Fills `module` from a safetensors file. Raises UserError naming the first thing that does not fit."""
    again = "Restore the package's files or choose another package."
    try:
        state = load_file(path)
    except FileNotFoundError:
        raise UserError(f"The model package lacks {path.name} ({path.parent}).", next=again) from None
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is damaged or cut short: {error}.", next=again) from error
    wanted = module.state_dict()
    for name, tensor in wanted.items():
        if name not in state:
            raise UserError(f"{path.name} does not fit {DESCRIPTION}: it lacks {name}.", next=again)
        if state[name].shape != tensor.shape:
            found, meant = list(state[name].shape), list(tensor.shape)
            raise UserError(
                f"{path.name} does not fit {DESCRIPTION}: {name} is {found} where {meant} is described.",
                next=again,
            )
    if extra := sorted(state.keys() - wanted.keys()):
        raise UserError(
            f"{path.name} does not fit {DESCRIPTION}: it holds {extra[0]}, which is not described.",
            next=again,
        )
    module.load_state_dict(state)


def save_weights(module: nn.Module, path: Path) -> None:
    """Writes the module in bf16 beside `path`, then renames; latents' statistics stay in fp32."""
    buffers = {name for name, _ in module.named_buffers()}
    state = {
        name: (tensor if name in buffers else tensor.to(torch.bfloat16)).contiguous()
        for name, tensor in module.state_dict().items()
    }
    beside = path.with_suffix(".new")
    save_file(state, beside)
    beside.replace(path)
