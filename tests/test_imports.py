"""Our packages are called `kernels` and `inference`, as others' are, and must import beside them.

`transformers` and `diffusers` probe for a package named `kernels`. In processes of their own, in both orders,
because what an import finds depends on what was imported before.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = "import kernels, inference, kernels.sink_window_attention, inference.motion_transformer"
THEIRS = "from transformers import BertModel; from diffusers import WanTransformer3DModel"
CHECK = "import pathlib; assert pathlib.Path(kernels.__file__).parent == pathlib.Path('kernels').resolve()"


@pytest.mark.parametrize("order", [(OURS, THEIRS), (THEIRS, OURS)], ids=["ours-first", "theirs-first"])
def test_imports_beside(order: tuple[str, str]) -> None:
    code = "\n".join([*order, CHECK])
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_window_opens_without_torch() -> None:
    """So that the frozen smoke build, which carries none, can say what is missing in a window."""
    code = "import sys; sys.modules['torch'] = None; import desktop.app"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_renderer_and_trainers_run_without_qt_and_opengl() -> None:
    """One process for all: what none of them imports is in none of them."""
    code = "import sys, inference.offline, training.causal, training.autoencoder\n"
    code += "sys.exit(any(m in sys.modules for m in ('PySide6', 'moderngl')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
