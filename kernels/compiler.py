"""Triton where there is one: the import, the choice between a kernel and its twin, and rounding as GPUs round.

Owns what every kernel shares; knows no operation. The application runs without Triton, so kernels are written with
`jit` and `tl` from here, which then do nothing. Any thread.

Triton is imported only where kernels can run: beside a CUDA or ROCm device, under `TRITON_INTERPRET=1` (its
interpreter on CPU tensors, for tests; it must be set before the first import of a kernel), or when `kernels.aot`,
which compiles without a device, has imported it before.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

import kernels

INTERPRETED = os.environ.get("TRITON_INTERPRET", "0") == "1"

triton: Any = None
tl: Any = None
if INTERPRETED or "triton" in sys.modules or torch.cuda.is_available():
    try:
        import triton  # type: ignore[no-redef]
        import triton.language as tl  # type: ignore[no-redef]
    except ImportError:  # a CUDA build of torch without Triton, as on Windows: the twins serve
        triton = tl = None


def jit(function: Callable[..., Any]) -> Any:
    """`triton.jit`, or the bare function where there is no Triton to run it."""
    return function if triton is None else triton.jit(function)


def runs_fused(tensor: Tensor) -> bool:
    """Whether the Triton kernel shall serve `tensor`: forced, or on a GPU. Kernels but attention have no backward, so
    gradients take the twin.

    Raises RuntimeError where Triton is forced and cannot run.
    """
    if kernels.forced() == "triton":
        if triton is None or not (tensor.is_cuda or INTERPRETED):
            raise RuntimeError("Triton kernels need a GPU and the package triton, or TRITON_INTERPRET=1")
        return True
    return kernels.forced() is None and triton is not None and tensor.is_cuda and torch.cuda.is_available()


def architecture(device: torch.device) -> int | str:
    """What the launch table is asked for: 80, 90, ... of NVIDIA's, AMD's by name (gfx942), 0 for the interpreter."""
    if device.type != "cuda":
        return 0
    if torch.version.hip:
        return str(torch.cuda.get_device_properties(device).gcnArchName).partition(":")[0]
    major, minor = torch.cuda.get_device_capability(device)
    return 10 * major + minor


def power_of_two(n: int) -> int:
    """The least power of two that is not below n: the sizes of Triton's blocks."""
    return 1 << (n - 1).bit_length()


@jit
def rounded(x, dtype: tl.constexpr, INTERPRET: tl.constexpr):
    """float32 x in `dtype`, to the nearest, ties to even.

    The interpreter's own cast to bfloat16 truncates, a GPU's does not. NaN and infinity do not occur here.
    """
    if INTERPRET and dtype == tl.bfloat16:
        bits = x.to(tl.int32, bitcast=True)
        bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & -65536
        x = bits.to(tl.float32, bitcast=True)
    return x.to(dtype)


@jit
def operand(x, INTERPRET: tl.constexpr):
    """x as tl.dot takes it: the interpreter multiplies the bits of bfloat16 as if they were integers."""
    if INTERPRET:
        x = x.to(tl.float32)
    return x


@dataclass(frozen=True)
class Specimen:
    """One kernel in one configuration that the application launches, to be compiled ahead of time.

    signature: Triton's type of each run-time argument in order ("*bf16", "i32", "fp32"); constants: the rest.
    tensor_core: whether it multiplies matrices in 16 bits, and so must use the instructions for it.
    """

    name: str
    kernel: Any
    signature: Mapping[str, str]
    constants: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    tensor_core: bool = False
    dtype: str = ""
    aligned: tuple[str, ...] = ()  # integers that are multiples of 16 where it matters
