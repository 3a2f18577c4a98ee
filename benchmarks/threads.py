"""How many threads, and how they wait: frames a second off-screen for each way to share the cores.

    python -m benchmarks.threads [--seconds 8] [--rounds 3] [--package assets/models/pocket]

A way is whether a chunk's halves run beside each other (`inference.pipeline`) or one after the other, torch's threads,
and OMP_WAIT_POLICY: whether OpenMP's idle threads sleep (PASSIVE, as shipped) or spin (ACTIVE). Threads and policy are
the process's, so each way has a process of its own, and all take turns, round after round. No window is open: what
spinning threads take from it is not seen here. Owns that measurement.

Prints a table, then one JSON line; `fps` is the median of rounds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from benchmarks import machine
from benchmarks.compare.streams import Driven
from desktop.resources import default_package
from inference.package import ModelPackage
from inference.pipeline import Pipeline, available_cores
from inference.stream import Chunk, Stream

FIRST_CHUNKS = 6  # pay for lazy set-up, and fill the window


@dataclass(frozen=True)
class Way:
    """threads: of torch, for each stage; beside: the halves of consecutive chunks beside each other."""

    beside: bool
    threads: int
    policy: str

    def __str__(self) -> str:
        halves = "beside each other" if self.beside else "one after the other"
        return f"halves {halves}, {self.threads} threads a stage, {self.policy}"


def ways(cores: int) -> list[Way]:
    """All, that which is shipped first."""
    threads = sorted({max(1, cores // 2), cores})
    return [Way(*each) for each in itertools.product((True, False), threads, ("PASSIVE", "ACTIVE"))]


def frames_a_second(package: Path, way: Way, seconds: float) -> float:
    """In this process, whose waiting cannot be changed any more."""
    torch.set_num_threads(way.threads)
    driven, pipeline = Driven(ModelPackage.load(package)), Pipeline()
    for chunk in itertools.count():
        if chunk == FIRST_CHUNKS:
            pipeline.drain()
            first, began_s = driven.frames, time.perf_counter()
        made = driven.make()
        pipeline.put(partial(_decode, driven.stream, made))
        if not way.beside:
            pipeline.drain()
        if chunk > FIRST_CHUNKS and time.perf_counter() - began_s >= seconds:
            break
    pipeline.drain()
    took_s = time.perf_counter() - began_s
    pipeline.stop()
    return (driven.frames - first) / took_s


def _decode(stream: Stream, chunk: Chunk) -> None:
    for _ in stream.decode(chunk):
        pass


def _in_a_process(package: Path, way: Way, seconds: float) -> float:
    command = [sys.executable, "-m", "benchmarks.threads", "--package", str(package), "--seconds", str(seconds)]
    command += ["--one", "beside" if way.beside else "after", str(way.threads)]
    environment = os.environ | {"OMP_WAIT_POLICY": way.policy, "OMP_NUM_THREADS": str(way.threads)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{way}: ended with {done.returncode}\n{done.stderr}")
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", type=Path, default=default_package())
    parser.add_argument("--seconds", type=float, default=8.0, help="of each way, a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=2, metavar=("HALVES", "THREADS"), help="one way, in this process")
    options = parser.parse_args()
    if options.one:
        way = Way(options.one[0] == "beside", int(options.one[1]), "")
        print(frames_a_second(options.package, way, options.seconds))
        return
    where, found = machine.described(), dict[Way, list[float]]()
    for _ in range(options.rounds):
        for way in ways(available_cores()):
            found.setdefault(way, []).append(_in_a_process(options.package, way, options.seconds))
            print(f"  {way}: {found[way][-1]:.1f}", file=sys.stderr, flush=True)
    rows = [{"way": str(way), "fps": round(statistics.median(fps), 2), "rounds": fps} for way, fps in found.items()]
    for row in rows:
        print(f"{row['way']:60} {row['fps']:6.1f} frames/s")
    print(json.dumps({"threads": rows, "seconds": options.seconds, "machine": where}))


if __name__ == "__main__":
    main()
