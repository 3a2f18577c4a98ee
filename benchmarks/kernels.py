"""The kernels against what else a GPU offers, in one run, as ratios; without a GPU the analytic roofline.

    python -m benchmarks.kernels [--repeats 50]

Owns the measurement. On a GPU every back end gets the same tensors in turn, round after round, between events of the
device; the median counts. `ratio` is another back end's time over the Triton kernel's: above 1 the kernel is faster.
`share` is of the device's bound, the larger of FLOPs over peak and bytes over bandwidth (`inference.cost`). A back end
that is not installed or refuses the sizes is listed with its reason. Ends in one JSON line.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

import kernels
from benchmarks.roofline import DEVICES, Device
from inference import cost
from inference.rotary import grid_turns, time_turns
from kernels.modulate import modulate
from kernels.qk_norm_rope_cache import qk_norm_rope_cache
from kernels.roll_cache import roll_cache
from kernels.sink_window_attention import sink_window_attention
from kernels.tracks_to_canvas import tracks_to_canvas

DTYPE, SIZE = torch.bfloat16, 2
WARM_UP = 5
HEADS, HEAD_DIM, ROWS, COLUMNS, CHUNK, FIRST_SLOT = 12, 128, 30, 52, 3, 6  # Wan 1.3B at 832x480, the paper's layout
WIDTH, LATENT = HEADS * HEAD_DIM, ROWS * COLUMNS
TOKENS, KEYS = CHUNK * LATENT, (FIRST_SLOT + CHUNK) * LATENT
TRACKS, IDENTITY = 2500, 64


@dataclass(frozen=True)
class Operation:
    """An operation at Wan 1.3B's size: what it must do at least, and the ways to do it."""

    name: str
    work: cost.Work
    ways: dict[str, Callable[[], Any]]


WORK = {
    "sink_window_attention": cost.attention(TOKENS, KEYS, WIDTH, SIZE),
    "qk_norm_rope_cache": cost.moved(6 * TOKENS * WIDTH, SIZE),
    "roll_cache": cost.moved(4 * TOKENS * WIDTH, SIZE),
    "modulate": cost.moved(4 * TOKENS * WIDTH, SIZE),
    "tracks_to_canvas": cost.moved(12 * 60 * 104 * (IDENTITY + 2), SIZE),
}


def with_backend(name: str, work: Callable[[], Any]) -> Callable[[], Any]:
    """The same work with one back end forced."""

    def forced() -> Any:
        kernels.use(name)
        try:
            return work()
        finally:
            kernels.use(None)

    return forced


def operations(device: torch.device) -> list[Operation]:
    """All five, on tensors of the device."""
    torch.manual_seed(0)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, device=device, dtype=DTYPE)

    q, k, v = random(1, HEADS, TOKENS, HEAD_DIM), random(1, HEADS, KEYS, HEAD_DIM), random(1, HEADS, KEYS, HEAD_DIM)
    new_q, new_k, new_v = (random(1, TOKENS, WIDTH) for _ in range(3))
    norms = random(WIDTH), random(WIDTH), 1e-6
    turns = grid_turns(HEAD_DIM, FIRST_SLOT, CHUNK, ROWS, COLUMNS, device)
    slots = k[:, :, -TOKENS:], v[:, :, -TOKENS:]
    x, y, vectors = random(1, 1, TOKENS, WIDTH), random(1, 1, TOKENS, WIDTH), random(3, 1, 1, 1, WIDTH)
    xy = torch.rand(1, 12, TRACKS, 2, device=device)
    seen, values = torch.ones(1, 12, TRACKS, dtype=torch.bool, device=device), random(1, TRACKS, IDENTITY)
    start, stop, back = 3 * LATENT, 6 * LATENT, time_turns(HEAD_DIM, -CHUNK, device)

    def sdpa(backend: SDPBackend) -> Callable[[], Any]:
        def work() -> Tensor:
            with sdpa_kernel(backend):
                return F.scaled_dot_product_attention(q, k, v)

        return work

    work: dict[str, Callable[[], Any]] = {
        "sink_window_attention": lambda: sink_window_attention(q, k, v),
        "qk_norm_rope_cache": lambda: qk_norm_rope_cache(new_q, new_k, new_v, norms, turns, HEADS, slots),
        "roll_cache": lambda: roll_cache(k, v, start, stop, CHUNK * LATENT, back),
        "modulate": lambda: modulate(x, y, *vectors),
        "tracks_to_canvas": lambda: tracks_to_canvas(xy, seen, values, 60, 104),
    }
    made = []
    for name, call in work.items():
        ways = {"triton": with_backend("triton", call), "torch": with_backend("torch", call)}
        if name == "sink_window_attention":
            ways |= {
                "sdpa cudnn": sdpa(SDPBackend.CUDNN_ATTENTION),
                "sdpa flash": sdpa(SDPBackend.FLASH_ATTENTION),
                "flex": _flex(q, k, v),
                "flash-attn": with_backend("flash", call),
            }
        made.append(Operation(name, WORK[name], ways))
    return made


