"""What a person, Argo CD and the cluster's own collector do to a live bot with lots, and what is left of it.

The operator runs as a process of this machine; nodes are not needed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.api_server import ApiServer
from cluster.kubectl import Note, run
from cluster.operator_process import OperatorProcess
from cluster.unplaced_bots import LIVE, PAPER, Place

pytestmark = pytest.mark.cluster

COLLECTED_SECONDS = 60


@pytest.fixture
def place(api_server: ApiServer) -> Iterator[Place]:
    name = f"opsafe-deletions-{os.getpid()}-{time.monotonic_ns() % 100000}"
    run("kubectl", "create", "namespace", name)
    place = Place(api_server, name)
    place.secret("coinbase", COINBASE_API_KEY_NAME="name", COINBASE_API_PRIVATE_KEY="key")
    yield place
    for bot in place.kubectl("get", "tradingbots", "-o", "name").split():  # nobody is left to let them go
        place.kubectl("patch", bot, "--type=merge", '-p={"metadata": {"finalizers": null}}')
    run("kubectl", "delete", "namespace", name, "--wait=false")


@pytest.fixture
def process(place: Place, tmp_path: Path) -> Iterator[OperatorProcess]:
    with OperatorProcess(os.environ["KUBECONFIG"], place.namespace, tmp_path / "operator.log") as running:
        yield running
    print(running.logged()[-4000:])


@pytest.fixture
def live(place: Place, process: OperatorProcess) -> dict[str, str]:
    """A live bot that has traded; its children's uids."""
    assert process
    place.make("live", LIVE)
    place.comes_to("live", "BridgeNotReady")
    place.ask("PATCH", f"{place.bots}/live/status", {"status": {"openLots": 2, "epoch": 3}})
    return uids(place)


def uids(place: Place) -> dict[str, str]:
    return {entry: child["metadata"]["uid"] for entry, child in place.children("live").items()}


def until_gone(place: Place, entries: list[str]) -> None:
    for entry in entries:
        kind, name = entry.split("/")
        if entry in place.children("live"):
            place.kubectl.wait(f"{kind.lower()}/{name}", "delete", COLLECTED_SECONDS)


def finalizers(place: Place, name: str = "live") -> list[str]:
    found: list[str] = place.bot(name)["metadata"].get("finalizers", [])
    return found


def test_in_the_foreground_every_child_stays_until_it_is_let_go(place: Place, live: dict[str, str], note: Note) -> None:
    place.kubectl("delete", "tradingbot/live", "--cascade=foreground", "--wait=false")
    # The collector has been through its children once it has taken its own finalizer off.
    place.kubectl.until(
        "tradingbot/live", "{.metadata.finalizers}", lambda text: text == '["cbbot.io/open-lots"]', COLLECTED_SECONDS
    )
    place.comes_to("live", "DeletionRefused", kind="PositionsOpen")
    assert uids(place) == live
    assert all("deletionTimestamp" not in child["metadata"] for child in place.children("live").values())
    # Still cared for: what a person takes away comes back.
    place.kubectl("delete", "networkpolicy/live-bot")
    place.kubectl.wait("networkpolicy/live-bot", "create", 30)
    started = time.monotonic()
    place.kubectl("annotate", "tradingbot/live", "cbbot.io/force-delete=true")
    place.kubectl.wait("tradingbot/live", "delete", COLLECTED_SECONDS)
    collected = [entry for entry in live if not entry.startswith("PersistentVolumeClaim/")]
    until_gone(place, collected)
    note(f"a live bot let go: all {len(collected)} children were collected {time.monotonic() - started:.1f} s later")
    kept = place.children("live")
    assert list(kept) == ["PersistentVolumeClaim/live-state"]
    assert kept["PersistentVolumeClaim/live-state"]["metadata"]["uid"] == live["PersistentVolumeClaim/live-state"]


def seen(generations: str) -> bool:
    """Whether the newest generation was acted on."""
    newest, _, observed = generations.partition("/")
    return newest == observed


def test_one_whose_finalizer_a_person_takes_off_leaves_nothing_that_trades(place: Place, live: dict[str, str]) -> None:
    place.kubectl("delete", "tradingbot/live", "--wait=false")
    place.comes_to("live", "DeletionRefused", kind="PositionsOpen")
    place.kubectl("patch", "tradingbot/live", "--type=merge", '-p={"metadata": {"finalizers": null}}')
    place.kubectl.wait("tradingbot/live", "delete", 30)
    until_gone(place, [entry for entry in live if not entry.startswith("PersistentVolumeClaim/")])
    assert list(place.children("live")) == ["PersistentVolumeClaim/live-state"]


@pytest.mark.usefixtures("live")
def test_hands_off_is_said_while_it_is_deleted_and_force_wins(place: Place) -> None:
    place.kubectl("annotate", "tradingbot/live", "cbbot.io/reconcile=disabled")
    place.comes_to("live", "ReconcileDisabled")
    place.kubectl("delete", "tradingbot/live", "--wait=false")
    place.comes_to("live", "ReconcileDisabled", kind="PositionsOpen")
    assert finalizers(place) == ["cbbot.io/open-lots"]
    place.kubectl("annotate", "tradingbot/live", "cbbot.io/force-delete=true")
    place.kubectl.wait("tradingbot/live", "delete", COLLECTED_SECONDS)


@pytest.mark.usefixtures("process")
def test_turning_live_into_paper_and_back_moves_the_owner_references(place: Place) -> None:
    def owned() -> set[int]:
        kinds = ("Deployment", "Secret", "ConfigMap", "Service")
        found = [child for entry, child in place.children("turned").items() if entry.split("/")[0] in kinds]
        return {len(child["metadata"].get("ownerReferences", ())) for child in found}

    place.make("turned", {**LIVE, "mode": "Paper"})
    for mode, references, guards in (("Paper", {1}, []), ("Live", {0}, ["cbbot.io/open-lots"]), ("Paper", {1}, [])):
        place.change("turned", {"mode": mode})
        generations = "{.metadata.generation}/{.status.observedGeneration}"
        place.kubectl.until("tradingbot/turned", generations, seen, 40)
        assert owned() == references, mode
        assert finalizers(place, "turned") == guards


@pytest.mark.usefixtures("process")
def test_a_quota_that_lets_no_pod_be_made_is_told_word_for_word(place: Place) -> None:
    place.kubectl("create", "quota", "small", "--hard=pods=0")
    place.make("cramped", PAPER)
    place.comes_to("cramped", "BridgeFailing", kind="Degraded")
    message = place.condition("cramped", "Degraded")["message"]
    assert message.startswith('FailedCreate: pods "cramped-bridge-')
    assert "exceeded quota: small" in message
