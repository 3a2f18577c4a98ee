"""How fast a package runs on this machine, measured for two seconds on the real path.

Owns that one measurement: the very `Stream` that the engine drives, opened on a plain picture and steered by a moving
grid, as a hand would. Never prints and never judges. Takes the machine for as long as it runs. Any thread.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.channels import ControlSnapshot, Handle
from inference.cost import stages
from inference.motion.hand import HandMotion
from inference.offline import open_package
from inference.pipeline import Pipeline, share_cores

if TYPE_CHECKING:
    from inference.stream_like import StreamLike

MEASURED_S = 2.0
_FIRST_CHUNKS = 2  # pay for lazy set-up


@dataclass(frozen=True)
class Speed:
    """fps: frames made a second, without waiting. target_fps: what the package is made for. device, number_format,
    torch, backend: what computed them. bound_fps: what the performance model (`inference.cost`) allows at this
    machine's peak, with nothing else to do. frames: how many were made in how long. stages_ms: of the last chunk.
    """

    fps: float
    target_fps: float
    device: str
    number_format: str
    torch: str
    backend: str
    bound_fps: float
    threads: int
    frames: int
    seconds: float
    stages_ms: dict[str, float]


def _decode(stream: StreamLike, chunk: Any) -> None:
    for _ in stream.decode(chunk):
        pass


def measure_speed(package: Path, seconds: float = MEASURED_S) -> Speed:
    """Loads the package and makes frames for `seconds`. Raises UserError where it cannot be loaded, ImportError where
    torch is missing.
    """
    import torch  # here, and what imports it: a window without a model must still open

    from inference.peak import matmul_peak_flops
    from inference.precision import fastest_dtype

    stream, buckets = open_package(package, fastest=True)
    peak = matmul_peak_flops(fastest_dtype())  # on all cores, as both halves of a chunk have them together
    share_cores()
    pipeline = Pipeline()
    width, height = buckets[0]
    rows, columns = np.mgrid[0:height, 0:width]
    picture = np.stack([rows * 255 // height, columns * 255 // width, (rows + columns) % 256], -1).astype(np.uint8)
    with torch.inference_mode():
        stream.open(picture)
        while stream.computed_by == "choosing":
            time.sleep(0.1)
        motion = HandMotion((width, height))
        frames, began_s, chunk = 0, 0.0, 0
        while True:
            if chunk == _FIRST_CHUNKS:
                pipeline.drain()
                frames, began_s = 0, time.perf_counter()
            x = 0.5 + 0.2 * float(np.sin(0.3 * chunk))
            hand = Handle(1, (x, 0.5), pinned=False, held=True, radius=16 / 144)
            snapshot = ControlSnapshot((hand,), {}, float(chunk), chunk + 1.0, None)
            made = stream.make(motion.advance(snapshot, stream.frames_per_chunk, stream.fps))
            pipeline.put(partial(_decode, stream, made))  # as the engine does it: beside the next one's making
            frames += stream.frames_per_chunk
            chunk += 1
            if chunk > _FIRST_CHUNKS and time.perf_counter() - began_s >= seconds:
                break
        pipeline.drain()
        took_s = time.perf_counter() - began_s
    pipeline.stop()
    loaded = stream.package  # type: ignore[attr-defined]  # a Stream, which open_package promises less of
    size = torch.finfo(loaded.dtype).bits // 8
    chunk_flops = sum(stage.flops for stage in stages(loaded.config, width, height, size))
    return Speed(
        fps=frames / took_s,
        target_fps=stream.fps,
        device=str(loaded.device),
        number_format=str(loaded.dtype).removeprefix("torch."),
        torch=torch.__version__,
        backend=stream.computed_by,
        bound_fps=stream.frames_per_chunk / chunk_flops * peak,
        threads=torch.get_num_threads(),
        frames=frames,
        seconds=took_s,
        stages_ms=dict(stream.timings_ms),
    )
