"""What the stream gains over other ways, and whether it keeps its pace: `python -m benchmarks.compare`.

    python -m benchmarks.compare [--parts transformer,wan,age,start] [--threads N] [--package assets/models/pocket]

Parts, each a comparison within one run, as ratios:

- `transformer`: the transformer alone as it is streamed, against plain eager float32 torch with the same weights and
  evaluations (bar: 2 times as fast);
- `wan`: the first half of a chunk, against diffusers' Wan transformer of the same shape making the whole 49-frame clip
  in 50 steps with guidance, a frame (bar: 40 times). --wan-steps says how many of the 50 are measured; scaled to 50;
- `age`: a chunk at frame 10,000 over one at frame 100, off-screen and without decoding (bar: 1.00 +- 0.03);
- `start`: from the start of the application to its first moving frame, warm disk, the real window (bar: 6 s). Without a
  display it starts an Xvfb of its own.

Each part's module says how it is measured. Threads are those that the transformer has in the window: half of all.
Progress goes to stderr; a table and one JSON line to stdout.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch  # before PySide6: see desktop/__main__.py

from benchmarks import machine
from benchmarks.compare import ageing, opening, transformer, wan
from benchmarks.display import ensure_display
from desktop.resources import default_package
from inference.errors import UserError
from inference.package import ModelPackage
from inference.pipeline import available_cores

PARTS = ("transformer", "wan", "age", "start")


def compare(arguments: argparse.Namespace) -> dict[str, Any]:
    """Every part asked for, under its name."""
    found: dict[str, Any] = {}
    for part in arguments.parts:
        say(f"{part} ...")
        if part == "start":  # in processes of its own, which load the package themselves
            found[part] = opening.measure_starts(arguments.starts, arguments.package, say)
            continue
        package = ModelPackage.load(arguments.package)
        if part == "transformer":
            found[part] = transformer.compare_transformer(package, arguments.package, arguments.rounds)
        elif part == "wan":
            found[part] = wan.compare_wan(package, arguments.wan_steps, say)
        else:
            found[part] = ageing.compare_ages(package, arguments.rounds, say, arguments.old_frames)
    return found


def table(found: dict[str, Any]) -> list[str]:
    """A line for each part: what was found, and its bar."""
    lines = []
    if part := found.get("transformer"):
        lines.append(
            f"transformer against plain torch  {part['ratio']:8.2f} x  bar {transformer.BAR:g} x   "
            f"{part['streamed_ms']:.1f} ms for {part['plain_ms']:.1f} ms, latents {part['difference']:.1e} apart"
        )
    if part := found.get("wan"):
        lines.append(
            f"against diffusers' Wan           {part['ratio']:8.1f} x  bar {wan.BAR:g} x  "
            f"{part['streamed_frame_ms']:.1f} ms a frame for {part['wan_frame_ms']:.0f} ms, "
            f"{part['steps_measured']} of {part['steps']} steps measured"
        )
    if part := found.get("age"):
        low, high = part["ratio_range"]
        lines.append(
            f"frame {part['old_frame']} over frame {part['young_frame']}      {part['ratio']:8.3f}    bar "
            f"{ageing.BAR:.2f} +- {ageing.TOLERANCE:g}   95 of 100 within {low:.3f} to {high:.3f}, CPU time "
            f"{part['ratio_cpu']:.3f}"
        )
    if part := found.get("start"):
        lines.append(
            f"start to first moving frame      {part['moving_s']:8.2f} s  bar {opening.BAR_S:g} s   longest of "
            f"{part['starts']} {part['moving_s_longest']:.2f} s, first frame made {part['made_s']:.2f} s"
        )
    return lines


def rounded(value: Any) -> Any:
    """Four digits of every figure."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def say(text: str) -> None:
    """Progress, apart from the result."""
    print(text, file=sys.stderr, flush=True)


def parts_of(text: str) -> list[str]:
    parts = text.split(",")
    if unknown := [part for part in parts if part not in PARTS]:
        raise argparse.ArgumentTypeError(f"unknown part {unknown[0]!r}; known: {', '.join(PARTS)}")
    return parts


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", type=parts_of, default=list(PARTS), help=f"of {','.join(PARTS)}")
    parser.add_argument("--package", type=Path, default=default_package())
    parser.add_argument("--threads", type=int, default=max(1, available_cores() // 2))
    parser.add_argument("--rounds", type=int, default=120, help="chunks of each side, parts transformer and age")
    parser.add_argument("--wan-steps", type=int, default=5, help=f"measured of the {wan.STEPS}; {wan.STEPS}: the whole")
    parser.add_argument("--old-frames", type=int, default=ageing.OLD, help="how old the old stream is, part age")
    parser.add_argument("--starts", type=int, default=5, help="that count, part start")
    arguments = parser.parse_args()
    if "start" in arguments.parts:
        ensure_display("benchmarks.compare")
    torch.set_num_threads(arguments.threads)
    where = machine.described()
    try:
        found = compare(arguments)
    except UserError as error:
        say(str(error))
        return 2
    for line in table(found):
        print(line)
    command = " ".join(["python -m benchmarks.compare", *sys.argv[1:]])
    print(json.dumps(rounded(found) | {"threads": arguments.threads, "command": command, "machine": where}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
