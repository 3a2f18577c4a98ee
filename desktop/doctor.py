"""The check-up: what this machine has, how fast the model runs on it, and what to do about it.

Owns the findings and their advice, a sentence each; `motionstream doctor` and the card in the window are two views of
them. Never shows anything. Any thread; `examine` takes seconds and the machine's cores.
"""

from __future__ import annotations

import enum
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from inference.checkup import Speed, measure_speed
from inference.errors import UserError
from inference.pipeline import available_cores
from render.context import GLUnavailable, offscreen_context

_SOFTWARE = ("llvmpipe", "softpipe", "swiftshader", "gdi generic")
_ENOUGH_MB, _TIGHT_MB = 2500, 1200  # a window with the small model takes under 1 GB
_SMOOTH_FPS = 12.0  # below this a picture is a series of pictures


class Level(enum.Enum):
    """good: nothing to do. note: works, could be better. bad: does not work."""

    GOOD = "good"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was found, and a sentence about it."""

    name: str
    value: str
    advice: str
    level: Level = Level.GOOD


def examine(package: Path, gl_renderer: str = "") -> Iterator[Finding]:
    """The findings one after the other, the slow one last. gl_renderer: what draws in the window, where there is one;
    otherwise an off-screen context is asked.
    """
    yield cores_finding(available_cores(), os.cpu_count() or 1)
    memory = psutil.virtual_memory()
    yield memory_finding(memory.available / 2**20, memory.total / 2**20)
    yield _graphics(gl_renderer)
    yield display_finding(dict(os.environ), sys.platform)
    yield _audio()
    try:
        speed = measure_speed(package)
    except UserError as error:
        yield Finding("Package", package.name, str(error), Level.BAD)
    except ImportError as error:
        yield Finding("Package", package.name, f"No model can run here: {error}. Install PyTorch.", Level.BAD)
    else:
        yield from speed_findings(package, speed)


def cores_finding(usable: int, there: int) -> Finding:
    value = f"{_processor()}, {usable} of {there} cores"
    if usable < 2:
        advice = "One core draws and thinks in turn: give the application two, or expect slow frames."
        return Finding("Processor", value, advice, Level.NOTE)
    return Finding("Processor", value, "The small model is made for two cores.")


def memory_finding(free_mb: float, total_mb: float) -> Finding:
    value = f"{free_mb / 1024:.1f} of {total_mb / 1024:.1f} GB free"
    if free_mb < _TIGHT_MB:
        return Finding("Memory", value, "This may not be enough: close other programs first.", Level.BAD)
    if free_mb < _ENOUGH_MB:
        return Finding("Memory", value, "Enough, but close large programs if it stutters.", Level.NOTE)
    return Finding("Memory", value, "Enough for hours: the stream does not grow.")


def graphics_finding(renderer: str) -> Finding:
    if any(name in renderer.lower() for name in _SOFTWARE):
        advice = "Drawn in software, on the model's cores: install the graphics driver if there is one."
        return Finding("OpenGL", renderer, advice, Level.NOTE)
    return Finding("OpenGL", renderer, "Drawn by the graphics card, so the cores are the model's.")


def display_finding(environment: dict[str, str], system: str) -> Finding:
    if system.startswith("linux"):
        names = [name for name in ("WAYLAND_DISPLAY", "DISPLAY") if environment.get(name)]
        if not names:
            advice = "No window can open: start from a desktop session, or use `motionstream render`."
            return Finding("Display", "none", advice, Level.NOTE)
        return Finding("Display", f"{names[0]}={environment[names[0]]}", "A window can open here.")
    return Finding("Display", system, "A window can open here.")


def speed_findings(package: Path, speed: Speed) -> Iterator[Finding]:
    """Package, device, and the frames a second that were measured."""
    size_mb = sum(file.stat().st_size for file in package.glob("*.safetensors")) / 1e6
    yield Finding(
        "Package", f"{package.name}, {size_mb:.0f} MB", f"Whole and readable; made for {speed.target_fps:g}/s."
    )
    slow_format = speed.device == "cpu" and speed.number_format == "float32"
    advice = (
        "This processor multiplies float32 fastest: one with bfloat16 (AVX-512 BF16 or AMX) would be quicker."
        if slow_format
        else "The fastest number format here."
    )
    value = f"{speed.device}, {speed.number_format}, {speed.threads} threads, torch {speed.torch}"
    if speed.backend != "torch":
        value += f" and {speed.backend}"
    yield Finding("Computes on", value, advice)
    value = f"{speed.fps:.1f} frames/s ({speed.frames} in {speed.seconds:.1f} s; made for {speed.target_fps:g}, "
    value += f"at best {speed.bound_fps:.0f} by its arithmetic)"
    if speed.fps >= speed.target_fps:
        yield Finding("Speed", value, "Fast enough: the picture runs at its full rate.")
    elif speed.fps >= _SMOOTH_FPS:
        advice = "The clock will slow down evenly: close other programs for more, or enjoy slow motion."
        yield Finding("Speed", value, advice, Level.NOTE)
    else:
        advice = "Too slow to feel live: close other programs, plug in the charger, or use `motionstream render`."
        yield Finding("Speed", value, advice, Level.BAD)


def _graphics(renderer: str) -> Finding:
    if not renderer:
        try:
            context = offscreen_context()
        except GLUnavailable as error:
            return Finding("OpenGL", "none", str(error), Level.BAD)
        renderer = context.info["GL_RENDERER"]
        context.release()
    return graphics_finding(renderer)


def _audio() -> Finding:
    cards = Path("/proc/asound/cards")
    if not sys.platform.startswith("linux"):
        return Finding("Audio", "not looked at", "MotionStream makes no sound, so none is needed.")
    text = cards.read_text(encoding="utf-8", errors="replace") if cards.is_file() else ""
    names = [line.split("]: ")[-1].strip() for line in text.splitlines() if "]: " in line]
    return Finding("Audio", ", ".join(names) or "none", "MotionStream makes no sound, so none is needed.")


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def exit_code(findings: list[Finding]) -> int:
    """0 where everything works, 1 where something does not."""
    return int(any(finding.level is Level.BAD for finding in findings))


def main(package: Path) -> int:
    """`motionstream doctor`: prints the findings as they come. Imports no Qt."""
    marks = {Level.GOOD: "ok  ", Level.NOTE: "note", Level.BAD: "BAD "}
    findings = []
    for finding in examine(package):
        findings.append(finding)
        sys.stdout.write(f"{marks[finding.level]}  {finding.name:<12} {finding.value}\n{'':19}{finding.advice}\n")
        sys.stdout.flush()
    sys.stdout.write("\nSomething needs attention first.\n" if exit_code(findings) else "\nReady.\n")
    return exit_code(findings)
