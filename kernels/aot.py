"""Compiles every kernel in every shipped configuration, for GPUs that need not be there, and reads what came out.

    python -m kernels.aot [--arch 80,90] [--only attention] [--json]

Owns the proof without a device: registers, stack, shared memory and matrix instructions of each kernel. A 16-bit kernel
fails when it spills (any stack), asks for more shared memory than the device has, or multiplies matrices without the
device's tensor cores; float32 rows are listed and may spill. Prints a table and, with --json, one line of JSON with the
numbers compiled, failed, spilled and rows. Ends in 1 when a row failed. Compilations are kept in Triton's cache.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ARCHITECTURES: tuple[int | str, ...] = (80, 86, 89, 90, 100, 120, "gfx942")
SHARED_LIMIT = {80: 163, 86: 99, 89: 99, 90: 227, 100: 227, 120: 99, "gfx942": 64}  # KiB a program may ask for
MATRIX_INSTRUCTION = {90: "wgmma.mma_async", 100: "tcgen05.mma", "gfx942": "v_mfma"}
OLDER_MATRIX_INSTRUCTION = "mma.sync"  # also sm_120's: consumer Blackwell has no tcgen05


@dataclass(frozen=True)
class Row:
    """What the compiler made of one specimen; `fault` is empty where nothing is wrong."""

    name: str
    arch: int | str
    dtype: str
    registers: int
    stack: int
    shared: int
    matrix_instructions: int
    fault: str


def specimens(arch: int | str) -> Iterator[Any]:
    """Every kernel as this architecture launches it."""
    from kernels import modulate, qk_norm_rope_cache, roll_cache, sink_window_attention, tracks_to_canvas
    from kernels import sink_window_attention_backward as backward

    for module in (sink_window_attention, backward, qk_norm_rope_cache, roll_cache, modulate, tracks_to_canvas):
        yield from module.specimens(arch)


def compiled(specimen: Any, arch: int | str) -> Row:
    """Compiles one specimen and inspects it. A compiler's error becomes the row's fault."""
    import triton
    from triton.backends.compiler import GPUTarget

    target = GPUTarget("hip", arch, 64) if isinstance(arch, str) else GPUTarget("cuda", arch, 32)
    kinds = {**specimen.signature, **dict.fromkeys(specimen.constants, "constexpr")}
    signature = {name: kinds[name] for name in specimen.kernel.arg_names}
    # What a launch sees too: storage starts at and rows are multiples of 16 bytes or elements.
    aligned = [[["tt.divisibility", 16]] if kind[0] == "*" or name in specimen.aligned else None
               for name, kind in signature.items()]  # fmt: skip
    attributes = {(index,): value for index, value in enumerate(aligned) if value}
    source = triton.compiler.ASTSource(specimen.kernel, signature, dict(specimen.constants), attributes)
    try:
        kernel = triton.compile(source, target=target, options=dict(specimen.options))
    except Exception as error:  # whatever a compiler pass raises is this row's answer
        return Row(specimen.name, arch, specimen.dtype, 0, 0, 0, 0, f"{type(error).__name__}: {str(error)[:200]}")
    registers, stack, text = _amd(kernel) if isinstance(arch, str) else _nvidia(kernel)
    instruction = MATRIX_INSTRUCTION.get(arch, OLDER_MATRIX_INSTRUCTION)
    found = text.count(instruction)
    shared = int(kernel.metadata.shared)
    faults = []
    if stack and specimen.dtype != "fp32":
        faults.append(f"spills: {stack} bytes of stack")
    if shared > SHARED_LIMIT[arch] * 1024:
        faults.append(f"{shared} bytes of shared memory, the device has {SHARED_LIMIT[arch]} KiB")
    if specimen.tensor_core and not found:
        faults.append(f"no {instruction}")
    return Row(specimen.name, arch, specimen.dtype, registers, stack, shared, found, "; ".join(faults))


def _nvidia(kernel: Any) -> tuple[int, int, str]:
    import triton

    tool = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(kernel.asm["cubin"])
        file.flush()
        said = subprocess.run([tool, "-res-usage", file.name], capture_output=True, text=True, check=True).stdout
    registers, stack = (int(re.search(rf"{field}:(\d+)", said)[1]) for field in ("REG", "STACK"))  # type: ignore[index]
    return registers, stack, kernel.asm["ptx"]


def _amd(kernel: Any) -> tuple[int, int, str]:
    text = kernel.asm["amdgcn"]
    registers, stack = (int(re.search(rf"\.{name}:\s+(\d+)", text)[1])  # type: ignore[index]
                        for name in ("vgpr_count", "private_segment_fixed_size"))  # fmt: skip
    return registers, stack, text


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m kernels.aot", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--arch", default=",".join(map(str, ARCHITECTURES)), help="comma-separated")
    parser.add_argument("--only", default="", help="kernels whose name contains this")
    parser.add_argument("--json", action="store_true", help="end in one line of JSON")
    options = parser.parse_args(arguments)
    architectures = [int(name) if name.isdigit() else name for name in options.arch.split(",")]
    if unknown := [arch for arch in architectures if arch not in ARCHITECTURES]:
        parser.error(f"unknown architecture {unknown[0]}; known: {', '.join(map(str, ARCHITECTURES))}")
    try:
        import triton  # noqa: F401  # before kernels.compiler, which imports it only where it is wanted
    except ImportError:
        parser.error("the package triton is missing: pip install -r requirements/gpu.txt")
    from kernels.compiler import INTERPRETED

    if INTERPRETED:
        parser.error("TRITON_INTERPRET=1 leaves nothing to compile: unset it")
    work = [(specimen, arch) for arch in architectures for specimen in specimens(arch) if options.only in specimen.name]
    rows = []
    print(f"{'kernel':<44}{'arch':>8}{'dtype':>7}{'regs':>6}{'stack':>7}{'shared':>8}{'matrix':>8}  fault")
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # the assembler is a process of its own
        for row in pool.map(lambda pair: compiled(*pair), work):
            rows.append(row)
            print(
                f"{row.name:<44}{row.arch:>8}{row.dtype:>7}{row.registers:>6}{row.stack:>7}{row.shared:>8}"
                f"{row.matrix_instructions:>8}  {row.fault}",
                flush=True,
            )
    failed = sum(bool(row.fault) for row in rows)
    spilled = sum(row.stack > 0 for row in rows)
    if options.json:
        print(json.dumps({"compiled": len(rows) - failed, "failed": failed, "spilled": spilled, "rows": len(rows)}))
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
