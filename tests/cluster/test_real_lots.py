"""Bots with pods that run: what may not be done to those that hold lots, how they go, and one that never starts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.kubectl import ROOT, Kubectl, Note

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]

CAPS = {"maxOrderUSD": 100, "maxExposureUSD": 1000}
OTHER = {"Live": "Paper", "Paper": "Live"}


def pods_of(kubectl: Kubectl, name: str) -> set[str]:
    return {pod["metadata"]["uid"] for pod in kubectl.json("pods", "-l", f"cbbot.io/tradingbot={name}")["items"]}


def reason(kind: str, word: str) -> str:
    return f"jsonpath={{.status.conditions[?(@.type=='{kind}')].reason}}={word}"


def message(kubectl: Kubectl, name: str, kind: str) -> str:
    conditions = kubectl.json(f"tradingbot/{name}")["status"]["conditions"]
    return next(str(one["message"]) for one in conditions if one["type"] == kind)


@pytest.fixture(scope="module", autouse=True)
def lots(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """``real-live`` and ``real-paper``, each with a lot that stays open until somebody closes it."""
    made: list[dict[str, Any]] = []
    for mode in OTHER:
        bot = yaml.safe_load((ROOT / "tests/cluster/live.yaml").read_text(encoding="utf-8"))
        bot["metadata"]["name"], bot["spec"]["mode"] = f"real-{mode.lower()}", mode
        made.append(bot)
    with_garbage = {"product": {"id": "BTC-USD"}, "exchange": {"credentialsSecretRef": {"name": "garbage"}}}
    made.append({**made[0], "metadata": {"name": "real-garbage"}, "spec": with_garbage})
    path: Path = tmp_path_factory.mktemp("lots") / "bots.yaml"
    path.write_text(yaml.safe_dump_all(made), encoding="utf-8")
    garbage = ("COINBASE_API_KEY_NAME=organizations/a/apiKeys/b", "COINBASE_API_PRIVATE_KEY=planted garbage")
    kubectl("create", "secret", "generic", "garbage", *(f"--from-literal={entry}" for entry in garbage))
    kubectl("apply", "-f", str(path))
    for mode in OTHER:
        kubectl.wait(f"tradingbot/real-{mode.lower()}", "condition=PositionsOpen", 240)
    yield
    kubectl(
        "delete", "tradingbot/real-paper", "tradingbot/real-garbage", "--ignore-not-found", "--timeout=60s", seconds=90
    )


def test_a_key_that_is_none_is_told_in_the_bridges_words(kubectl: Kubectl, note: Note) -> None:
    kubectl.wait("tradingbot/real-garbage", reason("Degraded", "BridgeFailing"), 90)
    said = message(kubectl, "real-garbage", "Degraded")
    note(said)
    assert "container bridge: exited with code 2" in said
    assert "COINBASE_API_PRIVATE_KEY" in said
    assert "planted garbage" not in said
    chosen = "involvedObject.name=real-garbage,type=Warning,reason=BridgeFailing"
    assert kubectl.json("events", f"--field-selector={chosen}")["items"]


@pytest.mark.parametrize("mode", OTHER)
def test_paper_and_live_do_not_turn_into_each_other(kubectl: Kubectl, mode: str) -> None:
    name = f"real-{mode.lower()}"
    bot, before = f"tradingbot/{name}", pods_of(kubectl, name)
    kubectl("patch", bot, "--type=merge", "-p", json.dumps({"spec": {"mode": OTHER[mode], "risk": CAPS}}))
    kubectl.wait(bot, reason("Ready", "LotsOpen"), 60)
    said = message(kubectl, name, "Ready")
    assert said.startswith(f"spec.mode was {mode} and cannot become {OTHER[mode]} now: lots are open (")
    assert kubectl.bot(name, "status")["mode"] == mode.lower()
    kubectl("patch", bot, "--type=merge", "-p", json.dumps({"spec": {"mode": mode}}))
    kubectl.wait(bot, "condition=Ready", 60)
    assert pods_of(kubectl, name) == before


def test_a_live_one_deleted_in_the_foreground_keeps_its_lot_and_buys_no_more_until_it_is_flattened(
    kubectl: Kubectl, note: Note
) -> None:
    live = "tradingbot/real-live"
    before = pods_of(kubectl, "real-live")
    kubectl("delete", live, "--cascade=foreground", "--wait=false")
    kubectl.wait(live, reason("PositionsOpen", "DeletionRefused"), 60)
    kubectl.wait(live, reason("Ready", "Paused"), 60)
    status = kubectl.bot("real-live", "status")
    assert (status["ready"], status["phase"], status["open_lots"]) == (True, "paused", 1)
    assert pods_of(kubectl, "real-live") == before
    note(message(kubectl, "real-live", "PositionsOpen"))
    kubectl("patch", live, "--type=merge", "-p", '{"spec": {"deletionPolicy": "Flatten"}}')
    kubectl.wait(live, "delete", 120)
    reasons = {
        entry["reason"] for entry in kubectl.json("events")["items"] if entry["involvedObject"]["name"] == "real-live"
    }
    assert {"DeletionRefused", "Flattening", "Flat"} <= reasons
    for kind in ("deployment", "pod", "secret", "networkpolicy"):
        if kubectl.json(kind, "-l", "cbbot.io/tradingbot=real-live")["items"]:
            kubectl("wait", kind, "-l", "cbbot.io/tradingbot=real-live", "--for=delete", "--timeout=90s", seconds=120)
