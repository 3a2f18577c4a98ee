"""How good the pictures are, by figures that cannot be flattered: `python -m benchmarks.quality`.

    python -m benchmarks.quality [--package assets/models/pocket] [--quick] [--long] [--sheets docs/figures]

48 frozen clips (49 frames, 256x144) of objects and places that no weight was trained on, 16 each of moving objects, a
moving camera, and both; and every real clip in `../shared/eval`, apart, where there is one. Before the split "test" was
made, choices were made on other clips of these objects and places, as part of "held".

Who is measured:
- `model`: the package through the public stream, told by dense tracks (at most its own budget); `hand`: told by a 5x5
  grid on one object alone, scored by the points of that object;
- `teacher`: with `--teacher RUN`, the run's network over whole clips, 40 guided steps, the same dense tracks;
- `frozen`: the first frame; `warp`: the first frame warped along the same tracks (`warp`); `ae`: the truth through the
  autoencoder, the ceiling; `truth`: the truth, whose point errors are the tracker's own floor.

What is measured (`metrics`): PSNR, over all pixels, over those that the first frame shows (`visible_psnr`), and over
those that it does not (`disoccluded`; for the hand, of the objects' stratum, those the held object uncovered); SSIM;
a perceptual distance (`perceptual`); edge energy as a share of the truth's; the end-point error of an independent
tracker over every moving point that it can follow in the truth, one that it loses scoring its full displacement
(`epe_px`, `epe_median_px`), and the share that it does not lose (`survival`); CPU time a frame, all threads and
decoding together (`cpu_ms`); the mean change, 0 to 255, of pixels that
never change in the truth of the objects' stratum (`still_change`). Figures of pictures are means of clips, figures of
points are of all points together. `null`: no such figure (the PSNR of the truth has no bound).

`--quick` takes 8 clips balanced over the strata and no real ones. `--long` adds a run of 2,000 frames under a looping
drag and one of 500 frames without tracks (`long_run`). Prints a table, then one JSON line. Nothing here is random.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import torch

from benchmarks.quality import long_run, sheets
from benchmarks.quality.clips import LIST, SIZE, load_cases
from benchmarks.quality.measure import CONTENDERS, Tally, measure_case
from benchmarks.quality.perceptual import PerceptualMetric
from benchmarks.quality.real import folder_of_real_clips, load_real_cases
from benchmarks.quality.teacher import Teacher
from inference.errors import UserError
from inference.package import ModelPackage
from inference.picture import load_picture
from inference.stream import Stream
from training.world import Library, load_library

ROOT = Path(__file__).resolve().parents[2]
THREADS = 2
QUICK = 8  # clips, evenly over the list: 3 of objects, 2 of the camera, 3 of both
STARTERS = ROOT / "assets" / "pictures"


def measure(arguments: argparse.Namespace, library: Library, list_file: Path = LIST) -> dict[str, object]:
    """Everything that was asked for, under the names of the JSON line; tables are printed on the way."""
    stream = Stream(ModelPackage.load(arguments.package))
    teacher = Teacher.load(arguments.package, arguments.teacher) if arguments.teacher else None
    perceptual = perceptual_metric()
    made, real = Tally(), Tally()
    strata: dict[str, Tally] = {}
    rows: dict[str, list[np.ndarray]] = {}
    chosen = np.arange(len(json.loads(list_file.read_text(encoding="utf-8"))))
    if arguments.quick:
        chosen = np.unique(np.linspace(0, len(chosen) - 1, QUICK).astype(int))
    for place, case in zip(chosen, load_cases(library, chosen.tolist(), list_file), strict=True):
        videos = measure_case(case, stream, perceptual, [made, strata.setdefault(case.stratum, Tally())], teacher)
        if place % sheets.EVERY == 0:
            rows.setdefault(case.stratum, []).append(sheets.row(videos))
        errors = (made.points[who][-1].error for who in ("model", "hand_model") if who in videos)
        say(
            f"{made.clips}/{len(chosen)} {case.name}, EPE "
            + ", ".join(f"{error.mean():.2f}" for error in errors if len(error))
        )
    if not arguments.quick:
        for case in load_real_cases(arguments.real, stream.fps):
            one = Tally()
            measure_case(case, stream, perceptual, [real, one])
            print_table(f"{case.name}, real, {len(case.frames)} frames", one)
    for stratum, tally in strata.items():
        print_table(f"{stratum}: {tally.clips} clips", tally)
    if real.clips:
        print_table(f"real: {real.clips} clips, pseudo-tracks", real)
    print_table(f"all made clips: {made.clips}", made)
    if arguments.sheets:
        for path in sheets.save(arguments.sheets, rows):
            say(f"wrote {path}")
    lasting = live_long(stream, arguments.long_frames) if arguments.long else None
    return made.figures() | {"long": lasting, "real": real.figures() if real.clips else None}


def live_long(stream: Stream, frames: int) -> dict[str, float | None]:
    starter = tomllib.loads((STARTERS / "pictures.toml").read_text(encoding="utf-8"))["picture"][0]
    picture = load_picture(STARTERS / starter["file"]).crop(SIZE)
    found = long_run.run(stream, picture, (starter["grab"][0], starter["grab"][1]), frames, frames // 4)
    print(f"\n{starter['file']} as decoded: mean colour {colour(found.picture_colour)}")
    runs = {f"{frames} frames of a looping drag": found.quarters, f"{frames // 4} frames without": found.idle_quarters}
    for name, quarters in runs.items():
        print(f"{name}, by quarter: edge energy as a share of that picture's, mean colour, median chunk")
        for quarter in quarters:
            print(f"  {quarter.edge:.3f}   {colour(quarter.colour)}   {quarter.chunk_ms:.1f} ms")
    return found.figures()


def colour(values: tuple[float, float, float]) -> str:
    return " ".join(f"{value:.1f}" for value in values)


def perceptual_metric() -> PerceptualMetric | None:
    try:
        return PerceptualMetric()
    except ImportError as error:
        say(str(error))
        return None


def print_table(title: str, tally: Tally) -> None:
    figures = tally.figures()
    names = ("psnr", "visible_psnr", "ssim", "perceptual", "edge", "epe_px", "epe_median_px", "survival")
    print(f"\n{title}; {figures['points']} points")
    print(" " * 10 + "".join(f"{name:>14}" for name in names))
    for who in (*CONTENDERS, "hand_model", "hand_warp"):
        values = figures[who] if who in CONTENDERS else tally.of_points(who)
        if values is None:
            continue
        assert isinstance(values, dict)
        print(f"{who:10}" + "".join(f"{shown(values.get(name)):>14}" for name in names))
    print(f"disoccluded {figures['disoccluded']}  still_change {figures['still_change']}  cpu_ms {figures['cpu_ms']}")


def shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def say(text: str) -> None:
    """Progress, apart from the result."""
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", type=Path, default=ROOT / "assets" / "models" / "pocket")
    parser.add_argument("--teacher", type=Path, help="run folder of training.teacher, to be measured too")
    parser.add_argument("--quick", action="store_true", help="8 clips, no real ones")
    parser.add_argument("--long", action="store_true", help="also 2,000 frames in one go")
    parser.add_argument("--long-frames", type=int, default=long_run.FRAMES, help="of --long; a quarter of it idle")
    parser.add_argument("--real", type=Path, default=folder_of_real_clips(), help="folder of real clips")
    parser.add_argument("--threads", type=int, default=THREADS, help="1 where other work takes the cores")
    parser.add_argument("--sheets", type=Path, help="folder for contact sheets")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    began = time.perf_counter()
    try:
        found = measure(arguments, load_library("test"))
    except UserError as error:
        say(str(error))
        return 2
    say(f"{time.perf_counter() - began:.0f} s, {time.process_time():.0f} s of CPU time")
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
