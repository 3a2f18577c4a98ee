"""The fused attention against its plain twin and against the definition in float64."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

import kernels
from kernels import sink_window_attention as module
from kernels.launch import Launch
from kernels.sink_window_attention import sink_window_attention
from tests.kernels.conftest import DEVICE

DEAD = slice(8, 20)  # empty slots
PLAIN = ("torch", "sdpa")


def inputs(dtype: torch.dtype, queries: int = 12, keys: int = 52, dim: int = 16, heads: int = 3):
    torch.manual_seed(0)
    tensors = [torch.randn(2, heads, length, dim).to(DEVICE, dtype) for length in (queries, keys, keys)]
    mask = torch.zeros(1, 1, 1, keys, dtype=dtype, device=DEVICE)
    mask[..., DEAD] = -torch.inf
    return [*tensors, mask]


def definition(q, k, v, mask):
    q, k, v, mask = (tensor.double() for tensor in (q, k, v, mask))
    scores = torch.einsum("bhqd,bhkd->bhqk", q, k).div(q.shape[-1] ** 0.5).add(mask)
    return torch.einsum("bhqk,bhkd->bhqd", scores.softmax(-1), v), scores.logsumexp(-1)


@pytest.mark.parametrize("backend", [None, *PLAIN])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-6), (torch.bfloat16, 2e-2)])
def test_every_twin_equals_the_definition(backend, dtype, tolerance):
    kernels.use(backend)
    tensors = inputs(dtype)
    out = sink_window_attention(*tensors)
    assert out.dtype == dtype
    torch.testing.assert_close(out.double(), definition(*tensors)[0], atol=tolerance, rtol=tolerance)


# Half a unit in the last place of the answer, of numbers up to 2, and as much again for the weights' own rounding.
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 3e-6), (torch.float16, 1.5e-3), (torch.bfloat16, 1.2e-2)]
)
@pytest.mark.parametrize(("dim", "queries", "keys"), [(12, 5, 33), (64, 130, 259), (96, 33, 129), (128, 64, 128)])
def test_the_kernel_equals_the_definition_whatever_empty_slots_hold(dim, queries, keys, dtype, tolerance):
    kernels.use("triton")
    tensors = inputs(dtype, queries, keys, dim, heads=1)
    expected, expected_lse = definition(*tensors)
    for tensor in tensors[1:3]:
        tensor[:, :, DEAD] = torch.nan
    out, lse = sink_window_attention(*tensors, with_lse=True)
    assert out.dtype == dtype
    torch.testing.assert_close(out.double(), expected, atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(lse.double(), expected_lse, atol=3e-6, rtol=3e-6)


def test_the_kernel_needs_no_mask_and_no_contiguous_tensors():
    kernels.use("triton")
    q, k, v, mask = inputs(torch.float32, 7, 40)
    spread = [torch.stack((x, x), 3)[:, :, :, 0] for x in (q, k, v)]  # every second row of a wider tensor
    expected = definition(q, k, v, torch.zeros_like(mask))[0]
    torch.testing.assert_close(sink_window_attention(*spread).double(), expected, atol=3e-6, rtol=3e-6)


def test_blocks_of_empty_slots_alone_are_passed_over():
    kernels.use("triton")
    q, k, v, mask = inputs(torch.float32, 4, 300, 16, heads=1)
    mask[..., :290] = -torch.inf  # the first two tiles of keys hold nothing
    k[:, :, :290] = v[:, :, :290] = torch.nan
    expected = definition(q, *(x[:, :, 290:] for x in (k, v)), mask[..., 290:])[0]
    torch.testing.assert_close(sink_window_attention(q, k, v, mask).double(), expected, atol=3e-6, rtol=3e-6)


def test_tensor_descriptors_give_the_same_bits(monkeypatch):
    """The variant for Hopper and newer. Where its conditions do not hold, plain loads serve."""
    kernels.use("triton")
    made = []
    monkeypatch.setattr(module, "allow_descriptors", lambda device: made.append(device))
    tensors = inputs(torch.float16, 20, 150, 64, heads=1)
    tensors[1][:, :, DEAD] = tensors[2][:, :, DEAD] = torch.nan
    monkeypatch.setattr(module, "attention_launch", lambda *_: Launch(64, 64, 4, 1))
    plain = sink_window_attention(*tensors)
    monkeypatch.setattr(module, "attention_launch", lambda *_: Launch(64, 64, 4, 1, tma=True))
    assert torch.equal(sink_window_attention(*tensors), plain)
    assert len(made) == 1
    crooked = torch.empty(tensors[1].numel() + 1, dtype=torch.float16)[1:].view_as(tensors[1]).copy_(tensors[1])
    assert torch.equal(sink_window_attention(tensors[0], crooked, *tensors[2:]), plain)
    assert len(made) == 1  # no descriptor for storage that starts at 2 bytes


def drift(error: torch.Tensor, exact: torch.Tensor) -> tuple[float, float]:
    """Share of rows whose mean error is positive, and the error away from zero over the error's size."""
    rows = error.mean(-1).flatten()
    return (rows > 0).double().mean().item(), ((error * exact.sign()).mean() / error.abs().mean()).item()