def _flex(q: Tensor, k: Tensor, v: Tensor) -> Callable[[], Any]:
    from torch.nn.attention.flex_attention import flex_attention

    compiled = torch.compile(flex_attention, dynamic=False)
    return lambda: compiled(q, k, v)


def timed(operation: Operation, repeats: int) -> tuple[dict[str, float], dict[str, str]]:
    """Median milliseconds of each way that works, and why the others do not."""
    ways, refused = dict(operation.ways), {}
    for name, way in operation.ways.items():
        try:
            for _ in range(WARM_UP):
                way()
            torch.cuda.synchronize()
        except (RuntimeError, ImportError, NotImplementedError) as error:
            refused[name] = str(error).partition("\n")[0][:100]
            del ways[name]
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            way()
            end.record()
            end.synchronize()
            taken[name].append(start.elapsed_time(end))
    return {name: statistics.median(values) for name, values in taken.items()}, refused


def known_device(name: str) -> Device | None:
    """The data sheet of the GPU that calls itself so."""
    return next((device for device in DEVICES if " ".join(device.name.split()[:2]) in name or
                 device.name.split()[0] in name.split()), None)  # fmt: skip


def on_a_gpu(repeats: int) -> list[dict[str, Any]]:
    device = torch.device("cuda")
    name = torch.cuda.get_device_name(device)
    sheet = known_device(name)
    print(f"{name}, Wan 1.3B at 832x480, chunks of 3, sink 3, window 3, {DTYPE}")
    rows = []
    for operation in operations(device):
        times, refused = timed(operation, repeats)
        for way, ms in times.items():
            share = 1e3 * operation.work.seconds(sheet.peak, sheet.bandwidth) / ms if sheet else None
            rows.append({
                "operation": operation.name, "way": way, "ms": ms, "ratio": ms / times.get("triton", float("nan")),
                "mbyte": operation.work.bytes / 1e6, "share": share,
            })  # fmt: skip
            told = "" if share is None else f"  {share:6.1%} of the bound"
            print(
                f"{operation.name:<24}{way:<12}{ms:9.3f} ms{rows[-1]['ratio']:8.2f} x{rows[-1]['mbyte']:9.1f} MB{told}"
            )
        for way, reason in refused.items():
            print(f"{operation.name:<24}{way:<12} - {reason}")
    return rows


def without_a_gpu() -> list[dict[str, Any]]:
    print("No GPU here, so nothing is timed. The least each operation can take at Wan 1.3B's size, in microseconds:")
    print(f"{'':<24}{'GFLOP':>9}{'MB':>9}" + "".join(f"{device.name:>17}" for device in DEVICES))
    rows = []
    for name, work in WORK.items():
        bound = {device.name: 1e6 * work.seconds(device.peak, device.bandwidth) for device in DEVICES}
        rows.append({"operation": name, "gflop": work.flops / 1e9, "mbyte": work.bytes / 1e6, "bound_us": bound})
        print(
            f"{name:<24}{work.flops / 1e9:9.1f}{work.bytes / 1e6:9.1f}"
            + "".join(f"{us:17.1f}" for us in bound.values())
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kernels", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--repeats", type=int, default=50)
    options = parser.parse_args()
    with torch.inference_mode():
        gpu = torch.cuda.is_available()
        rows = on_a_gpu(options.repeats) if gpu else without_a_gpu()
    print(json.dumps({"gpu": torch.cuda.get_device_name() if gpu else None, "rows": _rounded(rows)}))


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    main()
