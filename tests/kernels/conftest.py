"""The kernels under Triton's interpreter, or on the GPU where there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

import kernels
from kernels.compiler import INTERPRETED

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@pytest.fixture(autouse=True)
def unforced() -> Iterator[None]:
    yield
    kernels.use(None)


@pytest.fixture
def backwards(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes the interpreter run a kernel's programs last to first: programs that race would answer differently."""
    if not INTERPRETED:
        pytest.skip("a GPU keeps no order that could be turned")
    from triton.runtime.interpreter import interpreter_builder as builder

    forward = type(builder).set_grid_idx

    def turned(self, x: int, y: int, z: int) -> None:
        forward(self, *(size - 1 - at for size, at in zip(self.grid_dim, (x, y, z), strict=True)))

    return lambda: monkeypatch.setattr(type(builder), "set_grid_idx", turned)
