"""What every test runs under. Imported before pytest-qt imports PySide6; holds no folder's own fixtures."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

# The window under test shares the cores: one thread, and idle OpenMP threads sleep. Torch reads this once.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# The faster backend is tested by itself: finding out takes seconds a process, and would be the user's own finding.
os.environ.setdefault("MOTIONSTREAM_BACKEND", "torch")

import torch

# Without a GPU, Triton's interpreter runs the kernels on CPU tensors. Read where a kernel is defined, so before that.
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")

import kernels.compiler  # noqa: F401 - Triton before any OpenGL, as in the application: it crashes after Mesa's LLVM

# torch.empty comes filled with NaN, so that reading what nobody wrote fails instead of passing by luck. By the inner
# function: `torch.use_deterministic_algorithms` first imports torch's compiler, for a setting of its own, for 3 s.
torch._C._set_deterministic_algorithms(True, warn_only=True)
assert torch.are_deterministic_algorithms_enabled()

NEVER_SKIPPED = tuple(Path(__file__).parent / folder for folder in ("gui", "render"))


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport, path: Path) -> None:
    """A window or a picture that was not tested must not look like one that was."""
    is_expected_failure = hasattr(report, "wasxfail")
    if report.skipped and not is_expected_failure and any(path.is_relative_to(folder) for folder in NEVER_SKIPPED):
        report.outcome = "failed"
        report.longrepr = f"tests that need a screen or OpenGL may not be skipped: {report.longrepr}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_skip(report, item.path)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report, collector.path)
    return report


@pytest.fixture
def float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages in float32, whatever this machine computes fastest in: for tests of small differences."""
    monkeypatch.setattr("inference.package.fastest_dtype", lambda device: torch.float32)
