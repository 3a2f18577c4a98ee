"""`setup/prepare.py` on other machines: what is missing, who may install it, where torch comes from."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "setup" / "prepare.py"


@pytest.fixture
def prepare() -> ModuleType:
    spec = importlib.util.spec_from_file_location("prepare", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH on which dpkg-query knows two packages, one by the name it provides, and one removed."""
    dpkg = tmp_path / "dpkg-query"
    dpkg.write_text(
        "#!/bin/sh\n"
        "echo 'installed xvfb '\n"
        "echo 'installed libglib2.0-0t64 libglib2.0-0 (= 2.80)'\n"
        "echo 'config-files libegl1 '\n"
    )
    dpkg.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    return tmp_path


def test_missing_packages_count_what_is_provided(prepare: ModuleType, debian: Path) -> None:
    assert prepare.missing_system_packages(["xvfb", "libglib2.0-0", "libegl1", "xdotool"]) == [
        "libegl1",
        "xdotool",
    ]


def test_without_root_the_line_to_run_is_printed(
    prepare: ModuleType, debian: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "root_prefix", lambda: None)
    with pytest.raises(SystemExit, match=r"sudo apt-get install -y --no-install-recommends libegl1$"):
        prepare.install_system_packages(["xvfb", "libegl1"])


def test_nothing_missing_runs_nothing(prepare: ModuleType, debian: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "root_prefix", lambda: pytest.fail("root was asked for"))
    prepare.install_system_packages(["xvfb"])


@pytest.mark.parametrize(
    ("index_answers", "planned", "gpu", "expected"),
    [
        (True, "2.13.0", False, "torch-cpu"),
        (False, "2.13.0+cpu", False, "torch-cpu"),
        (False, "2.13.0", False, "torch-cuda"),
        (True, "2.13.0", True, "torch-cuda"),
    ],
    ids=["pytorch-index", "wheel-on-disk", "pypi-only", "gpu-asked-for"],
)
def test_source_of_torch(
    prepare: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    index_answers: bool,
    planned: str,
    gpu: bool,
    expected: str,
) -> None:
    report = json.dumps({"install": [{"metadata": {"version": planned}}]})
    monkeypatch.setattr(prepare.platform, "system", lambda: "Linux")
    monkeypatch.setattr(prepare.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(prepare, "reachable", lambda url: index_answers)
    monkeypatch.setattr(prepare.subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, 0, report, ""))
    source, build = prepare.torch_source(["pip"], "torch==2.13.0", gpu)
    assert build == expected
    assert bool(source) == (index_answers and not gpu)


def test_every_role_has_its_requirements_and_a_size(prepare: ModuleType) -> None:
    for role in {name for names in prepare.ROLES.values() for name in names}:
        assert (ROOT / "requirements" / f"{role}.txt").is_file()
        assert role in prepare.DOWNLOAD_MB
