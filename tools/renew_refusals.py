"""Renews tests/refusals.yaml, what is said of a TradingBot that is refused: ``python tools/renew_refusals.py``.

It asks the API server that KUBECONFIG names, whose TradingBot definition must be this checkout's and whose
CEL must be on; nothing is created there. It refuses to run in CI, where the file is what both are held against.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), *(str(ROOT / part) for part in ("bot", "bridge", "operator"))]
NAMESPACE = "default"


def main() -> int:
    import refused_tradingbots as refusals  # noqa: PLC0415 - the path to it is set above
    from cluster.api_server import ApiServer  # noqa: PLC0415 - likewise
    from cluster.refusing import changed, created  # noqa: PLC0415 - likewise

    if os.environ.get("CI") or not os.environ.get("KUBECONFIG"):
        sys.stderr.write("refusals: renewed by a person, against a cluster that KUBECONFIG names\n")
        return 2
    api_server = ApiServer()
    said = {
        case.name: (created(api_server, NAMESPACE, case.spec), refusals.operators_words(case.spec))
        for case in refusals.cases()
    } | {
        change.name: (changed(api_server, NAMESPACE, change), refusals.operators_words_of_a_change(change))
        for change in refusals.REFUSED_CHANGES
    }
    for name, both in said.items():
        if not all(both):
            print(f"{name}: taken by the {'operator' if both[0] else 'API server'}", file=sys.stderr)
    refusals.write({name: dict(zip(("api_server", "operator"), both, strict=True)) for name, both in said.items()})
    print(f"{refusals.FILE.name}: {len(said)} cases")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
