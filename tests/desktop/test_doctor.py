"""The check-up: every finding has its advice, and the command says what it found by its exit code."""

import subprocess
import sys

import pytest

from desktop.doctor import (
    Finding,
    Level,
    cores_finding,
    display_finding,
    examine,
    exit_code,
    graphics_finding,
    memory_finding,
    speed_findings,
)
from inference.checkup import Speed, measure_speed
from inference.errors import UserError
from tests.tiny import write_package

NAMES = ["Processor", "Memory", "OpenGL", "Display", "Audio", "Package", "Computes on", "Speed"]


def speed(fps: float) -> Speed:
    return Speed(fps, 24.0, "cpu", "float32", "2.13.0", "openvino", 40.0, 2, round(2 * fps), 2.0, {})


@pytest.mark.parametrize(
    ("finding", "level", "word"),
    [
        (cores_finding(2, 8), Level.GOOD, "2 of 8 cores"),
        (cores_finding(1, 8), Level.NOTE, "One core"),
        (memory_finding(8000, 16000), Level.GOOD, "Enough"),
        (memory_finding(2000, 16000), Level.NOTE, "close large programs"),
        (memory_finding(500, 16000), Level.BAD, "close other programs"),
        (graphics_finding("llvmpipe (LLVM 15)"), Level.NOTE, "software"),
        (graphics_finding("Mesa Intel(R) UHD"), Level.GOOD, "graphics card"),
        (display_finding({"DISPLAY": ":0"}, "linux"), Level.GOOD, "DISPLAY=:0"),
        (display_finding({}, "linux"), Level.NOTE, "motionstream render"),
        (display_finding({}, "win32"), Level.GOOD, "A window can open"),
    ],
)
def test_a_finding_says_what_and_what_next(finding: Finding, level: Level, word: str) -> None:
    assert finding.level is level
    assert word in f"{finding.value} {finding.advice}"
    assert finding.advice.endswith(".")


@pytest.mark.parametrize(("fps", "level"), [(30.0, Level.GOOD), (15.0, Level.NOTE), (5.0, Level.BAD)])
def test_speed_is_judged_by_what_the_package_is_made_for(fps: float, level: Level, tmp_path) -> None:
    findings = list(speed_findings(write_package(tmp_path), speed(fps)))
    assert findings[-1].level is level
    assert f"{fps:.1f} frames/s" in findings[-1].value
    assert exit_code(findings) == int(level is Level.BAD)


def test_speed_is_measured_on_the_real_path(tmp_path) -> None:
    found = measure_speed(write_package(tmp_path), seconds=0.2)
    assert found.bound_fps > found.fps > 0
    assert found.seconds >= 0.2
    assert found.fps == found.frames / found.seconds > 0
    assert found.frames % 4 == 0
    assert set(found.stages_ms) == {"control", "transformer", "decode"}
    with pytest.raises(UserError):
        measure_speed(tmp_path / "absent")


def test_a_missing_package_is_a_finding(tmp_path) -> None:
    *_, last = examine(tmp_path / "absent", "some card")
    assert (last.name, last.level) == ("Package", Level.BAD)
    assert "absent" in last.value


@pytest.mark.parametrize("there", [True, False])
def test_the_command_prints_every_finding_and_its_code(there: bool, tmp_path) -> None:
    package = write_package(tmp_path / "package") if there else tmp_path / "absent"
    program = (
        "import sys\nfrom desktop.__main__ import main\ncode = main(['doctor', '--package', sys.argv[1]])\n"
        "assert not any(name.startswith('PySide6') for name in sys.modules)\nsys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(package)], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.stderr == ""
    found = [line[6:18].strip() for line in done.stdout.splitlines() if line[:4] in ("ok  ", "note", "BAD ")]
    assert found == (NAMES if there else NAMES[:6])
    assert done.returncode == int("BAD " in done.stdout)
    assert done.returncode == 1 or there
