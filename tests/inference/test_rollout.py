"""The rollout: the sampler's equations, layouts, and the same code with and without gradients."""

from dataclasses import replace

import pytest
import torch

from inference import sampler
from inference.config import CacheConfig
from inference.generator import Direction, Generator
from inference.rollout import FELT_WITHIN, Rollout
from tests.tiny import random_weights, tiny_config

H, W = 4, 6


def direction(config, frames, seed=0, batch=1):
    g = torch.Generator().manual_seed(seed)
    canvas = torch.randn(batch, 4 * frames, config.control.id_dim + 2, H, W, generator=g)
    if not config.control.carry:
        return Direction(canvas, None, None, None)
    carried = torch.randn(batch, frames, 4, H, W, generator=g)
    return Direction(canvas, carried, *torch.rand(2, batch, frames, 1, H, W, generator=g))


def rollout(config, batch=1, seed=0):
    generator = random_weights(Generator(config))
    text = generator.transformer.encode_text(torch.randn(1, 8, 384, generator=torch.Generator().manual_seed(9)))
    return Rollout(generator, config, text, generator.transformer.empty_cache(config.cache, batch, H, W), seed)


def run(rolling, config, chunks, batch=1):
    latent = torch.randn(batch, 1, 4, H, W, generator=torch.Generator().manual_seed(5))
    rolling.write_picture(latent, direction(config, 1, 100, batch))
    return [rolling.next_chunk(direction(config, config.cache.chunk, i, batch)) for i in range(chunks)]


@pytest.mark.parametrize(("chunk", "carry"), [(1, True), (3, True), (1, False), (3, False)])
def test_every_layout_streams(chunk, carry):
    config = tiny_config(chunk=chunk, carry=carry)
    with torch.no_grad():
        made = run(rollout(config), config, 5)
    assert all(z.shape == (1, chunk, 4, H, W) and z.isfinite().all() for z in made)
    assert not torch.allclose(made[3], made[4])


