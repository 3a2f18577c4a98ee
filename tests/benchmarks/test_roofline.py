"""The roofline's constants against what can be counted, and its predictions against the paper."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import roofline
from inference import cost
from inference.motion_transformer import MotionTransformer
from tests.tiny import tiny_config


def count(work) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        work()
    return counter.get_total_flops()


def test_wans_own_decoder_costs_what_is_written():
    """One more latent in a running stream, at the paper's size, on the device without memory."""
    from diffusers import AutoencoderKLWan

    with torch.device("meta"):
        autoencoder = AutoencoderKLWan()
        clips = [torch.empty(1, 16, latents, 60, 104) for latents in (2, 3)]
    two, three = (count(lambda clip=clip: autoencoder._decode(clip)) for clip in clips)
    full = roofline.WAN_1_3B.decoders[0]
    assert three - two == full.flops
    assert sum(p.numel() for p in autoencoder.decoder.parameters()) == pytest.approx(full.parameters, rel=1e-3)


def test_taehv_is_the_size_the_paper_gives_and_costs_by_the_formula():
    """Its layers written out, in order: 9.84 M weights, and the counter's FLOPs for one latent."""
    widths, growth = (256, 128, 64, 64), (1, 2, 2)
    with torch.device("meta"):
        x = torch.empty(1, 16, 60, 104)
        weights, flops = 0, 0

        def apply(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
            nonlocal weights, flops
            weights += sum(p.numel() for p in layer.parameters())
            flops += count(lambda: layer(x))
            with torch.no_grad():
                return layer(x)

        x = apply(nn.Conv2d(16, 256, 3, padding=1), x)
        for width, after, times in zip(widths, widths[1:], growth, strict=False):
            for _ in range(3):
                x = apply(nn.Conv2d(2 * width, width, 3, padding=1), torch.cat((x, x), 1))
                x = apply(nn.Conv2d(width, width, 3, padding=1), x)
                x = apply(nn.Conv2d(width, width, 3, padding=1), x)
            x = nn.functional.interpolate(x, scale_factor=2)
            x = apply(nn.Conv2d(width, times * width, 1, bias=False), x)
            x = x.reshape(-1, width, *x.shape[-2:])
            x = apply(nn.Conv2d(width, after, 3, padding=1, bias=False), x)
        x = apply(nn.Conv2d(64, 3, 3, padding=1), x)
    assert x.shape == (4, 3, 480, 832)
    tiny = roofline.WAN_1_3B.decoders[1]
    assert weights == pytest.approx(tiny.parameters, rel=1e-3)
    assert flops == tiny.flops == roofline.taehv_flops(60, 104)


def test_wans_sizes():
    assert cost.transformer_parameters(roofline.WAN_5B.transformer) == 4_999_787_712
    assert roofline.WAN_1_3B.height * roofline.WAN_1_3B.width * 64 == roofline.WAN_1_3B.pixels


@pytest.mark.parametrize("model", [roofline.WAN_1_3B, roofline.WAN_5B], ids=["1.3B", "5B"])
@pytest.mark.parametrize("index", [0, 1])
def test_the_papers_figures_lie_under_the_bound_and_near_what_is_expected(model, index):
    h100 = next(device for device in roofline.DEVICES if device.name.startswith("H100"))
    row = roofline.paper_row(model, index, h100)
    published = model.published_fps[index]
    assert published < row["bound_fps"]
    assert abs(row["expected_fps"] / published - 1) < 0.25  # else the gap needs an explanation
    assert row["fits"]


def test_a_package_is_bound_by_its_stages_and_held_in_memory_as_it_is():
    config = tiny_config()
    transformer = MotionTransformer(config.transformer)
    width, height = config.buckets[0]
    cache = transformer.empty_cache(config.cache, 1, height // cost.CELL, width // cost.CELL)
    text = 2 * config.transformer.layers * config.transformer.text_tokens * config.transformer.dim * 4
    room = 2 * cache.k.untyped_storage().nbytes()
    weights = sum(4 * p.numel() for p in transformer.parameters())
    device = roofline.DEVICES[0]
    row = roofline.package_row(config, device, 4)
    assert row["memory_mib"] * 2**20 == weights + room + text
    stages = roofline.stage_rows(config, device, 4)
    assert row["bound_latency_ms"] == pytest.approx(sum(stage["bound_ms"] for stage in stages))
    assert row["bound_fps"] == pytest.approx(4e3 / row["bound_latency_ms"])


def test_a_faster_device_is_predicted_faster():
    for model in (roofline.WAN_1_3B, roofline.WAN_5B):
        for index in range(2):
            made = [roofline.paper_row(model, index, device)["expected_fps"] for device in roofline.DEVICES]
            assert made == sorted(made)
