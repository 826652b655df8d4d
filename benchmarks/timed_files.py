"""The candle files that a benchmark reads when its command names none."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from candle_files import files_here

__all__ = ["files_here"]
