"""docs/migration.md in a cluster: the Go bot's lots go on in a bot that the operator runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from cluster.kubectl import NAMESPACE, ROOT, Kubectl
from go_stack import at_the_simulator, put_go_stack
from page_commands import Reader, blocks

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("api_server", "operator")]

BLOCKS = blocks(ROOT / "docs" / "migration.md")
REPLACED = {
    "-n trading": f"-n {NAMESPACE}",
    "-f new/tradingbot.yaml": "-f rehearsal.yaml",
    "new/state/bot/bot_state.json": "rehearsal/bot/bot_state.json",
}


def test_a_bot_goes_on_with_the_lots_that_were_brought_along(kubectl: Kubectl, tmp_path: Path) -> None:
    put_go_stack(tmp_path)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with Reader(tmp_path, environment={**os.environ, "PATH": path}, replacements=REPLACED, seconds=330) as reader:
        try:
            for block in BLOCKS:
                # On this machine the same page has made what is taken along; it runs no bot beside the cluster's.
                if block.place == "cluster" or block.section.startswith("2."):
                    reader.run(block)
                if (tmp_path / "new").exists() and not (tmp_path / "rehearsal").exists():
                    at_the_simulator(tmp_path)
            (lot,) = kubectl.bot("btc", "lots")
            assert lot["open_price"] == "60000.00"
            assert "1 open lots" in reader.printed["3b. A cluster"]
            assert reader.unused() == set()
        finally:
            kubectl("delete", "tradingbot/btc", "--ignore-not-found", "--timeout=120s", seconds=150, check=False)
            kubectl("delete", "pod/btc-restore", "secret/btc-coinbase", "pvc/btc-state", "--ignore-not-found",
                    "--wait=false", check=False)  # fmt: skip
