"""The transformer against diffusers' Wan, and its formula for operations against a count of them."""

import dataclasses

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import kernels
from inference.checkpoint_names import from_diffusers
from inference.config import CacheConfig, TransformerConfig
from inference.motion_transformer import MotionTransformer, transformer_flops

SMALL = TransformerConfig(
    in_channels=6,
    out_channels=4,
    dim=64,
    heads=2,
    layers=3,
    ffn_dim=96,
    text_dim=24,
    text_tokens=5,
    freq_dim=32,
    patch=(1, 2, 2),
    eps=1e-6,
    cross_attn_norm=True,
    qk_norm=True,
)


def randomised(config: TransformerConfig) -> MotionTransformer:
    """A model whose every weight is far from its initial zero or one."""
    torch.manual_seed(0)
    model = MotionTransformer(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()


@pytest.fixture(scope="module")
def model() -> MotionTransformer:
    return randomised(SMALL)


@pytest.mark.parametrize(
    ("dim", "heads", "frames", "height", "width", "patch", "cross_attn_norm"),
    [
        (64, 2, 1, 6, 10, (1, 2, 2), True),
        (80, 5, 3, 2, 14, (1, 2, 2), True),
        (96, 3, 5, 9, 3, (1, 3, 1), False),
        (256, 2, 4, 6, 4, (1, 2, 2), True),  # the head of 128 of every public Wan
    ],
)
@pytest.mark.parametrize("t_a_frame", [False, True])
def test_equals_diffusers(dim, heads, frames, height, width, patch, cross_attn_norm, t_a_frame):
    diffusers = pytest.importorskip("diffusers")
    config = dataclasses.replace(SMALL, dim=dim, heads=heads, patch=patch, cross_attn_norm=cross_attn_norm)
    theirs = diffusers.WanTransformer3DModel(
        patch_size=patch,
        num_attention_heads=heads,
        attention_head_dim=dim // heads,
        in_channels=config.in_channels,
        out_channels=config.out_channels,
        text_dim=config.text_dim,
        freq_dim=config.freq_dim,
        ffn_dim=config.ffn_dim,
        num_layers=config.layers,
        cross_attn_norm=cross_attn_norm,
        eps=config.eps,
    ).eval()
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.15)
    ours = MotionTransformer(config)
    ours.load_state_dict(from_diffusers(theirs.state_dict()), strict=True)

    x = torch.randn(2, frames, config.in_channels, height, width)
    t = torch.rand(2, frames) * 1000 if t_a_frame else torch.tensor([733.25, 41.0])
    tokens = torch.randn(2, config.text_tokens, config.text_dim)
    latent_tokens = (height // patch[1]) * (width // patch[2])
    with torch.no_grad():
        expected = theirs(
            x.transpose(1, 2), t.repeat_interleave(latent_tokens, 1) if t_a_frame else t, tokens
        ).sample.transpose(1, 2)
        out, _ = ours(x, t, None, ours.encode_text(tokens))
    assert expected.std() > 0.1
    torch.testing.assert_close(out, expected, atol=1e-4 * expected.std().item(), rtol=1e-4)


def test_unknown_diffusers_names_are_refused():
    with pytest.raises(KeyError, match="add_k_proj"):
        from_diffusers({"blocks.0.attn2.add_k_proj.weight": torch.zeros(1)})


def test_one_level_for_all_equals_the_same_level_a_latent(model):
    x, text = torch.randn(2, 3, 6, 4, 6), model.encode_text(torch.randn(2, 5, 24))
    t = torch.tensor([20.0, 900.0])
    one, _ = model(x, t, None, text)
    each, _ = model(x, t[:, None].expand(2, 3), None, text)
    torch.testing.assert_close(one, each)


def test_control_joins_behind_the_latents(model):
    x, text = torch.randn(1, 2, 6, 4, 6), model.encode_text(torch.randn(1, 5, 24))
    t = torch.tensor([500.0])
    joined, _ = model(x, t, None, text)
    apart, _ = model(x[:, :, :4], t, x[:, :, 4:], text)
    torch.testing.assert_close(joined, apart, rtol=0, atol=0)


def test_latent_mask_hides_the_future(model):
    x, text = torch.randn(1, 4, 6, 4, 6), model.encode_text(torch.randn(1, 5, 24))
    t = torch.rand(1, 4) * 1000
    causal = torch.ones(4, 4, dtype=torch.bool).tril()
    whole, _ = model(x, t, None, text, latent_mask=causal)
    start, _ = model(x[:, :2], t[:, :2], None, text, latent_mask=causal[:2, :2])
    torch.testing.assert_close(whole[:, :2], start, atol=1e-5, rtol=1e-5)


def test_a_fresh_model_answers_zero_and_learns():
    model = MotionTransformer(SMALL)
    text = model.encode_text(torch.randn(1, 5, 24))
    out, _ = model(torch.randn(1, 2, 6, 4, 6), torch.tensor([400.0]), None, text)
    assert out.abs().max() == 0
    out.sub(1).square().mean().backward()
    assert model.head.head.weight.grad.abs().max() > 0


def test_one_prompt_serves_a_batch(model):
    x, tokens, t = torch.randn(3, 2, 6, 4, 6), torch.randn(1, 5, 24), torch.tensor([10.0, 400.0, 999.0])
    one, _ = model(x, t, None, model.encode_text(tokens))
    each, _ = model(x, t, None, model.encode_text(tokens.expand(3, -1, -1)))
    torch.testing.assert_close(one, each, atol=1e-5, rtol=1e-5)


def test_text_of_another_size_is_refused(model):
    with pytest.raises(ValueError, match="text of shape"):
        model.encode_text(torch.randn(1, 6, 24))


@pytest.mark.parametrize("sizes", [{"dim": 65}, {"heads": 3}, {"patch": (2, 2, 2)}, {"freq_dim": 31}])
def test_impossible_sizes_are_refused(sizes):
    with pytest.raises(ValueError, match="impossible transformer sizes"):
        dataclasses.replace(SMALL, **sizes)


def test_bfloat16_stays_near_float32(model):
    low = randomised(SMALL).to(torch.bfloat16)
    x, tokens, t = torch.randn(2, 3, 6, 4, 6), torch.randn(2, 5, 24), torch.tensor([100.0, 900.0])
    with torch.no_grad():
        expected, _ = model(x, t, None, model.encode_text(tokens))
        out, kv = low(x.bfloat16(), t, None, low.encode_text(tokens.bfloat16()))
    assert out.dtype == kv.k[0].dtype == torch.bfloat16
    assert (out.float() - expected).std() < 0.03 * expected.std()


@pytest.mark.parametrize("layout", [CacheConfig(1, 1, 4), CacheConfig(3, 1, 1)])
def test_flops_formula(layout):
    config = dataclasses.replace(SMALL, dim=128, ffn_dim=512)
    model = MotionTransformer(config)
    text = model.encode_text(torch.randn(1, 5, 24))
    cache = model.empty_cache(layout, batch=1, height=8, width=12)
    x = torch.randn(1, layout.chunk, 6, 8, 12)
    # The twin is made of plain matrix products: nothing a counter could miss.
    kernels.use("torch")
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(x, torch.tensor([500.0]), None, text, cache.context())
    finally:
        kernels.use(None)
    queries, keys = layout.chunk * 24, (layout.first_slot + layout.chunk) * 24
    assert counter.get_total_flops() == pytest.approx(transformer_flops(config, queries, keys), rel=0.01)
