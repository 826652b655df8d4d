"""Renews tests/refusals.yaml, what is said of a TradingBot that is refused: ``python tools/refusals.py``.

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
    import tradingbot_refusals  # noqa: PLC0415 - the path to it is set above
    from cluster.api_server import ApiServer  # noqa: PLC0415 - likewise

    if os.environ.get("CI") or not os.environ.get("KUBECONFIG"):
        sys.stderr.write("refusals: renewed by a person, against a cluster that KUBECONFIG names\n")
        return 2
    api_server = ApiServer()
    path = f"/apis/cbbot.io/v1alpha1/namespaces/{NAMESPACE}/tradingbots?dryRun=All&fieldValidation=Strict"
    said = {}
    for case in tradingbot_refusals.cases():
        code, answer = api_server("POST", path, tradingbot_refusals.manifest(case.spec))
        words = {
            "api_server": tradingbot_refusals.without_the_head(answer["message"]) if code >= 400 else "",
            "operator": tradingbot_refusals.operators_words(case.spec),
        }
        for who, text in words.items():
            if not text:
                print(f"{case.name}: taken by the {who.replace('_', ' ')}", file=sys.stderr)
        said[case.name] = words
    tradingbot_refusals.write(said)
    print(f"{tradingbot_refusals.FILE.name}: {len(said)} cases")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
