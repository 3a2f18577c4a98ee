"""A screen for benchmarks that open the real window.

Owns starting a command again under an Xvfb of its own. Main thread, before anything of Qt.
"""

from __future__ import annotations

import os
import shutil
import sys

SCREEN = "-screen 0 1600x1000x24"


def ensure_display(module: str) -> None:
    """Returns where there is a display; else starts `python -m module` with the same words again, under Xvfb.

    Raises SystemExit, with a sentence, where there is neither.
    """
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return
    if shutil.which("xvfb-run") is None:
        raise SystemExit("There is no display and no Xvfb: apt-get install xvfb xauth.")
    os.execvp("xvfb-run", ["xvfb-run", "-a", "-s", SCREEN, sys.executable, "-m", module, *sys.argv[1:]])
