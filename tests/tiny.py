"""A model package small enough for tests: the pocket architecture with random weights, every part in place."""

from __future__ import annotations

from pathlib import Path

import tomli_w
import torch

from inference.affinity import AffinityNet
from inference.autoencoder import Autoencoder
from inference.backdrop import BackdropNet
from inference.blend import BlendNet
from inference.config import (
    AffinityConfig,
    AutoencoderConfig,
    BackdropConfig,
    BlendConfig,
    CacheConfig,
    ControlConfig,
    DepthConfig,
    ModelConfig,
    SamplerConfig,
    TransformerConfig,
)
from inference.depth import DepthNet
from inference.generator import Generator
from inference.package import (
    AFFINITY,
    AUTOENCODER,
    BACKDROP,
    BLEND,
    DEPTH,
    DESCRIPTION,
    GENERATOR,
    RECOGNISER_FOLDER,
    SEGMENTER,
    TEXT_FOLDER,
    WORDS,
    save_weights,
)
from inference.segmenter import SegmenterNet
from inference.words import WordsNet

MODELS = Path(__file__).parent.parent / "assets" / "models"


def tiny_config(*, chunk: int = 1, window: int = 2, carry: bool = True) -> ModelConfig:
    return ModelConfig(
        name="tiny",
        fps=24.0,
        buckets=((64, 32), (48, 48)),
        autoencoder=AutoencoderConfig(
            channels=4, encoder_quarter=4, encoder_eighth=8, encoder_blocks=1,
            decoder_eighth=8, decoder_blocks=1, decoder_quarter=4, decoder_quarter_blocks=1,
        ),
        affinity=AffinityConfig(features=4, quarter=8, eighth=8, sixteenth=8, layers=1, heads=2),
        transformer=TransformerConfig(
            in_channels=4 + 6 + (4 + 2 if carry else 0), out_channels=4, dim=24, heads=2, layers=2, ffn_dim=32,
            text_dim=384, text_tokens=8, freq_dim=16, patch=(1, 2, 2), eps=1e-6, cross_attn_norm=True, qk_norm=True,
        ),
        cache=CacheConfig(chunk=chunk, sink=1, window=window),
        control=ControlConfig(id_dim=8, id_range=4096, head_channels=6, carry=carry, reach=0.5, max_tracks=60),
        sampler=SamplerConfig(
            timesteps=(1.0, 0.5),
            clean_pass=True,
            prediction="residual" if carry else "velocity",
            bridge_noise=0.5 if carry else 1.0,
            spread_sure=0.3,
            spread_unsure=0.8,
        ),
        backdrop=BackdropConfig(quarter=8, eighth=8, sixteenth=8, layers=1, heads=2),
        blend=BlendConfig(width=4),
        depth=DepthConfig(quarter=8, eighth=8, sixteenth=8, layers=1, heads=2),
    )  # fmt: skip


def random_weights(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Weights everywhere, also where training starts from zeros: a silent part would make a test blind."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return module


def write_package(folder: Path, config: ModelConfig | None = None) -> Path:
    """A package folder `folder/tiny` with what packages share beside it."""
    config = config or tiny_config()
    package = folder / "tiny"
    package.mkdir(parents=True)
    (package / DESCRIPTION).write_text(tomli_w.dumps(config.described()), encoding="utf-8")
    save_weights(random_weights(Autoencoder(config.autoencoder)), package / AUTOENCODER)
    save_weights(random_weights(Generator(config), 1), package / GENERATOR)
    save_weights(random_weights(AffinityNet(config.affinity), 2), package / AFFINITY)
    if config.depth is not None:
        save_weights(random_weights(DepthNet(config.depth), 3), package / DEPTH)
    if config.backdrop is not None:
        save_weights(random_weights(BackdropNet(config.backdrop), 5), package / BACKDROP)
    if config.blend is not None:
        save_weights(random_weights(BlendNet(config.blend), 4), package / BLEND)
    if config.segmenter is not None:
        save_weights(random_weights(SegmenterNet(config.segmenter), 7), package / SEGMENTER)
    if config.words is not None:
        save_weights(random_weights(WordsNet(config.words), 6), package / WORDS)
    for shared in (TEXT_FOLDER, RECOGNISER_FOLDER):
        if not (folder / shared).exists():
            (folder / shared).symlink_to(MODELS / shared)
    return package
