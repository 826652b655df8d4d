"""The commands of docs/migration.md run as they stand there, or say why not; what they make is what ``up`` starts.

Those of a cluster are run by tests/cluster.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import httpx
import pytest

from cbbot.contract.bridge_settings_table import EXCHANGE_SETTINGS
from cbbot.contract.settings import load
from cbbot.contract.settings_table import SETTINGS
from cbbot.runtime.resume import check_identity, identity_of
from cbbot.runtime.store import read_generation
from cbbot_operator.local.folder import StateFolder
from cbbot_operator.local.manifest import read_manifest
from cbbot_operator.local.plan import make_plan
from cbbot_operator.local.secrets_file import with_secrets_of
from go_stack import PRIVATE_KEY, at_the_simulator, put_go_stack
from page_commands import Reader, blocks
from repository_files import ROOT

pytestmark = pytest.mark.processes

BLOCKS = [block for block in blocks(ROOT / "docs" / "migration.md") if block.place == "here"]
# Nobody's money: the same bot at the simulator.
REPLACED = {
    "cbbot up -f new/tradingbot.yaml --env new/bridge.env --state-dir new/state": (
        "cbbot up -f rehearsal.yaml --env new/bridge.env --state-dir rehearsal --port 0 --for 120"
    )
}


def a_person_in(folder: Path) -> Reader:
    ours = {setting.key for setting in (*SETTINGS, *EXCHANGE_SETTINGS)}
    shell = {key: text for key, text in os.environ.items() if key not in ours}
    shell["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{shell['PATH']}"
    return Reader(folder, environment=shell, replacements=REPLACED)


def test_the_commands_for_one_machine_run_and_the_bot_goes_on_with_its_lot(tmp_path: Path) -> None:
    put_go_stack(tmp_path)
    with a_person_in(tmp_path) as reader:
        for block in BLOCKS:
            if block.until:
                at_the_simulator(tmp_path)
                printed = reader.run(block)
                # Not the first address: a bot that waits names the bridge's.
                address = next(line for line in printed.splitlines() if " bot http://" in line).split()[-1]
                (lot,) = httpx.get(f"{address}/lots", trust_env=False).json()
                assert lot["open_price"] == "60000.00"
            else:
                reader.run(block)
        assert reader.unused() == set()
    assert "kept" in reader.printed["2. Look at what would be made"]
    plan_is_that_of_the_live_bot(tmp_path / "new")


def plan_is_that_of_the_live_bot(made: Path) -> None:
    """What the page's own command would start."""
    folder = StateFolder(made / "state")
    plan = make_plan(read_manifest(made / "tradingbot.yaml"), folder, with_secrets_of(made / "bridge.env", {}))
    bridge, bot = plan.parts
    body = read_generation(Path(bot.environment["STATE_FILE"]))
    assert [lot["open_ticks"] for lot in body["lots"]] == ["60000.00"]
    settings = load({key: text for key, text in bot.environment.items() if key.isupper()})
    assert not settings.dry_run
    # It goes on with the state: product, mode and venue are the state's.
    check_identity(body, identity_of(settings, bot.environment["BOT_VENUE"], body), "the state")
    assert Path(bridge.environment["COINBASE_API_PRIVATE_KEY_FILE"]).read_text() == PRIVATE_KEY
