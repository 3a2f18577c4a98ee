"""The tables' plots, and the curves of training runs.

Owns how they look. Measures nothing. One thread, no screen.

    python -m benchmarks.paper.plots runs/teacher runs/self_forcing --figure docs/figures/training.png

draws what the runs' `log.jsonl` hold: the loss of every step, and whatever in decibels was measured on held-out clips.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.paper.published import Row

Table = dict[str, Row]
SMOOTH = 10  # steps of the running mean through a loss
LOSSES = ("loss", "matching", "critic")


def scatter(table: Table, path: Path, title: str) -> None:
    """End-point error against perceptual distance, a labelled dot a row; both are better to the lower left."""
    figure = Figure(figsize=(6, 4.2), layout="constrained")
    axes = figure.subplots()
    for label, row in table.items():
        x, y = row.get("perceptual"), row.get("epe_px")
        if isinstance(x, float) and isinstance(y, float):
            axes.scatter(x, y, color="tab:blue")
            axes.annotate(label, (x, y), xytext=(5, 4), textcoords="offset points", fontsize=8)
    clips = next(iter(table.values())).get("clips")
    axes.set(xlabel="perceptual distance", ylabel="mean end-point error, px", title=f"{title}, {clips:g} clips")
    axes.margins(x=0.2)
    figure.savefig(path, dpi=110)


DRAWN: dict[str, Callable[[Table, Path], None]] = {
    "guidance": lambda table, path: scatter(table, path, "joint guidance (text, motion) of the teacher"),
    "layouts": lambda table, path: scatter(table, path, "chunk, sink, window of the student, decoded frames"),
}


def decibels(line: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Held-out figures of a logged line, one level deep: `{"hand": {"model_db": 28.1}}` gives ("hand model", 28.1)."""
    kind = f"{line['kind']} " if isinstance(line.get("kind"), str) else ""
    for name, value in line.items():
        if isinstance(value, dict):
            yield from ((f"{name} {inner}", number) for inner, number in decibels(value))
        elif name.endswith("_db"):
            yield kind + name.removesuffix("_db"), float(value)


def curves(logs: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """A row a run: losses by step, and held-out decibels by step as changes from the first ones measured."""
    figure = Figure(figsize=(10, 3.2 * len(logs)), layout="constrained")
    grid = figure.subplots(len(logs), 2, squeeze=False)
    for (run, lines), (left, right) in zip(logs.items(), grid, strict=True):
        for name in LOSSES:
            _loss(left, name, [(line["step"], line[name]) for line in lines if name in line])
        left.set(title=f"{run}: loss", xlabel="step", yscale="log")
        held: dict[str, list[tuple[int, float]]] = {}
        for line in lines:
            for name, value in decibels(line):
                if not name.endswith(("frozen", "autoencoder", "unseen", "carried")):
                    held.setdefault(name, []).append((line["step"], value))
        for name, points in held.items():
            steps, values = zip(*points, strict=True)
            label = f"{name}, from {values[0]:.2f} dB"
            right.plot(steps, np.array(values) - values[0], marker="o", markersize=3, label=label)
        right.axhline(0.0, color="grey", linewidth=0.6)
        right.set(title=f"{run}: held-out PSNR, change in dB", xlabel="step")
        for axes in (left, right):
            if axes.has_data() and axes.get_legend_handles_labels()[0]:
                axes.legend(fontsize=8)
    figure.savefig(path, dpi=110)


def _loss(axes: Axes, name: str, points: list[tuple[int, float]]) -> None:
    if len(points) < 2:
        return
    again = sorted(dict(points).items())  # a resumed run makes a few steps anew
    steps, values = (np.array(column, float) for column in zip(*again, strict=True))
    axes.plot(steps, values, linewidth=0.5, alpha=0.4)
    width = min(SMOOTH, len(values))
    mean = np.convolve(values, np.full(width, 1.0 / width), mode="valid")
    axes.plot(steps[width - 1 :], mean, label=f"{name}, mean of {width}", color=axes.lines[-1].get_color())


def read_log(run: Path) -> list[dict[str, Any]]:
    lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--figure", type=Path, required=True)
    arguments = parser.parse_args()
    curves({run.name: read_log(run) for run in arguments.runs}, arguments.figure)


if __name__ == "__main__":
    main()
