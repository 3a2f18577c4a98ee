"""The live stream as a person meets it: the real window, real X events, normal pacing.

    python -m benchmarks.stream [--seconds 30] [--package assets/models/pocket]

Without a display it starts an Xvfb of its own. Owns the measurement and its definitions:

- `latency_*_ms`: from the sending of an X motion event to the swap of the first frame whose own track sample contains
  it, which is the first with `sampled_s` at or after the moment the window took the event in. Events come at random
  phase.
- `latency_first_frame_p50_ms`: to the swap of the first frame of the chunk that consumed the event: when the picture
  begins to answer.
- `capacity_fps`: frames made a second of engine time not spent waiting; `fps`: distinct model frames shown a second;
  `frame_interval_p95_ms`: between their swaps.
- `swap_interval_p95_ms`: between all swaps of the window, with and without a new frame, while the hand never rests (an
  event every 8 ms, as a mouse sends them): how steadily the window follows a hand. `fps_dragging`: as `fps`, meanwhile.
- `peak_share`: the transformer's FLOPs by formula over the wall time in its stage, over the best of 20 products of
  1024 x 1024 matrices before the stream starts, in the number format the model runs in (`peak_dtype`), with the threads
  that the transformer has (`transformer_threads`: half of all; the decoder has the others).
- `skipped`: frames between the first and the last shown that never were; `out_of_order`: frames that came after a
  later one.

Prints a table, then one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch  # before PySide6: see desktop/__main__.py
from PySide6.QtCore import QEventLoop, QTimer

from benchmarks import machine
from benchmarks.display import ensure_display
from desktop.app import application, build_window
from desktop.loading import package_stream
from desktop.main_window import MainWindow
from desktop.resources import default_package, resource_path
from inference.autoencoder import CELL, FRAMES
from inference.config import ModelConfig, load_config
from inference.lifecycle import EngineState
from inference.motion_transformer import transformer_flops
from inference.peak import matmul_peak_flops
from inference.picture import best_bucket, load_picture
from inference.pipeline import available_cores, share_cores
from inference.precision import fastest_dtype

SETTLE_S = 4.0  # the pacer's estimates need about ten chunks
EVENT_GAP_S = (0.12, 0.4)  # between pointer events: longer than the window needs for one, at random phase to the chunks
MOUSE_GAP_S = (0.008, 0.008)  # a mouse's
TURN_S = 2.5  # a hand that never rests goes round in
RESTLESS_S = 8.0
SAME_PLACE = 0.0015  # of the picture: screen pixels are rounded to about half of this
DEADLINE_S = 120.0
RSS_FIRST_S = 120.0  # by then all buffers exist: memory after that should not grow


@dataclass
class Record:
    """What the run saw, in `time.monotonic` seconds.

    shown: frames (index, sampled_s, swap_s); swaps: all; sent and taken: pointer events (time_s, picture x, y), as they
    left and as the window had them in its mailbox.
    """

    shown: list[tuple[int, float, float]] = field(default_factory=list)
    swaps: list[float] = field(default_factory=list)
    sent: list[tuple[float, float, float]] = field(default_factory=list)
    taken: list[tuple[float, float, float]] = field(default_factory=list)


def paired(record: Record) -> list[tuple[float, float]]:
    """(sent_s, taken_s) of each event that was taken in by itself: a busy window merges moves into the last one."""
    pairs, rest = [], list(record.sent)
    for taken_s, x, y in record.taken:
        for place, (sent_s, sent_x, sent_y) in enumerate(rest):
            if sent_s <= taken_s and max(abs(sent_x - x), abs(sent_y - y)) < SAME_PLACE:
                pairs.append((sent_s, taken_s))
                del rest[: place + 1]
                break
    return pairs


def latencies_ms(record: Record, chunk: int) -> tuple[list[float], list[float]]:
    """For each event: to the first frame that contains it, and to the first frame of that frame's chunk."""
    sampled = [sampled_s for _, sampled_s, _ in record.shown]
    swaps = {index: swap_s for index, _, swap_s in record.shown}
    own, begin = [], []
    for sent_s, taken_s in paired(record):
        place = bisect_left(sampled, taken_s)
        if place == len(sampled):
            continue
        index, _, swap_s = record.shown[place]
        own.append((swap_s - sent_s) * 1e3)
        first = index - (index - 1) % chunk  # frame 0 is the picture
        begin.append((swaps.get(first, swap_s) - sent_s) * 1e3)
    return own, begin


