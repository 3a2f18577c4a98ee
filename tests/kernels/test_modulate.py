"""Gated residual, LayerNorm, scale and shift in one pass, against the plain twin."""

import pytest
import torch

import kernels
from kernels.modulate import modulate
from tests.kernels.conftest import DEVICE

TOLERANCE = {torch.float32: 3e-6, torch.float16: 8e-3, torch.bfloat16: 6e-2}  # the twin rounds after every step


def inputs(dtype: torch.dtype, frames: int, width: int = 48):
    torch.manual_seed(0)
    x, y = (torch.randn(2, 2, 3, width).to(DEVICE, dtype) for _ in range(2))
    vectors = torch.randn(2, frames, 3, width).to(DEVICE, dtype).unsqueeze(3).unbind(2)  # gate, scale, shift: strided
    affine = torch.randn(width).to(DEVICE, dtype), torch.randn(width).to(DEVICE, dtype)
    return x, y, *vectors, affine


USES = {
    "before attention": lambda x, y, gate, scale, shift, affine: modulate(x, scale=scale, shift=shift),
    "before cross-attention": lambda x, y, gate, scale, shift, affine: modulate(x, y, gate, affine=affine),
    "before feed-forward": lambda x, y, gate, scale, shift, affine: modulate(x, y, scale=scale, shift=shift),
    "all at once": lambda x, y, gate, scale, shift, affine: modulate(x, y, gate, scale, shift, affine, 1e-2),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("frames", [1, 2])  # one noise level for all latents, or one each
@torch.no_grad()
def test_the_kernel_equals_the_twin(use, dtype, frames):
    tensors = inputs(dtype, frames)
    kernels.use("torch")
    expected = USES[use](*tensors)
    kernels.use("triton")
    for one, other in zip(USES[use](*tensors), expected, strict=True):
        assert one.dtype == dtype
        torch.testing.assert_close(one, other, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])


@pytest.mark.parametrize("backend", ["torch", "triton"])
@torch.no_grad()
def test_equals_the_definition_in_float64(backend):
    kernels.use(backend)
    x, y, gate, scale, shift, (weight, bias) = inputs(torch.float32, 2, 40)
    total, normed = modulate(x, y, gate, scale, shift, (weight, bias), 1e-6)
    exact = x.double() + gate.double() * y.double()
    centred = exact - exact.mean(-1, keepdim=True)
    expected = centred * (centred.square().mean(-1, keepdim=True) + 1e-6).rsqrt() * weight.double() + bias.double()
    expected = expected * (1 + scale.double()) + shift.double()
    torch.testing.assert_close(total.double(), exact, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(normed.double(), expected, atol=5e-6, rtol=5e-6)


def test_gradients_take_the_twin():
    kernels.use("triton")
    x, y, gate, scale, shift, affine = inputs(torch.float32, 1)
    leaves = [leaf.detach().requires_grad_() for leaf in (x, y, gate, scale, shift)]
    loss = sum(part.sin().sum() for part in modulate(*leaves, affine))
    for gradient in torch.autograd.grad(loss, leaves):
        assert gradient.abs().max() > 1e-3


@torch.no_grad()
def test_without_a_residual_x_comes_back_untouched():
    x, *_ = inputs(torch.float32, 1)
    for backend in ("torch", "triton"):
        kernels.use(backend)
        assert modulate(x)[0] is x
