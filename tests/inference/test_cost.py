"""The formulas of cost against what torch's counter sees the modules do, and against their weights."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import kernels
from inference import cost
from inference.autoencoder import CELL, FRAMES, Autoencoder
from inference.config import CacheConfig, ModelConfig, TransformerConfig, load_config
from inference.motion_transformer import MotionTransformer, transformer_flops
from inference.track_head import TrackHead
from tests.tiny import tiny_config

POCKET = load_config(Path(__file__).parents[2] / "assets" / "models" / "pocket" / "model.toml")
WAN = TransformerConfig(
    in_channels=36, out_channels=16, dim=1536, heads=12, layers=30, ffn_dim=8960, text_dim=4096, text_tokens=512,
    freq_dim=256, patch=(1, 2, 2), eps=1e-6, cross_attn_norm=True, qk_norm=True,
)  # fmt: skip
CASES = [(POCKET.transformer, POCKET.cache, 18, 32), (WAN, CacheConfig(chunk=3, sink=3, window=1), 60, 104)]


@pytest.fixture(autouse=True)
def unforced():
    yield
    kernels.use(None)


def counted(work) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        work()
    return counter.get_total_flops()


@pytest.mark.parametrize(("config", "layout", "height", "width"), CASES, ids=["pocket", "Wan 1.3B"])
def test_an_evaluation(config, layout, height, width):
    """On the device without memory: shapes are all that counts, also 1.3 billion weights."""
    kernels.use("torch")
    with torch.device("meta"), torch.no_grad():
        model = MotionTransformer(config)
        text = model.encode_text(torch.empty(1, config.text_tokens, config.text_dim))
        context = model.empty_cache(layout, 1, height, width).context()
        x = torch.empty(1, layout.chunk, config.in_channels, height, width)
        seen = counted(lambda: model(x, torch.empty(1), None, text, context))
    latent_tokens = height * width // prod(config.patch)
    tokens, keys = latent_tokens * layout.chunk, latent_tokens * (layout.first_slot + layout.chunk)
    assert sum(work.flops for work in cost.transformer(config, tokens, keys, 2)) == seen
    assert transformer_flops(config, tokens, keys) == seen
    assert cost.transformer_parameters(config) == sum(p.numel() for p in model.parameters())
    held = sum(x.nbytes for x in (context.k, context.v))
    size = context.k.itemsize
    assert cost.cache_bytes(config, layout.first_slot, latent_tokens, size) == held


@pytest.mark.parametrize("config", [tiny_config(), POCKET], ids=["tiny", "pocket"])
def test_every_stage_of_a_chunk(config: ModelConfig):
    config = replace(config, cache=CacheConfig(chunk=2, sink=1, window=1))
    width, height = config.buckets[0]
    h, w = height // CELL, width // CELL
    parts = {stage.name: stage for stage in cost.stages(config, width, height, 4)}
    with torch.device("meta"):
        autoencoder, head = Autoencoder(config.autoencoder), TrackHead(config.control)
        latents = torch.empty(1, 2, config.autoencoder.channels, h, w)
        frames = torch.empty(1, 2, 3 * FRAMES, height, width)
        canvas = torch.empty(1, 2 * FRAMES, config.control.id_dim + 2, h, w)
    assert parts["decoder"].flops == counted(lambda: autoencoder.decoder(latents))
    assert parts["encoder"].flops == counted(lambda: autoencoder.encoder(frames))
    assert parts["track head"].flops == counted(lambda: head(canvas))
    assert parts["transformer"].calls == len(config.sampler.timesteps) + config.sampler.clean_pass
    tokens = 2 * h * w // 4
    assert parts["transformer"].flops == parts["transformer"].calls * transformer_flops(
        config.transformer, tokens, tokens // 2 * (1 + 2 + 2)
    )


def test_bytes_hold_at_least_the_weights_and_the_cache():
    width, height = POCKET.buckets[0]
    (transformer,) = (stage for stage in cost.stages(POCKET, width, height, 4) if stage.name == "transformer")
    once = transformer.bytes / transformer.calls
    weights = 4 * cost.transformer_parameters(POCKET.transformer)
    read = cost.cache_bytes(POCKET.transformer, POCKET.cache.first_slot + 1, height * width // CELL**2 // 4, 4)
    assert weights + read < once < 20 * (weights + read)


def test_time_is_the_slower_of_products_and_memory_each_by_itself():
    stage = cost.Stage("two", 3, (cost.Work(8.0, 1.0), cost.Work(1.0, 10.0)))
    assert stage.seconds(peak_flops=2.0, bandwidth=5.0) == 3 * (4.0 + 2.0)
    assert cost.least_seconds([stage, stage], 2.0, 5.0) == 36.0
