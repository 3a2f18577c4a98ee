"""The paper's tables for this project's model, beside the paper's figures: `python -m benchmarks.paper`.

    python -m benchmarks.paper [--package assets/models/pocket] [--teacher runs/teacher] [--only contenders ...]
        [--clips 6] [--results docs/figures]

Tables: `contenders` (Table 1), `encoding` (Table 3), `layouts` (Table 4: sink, window, chunk), `steps`, `guidance`
(section 3) and `tracks` (Table A4). Those that need a teacher are left out without one. Each is measured, then written
at once to `paper.json` in the results' folder, beside what that file holds of the others: a long run may be made in
parts, and a bare `--only` shows what there is. Plots go to `paper_guidance.png` and `paper_layouts.png`. The last line
is the whole file as JSON.

What is compared, on which clips, and how costs are counted stands in `tables`, `clips` and `published`. `perceptual` is
`benchmarks.quality`'s distance, not LPIPS. Nothing here is random. Figures of few clips are rough; `clips` says of how
many.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import torch

from benchmarks.paper import plots, published, tables
from benchmarks.paper.clips import frozen_cases, held_cases
from benchmarks.quality.clips import FRAMES, LIST
from benchmarks.quality.teacher import Teacher
from inference.errors import UserError
from inference.package import ModelPackage
from training.world import load_library

ROOT = Path(__file__).resolve().parents[2]
FILE = "paper.json"
TAUGHT = 25  # frames of a clip where the teacher takes part: as long as its recipe's
NEED_TEACHER = ("guidance",)
TABLES = ("contenders", "encoding", "layouts", "steps", "guidance", "tracks")
BESIDE = {
    "contenders": published.TABLE_1, "encoding": published.ENCODING, "layouts": published.LAYOUTS,
    "steps": published.STEPS, "guidance": published.GUIDANCE, "tracks": published.TRACKS,
}  # fmt: skip


def measured(name: str, package: ModelPackage, teacher: Teacher | None, clips: int, steps: int) -> tables.Table:
    """One table. Contenders are compared on the split "test", everything that is a choice on "held"."""
    if name == "contenders":
        length = len(json.loads(LIST.read_text(encoding="utf-8")))
        cases = frozen_cases(load_library("test"), clips, TAUGHT, length)
        return tables.scored(tables.contenders(package, teacher, steps), cases, say)
    held = load_library("held")
    if name == "encoding":
        return tables.encoding(package, list(held_cases(held, clips, FRAMES)))
    if name == "guidance":
        assert teacher is not None
        return tables.scored(tables.guidance(package, teacher, steps), held_cases(held, clips, TAUGHT), say)
    if name == "tracks":
        return tables.scored(tables.tracks(package, teacher, steps), held_cases(held, clips, TAUGHT), say)
    cases = held_cases(held, clips, FRAMES)
    if name == "layouts":
        return tables.paced(tables.scored(tables.layouts(package), cases, say))
    return tables.scored(tables.steps(package), cases, say)


def show(name: str, table: tables.Table) -> None:
    """Ours, then the paper's, each with the columns that it has."""
    for title, rows in ((f"{name}, ours", table), (f"{name}, the paper's", BESIDE[name])):
        columns = list(dict.fromkeys(column for row in rows.values() for column in row))
        print(f"\n{title}\n{'':38}" + "".join(f"{column:>15}" for column in columns))
        for label, row in rows.items():
            print(f"{label:38}" + "".join(f"{_shown(row.get(column)):>15}" for column in columns))


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}".rstrip("0").rstrip(".")


def say(text: str) -> None:
    """Progress, apart from the result."""
    print(text, file=sys.stderr, flush=True)


def run(arguments: argparse.Namespace) -> dict[str, tables.Table]:
    package = ModelPackage.load(arguments.package)
    teacher = Teacher.load(arguments.package, arguments.teacher) if arguments.teacher else None
    path = arguments.results / FILE
    found: dict[str, tables.Table] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    arguments.results.mkdir(parents=True, exist_ok=True)
    for name in TABLES if arguments.only is None else arguments.only:
        if name in NEED_TEACHER and teacher is None:
            say(f"{name}: left out, since it needs --teacher")
            continue
        began = time.process_time()
        found[name] = measured(name, package, teacher, arguments.clips, arguments.sample_steps)
        say(f"{name}: {time.process_time() - began:.0f} s of CPU time")
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name, table in found.items():
        show(name, table)
    for name, draw in plots.DRAWN.items():
        if name in found:
            draw(found[name], arguments.results / f"paper_{name}.png")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", type=Path, default=ROOT / "assets" / "models" / "pocket")
    parser.add_argument("--teacher", type=Path, help="run folder of training.teacher")
    parser.add_argument("--only", nargs="*", choices=TABLES, help="these tables; the others stay as they are")
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--sample-steps", type=int, default=10, help="of the teacher; the paper's about 50 take hours")
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "figures")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    try:
        found = run(arguments)
    except UserError as error:
        say(str(error))
        return 2
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
