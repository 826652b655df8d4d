"""Which settings the kernel counts with: random settings of a test that leave one out compare nothing under it."""

from __future__ import annotations

import inspect
import re
from typing import Final

from cbbot.trader.rules import kernel_params

# DRY_RUN is what is compared, no draw.
KERNEL_KEYS: Final = frozenset(
    name.upper() for name in re.findall(r"\bsettings\.(\w+)", inspect.getsource(kernel_params)) if name != "dry_run"
)
