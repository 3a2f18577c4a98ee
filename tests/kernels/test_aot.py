"""Compilation for GPUs that are not here: the table is whole, a small subset compiles, faults are told."""

import json
import os
import subprocess
import sys

import pytest
import torch

from kernels.aot import ARCHITECTURES, specimens
from kernels.launch import BACKWARD, FORWARD, attention_launch, backward_launch

# Under the interpreter nothing can be compiled: in a process of its own.
OUTSIDE = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}

BAD = """
import triton
from dataclasses import replace
from kernels import aot, sink_window_attention
small = next(s for s in sink_window_attention.specimens(80) if s.name == "attention 64" and s.dtype == "bf16")
crowded = replace(small, constants={**small.constants, "BLOCK_M": 256, "BLOCK_N": 32}, options={"num_warps": 4})
row = aot.compiled(crowded, 80)
print(row.stack, "|", row.fault)
"""


def aot(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kernels.aot", *arguments]
    return subprocess.run(command, env=OUTSIDE, capture_output=True, text=True, check=False, timeout=170)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_architecture_has_every_kernel_in_both_16_bit_formats(arch):
    rows = [(specimen.name, specimen.dtype) for specimen in specimens(arch)]
    assert len(rows) == len(set(rows))
    for dtype in ("bf16", "fp16"):
        names = {name for name, kind in rows if kind == dtype}
        assert {f"attention {d}" for d in (64, 96, 128)} <= names
        others = ("attention_backward", "qk_norm_rope_cache", "roll_cache", "modulate", "tracks_to_canvas")
        for kernel in others:
            assert any(name.startswith(kernel) for name in names), kernel
    assert sum(dtype != "fp32" for _, dtype in rows) >= 14


def test_the_launch_table_covers_architecture_head_size_and_format():
    heads = (64, 96, 128)
    assert set(FORWARD) == set(BACKWARD) == {(arch, d) for arch in ARCHITECTURES for d in heads}
    for arch, d in FORWARD:
        for dtype in (torch.bfloat16, torch.float16):
            assert attention_launch(arch, d, dtype) == FORWARD[arch, d]
    assert attention_launch(103, 64, torch.bfloat16) == FORWARD[100, 64]  # newer ones launch as the nearest older
    assert attention_launch(75, 64, torch.float16) == FORWARD[80, 64]
    assert backward_launch(121, 72, torch.bfloat16) == BACKWARD[120, 96]  # between head sizes: the next larger


def test_a_subset_compiles_clean():
    done = aot("--arch", "90", "--only", "attention_tma 64", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"compiled": 2, "failed": 0, "spilled": 0, "rows": 2}
    done = aot("--arch", "80", "--only", "roll_cache", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"compiled": 3, "failed": 0, "spilled": 0, "rows": 3}


def test_a_spilling_kernel_fails():
    done = subprocess.run([sys.executable, "-c", BAD], env=OUTSIDE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    stack, fault = done.stdout.split("|")
    assert int(stack) > 0
    assert "spills" in fault


def test_an_unknown_architecture_is_refused():
    done = aot("--arch", "61")
    assert done.returncode == 2
    assert "unknown architecture 61" in done.stderr
