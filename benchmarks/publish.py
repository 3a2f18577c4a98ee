"""Figures that were measured, into the page: the table of bars and the picture of a chunk's stages.

    python -m benchmarks.publish [--results benchmarks/results] [--page docs/performance.md] [--figures docs/figures]

Reads the JSON lines that the benchmarks print, kept one a file (`... | tail -n 1 > benchmarks/results/stream.json`):
`stream*.json` of `benchmarks.stream`, `compare*.json` of `benchmarks.compare` (parts may stand in several files; the
latest date wins), `aot.json` of `kernels.aot`. Writes what stands between the page's two marks and `stages.svg`. Owns
the bars; measures nothing and rounds nothing that decides.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.stages import stage_picture
from inference.autoencoder import FRAMES
from inference.config import load_config
from inference.offline import DEFAULT_PACKAGE

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- bars: begin -->", "<!-- bars: end -->"
MISSING = "not measured yet"
VERDICT = {True: "yes", False: "**no**", None: "too coarse to tell"}
Result = dict[str, Any]


@dataclass(frozen=True)
class Bar:
    """A row: what is asked, of which result (a key of `gathered`), how it is shown and when it is met."""

    what: str
    bar: str
    source: str
    shown: Callable[[Result], str]
    met: Callable[[Result], bool | None]  # None: the measurement is too coarse to tell


BARS = (
    Bar("frames a second that could be made (`capacity_fps`), 256x144", "≥ 36", "stream",
        lambda r: f"{r['capacity_fps']:.1f}", lambda r: r["capacity_fps"] >= 36),
    Bar("frames a second shown (`fps`)", "≥ 0.98 x 24", "stream",
        lambda r: f"{r['fps']:.2f}", lambda r: r["fps"] >= 0.98 * 24),
    Bar("due frames skipped; shown out of order", "0; 0", "stream",
        lambda r: f"{r['skipped']}; {r['out_of_order']}", lambda r: r["skipped"] == r["out_of_order"] == 0),
    Bar("latency, median / 95 of 100", "≤ 380 / 480 ms", "stream",
        lambda r: f"{r['latency_p50_ms']:.0f} / {r['latency_p95_ms']:.0f} ms",
        lambda r: r["latency_p50_ms"] <= 380 and r["latency_p95_ms"] <= 480),
    Bar("the transformer's share of the machine's peak", "≥ 0.40", "stream",
        lambda r: f"{r['peak_share']:.2f} of {r['peak_gflops']:.0f} GFLOP/s",
        lambda r: r["peak_share"] >= 0.40),
    Bar("swap interval, 95 of 100, streaming and dragging", "≤ 34 ms", "stream",
        lambda r: f"{r['swap_interval_p95_ms']:.0f} ms (of frames {r['frame_interval_p95_ms']:.0f}, one each 41.7)",
        lambda r: r["swap_interval_p95_ms"] <= 34),
    Bar("transformer alone against plain eager fp32 torch", "≥ 2 x", "transformer",
        lambda r: f"{r['ratio']:.2f} x (95 of 100: {r['ratio_range'][0]:.2f} to {r['ratio_range'][1]:.2f}; "
                  f"{r['streamed_ms']:.0f} for {r['plain_ms']:.0f} ms)",
        lambda r: r["ratio"] >= 2),
    Bar("against `diffusers`' Wan transformer, whole clip, a frame", "≥ 40 x", "wan",
        lambda r: f"{r['ratio']:.0f} x, CPU time {r['ratio_cpu']:.0f} x ({r['streamed_frame_ms']:.0f} for "
                  f"{r['wan_frame_ms']:.0f} ms; {r['steps_measured']} of {r['steps']} steps measured)",
        lambda r: r["ratio"] >= 40),
    Bar("chunk time at frame 10,000 over frame 100", "1.00 ± 0.03", "age",
        lambda r: f"{r['ratio']:.3f} (95 of 100: {r['ratio_range'][0]:.3f} to {r['ratio_range'][1]:.3f}; "
                  f"CPU time {r['ratio_cpu']:.3f})",
        lambda r: _within(r["ratio_range"], 0.97, 1.03)),
    Bar("app start to first moving frame, warm disk", "≤ 6 s", "start",
        lambda r: f"{r['moving_s']:.1f} s (longest of {r['starts']}: {r['moving_s_longest']:.1f} s)",
        lambda r: r["moving_s"] <= 6),
    Bar("kernels compiled for sm_80 and sm_90 without a GPU", "≥ 28 rows, none failed", "aot",
        lambda r: f"{r['compiled']} of {r['rows']}", lambda r: r["rows"] >= 28 and not r["failed"]),
)  # fmt: skip


def _within(spread: list[float], low: float, high: float) -> bool | None:
    """Whether all, or none, of where a figure may lie is between the bars; None where that cannot be told."""
    if low <= spread[0] and spread[1] <= high:
        return True
    return None if spread[0] <= high and spread[1] >= low else False


def gathered(folder: Path) -> dict[str, Result]:
    """The results by name: "stream", "aot", and each part of `benchmarks.compare`. Where two files have one, the latest
    by their own date.
    """
    found: dict[str, Result] = {}
    lines = [(path.stem, json.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*.json"))]
    for name, line in sorted(lines, key=lambda pair: pair[1].get("machine", {}).get("date", "")):
        if name.startswith("compare"):
            about = {key: line[key] for key in ("command", "machine")}
            found |= {
                part: value | about for part, value in line.items() if isinstance(value, dict) and part != "machine"
            }
        elif name.startswith("stream"):
            found["stream"] = line
        else:
            found[name] = {"command": "python -m kernels.aot --arch 80,90 --json"} | line if name == "aot" else line
    return found


def table(found: dict[str, Result]) -> list[str]:
    """Markdown."""
    lines = ["| what | bar | measured | met | by |", "|---|---|---|---|---|"]
    for bar in BARS:
        result = found.get(bar.source, {})
        try:
            shown, met = bar.shown(result), VERDICT[bar.met(result)]
        except KeyError:  # no such result, or one from before this was measured
            lines.append(f"| {bar.what} | {bar.bar} | {MISSING} | - | |")
            continue
        lines.append(f"| {bar.what} | {bar.bar} | {shown} | {met} | `{result['command']}` |")
    return [*lines, "", *_circumstances(found)]


def _circumstances(found: dict[str, Result]) -> list[str]:
    """Where and when: one line for each command, with the load others put on the machine as it began."""
    told = {}
    for result in found.values():
        if machine := result.get("machine"):
            told[result["command"]] = (
                f"- `{result['command']}`: {machine['date']} UTC, {machine['cpu']}, {machine['cores']} cores, torch "
                f"{machine['torch']}, load before it {machine['load_before']}"
            )
    return list(told.values())


def placed(page: str, lines: list[str]) -> str:
    """The page with these lines between its marks. ValueError where it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks {BEGIN} or {END}")
    return "\n".join([before + BEGIN, *lines, END + after])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "performance.md")
    parser.add_argument("--figures", type=Path, default=ROOT / "docs" / "figures")
    parser.add_argument("--package", type=Path, default=DEFAULT_PACKAGE)
    arguments = parser.parse_args()
    found = gathered(arguments.results)
    lines = table(found)
    arguments.page.write_text(placed(arguments.page.read_text(encoding="utf-8"), lines), encoding="utf-8")
    if stream := found.get("stream"):
        config = load_config(arguments.package / "model.toml")
        title = f"A chunk of the stream in the open window, medians ({stream['machine']['date']})"
        picture = stage_picture(stream["chunk_ms"], config.cache.chunk * FRAMES, config.fps, title)
        (arguments.figures / "stages.svg").write_text(picture, encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
