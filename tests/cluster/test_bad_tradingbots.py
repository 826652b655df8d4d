"""TradingBots that the API server takes and that cannot be as they are: what a person reads of each.

One operator, as a process of this machine; no pod can be placed. A refusal by the definition itself is in
test_tradingbot_refusals.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.api_server import ApiServer
from cluster.kubectl import run
from cluster.operator_process import OperatorProcess
from cluster.unplaced_bots import LIVE, PAPER, Place

pytestmark = pytest.mark.cluster

SLACK = {"notifications": {"slackWebhookSecretRef": {"name": "slack", "key": "url"}}}
SIMULATED = {"exchange": {"venue": "Simulator"}}


def with_keys(secret: str) -> dict[str, Any]:
    return {**LIVE, "exchange": {"credentialsSecretRef": {"name": secret}}}


OF_KEYS = "(spec.exchange.credentialsSecretRef)"
REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no-secret": (
        with_keys("nowhere"),
        "SecretMissing",
        f"Secret nowhere {OF_KEYS} does not exist; create it with key COINBASE_API_KEY_NAME",
    ),
    "half-a-secret": (
        with_keys("half"),
        "SecretIncomplete",
        f"Secret half {OF_KEYS} has no key COINBASE_API_PRIVATE_KEY",
    ),
    "empty-secret": (
        with_keys("empty"),
        "SecretIncomplete",
        f"Secret empty {OF_KEYS} has no key COINBASE_API_PRIVATE_KEY",
    ),
    "no-slack": (
        PAPER | SLACK,
        "SecretMissing",
        "Secret slack (spec.notifications.slackWebhookSecretRef) does not exist; create it with key url",
    ),
    "no-claim": (
        PAPER | {"state": {"existingClaim": "nowhere"}},
        "ClaimMissing",
        "PersistentVolumeClaim nowhere (spec.state.existingClaim) does not exist",
    ),
    "anothers-claim": (
        PAPER | {"state": {"existingClaim": "first-state"}},
        "ClaimInUse",
        (
            "PersistentVolumeClaim first-state (spec.state.existingClaim) is the state of TradingBot first: two bots "
            "would undo each other's lots; name another claim"
        ),
    ),
    "name-taken": (
        PAPER,
        "NameTaken",
        (
            "ConfigMap name-taken-settings exists and was not made for this TradingBot; rename one of them or delete "
            "the ConfigMap"
        ),
    ),
    "decimals": (
        PAPER | {"risk": {"riskPerTradePct": 0.12345678}},
        "InvalidSpec",
        (
            "spec.risk.riskPerTradePct: 0.12345678 is not accepted: a number above 0, at most 100 with at most 6 "
            "decimal places"
        ),
    ),
    "no-port": (
        PAPER | {"exchange": {"apiBase": "https://example.org:99999"}},
        "InvalidSpec",
        (
            "spec.exchange.apiBase: 'https://example.org:99999' is not accepted: an http:// or https:// address of "
            "scheme, host and port alone, such as https://api.coinbase.com"
        ),
    ),
}


@pytest.fixture(scope="module")
def place(api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Every bad TradingBot at once, with an operator that looks at them."""
    name = f"cbbot-bad-{os.getpid()}"
    run("kubectl", "create", "namespace", name)
    place = Place(api_server, name)
    place.secret("half", COINBASE_API_KEY_NAME="name")
    place.secret("empty", COINBASE_API_KEY_NAME="name", COINBASE_API_PRIVATE_KEY="")
    place.secret("coinbase", COINBASE_API_KEY_NAME="name", COINBASE_API_PRIVATE_KEY="key")
    place.kubectl("create", "configmap", "name-taken-settings")
    log = tmp_path_factory.mktemp("operator") / "log"
    with OperatorProcess(os.environ["KUBECONFIG"], name, log) as process:
        place.make("first", PAPER)
        place.comes_to("first", "BridgeNotReady")
        for bot, (spec, _, _) in REFUSED.items():
            place.make(bot, spec)
        place.make("no-class", PAPER | {"state": {"storageClassName": "nowhere"}})
        for bot in ("twin-a", "twin-b"):
            place.make(bot, LIVE)
        place.make("turned", PAPER | SIMULATED)
        yield place
    print(process.logged()[-6000:])
    for bot in place.kubectl("get", "tradingbots", "-o", "name").split():
        place.kubectl("patch", bot, "--type=merge", '-p={"metadata": {"finalizers": null}}')
    run("kubectl", "delete", "namespace", name, "--wait=false")


