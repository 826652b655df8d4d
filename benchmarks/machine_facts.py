"""What the numbers of a benchmark were measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import numpy as np

__all__ = ["machine"]


def machine() -> str:
    """Processor, cores, Python and numpy, in a line."""
    model = "unknown processor"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores; Python {platform.python_version()}, numpy {np.__version__}"
