"""Renews the goldens of tests/golden: ``python tools/goldens.py``, when a change of behaviour is meant.

It tells what changes before it writes. It refuses to run in CI, where a golden is what the code is
held against.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), *(str(ROOT / part) for part in ("bot", "bridge", "operator"))]


def main() -> int:
    from candle_files import YEAR, YearMissing, file_of  # noqa: PLC0415 - the path to it is set above
    from golden import frozen  # noqa: PLC0415 - likewise

    if os.environ.get("CI"):
        sys.stderr.write("goldens: refused in CI: a golden is renewed by a person, who says why in the commit\n")
        return 2
    try:
        file_of(YEAR)
    except YearMissing as error:
        sys.stderr.write(f"goldens: {error}\n")
        return 2
    written = 0
    for case, name in frozen.CASES:
        now = frozen.made(case, name)
        path = frozen.golden_path(case, name)
        changed = frozen.difference(frozen.read(case, name), now) if path.exists() else "new"
        if changed is not None:
            frozen.write(case, name, now)
            written += 1
            print(f"{path.name}: {changed}")
    kept = {frozen.golden_path(case, name) for case, name in frozen.CASES}
    for path in sorted(frozen.FOLDER.glob("*.json.gz")):
        if path not in kept:
            path.unlink()
            print(f"{path.name}: removed, no settings file asks for it")
    print(f"{written} of {len(frozen.CASES)} goldens renewed")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
