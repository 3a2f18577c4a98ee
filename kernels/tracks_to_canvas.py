"""Tracks onto latent cells: each writes its channels and where within the cell it lies (paper, section 3.1).

Owns the rule for crowded cells: one track a cell, the visible one nearest the cell's centre, the first of equals; the
same on every run. Owns the choice between kernel and twin; never knows what a channel means. Runs on the caller's
thread.

The kernel gathers: a program owns cells and looks at all tracks, so that no two write to one place and no order of
arrival has a say.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from kernels.compiler import INTERPRETED, Specimen, jit, power_of_two, rounded, runs_fused, tl
from kernels.launch import TRITON_DTYPE

OFFSETS = 2  # x and y within the cell, each in [-0.5, 0.5]
BLOCK_C, BLOCK_N = 32, 64  # cells a program; tracks it looks at at a time


def tracks_to_canvas(xy: Tensor, visible: Tensor, values: Tensor, h: int, w: int) -> Tensor:
    """Scatters each track's channels onto the cell it is in.

    xy: float32 [B, T, N, 2] normalised; visible: bool [B, T, N]; values: [B, N, E], what a track carries: its
    identity's encoding, and latents where a model carries them by track. Returns [B, T, E + 2, h, w] in the values'
    dtype, zero where no track is: the channels, then the offset from the cell's centre in cells.
    """
    batch, frames, count = visible.shape
    if not count:
        return xy.new_zeros(batch, frames, values.shape[-1] + OFFSETS, h, w, dtype=values.dtype)
    canvas = (_fused if not torch.is_grad_enabled() and runs_fused(xy) else canvas_in_torch)(xy, visible, values, h, w)
    return canvas.view(batch, frames, h, w, -1).permute(0, 1, 4, 2, 3)


def canvas_in_torch(xy: Tensor, visible: Tensor, values: Tensor, h: int, w: int) -> Tensor:
    """The plain twin. Shapes as above, but cells before channels: [B * T, h * w, E + 2]."""
    batch, frames, count = visible.shape
    scaled = xy * torch.tensor([w, h], device=xy.device)
    cell = scaled.floor()
    inside = ((xy >= 0) & (xy < 1)).all(-1) & visible
    offset = scaled - cell - 0.5  # [B, T, N, 2]
    index = torch.where(inside, cell[..., 1] * w + cell[..., 0], h * w).long().flatten(0, 1)  # h*w: nowhere
    distance = torch.where(inside, offset.square().sum(-1), torch.inf).flatten(0, 1)
    nearest = torch.full((batch * frames, h * w + 1), torch.inf, device=xy.device)
    nearest = nearest.scatter_reduce(1, index, distance, "amin")
    order = torch.arange(count, device=xy.device).expand_as(index)
    tied = torch.where((distance == nearest.gather(1, index)) & inside.flatten(0, 1), order, count)
    first = torch.full((batch * frames, h * w + 1), count, device=xy.device).scatter_reduce(1, index, tied, "amin")[
        :, :-1
    ]
    rows = torch.cat([values[:, None].expand(-1, frames, -1, -1), offset.to(values.dtype)], dim=-1).flatten(0, 1)
    rows = torch.cat([rows, torch.zeros_like(rows[:, :1])], dim=1)  # row `count`: no track
    return rows.gather(1, first[..., None].expand(-1, -1, rows.shape[-1]))


def _fused(xy: Tensor, visible: Tensor, values: Tensor, h: int, w: int) -> Tensor:
    batch, frames, count = visible.shape
    channels = values.shape[-1]
    canvas = torch.empty(batch * frames, h * w, channels + OFFSETS, dtype=values.dtype, device=xy.device)
    kernel[(-(-h * w // BLOCK_C), batch * frames)](
        xy.contiguous(), visible.contiguous().view(torch.uint8), values.contiguous(), canvas, frames, count, h, w,
        CHANNELS=channels, BLOCK_E=power_of_two(channels), BLOCK_C=BLOCK_C, BLOCK_N=BLOCK_N, INTERPRET=INTERPRETED,
        enable_fp_fusion=False,  # a fused multiply-add would tell equal distances apart
    )  # fmt: skip
    return canvas


@jit
def kernel(
    xy, visible, values, canvas, frames, count, h, w,
    CHANNELS: tl.constexpr, BLOCK_E: tl.constexpr, BLOCK_C: tl.constexpr, BLOCK_N: tl.constexpr,
    INTERPRET: tl.constexpr,
):  # fmt: skip
    """One program: BLOCK_C cells of one frame."""
    frame = tl.program_id(1)
    cells = tl.program_id(0) * BLOCK_C + tl.arange(0, BLOCK_C)
    xy += frame * count * 2
    visible += frame * count
    nearest = tl.full([BLOCK_C], float("inf"), tl.float32)
    first = tl.full([BLOCK_C], 2147483647, tl.int32)
    for start in range(0, count, BLOCK_N):
        n = start + tl.arange(0, BLOCK_N)
        x = tl.load(xy + 2 * n, mask=n < count, other=-1.0)
        y = tl.load(xy + 2 * n + 1, mask=n < count, other=-1.0)
        seen = tl.load(visible + n, mask=n < count, other=0) != 0
        inside = seen & (x >= 0.0) & (x < 1.0) & (y >= 0.0) & (y < 1.0)
        # Outside nothing may be computed: a track can be infinitely far, and that is no cell.
        x = tl.where(inside, x, 0.0) * w
        y = tl.where(inside, y, 0.0) * h
        cell = tl.where(inside, (tl.floor(y) * w + tl.floor(x)).to(tl.int32), -1)
        x_off = x - tl.floor(x) - 0.5
        y_off = y - tl.floor(y) - 0.5
        distance = x_off * x_off + y_off * y_off
        here = tl.where(cell[None, :] == cells[:, None], distance[None, :], float("inf"))  # [BLOCK_C, BLOCK_N]
        least = tl.min(here, 1)
        among = tl.where((here == least[:, None]) & (here < float("inf")), n[None, :], 2147483647)
        first = tl.where(least < nearest, tl.min(among, 1), first)  # later blocks win only by being nearer
        nearest = tl.minimum(nearest, least)

    found = nearest < float("inf")
    in_canvas = cells < h * w
    track = tl.where(found, first, 0)
    e = tl.arange(0, BLOCK_E)
    is_channel = (e < CHANNELS)[None, :]
    source = values + (frame // frames * count + track[:, None]) * CHANNELS + e[None, :]
    to = canvas + (frame * h * w + cells) * (CHANNELS + 2)
    channels = tl.load(source, mask=found[:, None] & is_channel, other=0.0)
    tl.store(to[:, None] + e[None, :], channels, mask=in_canvas[:, None] & is_channel)
    kind: tl.constexpr = canvas.dtype.element_ty
    x = tl.load(xy + 2 * track, mask=found, other=0.0) * w
    y = tl.load(xy + 2 * track + 1, mask=found, other=0.0) * h
    x = tl.where(found, x - tl.floor(x) - 0.5, 0.0)
    y = tl.where(found, y - tl.floor(y) - 0.5, 0.0)
    tl.store(to + CHANNELS, rounded(x, kind, INTERPRET), mask=in_canvas)
    tl.store(to + CHANNELS + 1, rounded(y, kind, INTERPRET), mask=in_canvas)


def specimens(_arch: int | str) -> Iterator[Specimen]:
    """At the identity's 64 channels."""
    constants = {"CHANNELS": 64, "BLOCK_E": 64, "BLOCK_C": BLOCK_C, "BLOCK_N": BLOCK_N, "INTERPRET": False}
    for kind in TRITON_DTYPE.values():
        signature = {"xy": "*fp32", "visible": "*u8", "values": f"*{kind}", "canvas": f"*{kind}"}
        signature |= dict.fromkeys(("frames", "count", "h", "w"), "i32")
        yield Specimen("tracks_to_canvas", kernel, signature, constants, {"enable_fp_fusion": False}, False, kind)