def test_rounding_in_bf16_drifts_in_no_direction():
    kernels.use("triton")
    tensors = inputs(torch.bfloat16, 1000, 128, 64, heads=5)  # 10,000 rows
    exact = definition(*tensors)[0]
    up, outward = drift(sink_window_attention(*tensors).double() - exact, exact)
    assert abs(up - 0.5) < 0.02  # four standard deviations of 10,000 throws of a coin
    assert abs(outward) < 0.02
    cut = (exact.float().view(torch.int32) & -65536).view(torch.float32).double()  # what truncation would have made
    assert drift(cut - exact, exact)[1] < -0.9


@pytest.mark.parametrize("backend", PLAIN)
def test_masked_slots_have_no_say(backend):
    kernels.use(backend)
    tensors = inputs(torch.float32)
    before = sink_window_attention(*tensors)
    for tensor in tensors[1:3]:
        tensor[:, :, DEAD] = 1e4
    torch.testing.assert_close(sink_window_attention(*tensors), before, rtol=0, atol=0)


def gradients(backend: str, tensors, with_lse: bool):
    kernels.use(backend)
    *leaves, mask = tensors
    leaves = [leaf.detach().requires_grad_() for leaf in leaves]
    answer = sink_window_attention(*leaves, mask, with_lse=with_lse)
    loss = answer[0].float().sin().sum() + answer[1].cos().sum() if with_lse else answer.float().sin().sum()
    return torch.autograd.grad(loss, leaves)


@pytest.mark.parametrize(("backend", "with_lse"), [("sdpa", False), ("triton", False), ("triton", True)])
@pytest.mark.parametrize(("dim", "queries", "keys"), [(16, 12, 52), (96, 130, 140)])
def test_gradients_are_those_of_the_twin(backend, with_lse, dim, queries, keys):
    tensors = inputs(torch.float32, queries, keys, dim, heads=1)
    for one, other in zip(gradients("torch", tensors, with_lse), gradients(backend, tensors, with_lse), strict=True):
        assert one.abs().max() > 1e-3
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_gradients_in_bf16_and_past_empty_slots():
    tensors = inputs(torch.bfloat16, 40, 60, 64, heads=1)
    expected = gradients("torch", [tensor.float() for tensor in tensors], False)
    for tensor in tensors[1:3]:
        tensor[:, :, DEAD] = torch.nan
    for one, other in zip(gradients("triton", tensors, False), expected, strict=True):
        torch.testing.assert_close(one.float(), other, atol=1e-2, rtol=2e-2)


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


def test_flash_attn_serves_where_nothing_is_masked(monkeypatch):
    """The package itself builds only beside a CUDA toolkit: here one of its calling convention stands in."""
    shapes = []

    def flash_attn_func(q, k, v):  # [B, N, heads, d] in and out
        shapes.append(q.shape)
        return F.scaled_dot_product_attention(*(x.transpose(1, 2) for x in (q, k, v))).transpose(1, 2)

    q, k, v, mask = inputs(torch.float32)
    kernels.use("flash")
    monkeypatch.setitem(sys.modules, "flash_attn", SimpleNamespace(flash_attn_func=flash_attn_func))
    expected = definition(q, k, v, torch.zeros_like(mask))[0]
    torch.testing.assert_close(sink_window_attention(q, k, v).double(), expected, atol=2e-6, rtol=2e-6)
    assert shapes == [(2, 12, 3, 16)]
    sink_window_attention(q, k, v, mask)
    assert len(shapes) == 1
    monkeypatch.setitem(sys.modules, "flash_attn", None)
    with pytest.raises(RuntimeError, match="flash-attn"):
        sink_window_attention(q, k, v)


def test_unknown_backends_are_refused():
    with pytest.raises(ValueError, match="abacus"):
        kernels.use("abacus")
    assert kernels.forced() is None


def test_importing_the_package_is_light():
    code = "import kernels, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_kernel_imports_and_serves_without_triton():
    code = """
import sys
sys.modules["triton"] = None
import torch, kernels, inference.motion_transformer, inference.cache, kernels.sink_window_attention_backward
from kernels.sink_window_attention import sink_window_attention
x = torch.randn(1, 1, 4, 8)
sink_window_attention(x, x, x)
kernels.use("triton")
try:
    sink_window_attention(x, x, x)
except RuntimeError as error:
    sys.exit("triton" not in str(error))
sys.exit("no error")
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
