"""Norm, turns and the write to the cache's slots, against the plain twin."""

import pytest
import torch

import kernels
from inference.rotary import grid_turns
from kernels.qk_norm_rope_cache import qk_norm_rope_cache, turn
from tests.kernels.conftest import DEVICE

EPS = 1e-6
TOLERANCE = {torch.float32: 2e-6, torch.float16: 4e-3, torch.bfloat16: 3e-2}  # the twin rounds twice, the kernel once


def inputs(dtype: torch.dtype, heads: int, d: int, frames: int = 2, batch: int = 2):
    """Projections as slices of a fused one, weights, and turns of `frames` latents of 2 x 3 tokens at slot 4."""
    torch.manual_seed(0)
    width = heads * d
    fused = torch.randn(batch, frames * 6, 3 * width).to(DEVICE, dtype)
    weights = [(1 + 0.2 * torch.randn(width)).to(DEVICE, dtype) for _ in range(2)]
    turns = grid_turns(d, 4, frames, 2, 3, torch.device(DEVICE))
    return fused.split(width, dim=-1), (*weights, EPS), turns


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("heads", "d"), [(3, 64), (2, 12), (1, 96)])
@torch.no_grad()
def test_the_kernel_equals_the_twin_and_writes_its_slots_alone(dtype, heads, d):
    projected, norms, turns = inputs(dtype, heads, d)
    answers = []
    for backend in ("torch", "triton"):
        kernels.use(backend)
        room = [torch.full((2, heads, 20, d), torch.nan, dtype=dtype, device=DEVICE) for _ in range(2)]
        slots = room[0][:, :, 5:17], room[1][:, :, 5:17]
        q, k, v = qk_norm_rope_cache(*projected, norms, turns, heads, slots)
        assert k.data_ptr() == slots[0].data_ptr()
        assert v.data_ptr() == slots[1].data_ptr()
        for tensor in room:
            assert tensor[:, :, :5].isnan().all()
            assert tensor[:, :, 17:].isnan().all()
        answers.append((q, k, v))
    for one, other in zip(*answers, strict=True):
        torch.testing.assert_close(one, other, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])
    assert torch.equal(answers[0][2], answers[1][2])  # values are copied, bit for bit


@pytest.mark.parametrize("backend", ["torch", "triton"])
@torch.no_grad()
def test_equals_the_definition_in_float64(backend):
    kernels.use(backend)
    (q, k, v), (q_weight, k_weight, _), turns = inputs(torch.float32, 2, 24)
    slots = tuple(torch.empty(2, 2, 12, 24, device=DEVICE) for _ in range(2))
    answers = qk_norm_rope_cache(q, k, v, (q_weight, k_weight, EPS), turns, 2, slots)
    angles = turns.to(torch.complex128).angle()[:, 0]  # [N, d / 2]
    for raw, weight, answer in ((q, q_weight, answers[0]), (k, k_weight, answers[1])):
        x = raw.double()
        x = x * (x.square().mean(-1, keepdim=True) + EPS).rsqrt() * weight.double()
        x = x.unflatten(-1, (2, 12, 2)).transpose(1, 2)  # [B, heads, N, d / 2, 2]
        even, odd = x.unbind(-1)
        cos, sin = angles.cos(), angles.sin()
        expected = torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)
        torch.testing.assert_close(answer.double(), expected, atol=3e-6, rtol=3e-6)
    assert torch.equal(answers[2], v.unflatten(-1, (2, -1)).transpose(1, 2))


@pytest.mark.parametrize("backend", ["torch", "triton"])
@torch.no_grad()
def test_a_model_without_norms(backend):
    kernels.use(backend)
    (q, k, v), _, turns = inputs(torch.float32, 2, 24)
    slots = tuple(torch.empty(2, 2, 12, 24, device=DEVICE) for _ in range(2))
    turned = qk_norm_rope_cache(q, k, v, None, turns, 2, slots)[0]
    unturned = qk_norm_rope_cache(q, k, v, None, turns.conj().resolve_conj(), 2)[0]
    assert not torch.allclose(turned, unturned)
    torch.testing.assert_close(turned.norm(dim=-1), q.unflatten(-1, (2, -1)).transpose(1, 2).norm(dim=-1))


def test_gradients_pass_where_no_slots_are_given():
    kernels.use("triton")
    projected, norms, turns = inputs(torch.float32, 2, 24)
    leaf = projected[0].detach().requires_grad_()
    q, _, _ = qk_norm_rope_cache(leaf, *projected[1:], norms, turns, 2)
    assert torch.autograd.grad(q.sin().sum(), leaf)[0].abs().max() > 1e-3


def test_turns_in_real_parts_are_the_same_turns():
    """As compilers get them that know no complex numbers."""
    x, turns = torch.randn(2, 6, 3, 24), grid_turns(24, 4, 1, 2, 3, torch.device("cpu"))
    torch.testing.assert_close(turn(x, torch.view_as_real(turns)), turn(x, turns))
