"""A chunk's stages as a picture: bars in SVG, from the medians that `benchmarks.stream` found.

Owns the drawing. Two lanes, the two threads of the engine, over as many chunks as make the overlap plain; a chunk
begins when its slower half allows. Measures nothing. Pure functions of numbers, any thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

WIDTH, LEFT, RIGHT, TOP = 960, 150, 30, 92
LANE, GAP, BAR = 58, 14, 40
CHUNKS = 3
LANES = (("first half", ("control", "transformer")), ("second half", ("decode",)))
COLOURS = {"control": "#8d96a5", "transformer": "#7cc4ff", "decode": "#b48ead"}
PAPER, INK, QUIET, LINE = "#171a20", "#e3e7ee", "#8d96a5", "#2c313b"


def stage_picture(chunk_ms: Mapping[str, float], frames: int, fps: float, title: str) -> str:
    """chunk_ms: median of every stage, and "total"; frames: of a chunk; fps: at which they are shown."""
    first = sum(chunk_ms.get(stage, 0.0) for stage in LANES[0][1])
    second = sum(chunk_ms.get(stage, 0.0) for stage in LANES[1][1])
    budget_ms, pace_ms = 1e3 * frames / fps, max(first, second)
    end_ms = max((CHUNKS - 1) * pace_ms + first + second, CHUNKS * budget_ms)
    scale = (WIDTH - LEFT - RIGHT) / end_ms
    bottom = TOP + len(LANES) * LANE + (len(LANES) - 1) * GAP

    def x(ms: float) -> float:
        return LEFT + ms * scale

    parts = [_text(LEFT, 34, title, INK, 17), _text(LEFT, 60, _sentence(chunk_ms, frames, fps, pace_ms), QUIET, 13)]
    for mark in range(CHUNKS + 1):  # when frames are needed
        parts.append(_line(x(mark * budget_ms), TOP - 8, bottom + 8))
        parts.append(_text(x(mark * budget_ms), bottom + 26, f"{mark * budget_ms:.0f} ms", QUIET, 12, "middle"))
    for lane, (name, stages) in enumerate(LANES):
        y = TOP + lane * (LANE + GAP)
        parts.append(_text(LEFT - 14, y + BAR / 2 + 5, name, INK, 14, "end"))
        for chunk in range(CHUNKS):
            at = chunk * pace_ms + (first if lane else 0.0)
            for stage in stages:
                ms = chunk_ms.get(stage, 0.0)
                parts.append(_bar(x(at), y, ms * scale, stage, ms, 1.0 if chunk == 0 else 0.55))
                at += ms
    parts.append(_text(LEFT, bottom + 50, f"A line every {frames} frames at {fps:g} a second.", QUIET, 12))
    return _svg(bottom + 66, title, parts)


def _sentence(chunk_ms: Mapping[str, float], frames: int, fps: float, pace_ms: float) -> str:
    rate = 1e3 * frames / pace_ms
    total = chunk_ms.get("total", 0.0)
    return (
        f"{frames} frames: {total:.0f} ms from hand to frames; at best a chunk every {pace_ms:.0f} ms, {rate:.1f} "
        f"frames a second of the {fps:g} wanted"
    )


def _bar(x: float, y: float, width: float, stage: str, ms: float, opacity: float) -> str:
    shape = (
        f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR}" rx="4" fill="{COLOURS[stage]}" '
        f'opacity="{opacity}"><title>{stage} {ms:.1f} ms</title></rect>'
    )
    if opacity < 1.0:
        return shape
    return shape + _text(x + width / 2, y + BAR + 14, f"{stage} {ms:.0f}", QUIET, 11, "middle")


def _line(x: float, top: float, bottom: float) -> str:
    return f'<path d="M{x:.1f} {top}V{bottom}" stroke="{LINE}" stroke-width="1.5"/>'


def _text(x: float, y: float, text: str, colour: str, size: int, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y}" fill="{colour}" font-size="{size}" text-anchor="{anchor}">'
        f"{escape(text, quote=False)}</text>"
    )


def _svg(height: float, title: str, parts: list[str]) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
            'font-family="DejaVu Sans, Verdana, sans-serif">',
            f"<title>{escape(title, quote=False)}</title>",
            f'<rect width="{WIDTH}" height="{height:.0f}" rx="14" fill="{PAPER}"/>',
            *parts,
            "</svg>\n",
        ]
    )