def test_a_seed_means_the_same_again_and_another_does_not():
    config = tiny_config()
    with torch.no_grad():
        a, b, c = (run(rollout(config, seed=s), config, 4)[-1] for s in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.allclose(a, c)


def test_gradients_pass_through_the_inference_code():
    config = tiny_config()
    with torch.no_grad():
        expected = torch.cat(run(rollout(config, batch=2), config, 4, batch=2))
    rolling = rollout(config, batch=2)
    made = torch.cat(run(rolling, config, 4, batch=2))
    torch.testing.assert_close(made.detach(), expected, atol=1e-5, rtol=1e-5)
    made.square().mean().backward()
    silent = [name for name, p in rolling.generator.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


def test_cost_of_a_chunk_does_not_grow():
    """200 chunks: the same buffers, and no tensor that lives on."""
    config = tiny_config()
    rolling = rollout(config)
    with torch.no_grad():
        run(rolling, config, 6)
        before = (rolling.cache.k.data_ptr(), rolling.cache.k.shape, rolling.cache.mask.shape)
        for i in range(200):
            rolling.next_chunk(direction(config, 1, i))
        assert (rolling.cache.k.data_ptr(), rolling.cache.k.shape, rolling.cache.mask.shape) == before


def test_rewriting_the_picture_leaves_the_window():
    config = tiny_config()
    rolling = rollout(config)
    with torch.no_grad():
        run(rolling, config, 3)
        tokens, kept = rolling.cache.latent_tokens, rolling.cache.k.clone()
        rolling.write_picture(torch.randn(1, 1, 4, H, W), direction(config, 1, 7))
    assert torch.equal(rolling.cache.k[..., tokens:, :], kept[..., tokens:, :])
    assert (rolling.cache.sunk, rolling.cache.seen) == (1, 2)
    assert not torch.allclose(rolling.cache.k[..., :tokens, :], kept[..., :tokens, :])


def test_a_picture_written_again_is_written_as_at_the_start():
    config = tiny_config()
    latent, given = torch.randn(1, 1, 4, H, W), direction(config, 1, 7)
    with torch.no_grad():
        fresh, running = rollout(config), rollout(config)
        fresh.write_picture(latent, given)
        run(running, config, 4)
        running.write_picture(latent, given)
    tokens = fresh.cache.latent_tokens
    torch.testing.assert_close(running.cache.k[..., :tokens, :], fresh.cache.k[..., :tokens, :])
    torch.testing.assert_close(running.cache.v[..., :tokens, :], fresh.cache.v[..., :tokens, :])


@pytest.mark.parametrize(("chunk", "clean_pass"), [(1, True), (1, False), (3, True), (3, False)])
def test_a_long_window_made_anew_is_the_one_that_the_window_makes_under_the_new_text(chunk, clean_pass):
    config = tiny_config(chunk=chunk, window=FELT_WITHIN)
    config = replace(config, sampler=replace(config.sampler, clean_pass=clean_pass))
    latent, given = torch.randn(1, 1, 4, H, W, generator=torch.Generator().manual_seed(5)), direction(config, 1, 100)
    running, afresh = rollout(config), rollout(config)
    new = running.generator.transformer.encode_text(torch.randn(1, 8, 384, generator=torch.Generator().manual_seed(3)))
    asked = []  # every evaluation; a chunk's last one fills the cache
    honest = running.evaluate
    running.evaluate = lambda *question: (asked.append(question), honest(*question))[1]
    with torch.no_grad():
        run(running, config, FELT_WITHIN + 4)
        a_chunk = len(config.sampler.timesteps) + clean_pass
        window = asked[a_chunk::a_chunk][-config.cache.window :]  # asked[0] was the picture
        old = running.cache.k.clone(), running.cache.v.clone()
        running.set_text(new, latent, given)
        afresh.text = new
        afresh.write_picture(latent, given)
        for question in window:
            afresh.commit(afresh.evaluate(*question)[1])
    for made, truth, before in zip(
        (running.cache.k, running.cache.v), (afresh.cache.k, afresh.cache.v), old, strict=True
    ):
        torch.testing.assert_close(made, truth, atol=1e-4, rtol=1e-4)
        assert (made - before).abs().max() > 1e-2
    assert (running.cache.sunk, running.cache.seen) == (1, config.cache.window_latents)


@pytest.mark.parametrize("sink", [1, 4])
def test_it_can_make_anew_as_many_chunks_as_the_cache_holds(sink):
    config = tiny_config()
    config = replace(config, cache=CacheConfig(chunk=1, sink=sink, window=FELT_WITHIN))
    rolling = rollout(config)
    latent, given = torch.randn(1, 1, 4, H, W, generator=torch.Generator().manual_seed(5)), direction(config, 1, 100)
    with torch.no_grad():
        for chunks in (1, 3, 15):
            rolling.write_picture(latent, given)
            for i in range(chunks):
                rolling.next_chunk(direction(config, 1, i))
            before, counts = rolling.cache.k.clone(), (rolling.cache.sunk, rolling.cache.seen)
            rolling.set_text(rolling.text, latent, given)
            assert (rolling.cache.sunk, rolling.cache.seen) == counts
            # The sink sees the sink alone, and the first block's keys depend on nothing before: both are as they were.
            tokens, filled = sink * rolling.cache.latent_tokens, rolling.cache.mask[0, 0, 0, : before.shape[-2]] == 0
            torch.testing.assert_close(rolling.cache.k[..., :tokens, :], before[..., :tokens, :], atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(rolling.cache.k[0][..., filled, :], before[0][..., filled, :])


def test_bridge_starts_at_the_carried_picture_where_it_is_trusted():
    config = tiny_config().sampler
    given = direction(tiny_config(), 1)
    trusting = Direction(given.canvas, given.carried, torch.ones(1, 1, 1, H, W), given.support)
    doubting = Direction(given.canvas, given.carried, torch.zeros(1, 1, 1, H, W), given.support)
    noise = torch.randn(1, 1, 4, H, W)
    torch.testing.assert_close(sampler.start(config, trusting, noise), given.carried + 0.5 * noise)
    torch.testing.assert_close(sampler.start(config, doubting, noise), noise)
    clean = torch.randn(1, 1, 4, H, W)
    begin = sampler.start(config, trusting, noise)
    assert torch.equal(sampler.between(clean, begin, 0.0), clean)
    torch.testing.assert_close(sampler.between(clean, begin, 1.0), begin)


def test_velocity_and_residual_name_the_same_clean_latent():
    residual, velocity = tiny_config().sampler, tiny_config(carry=False).sampler
    given = direction(tiny_config(), 1)
    clean, begin = torch.randn(2, 1, 1, 4, H, W)
    x = sampler.between(clean, begin, 0.3)
    torch.testing.assert_close(sampler.clean_from(velocity, begin - clean, x, 0.3, given), clean)
    nothing = torch.zeros_like(clean)
    guess = sampler.clean_from(residual, nothing, x, 0.3, given)
    torch.testing.assert_close(sampler.clean_from(residual, clean - guess, x, 0.3, given), clean)


def test_residual_starts_from_the_best_guess_of_its_own_assumption():
    """Against samples: among h + k (x_t - E[x_t]), no k beats the gain when clean latents are spread as assumed."""
    config = tiny_config().sampler
    g = torch.Generator().manual_seed(0)
    trust, t, shape = 0.6, 0.4, (1, 1, 4, 200, 200)
    carried = torch.randn(shape, generator=g)
    given = Direction(torch.zeros(0), carried, torch.full((1, 1, 1, 200, 200), trust), None)
    spread = config.spread_unsure + trust * (config.spread_sure - config.spread_unsure)
    clean = carried + spread * torch.randn(shape, generator=g)
    x = sampler.between(clean, sampler.start(config, given, torch.randn(shape, generator=g)), t)
    guess = sampler.clean_from(config, torch.zeros(1), x, t, given)
    error = (guess - clean).square().mean()
    for k in (0.9, 1.1):
        assert (carried + k * (guess - carried) - clean).square().mean() > error
    at_noise = sampler.clean_from(config, torch.zeros(1), x, 1.0, given)
    torch.testing.assert_close(at_noise, carried)


def test_streams_of_a_batch_can_have_seeds_of_their_own():
    config = tiny_config()
    with torch.no_grad():
        both = run(rollout(config, batch=2, seed=[3, 8]), config, 3, batch=2)[-1]
        swapped = run(rollout(config, batch=2, seed=[8, 3]), config, 3, batch=2)[-1]
    assert not torch.allclose(both, swapped)
    one, other = (rollout(config, batch=2, seed=seed)._fresh_noise((2, 3), both) for seed in ([3, 8], [8, 3]))
    assert torch.equal(one, other.flip(0))


def test_gradients_pass_through_the_last_step_alone():
    """Two steps, the first of them at t = 1: what that one answered is a constant."""
    config = tiny_config()
    rolling = rollout(config)
    asked = []
    honest = rolling.evaluate
    rolling.evaluate = lambda x, t, given: (asked.append((t, torch.is_grad_enabled())), honest(x, t, given))[1]
    clean, *_ = rolling.denoise(direction(config, 1))
    assert clean.requires_grad
    assert asked == [(1.0, False), (0.5, True)]
