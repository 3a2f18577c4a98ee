"""Streaming through the cache against recomputing the clip; the cache's slots, memory and precision."""

import pytest
import torch
from torch import Tensor

from inference.cache import KeyValues, SinkWindowCache
from inference.config import CacheConfig
from inference.motion_transformer import MotionTransformer
from inference.rotary import axis_dims, grid_turns, time_turns, turn
from tests.inference.test_motion_transformer import SMALL, randomised

ROWS, COLUMNS = 2, 3
LATENT_TOKENS = ROWS * COLUMNS
LAYOUTS = [
    CacheConfig(chunk=1, sink=1, window=4),
    CacheConfig(chunk=3, sink=1, window=1),  # the paper's best
    CacheConfig(chunk=3, sink=4, window=1),
    CacheConfig(chunk=3, sink=0, window=1),
    CacheConfig(chunk=2, sink=1, window=0),
]


def chunks(layout: CacheConfig, count: int) -> list[range]:
    """Latent indices of the picture and `count` chunks after it."""
    starts = range(1, 1 + count * layout.chunk, layout.chunk)
    return [range(1), *(range(start, start + layout.chunk) for start in starts)]


def turned(x: Tensor, slots: list[int]) -> Tensor:
    """Wan's rotary embedding, written out a second time. x: [B, frames, n, heads, d] at time `slots`."""
    grid = torch.cartesian_prod(torch.tensor(slots), torch.arange(ROWS), torch.arange(COLUMNS)).double()
    angles = []
    for axis, dim in enumerate(axis_dims(x.shape[-1])):
        angles.append(grid[:, axis, None] * 10000.0 ** (-torch.arange(0, dim, 2).double() / dim))
    angles = torch.cat(angles, -1).view(len(slots), LATENT_TOKENS, 1, -1)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    even, odd = x[..., ::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


def recomputed(
    model: MotionTransformer,
    layout: CacheConfig,
    parts: list[range],
    noisy: Tensor,
    clean: Tensor,
    t: Tensor,
    text: KeyValues,
    detach: bool = False,
) -> Tensor:
    """The noisy latents' velocity with no cache: every block over the whole clip, clean and noisy together.

    Clean latents see clean ones; a noisy chunk sees the clean sink and window before it, and itself. Keys are
    turned anew for every chunk of queries.
    """
    frames = noisy.shape[1]
    e = model.time_embedding(model._sinusoid(torch.cat((torch.zeros_like(t), t), 1)))
    modulation = model.time_projection(e).unflatten(-1, (6, -1))
    x = model._patchify(torch.cat((clean, noisy), 1))  # [B, 2 F, n, D]
    for index, block in enumerate(model.blocks):
        shift, scale, gate, ffn_shift, ffn_scale, ffn_gate = (block.modulation + modulation).unsqueeze(3).unbind(2)
        normed = block.norm1(x) * (1 + scale) + shift
        attn = block.self_attn
        q, k, v = (
            projected.unflatten(-1, (attn.heads, -1))
            for projected in (attn.norm_q(attn.q(normed)), attn.norm_k(attn.k(normed)), attn.v(normed))
        )
        past_k, past_v = (k.detach(), v.detach()) if detach else (k, v)
        out = torch.empty_like(x)
        for part in parts:
            window = range(max(layout.sink, part.start - layout.window_latents), part.start)
            past = [*range(min(layout.sink, part.start)), *window]
            slots = [
                *range(min(layout.sink, part.start)),
                *(layout.first_slot - (part.start - latent) for latent in window),
                *range(layout.first_slot, layout.first_slot + len(part)),
            ]
            for copy in (0, frames):
                own = [copy + latent for latent in part]
                keys = turned(torch.cat((past_k[:, past], k[:, own]), 1), slots).flatten(1, 2)
                values = torch.cat((past_v[:, past], v[:, own]), 1).flatten(1, 2)
                queries = turned(q[:, own], slots[-len(part) :]).flatten(1, 2)
                weights = torch.einsum("bqhd,bkhd->bhqk", queries, keys).div(q.shape[-1] ** 0.5).softmax(-1)
                out[:, own] = torch.einsum("bhqk,bkhd->bqhd", weights, values).reshape(out[:, own].shape)
        x = x + gate * attn.o(out)
        x = x + block.cross_attn(block.norm3(x), text.k[index], text.v[index])
        x = x + ffn_gate * block.ffn(block.norm2(x) * (1 + ffn_scale) + ffn_shift)
    return model._unpatchify(model.head(x, e), ROWS, COLUMNS)[:, frames:]


def streamed(model, layout, parts, noisy, clean, t, text, commit) -> Tensor:
    """The same through the cache; commit(cache, keys and values) returns the cache to go on with."""
    cache = model.empty_cache(layout, noisy.shape[0], noisy.shape[3], noisy.shape[4])
    out = []
    for part in parts:
        chunk = slice(part.start, part.stop)
        out.append(model(noisy[:, chunk], t[:, chunk], None, text, cache.context())[0])
        _, new = model(clean[:, chunk], torch.zeros(noisy.shape[0]), None, text, cache.context())
        cache = commit(cache, new)
    return torch.cat(out, 1)


def in_place(cache: SinkWindowCache, new: KeyValues) -> SinkWindowCache:
    cache.commit(new)
    return cache


@pytest.fixture(scope="module")
def model() -> MotionTransformer:
    return randomised(SMALL)


def clip(parts: list[range]) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(2)
    frames = parts[-1].stop
    noisy, clean = (torch.randn(2, frames, SMALL.in_channels, 2 * ROWS, 2 * COLUMNS) for _ in range(2))
    return noisy, clean, torch.rand(2, frames) * 1000


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("commit", [in_place, SinkWindowCache.committed])
def test_streaming_equals_recomputing_the_clip(model, layout, commit):
    parts = chunks(layout, 9 if layout.chunk == 1 else 5)
    noisy, clean, t = clip(parts)
    with torch.no_grad():
        text = model.encode_text(torch.randn(2, SMALL.text_tokens, SMALL.text_dim))
        expected = recomputed(model, layout, parts, noisy, clean, t, text)
        out = streamed(model, layout, parts, noisy, clean, t, text, commit)
    assert expected.std() > 0.1
    torch.testing.assert_close(out, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS[:2], ids=str)
def test_gradients_through_the_cache_equal_those_of_the_clip(model, layout, detach):
    parts = chunks(layout, 7 if layout.chunk == 1 else 3)
    noisy, clean, t = clip(parts)
    tokens = torch.randn(2, SMALL.text_tokens, SMALL.text_dim)

    def commit(cache: SinkWindowCache, new: KeyValues) -> SinkWindowCache:
        return cache.committed(new.detach() if detach else new)

    gradients = []
    for run in (
        lambda text: streamed(model, layout, parts, noisy, clean, t, text, commit),
        lambda text: recomputed(model, layout, parts, noisy, clean, t, text, detach),
    ):
        loss = run(model.encode_text(tokens)).square().mean()
        gradients.append(torch.autograd.grad(loss, list(model.parameters())))
    for (name, _), ours, theirs in zip(model.named_parameters(), *gradients, strict=True):
        assert theirs.norm() > 0, name
        torch.testing.assert_close(ours, theirs, atol=1e-4 * theirs.abs().max().item() + 1e-7, rtol=1e-3, msg=name)


def test_detached_commits_cut_the_past(model):
    layout = LAYOUTS[0]
    noisy, clean, t = clip(chunks(layout, 1))
    clean.requires_grad_()
    text = model.encode_text(torch.randn(2, SMALL.text_tokens, SMALL.text_dim))
    for detach in (False, True):

        def commit(cache: SinkWindowCache, new: KeyValues, detach: bool = detach) -> SinkWindowCache:
            return cache.committed(new.detach() if detach else new)

        out = streamed(model, layout, chunks(layout, 1), noisy, clean, t, text, commit)
        (gradient,) = torch.autograd.grad(out[:, 1].sum(), clean, allow_unused=True)
        assert (gradient is None) == detach
        assert detach or gradient[:, 0].abs().max() > 0


HEADS, HEAD_DIM = 2, 64


def empty(layout: CacheConfig, dtype: torch.dtype = torch.float32) -> SinkWindowCache:
    return SinkWindowCache.empty(
        layout,
        blocks=2,
        batch=1,
        heads=HEADS,
        head_dim=HEAD_DIM,
        latent_tokens=LATENT_TOKENS,
        dtype=dtype,
        device="cpu",
    )


def turned_keys(raw: Tensor, first_slot: int) -> Tensor:
    """raw: [1, heads, frames * n, d], unturned; the library's own turns, at slots from first_slot on."""
    frames = raw.shape[2] // LATENT_TOKENS
    turns = grid_turns(HEAD_DIM, first_slot, frames, ROWS, COLUMNS, raw.device)
    return turn(raw.transpose(1, 2), turns).transpose(1, 2)


def new_chunk(layout: CacheConfig, latents: int, dtype=torch.float32) -> tuple[Tensor, KeyValues]:
    raw = torch.randn(1, HEADS, latents * LATENT_TOKENS, HEAD_DIM)
    k = turned_keys(raw, layout.first_slot).to(dtype)
    return raw, KeyValues((k, k), (raw.to(dtype), raw.to(dtype)))


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_memory_stays_where_it_was_for_200_chunks(layout):
    cache = empty(layout)
    pointers = [tensor.untyped_storage().data_ptr() for tensor in (cache.k, cache.v, cache.mask)]
    shapes = [tensor.shape for tensor in (cache.k, cache.v, cache.mask)]
    torch.manual_seed(3)
    raws = []
    for part in chunks(layout, 200):
        raw, new = new_chunk(layout, len(part))
        raws.append(raw)
        cache.commit(new)
    assert pointers == [tensor.untyped_storage().data_ptr() for tensor in (cache.k, cache.v, cache.mask)]
    assert shapes == [tensor.shape for tensor in (cache.k, cache.v, cache.mask)]
    # Every latent is where its slot says, turned by it: the first in the sink, the last in the window.
    raw = torch.cat(raws, 2)
    sink, window = layout.sink * LATENT_TOKENS, layout.window_latents * LATENT_TOKENS
    held = torch.cat((raw[:, :, :sink], raw[:, :, raw.shape[2] - window :]), 2)
    torch.testing.assert_close(cache.v[0], held, rtol=0, atol=0)
    torch.testing.assert_close(cache.k[0], turned_keys(held, 0), atol=2e-5, rtol=0)
    assert cache.mask.abs().max() == 0


def test_the_mask_opens_slot_by_slot():
    layout = CacheConfig(chunk=2, sink=1, window=2)
    cache = empty(layout)
    expected = ["-----++", "+----++", "+--++++", "+++++++", "+++++++"]
    for latents, row in zip((1, 2, 2, 2, 2), expected, strict=True):
        opened = cache.mask.view(-1, LATENT_TOKENS)
        assert ["+" if latent.eq(0).all() else "-" for latent in opened] == list(row)
        assert all(latent.eq(0).all() or latent.eq(-torch.inf).all() for latent in opened)
        cache.commit(new_chunk(layout, latents)[1])
    cache.reset()
    assert cache.mask.isinf().sum() == layout.first_slot * LATENT_TOKENS


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-6), (torch.bfloat16, 6e-3)])
def test_turning_again_and_again_stays_precise(dtype, bound):
    layout = CacheConfig(chunk=1, sink=1, window=6)
    cache = empty(layout, dtype)
    torch.manual_seed(4)
    raw, new = new_chunk(layout, 1, dtype)
    cache.commit(new)
    sink = cache.k[:, :, :, :LATENT_TOKENS].clone()
    raw, new = new_chunk(layout, 1, dtype)
    cache.commit(new)
    for _ in range(layout.window - 1):
        cache.commit(new_chunk(layout, 1, dtype)[1])
    oldest = cache.k[0, :, :, LATENT_TOKENS : 2 * LATENT_TOKENS].double()
    exact = turned(raw.double().transpose(1, 2).unflatten(1, (1, -1)), [1]).squeeze(1).transpose(1, 2)
    assert (oldest - exact).norm() < bound * exact.norm()
    assert torch.equal(cache.k[:, :, :, :LATENT_TOKENS], sink)


