"""The window's move by one chunk: against a copy, in place, over many moves, and in any order of programs."""

import pytest
import torch

import kernels
from inference.rotary import axis_dims, time_turns
from kernels.qk_norm_rope_cache import turn
from kernels.roll_cache import roll_cache
from tests.kernels.conftest import DEVICE

BACKENDS = ("torch", "triton")


def rolled(k, v, start, stop, shift, turns):
    """The definition, out of place."""
    k, v = k.clone(), v.clone()
    time = 2 * turns.shape[-1]
    source = slice(start + shift, stop + shift)
    keys = torch.cat((turn(k[..., source, :time], turns), k[..., source, time:]), -1)
    k[..., start:stop, :], v[..., start:stop, :] = keys, v[..., source, :].clone()
    return k, v


def cache(dtype: torch.dtype, tokens: int, d: int):
    torch.manual_seed(0)
    return [torch.randn(2, 1, 2, tokens, d).to(DEVICE, dtype) for _ in range(2)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    ("start", "stop", "shift", "d"),
    [(6, 24, 6, 64), (5, 65, 20, 96), (4, 19, 6, 12)],  # window of 3; tiles with a tail; no whole number of shifts
)
def test_moves_the_window_and_nothing_else(backend, dtype, start, stop, shift, d):
    kernels.use(backend)
    k, v = cache(dtype, stop + shift + 3, d)
    turns = time_turns(d, -1, torch.device(DEVICE))
    expected = rolled(k, v, start, stop, shift, turns)
    pointers = k.data_ptr(), v.data_ptr()
    roll_cache(k, v, start, stop, shift, turns)
    assert (k.data_ptr(), v.data_ptr()) == pointers
    unit = torch.finfo(dtype).eps
    torch.testing.assert_close(k, expected[0], atol=2 * unit, rtol=unit)
    assert torch.equal(v, expected[1])
    time = axis_dims(d)[0]
    assert torch.equal(k[..., time:], expected[0][..., time:])  # height and width stay bit for bit
    assert torch.equal(k[..., :start, :], expected[0][..., :start, :])  # so does the sink


def test_no_program_touches_what_another_owns(backwards):
    kernels.use("triton")
    answers = []
    for turn_round in (lambda: None, backwards):
        k, v = cache(torch.float32, 70, 16)
        turn_round()
        roll_cache(k, v, 5, 50, 20, time_turns(16, -1, torch.device(DEVICE)))  # two programs a head, two full rounds
        answers.append((k, v))
    assert torch.equal(answers[0][0], answers[1][0])
    assert torch.equal(answers[0][1], answers[1][1])


@pytest.mark.parametrize("backend", BACKENDS)
def test_turning_again_and_again_in_bf16_stays_near_the_exact_turn(backend):
    """A key is rounded once a move, at most W times in its life."""
    kernels.use(backend)
    window, d = 6, 64
    k, v = cache(torch.bfloat16, 1 + window + 1, d)
    device, start = torch.device(DEVICE), k[..., 1 + window :, :].clone()
    for _ in range(window):
        roll_cache(k, v, 1, 1 + window, 1, time_turns(d, -1, device))
        k[..., 1 + window :, :] = torch.nan  # whatever stands there next must not matter
    time = axis_dims(d)[0]
    angles = time_turns(d, -1, device).to(torch.complex128).angle() * window
    pairs = torch.view_as_complex(start[..., :time].double().unflatten(-1, (-1, 2)))
    exact = torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)
    error = (k[..., 1:2, :time].double() - exact).abs()
    assert error.max() <= window * 0.5 * torch.finfo(torch.bfloat16).eps * 1.5 * exact.abs().max()
    assert torch.equal(k[..., 1:2, time:], start[..., time:])


def test_a_move_that_does_not_fit_is_refused():
    k, v = cache(torch.float32, 20, 12)
    with pytest.raises(ValueError, match="does not fit"):
        roll_cache(k, v, 5, 18, 4, time_turns(12, -1, torch.device(DEVICE)))
