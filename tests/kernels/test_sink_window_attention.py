"""The fused attention against its plain twin and against the definition in float64."""

import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F

import kernels
from kernels.sink_window_attention import sink_window_attention

CONTEXT, CHUNK = 40, 12


@pytest.fixture(autouse=True)
def unforced():
    yield
    kernels.use(None)


def inputs(dtype: torch.dtype, batch: int = 2, heads: int = 3, dim: int = 16) -> list[torch.Tensor]:
    torch.manual_seed(0)
    lengths = (CHUNK, CONTEXT, CONTEXT, CHUNK, CHUNK)
    tensors = [torch.randn(batch, heads, length, dim).to(dtype) for length in lengths]
    mask = torch.zeros(1, 1, 1, CONTEXT + CHUNK, dtype=dtype)
    mask[..., 8:20] = -torch.inf
    return [*tensors, mask]


def definition(q, k_context, v_context, k_new, v_new, mask):
    q, k_context, v_context, k_new, v_new, mask = (
        tensor.double() for tensor in (q, k_context, v_context, k_new, v_new, mask)
    )
    k, v = torch.cat((k_context, k_new), 2), torch.cat((v_context, v_new), 2)
    weights = torch.einsum("bhqd,bhkd->bhqk", q, k).div(q.shape[-1] ** 0.5).add(mask).softmax(-1)
    return torch.einsum("bhqk,bhkd->bhqd", weights, v)


@pytest.mark.parametrize("backend", [None, *kernels.BACKENDS])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-6), (torch.bfloat16, 2e-2)])
def test_every_backend_equals_the_definition(backend, dtype, tolerance):
    kernels.use(backend)
    tensors = inputs(dtype)
    out = sink_window_attention(*tensors)
    assert out.dtype == dtype
    torch.testing.assert_close(out.double(), definition(*tensors), atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("backend", kernels.BACKENDS)
def test_masked_slots_have_no_say(backend):
    kernels.use(backend)
    tensors = inputs(torch.float32)
    before = sink_window_attention(*tensors)
    for tensor in tensors[1:3]:
        tensor[:, :, 8:20] = 1e4
    torch.testing.assert_close(sink_window_attention(*tensors), before, rtol=0, atol=0)


def test_backends_have_the_same_gradients():
    gradients = []
    for backend in kernels.BACKENDS:
        kernels.use(backend)
        *leaves, mask = inputs(torch.float32)
        leaves = [leaf.requires_grad_() for leaf in leaves]
        loss = sink_window_attention(*leaves, mask).sin().sum()
        gradients.append(torch.autograd.grad(loss, leaves))
    for one, other in zip(*gradients, strict=True):
        assert one.abs().max() > 1e-3
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_forcing_torch_leaves_the_fused_path_alone(monkeypatch):
    calls = []
    fused = F.scaled_dot_product_attention
    monkeypatch.setattr(F, "scaled_dot_product_attention", lambda *a, **k: calls.append(1) or fused(*a, **k))
    kernels.use("torch")
    sink_window_attention(*inputs(torch.float32))
    assert not calls
    kernels.use("sdpa")
    sink_window_attention(*inputs(torch.float32))
    assert calls


def test_unknown_backends_are_refused():
    with pytest.raises(ValueError, match="abacus"):
        kernels.use("abacus")
    assert kernels.forced() is None


def test_importing_the_package_is_light():
    code = "import kernels, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
