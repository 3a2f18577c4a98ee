"""Where and when a figure was measured, so that a file of results can stand by itself.

Owns that description; judges nothing. Any thread.
"""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from inference.pipeline import available_cores


def described() -> dict[str, Any]:
    """The processor, cores this process may use, torch's version, the time, and the load of the last minute: how many
    others wanted the cores before the measurement began.
    """
    return {
        "cpu": _processor(),
        "cores": available_cores(),
        "torch": torch.__version__,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def _processor() -> str:
    """As Linux names it; elsewhere what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
