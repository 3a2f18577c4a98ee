"""The pinned versions: one place each, consistent, and PySide6 free of the fault that rules out 6.12.0."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / "requirements").glob("*.txt"))

# In PySide6 6.12.0 on Python 3.11 each call below drops a reference to None or True, until it aborts.
REFERENCE_PROBE = """
import sys
from PySide6 import QtCore, QtWidgets

class Sender(QtCore.QObject):
    signal = QtCore.Signal(float)

app = QtWidgets.QApplication([])
label, sender = QtWidgets.QLabel(), Sender()
sender.signal.connect(lambda value: None)
before = sys.getrefcount(None), sys.getrefcount(True)
for _ in range(300):
    label.setText("x")
    sender.signal.emit(1.0)
after = sys.getrefcount(None), sys.getrefcount(True)
sys.exit(any(b - a > 150 for a, b in zip(after, before)))
"""


def pins(path: Path) -> dict[str, str]:
    lines = [line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return dict(re.fullmatch(r"([\w.-]+)==([\w.]+)", line).groups() for line in lines if line)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_requirement_is_an_exact_pin_that_the_lock_agrees_with(path: Path) -> None:
    lock = {canonical(name): version for name, version in pins(ROOT / "requirements" / "lock.txt").items()}
    differing = {n: v for n, v in pins(path).items() if lock.get(canonical(n), v) != v}
    assert pins(path)
    assert not differing


def test_installed_packages_are_the_pinned_ones() -> None:
    wanted = pins(ROOT / "requirements" / "run.txt") | pins(ROOT / "requirements" / "test.txt")
    installed = {name: metadata.version(name).partition("+")[0] for name in wanted}  # torch says 2.13.0+cpu
    assert installed == wanted


def test_qt_halves_match() -> None:
    run = pins(ROOT / "requirements" / "run.txt")
    assert run["PySide6-Essentials"] == run["shiboken6"]


def test_pyside_keeps_the_references_of_none_and_true() -> None:
    """In a process of its own: where the fault is present, that interpreter aborts."""
    environment = {"QT_QPA_PLATFORM": "offscreen", "PATH": "/usr/bin:/bin"}
    probe = subprocess.run([sys.executable, "-c", REFERENCE_PROBE], env=environment, capture_output=True, text=True)
    assert probe.returncode == 0, probe.stderr


def test_version_avoids_the_one_that_others_probe_for() -> None:
    """Hugging Face libraries ask for `kernels` by name and version; ours must not answer as theirs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert not project["version"].startswith("0.18")