def a_warning(place: Place, bot: str, reason: str) -> bool:
    """Whether kubectl describe shows one Event of that reason."""
    chosen = f"involvedObject.name={bot},reason={reason},type=Warning"
    return len(place.kubectl.json("events", f"--field-selector={chosen}")["items"]) == 1


@pytest.mark.parametrize("bot", REFUSED)
def test_what_is_wrong_is_said_in_words_and_once(place: Place, bot: str) -> None:
    _, reason, message = REFUSED[bot]
    place.comes_to(bot, reason)
    ready, degraded = place.condition(bot, "Ready"), place.condition(bot, "Degraded")
    assert (ready["status"], degraded["status"]) == ("False", "True")
    assert ready["message"] == degraded["message"]
    assert ready["message"] == message if message else ready["message"]
    assert a_warning(place, bot, reason)


def test_kubectl_get_shows_the_reasons(place: Place) -> None:
    for bot, (_, reason, _) in REFUSED.items():
        place.comes_to(bot, reason)
    rows = [line.split() for line in place.kubectl("get", "tradingbots", "-o", "wide").splitlines()]
    shown = {row[0]: (row[1], row[2], row[3], row[-1]) for row in rows[1:]}
    modes = {bot: "Live" if "mode" in spec else "Paper" for bot, (spec, _, _) in REFUSED.items()}
    wanted = {bot: ("BTC-USD", modes[bot], "False", reason) for bot, (_, reason, _) in REFUSED.items()}
    assert {bot: shown[bot] for bot in REFUSED} == wanted


def test_a_storage_class_that_does_not_exist_is_named(place: Place) -> None:
    why = 'ProvisioningFailed: storageclass.storage.k8s.io "nowhere" not found'
    what = f"PersistentVolumeClaim no-class-state is Pending: {why}"
    path = "jsonpath={.status.conditions[?(@.type=='StorageBound')].message}"
    place.kubectl.wait("tradingbot/no-class", f"{path}={what}", 60)


def test_pods_that_cannot_be_placed_are_told(place: Place) -> None:
    place.comes_to("first", "BridgeFailing", "Degraded", seconds=60)
    assert place.condition("first", "Degraded")["message"].startswith("Unschedulable: ")
    assert place.reason("first") == "BridgeNotReady"


def test_two_bots_on_one_product_and_key_are_warned(place: Place) -> None:
    place.comes_to("twin-b", "BridgeNotReady")
    # The condition is by now about the pods, which is worse.
    assert a_warning(place, "twin-b", "AccountShared")


def test_paper_does_not_turn_live_while_it_may_have_lots(place: Place) -> None:
    place.comes_to("turned", "BridgeNotReady")
    place.ask("PATCH", f"{place.bots}/turned/status", {"status": {"epoch": 1}})  # as if its bot had run
    place.change("turned", {"mode": "Live", "risk": {"maxOrderUSD": 50, "maxExposureUSD": 250}})
    place.comes_to("turned", "LotsOpen")
    assert place.condition("turned", "Ready")["message"] == (
        "spec.mode was Paper and cannot become Live now: the bot must first say that it has no lots; put Paper back, "
        "and change it when the bot is ready and flat, or make another TradingBot"
    )
    assert place.kubectl("get", "configmap/turned-settings", "-o", "jsonpath={.data.DRY_RUN}") == "true"


def test_what_the_definition_refuses_leaves_what_runs_as_it_is(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "first.yaml"
    path.write_text(
        "{apiVersion: cbbot.io/v1alpha1, kind: TradingBot, metadata: {name: first}, spec: {product: {id: ETH-USD}}}",
        encoding="utf-8",
    )
    shown = place.kubectl.refused("apply", "-f", str(path))
    if shown:
        assert (
            "spec.product.id cannot be changed: the state's lots are of that product; make another TradingBot" in shown
        )
    else:
        place.comes_to("first", "ProductChanged")
    assert place.kubectl("get", "configmap/first-settings", "-o", "jsonpath={.data.PRODUCT_ID}") == "BTC-USD"
