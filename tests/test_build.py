"""What leaves the repository: the wheel carries assets and no tests, the frozen application its window."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_wheel_carries_every_package_and_asset_and_no_tests(tmp_path: Path) -> None:
    """Built from a copy: setuptools leaves a build folder in the tree that it builds from."""
    files = ["pyproject.toml", "README.md", "LICENSE", "CREDITS.md", "requirements"]
    rooms = ["assets", "desktop", "render", "inference", "kernels", "training", "benchmarks", "tests"]
    source = tmp_path / "source"
    source.mkdir()
    subprocess.run(["cp", "-r", *(ROOT / name for name in files + rooms), source], check=True)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "-q",
        "-w",
        tmp_path,
        source,
    ]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("motionstream-*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    shipped = {
        path.relative_to(ROOT).as_posix()
        for room in rooms
        if room != "tests"
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert not {name for name in inside if name.startswith("tests/")}
    assert not shipped - inside


@pytest.mark.slow
def test_frozen_application_opens_its_window(tmp_path: Path) -> None:
    """After `make build`; started in a folder of its own, so that no checkout helps it."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    program = ROOT / "dist" / f"motionstream-{version}" / "motionstream"
    assert program.is_file(), "run `make build` first"
    environment = os.environ | {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    done = subprocess.run(
        [program, "--smoke"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
