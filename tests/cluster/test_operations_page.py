"""docs/operations.md, read from top to bottom in a cluster: every command runs, and does what the page says of it."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.kubectl import ROOT, Kubectl, Note, run
from page_commands import Block, Reader, blocks
from pod_security import forbidden_by_restricted

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("api_server")]

NAMESPACE = "trading"
BOT = "tradingbot/btc"
BLOCKS = [block for block in blocks(ROOT / "docs" / "operations.md") if block.place == "cluster"]
TAG = os.environ.get("CBBOT_IMAGE_TAG", "ci")
FLAGS = os.environ.get("CBBOT_HELM_FLAGS", "")
CHART = f"{shlex.quote(str(ROOT / 'charts'))} --take-ownership --set=image.tag={TAG} {FLAGS}"


class Remembered:
    """What a section left for a later one to be compared with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder  # of the reader's files
        self.lots: list[Any] = []
        self.epoch = 0


@pytest.fixture(scope="module")
def trading(kubectl: Kubectl) -> Kubectl:
    assert kubectl
    return Kubectl(NAMESPACE)


@pytest.fixture(scope="module")
def remembered(tmp_path_factory: pytest.TempPathFactory) -> Remembered:
    return Remembered(tmp_path_factory.mktemp("operations"))


@pytest.fixture(scope="module")
def reader(trading: Kubectl, remembered: Remembered) -> Iterator[Reader]:
    """A person with kubectl, helm, cbbot, and the two files of a key."""
    folder = remembered.folder
    (folder / "COINBASE_API_KEY_NAME").write_text("organizations/o/apiKeys/k")
    (folder / "COINBASE_API_PRIVATE_KEY").write_text("a key that nobody asks for at the simulator")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    replacements = {
        "oci://ghcr.io/OWNER/charts/cbbot": CHART,
        "examples/paper.yaml": str(ROOT / "tests/cluster/operations.yaml"),
    }
    with Reader(folder, environment={**os.environ, "PATH": path}, replacements=replacements, seconds=330) as reading:
        yield reading
    # What failed half way must not hold up the tests that follow. Without an operator nobody adds a finalizer again.
    trading.helm("uninstall", "cbbot", "--ignore-not-found", "--wait", seconds=120, check=False)
    trading("patch", BOT, "--type=merge", '-p={"metadata": {"finalizers": null}}', check=False)
    run("kubectl", "delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=120s", seconds=150, check=False)
    run("kubectl", "delete", "crd", "tradingbots.cbbot.io", "--ignore-not-found", "--wait=false", check=False)


def lots_of(trading: Kubectl) -> list[Any]:
    return sorted((lot["lot"], lot["open_price"], lot["base_size"]) for lot in trading.bot("btc", "lots"))


def epoch_of(trading: Kubectl) -> int:
    return int(trading.json(BOT)["status"]["epoch"])


def steer(trading: Kubectl, *what: str) -> None:
    trading("exec", "deployment/btc-bot", "-c", "bot", "--", "cbbot", "control", *what)


def every_pod_is_restricted(trading: Kubectl, remembered: Remembered) -> None:
    assert remembered
    pods = trading.json("pods")["items"]
    assert len(pods) >= 3
    assert [f"{pod['metadata']['name']}: {why}" for pod in pods for why in forbidden_by_restricted(pod["spec"])] == []


def lots_are_open(trading: Kubectl, remembered: Remembered) -> None:
    """The rest of the page is about a bot with something to lose."""
    assert remembered
    trading.until(BOT, "{.status.openLots}", lambda text: int(text or 0) > 0, 120)


def it_is_live(trading: Kubectl, remembered: Remembered) -> None:
    assert remembered
    assert trading.json(BOT)["status"]["mode"] == "Live"
    trading.until(BOT, "{.status.openLots}", lambda text: int(text or 0) > 0, 240)


def the_backup_is_older_than_the_account(trading: Kubectl, remembered: Remembered) -> None:
    """What the backup knows is sold, and another lot is bought; the restored bot must know both."""
    in_the_backup = {lot["lot"] for lot in trading.bot("btc", "lots")}
    steer(trading, "flatten", "--yes")
    trading.until(BOT, "{.status.openLots}", lambda text: text == "0", 120)
    steer(trading, "resume")
    trading.until(BOT, "{.status.openLots}", lambda text: int(text or 0) > 0, 300)
    trading("patch", BOT, "--type=merge", '-p={"spec": {"entries": "Paused"}}')
    trading.wait(BOT, "condition=EntriesAllowed=False", 60)
    remembered.lots, remembered.epoch = lots_of(trading), epoch_of(trading)
    assert in_the_backup
    assert in_the_backup.isdisjoint(lot for lot, *_ in remembered.lots)


def nothing_is_forgotten(trading: Kubectl, remembered: Remembered) -> None:
    assert lots_of(trading) == remembered.lots
    assert trading.bot("btc", "status")["entries"]["paused_by"] == ["resource"]
    assert epoch_of(trading) > remembered.epoch


def the_state_is_the_same(trading: Kubectl, remembered: Remembered) -> None:
    assert lots_of(trading) == remembered.lots


def nothing_is_left(trading: Kubectl, remembered: Remembered) -> None:
    assert remembered
    assert "NotFound" in trading.refused("get", "namespace", NAMESPACE)


AFTER: dict[str, Callable[[Kubectl, Remembered], None]] = {
    "A bot on paper": every_pod_is_restricted,
    "Pause, close, stop": lots_are_open,
    "From paper to live": it_is_live,
    "Back up": the_backup_is_older_than_the_account,
    "Restore": nothing_is_forgotten,
    "Rotate keys": the_state_is_the_same,
    "Upgrade": the_state_is_the_same,
    "When something is lost": the_state_is_the_same,
    "Remove": nothing_is_left,
}
LAST = {block.section: block for block in BLOCKS}


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.line}-{block.section.replace(' ', '-')}")
def test_a_command_of_the_page_does_what_it_says(
    block: Block, reader: Reader, trading: Kubectl, remembered: Remembered
) -> None:
    reader.run(block)
    if LAST[block.section] is block and block.section in AFTER:
        AFTER[block.section](trading, remembered)


def test_the_page_was_read_whole(reader: Reader, note: Note) -> None:
    assert set(AFTER) <= set(reader.printed)
    assert reader.unused() == set()
    note(f"docs/operations.md: {len(BLOCKS)} blocks of commands were run")
