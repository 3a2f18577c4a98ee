"""A denoising step as a GPU wants it: the kernels give the twins' numbers, shapes are static, nothing is kept."""

from __future__ import annotations

import gc
from dataclasses import replace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

import kernels
from inference import rotary
from inference.autoencoder import FRAMES
from inference.config import ModelConfig
from inference.generator import Direction, Generator
from inference.rollout import Rollout
from tests.tiny import random_weights, tiny_config

HEIGHT, WIDTH = 4, 4  # of a latent


def direction(config: ModelConfig, latents: int, seed: int, device: str = "cpu") -> Direction:
    noise = torch.Generator().manual_seed(seed)
    sizes = [config.control.id_dim + 2, config.autoencoder.channels, 1, 1]
    frames = [latents * FRAMES, latents, latents, latents]
    parts = (torch.rand(1, f, c, HEIGHT, WIDTH, generator=noise).to(device) for f, c in zip(frames, sizes, strict=True))
    return Direction(*parts)


def start(config: ModelConfig, device: str = "cpu") -> Rollout:
    with torch.device(device):
        generator = Generator(config)
    if device == "cpu":
        random_weights(generator, 1)
    transformer = generator.transformer
    text = transformer.encode_text(
        torch.ones(1, config.transformer.text_tokens, config.transformer.text_dim, device=device)
    )
    cache = transformer.empty_cache(config.cache, 1, HEIGHT, WIDTH)
    rollout = Rollout(generator, config, text, cache, seed=0)
    picture = torch.ones(1, 1, config.autoencoder.channels, HEIGHT, WIDTH, device=device)
    rollout.write_picture(picture, direction(config, 1, 0, device))
    return rollout


@pytest.fixture(autouse=True)
def unforced():
    yield
    kernels.use(None)


@pytest.mark.parametrize("layout", [{"chunk": 1, "window": 2}, {"chunk": 3, "window": 1}])
@torch.no_grad()
def test_a_stream_by_the_kernels_is_the_twins_stream(layout):
    """Past the start, until the window has moved twice, with the picture written again in between. A step and the clean
    pass: an evaluation is what the interpreter takes seconds for.
    """
    config = tiny_config(**layout)
    config = replace(config, sampler=replace(config.sampler, timesteps=(1.0,)))
    made = {}
    for backend in ("torch", "triton"):
        kernels.use(backend)
        rollout = start(config)
        chunks = []
        for index in range(3):
            chunks.append(rollout.next_chunk(direction(config, config.cache.chunk, 1 + index)))
            if index == 1:
                picture = torch.full((1, 1, config.autoencoder.channels, HEIGHT, WIDTH), 0.5)
                rollout.write_picture(picture, direction(config, 1, 9))
        made[backend] = torch.cat(chunks, dim=1)
    assert made["torch"].std() > 0.1
    torch.testing.assert_close(made["triton"], made["torch"], atol=2e-5, rtol=1e-4)


@torch.no_grad()
def test_the_room_behind_the_window_gives_the_numbers_of_a_join():
    """Evaluations leave their keys in the cache's own storage; without that room they join copies, as training does."""
    config = tiny_config(chunk=3, window=1)
    rollout = start(config)
    for index in range(3):
        chunk = direction(config, 3, 1 + index)
        latents = rollout.next_chunk(chunk)
        context = rollout.cache.context()
        assert context.room is not None
        assert context.full
        joined = rollout.evaluate(latents, 0.5, chunk, replace(context, room=None, full=False))
        direct = rollout.evaluate(latents, 0.5, chunk, context)
        assert torch.equal(direct[0], joined[0])
        for k, other in zip(direct[1].k, joined[1].k, strict=True):
            assert torch.equal(k, other)


def test_training_gets_no_room():
    assert start(tiny_config()).cache.context().room is None


@pytest.fixture
def fresh_tables():
    """No tables of turns from before, and none of fake numbers left behind."""
    tables = (rotary.grid_turns, rotary.time_turns, rotary._axis_frequencies)
    for table in tables:
        table.cache_clear()
    yield
    for table in tables:
        table.cache_clear()


@torch.no_grad()
def test_a_step_traces_without_data(fresh_tables):
    """Under fake tensors no value exists: a `.item()` or a shape that depends on data would raise.

    The kernels launch by shapes alone; their twins are what is traced.
    """
    kernels.use("sdpa")
    config = tiny_config()
    with FakeTensorMode():
        rollout = start(config)
        chunk = direction(config, 1, 1)
        x = torch.randn(1, 1, config.autoencoder.channels, HEIGHT, WIDTH)
        out, new = rollout.evaluate(x, 0.5, chunk)
        assert out.shape == x.shape
        assert new.k[0].shape[2] == rollout.cache.latent_tokens


class Crossings(TorchDispatchMode):
    """Operations that carry numbers between host and device, which would stop a graph's capture."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        tensors = [x for x in tree_flatten((args, kwargs, out))[0] if isinstance(x, torch.Tensor)]
        if len({tensor.device.type for tensor in tensors if tensor.dim()}) > 1 or (
            func.namespace == "aten" and func.overloadpacket.__name__ in ("_to_copy", "copy_")
            and len({tensor.device.type for tensor in tensors}) > 1
        ):  # fmt: skip
            self.names.append(str(func))
        return out


@torch.no_grad()
def test_a_step_stays_on_its_device():
    """The device without memory stands in for a GPU: what comes from the host is seen as it crosses."""
    kernels.use("sdpa")
    config = tiny_config()
    rollout = start(config, "meta")
    chunk = direction(config, 1, 1, "meta")
    x = torch.empty(1, 1, config.autoencoder.channels, HEIGHT, WIDTH, device="meta")
    t = torch.full((1,), 0.5, device="meta")
    rollout.evaluate(x, t, chunk)  # tables of turns are made once
    with Crossings() as crossings:
        rollout.evaluate(x, t, chunk)
    assert not crossings.names
    with Crossings() as crossings:
        torch.ones(3).to("meta")
    assert crossings.names  # it would be seen


@torch.no_grad()
def test_nothing_new_is_kept_after_the_second_chunk():
    config = tiny_config(chunk=1, window=2)
    rollout = start(config)
    for index in range(2):
        rollout.next_chunk(direction(config, 1, index))
    cache = rollout.cache
    before = [x.untyped_storage().data_ptr() for x in (cache.k, cache.v, cache.mask)]
    gc.collect()
    known = live_storages()
    for index in range(2, 5):
        rollout.next_chunk(direction(config, 1, index))
    gc.collect()
    assert live_storages() == known
    assert [x.untyped_storage().data_ptr() for x in (cache.k, cache.v, cache.mask)] == before


def live_storages() -> set[int]:
    """Addresses of the storages of all tensors that Python knows."""
    tensors = [x for x in gc.get_objects() if type(x) in (torch.Tensor, torch.nn.Parameter)]
    return {x.untyped_storage().data_ptr() for x in tensors}
