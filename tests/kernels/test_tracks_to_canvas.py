"""Tracks onto cells: the kernel against its twin, bit for bit, with the rule for crowded cells."""

import pytest
import torch

import kernels
from kernels.tracks_to_canvas import tracks_to_canvas
from tests.kernels.conftest import DEVICE

H, W = 5, 9  # 45 cells: no whole number of blocks


def crowd(dtype: torch.dtype, count: int = 90, channels: int = 6):
    """Far more tracks than cells, on a coarse raster, so that many are equally near a centre; some outside, some hidden
    at places that are no numbers.
    """
    generator = torch.Generator().manual_seed(0)
    xy = torch.randint(-4, 40, (2, 3, count, 2), generator=generator) / 36
    visible = torch.rand(2, 3, count, generator=generator) < 0.8
    xy[~visible] = torch.nan
    xy[..., -1, :] = torch.inf
    values = torch.randn(2, count, channels, generator=generator)
    return xy.to(DEVICE), visible.to(DEVICE), values.to(DEVICE, dtype)


def by_hand(xy, visible, values):
    batch, frames, count = visible.shape
    canvas = torch.zeros(batch, frames, values.shape[-1] + 2, H, W, dtype=torch.float64)
    nearest = torch.full((batch, frames, H, W), torch.inf)
    for b in range(batch):
        for t in range(frames):
            for n in range(count):
                if not (visible[b, t, n] and (xy[b, t, n] >= 0).all() and (xy[b, t, n] < 1).all()):
                    continue
                x, y = xy[b, t, n] * torch.tensor([W, H], device=xy.device)
                offset = torch.stack((x - x.floor() - 0.5, y - y.floor() - 0.5))
                cell = b, t, int(y), int(x)
                if offset.square().sum() < nearest[cell]:
                    nearest[cell] = offset.square().sum()
                    canvas[cell[0], cell[1], :, cell[2], cell[3]] = torch.cat((values[b, n], offset.to(values.dtype)))
    return canvas


@pytest.mark.parametrize("backend", ["torch", "triton"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@torch.no_grad()
def test_the_rule_for_crowded_cells(backend, dtype):
    kernels.use(backend)
    tracks = crowd(dtype)
    canvas = tracks_to_canvas(*tracks, H, W)
    assert canvas.dtype == dtype
    assert canvas.shape == (2, 3, 8, H, W)
    assert torch.equal(canvas.double().cpu(), by_hand(*tracks))


@torch.no_grad()
def test_the_order_of_programs_has_no_say(backwards):
    kernels.use("triton")
    tracks = crowd(torch.float32)
    before = tracks_to_canvas(*tracks, H, W)
    backwards()
    assert torch.equal(tracks_to_canvas(*tracks, H, W), before)


@pytest.mark.parametrize("backend", ["torch", "triton"])
@torch.no_grad()
def test_no_tracks_and_none_visible(backend):
    kernels.use(backend)
    xy, visible, values = crowd(torch.float32)
    assert not tracks_to_canvas(xy[:, :, :0], visible[:, :, :0], values[:, :0], H, W).any()
    assert not tracks_to_canvas(xy, torch.zeros_like(visible), values, H, W).any()