def order(record: Record) -> tuple[int, int]:
    """How many frames between the first and the last were never shown, and how many came after a later one."""
    indices = [index for index, _, _ in record.shown]
    skipped = max(indices) - min(indices) + 1 - len(set(indices))
    return skipped, sum(later <= earlier for earlier, later in pairwise(indices))


def flops_of_a_chunk(config: ModelConfig, size: tuple[int, int]) -> int:
    """The transformer's evaluations for one chunk: every denoising step and the clean pass."""
    patch, cache = config.transformer.patch, config.cache
    tokens = (size[0] // CELL // patch[2]) * (size[1] // CELL // patch[1])
    keys = (cache.sink + cache.window * cache.chunk + cache.chunk) * tokens
    evaluations = len(config.sampler.timesteps) + config.sampler.clean_pass
    return evaluations * transformer_flops(config.transformer, cache.chunk * tokens, keys)


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def rate(swaps: list[float]) -> float:
    return round((len(swaps) - 1) / (swaps[-1] - swaps[0]), 2)


def interval_p95_ms(swaps: list[float]) -> float:
    return round(float(np.percentile(np.diff(swaps), 95)) * 1e3, 1)


class Hand:
    """Drags one point about the picture through `benchmarks.pointer`, in a process and a thread of its own.

    gap_s: between events, drawn from that range; step: of the circle, in radians.
    """

    def __init__(
        self, window: MainWindow, record: Record, rng: np.random.Generator, gap_s: tuple[float, float], step: float
    ) -> None:
        self._window, self._record, self._rng, self._gap_s, self._step = window, record, rng, gap_s, step
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.pointer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._seconds = 0.0

    def drag(self, seconds: float) -> threading.Thread:
        """Starts dragging for that long; the thread ends with the drag. Screen positions are read here, on the UI
        thread.
        """
        viewport = self._window.viewport

        def at(x: float, y: float) -> tuple[int, int]:
            where = viewport.mapToGlobal(viewport.widget_position((x, y)).toPoint())
            return where.x(), where.y()

        corner, opposite = at(0.0, 0.0), at(1.0, 1.0)
        thread = threading.Thread(target=self._run, args=(seconds, corner, opposite), daemon=True)
        thread.start()
        return thread

    def _run(self, seconds: float, corner: tuple[int, int], opposite: tuple[int, int]) -> None:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        end_s, turn = time.monotonic() + seconds, 0.0

        def send(line: str) -> None:
            stdin.write(line + "\n")
            stdin.flush()

        def move() -> tuple[float, float, float]:
            x, y = 0.5 + 0.22 * np.cos(turn), 0.55 + 0.2 * np.sin(turn)
            send(f"{corner[0] + x * (opposite[0] - corner[0]):.0f} {corner[1] + y * (opposite[1] - corner[1]):.0f}")
            return float(stdout.readline().split()[2]), x, y

        move()
        send("down")
        time.sleep(0.3)
        while time.monotonic() < end_s:
            turn += self._step
            self._record.sent.append(move())
            time.sleep(self._rng.uniform(*self._gap_s))
        send("up")
        stdin.close()
        self._process.wait()


def measure(seconds: float, package: Path, picture: Path, threads: int) -> dict[str, object]:
    """Runs the window for `seconds` of dragging; the picture is cropped to the bucket nearest its shape."""
    where = machine.described()
    torch.set_num_threads(threads)
    share_cores()
    transformer_threads = torch.get_num_threads()
    config, dtype = load_config(package / "model.toml"), fastest_dtype()
    peak = matmul_peak_flops(dtype)
    app = application()
    record, restless, early_mb = Record(), Record(), list[float]()
    with tempfile.TemporaryDirectory() as data:
        window = build_window(
            package_stream(package, threads), buckets=config.buckets, data_dir=Path(data), package=package
        )
        into = record

        def on_shown(index: int, sampled_s: float, swap_s: float) -> None:
            into.shown.append((index, sampled_s, swap_s))

        window.viewport.frame_shown.connect(on_shown)
        window.move(0, 0)
        window.show()
        window.open_picture(picture)

        def live(until: float, condition: Callable[[], bool] = lambda: False) -> None:
            loop, timer = QEventLoop(), QTimer(interval=50)
            timer.timeout.connect(lambda: loop.quit() if time.monotonic() >= until or condition() else None)
            timer.start()
            loop.exec()

        live(time.monotonic() + DEADLINE_S, lambda: window.player.state is EngineState.RUNNING)
        if window.player.state is not EngineState.RUNNING:
            raise SystemExit(f"the stream did not start within {DEADLINE_S:.0f} s: state {window.player.state.value}")
        engine = window.player.engine
        live(time.monotonic() + DEADLINE_S, lambda: engine.stats().backend != "choosing")
        live(time.monotonic() + SETTLE_S)

        def on_dragged() -> None:
            points = window.points
            if points.held is not None:
                into.taken.append((time.monotonic(), *points.get(points.held).xy))

        window.viewport.pointer.dragged.connect(on_dragged)
        record.shown.clear()
        QTimer.singleShot(int(RSS_FIRST_S * 1e3), lambda: early_mb.append(resident_mb()))

        def drag(for_s: float, gap_s: tuple[float, float], step: float) -> None:
            hand = Hand(window, into, np.random.default_rng(0), gap_s, step).drag(for_s)
            live(time.monotonic() + for_s + 30.0, lambda: not hand.is_alive())

        drag(seconds, EVENT_GAP_S, step=0.35)
        live(time.monotonic() + 1.0)  # the last event's frame
        stats, memory_mb = window.player.engine.stats(), resident_mb()
        into = restless
        window.viewport.frameSwapped.connect(lambda: restless.swaps.append(time.monotonic()))
        drag(RESTLESS_S, MOUSE_GAP_S, step=2 * np.pi * MOUSE_GAP_S[0] / TURN_S)
        window.close()
        app.processEvents()
    chunk = config.cache.chunk * FRAMES
    own, begin = latencies_ms(record, chunk)
    swaps = [swap_s for _, _, swap_s in record.shown]
    transformer_s = stats.chunk_ms["transformer"] / 1e3
    skipped, out_of_order = order(record)
    return {
        "fps": rate(swaps),
        "capacity_fps": round(stats.capacity_fps, 2),
        "latency_p50_ms": round(float(np.percentile(own, 50)), 1),
        "latency_p95_ms": round(float(np.percentile(own, 95)), 1),
        "latency_n": len(own),
        "events_sent": len(record.sent),
        "latency_first_frame_p50_ms": round(float(np.percentile(begin, 50)), 1),
        "frame_interval_p95_ms": interval_p95_ms(swaps),
        "swap_interval_p95_ms": interval_p95_ms([swap_s for swap_s in restless.swaps if swap_s >= restless.sent[0][0]]),
        "fps_dragging": rate([swap_s for _, _, swap_s in restless.shown]),
        "chunk_ms": {stage: round(ms, 1) for stage, ms in stats.chunk_ms.items()},
        "peak_share": round(
            flops_of_a_chunk(config, best_bucket(load_picture(picture), config.buckets)) / transformer_s / peak, 3
        ),
        "peak_gflops": round(peak / 1e9, 1),
        "peak_dtype": str(dtype).removeprefix("torch."),
        "rss_mb": round(memory_mb, 1),
        "rss_mb_after_2_min": round(early_mb[0], 1) if early_mb else None,
        "backend": stats.backend,
        "threads": threads,
        "transformer_threads": transformer_threads,
        "slowed": stats.slowed,
        "dropped": stats.dropped,
        "skipped": skipped,
        "out_of_order": out_of_order,
        "seconds": seconds,
        "command": " ".join(["python -m benchmarks.stream", *sys.argv[1:]]),
        "machine": where,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--package", type=Path, default=default_package())
    parser.add_argument("--picture", type=Path, default=resource_path("assets", "pictures", "fire_engine.jpg"))
    parser.add_argument("--threads", type=int, default=available_cores())
    arguments = parser.parse_args()
    ensure_display("benchmarks.stream")
    found = measure(arguments.seconds, arguments.package, arguments.picture, arguments.threads)
    for name, value in found.items():
        print(f"{name:28} {value}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
