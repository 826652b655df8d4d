"""Renews tests/chart/rendered, what the chart renders of some values: ``python tools/renew_chart.py``; takes helm."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))


def main() -> int:
    from chart import rendered_charts as chart  # noqa: PLC0415 - the path to it is set above

    if chart.helm_program() is None:
        sys.stderr.write("chart: helm is not installed (https://helm.sh)\n")
        return 2
    chart.FOLDER.mkdir(exist_ok=True)
    for name in chart.KEPT:
        (chart.FOLDER / f"{name}.yaml").write_text(chart.kept_text(name), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
