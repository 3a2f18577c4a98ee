"""Three-dimensional rotary positions of the Wan family, as complex factors.

Owns the split of a head into time, height and width and the tables of turns; never knows what a slot means:
that is the cache's. Pure functions, any thread.
"""

from functools import lru_cache

import torch
from torch import Tensor

from kernels.qk_norm_rope_cache import turn

THETA = 10000.0


def axis_dims(head_dim: int) -> tuple[int, int, int]:
    """How a head divides into (time, height, width) dimensions; all three are even and add up to head_dim."""
    space = 2 * (head_dim // 6)
    return head_dim - 2 * space, space, space


@lru_cache(maxsize=64)
def grid_turns(head_dim: int, first_slot: int, frames: int, height: int, width: int, device: torch.device) -> Tensor:
    """Turns of the tokens of `frames` latents of height x width tokens, the first of them at `first_slot`.

    Returns complex64 [frames * height * width, 1, head_dim / 2]; token order frame, row, column.
    """
    time, rows, columns = (_axis_frequencies(dim) for dim in axis_dims(head_dim))
    # Tables outlive the call: made inside inference_mode they could never serve a training step, and made on whatever
    # device is the default just now, no other.
    with torch.inference_mode(False):
        f, h, w = (torch.arange(count, dtype=torch.float64, device="cpu") for count in (frames, height, width))
        angles = torch.cat(
            [
                torch.outer(first_slot + f, time)[:, None, None].expand(-1, height, width, -1),
                torch.outer(h, rows)[:, None].expand(frames, -1, width, -1),
                torch.outer(w, columns).expand(frames, height, -1, -1),
            ],
            dim=-1,
        )  # [F, h, w, d / 2]
        return torch.polar(torch.ones_like(angles), angles).flatten(0, 2)[:, None].to(device, torch.complex64)


def move_in_time(keys: Tensor, slots: int) -> Tensor:
    """Re-turn keys [..., d] by a whole number of time slots; height and width parts stay as they are."""
    time_dim = axis_dims(keys.shape[-1])[0]
    turned = turn(keys[..., :time_dim], time_turns(keys.shape[-1], slots, keys.device))
    return torch.cat((turned, keys[..., time_dim:]), dim=-1)


@lru_cache(maxsize=64)
def time_turns(head_dim: int, slots: int, device: torch.device) -> Tensor:
    """Turns of a key's time part by a whole number of slots: complex64 [time / 2]."""
    with torch.inference_mode(False):
        angles = slots * _axis_frequencies(axis_dims(head_dim)[0])
        return torch.polar(torch.ones_like(angles), angles).to(device, torch.complex64)


@lru_cache(maxsize=16)
def _axis_frequencies(dim: int) -> Tensor:
    with torch.inference_mode(False):
        return THETA ** (-torch.arange(0, dim, 2, dtype=torch.float64, device="cpu") / dim)