def test_committed_leaves_the_old_cache_alone():
    layout = LAYOUTS[0]
    old = empty(layout)
    new = old.committed(new_chunk(layout, 1)[1])
    assert (old.k.abs().max(), old.sunk) == (0, 0)
    assert old.mask.isinf().any()
    assert new.k.abs().max() > 0
    assert new.sunk == 1


def test_chunks_that_do_not_fit_are_refused():
    layout = CacheConfig(chunk=3, sink=1, window=1)
    cache = empty(layout)
    with pytest.raises(ValueError, match="straddle the end of the sink"):
        cache.commit(new_chunk(layout, 3)[1])
    with pytest.raises(ValueError, match="does not fit the layout"):
        cache.commit(new_chunk(layout, 4)[1])
    k = torch.zeros(1, HEADS, LATENT_TOKENS + 1, HEAD_DIM)
    with pytest.raises(ValueError, match="does not fit the layout"):
        cache.commit(KeyValues((k, k), (k, k)))
    assert cache.sunk == 0


@pytest.mark.parametrize("sizes", [(0, 1, 1), (1, -1, 1), (1, 1, -1)])
def test_impossible_layouts_are_refused(sizes):
    with pytest.raises(ValueError, match="impossible cache layout"):
        CacheConfig(*sizes)


def test_tables_made_while_inferring_serve_training(model):
    layout = CacheConfig(chunk=1, sink=1, window=2)
    noisy, clean, t = clip(chunks(layout, 2))
    grid_turns.cache_clear()
    time_turns.cache_clear()
    with torch.inference_mode():
        text = model.encode_text(torch.randn(2, SMALL.text_tokens, SMALL.text_dim))
        streamed(model, layout, chunks(layout, 2), noisy, clean, t, text, in_place)
    text = model.encode_text(torch.randn(2, SMALL.text_tokens, SMALL.text_dim))
    out = streamed(model, layout, chunks(layout, 2), noisy, clean, t, text, SinkWindowCache.committed)
    assert torch.autograd.grad(out.sum(), model.blocks[0].self_attn.k.weight)[0].abs().max() > 0
