from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cbbot_operator.observed import Observed, Report
from cbbot_operator.policies import first_refusal
from unit.operator.memory_cluster import MakeStatus, Observe


def claim(size: str = "1Gi", mode: str = "ReadWriteOnce", storage_class: str = "standard") -> dict[str, Any]:
    return {
        "metadata": {"name": "btc-state"},
        "spec": {
            "accessModes": [mode],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": size}},
        },
    }


def reason(seen: Observed) -> str | None:
    refusal = first_refusal(seen)
    return refusal.reason if refusal else None


def test_a_fresh_paper_bot_needs_nothing(observed: Observe) -> None:
    assert reason(observed()) is None


def test_live_waits_for_its_secret_and_both_keys(
    observed: Observe, live: dict[str, Any], api_keys: dict[str, bytes]
) -> None:
    assert reason(observed(live, secrets={"coinbase": None})) == "SecretMissing"
    assert reason(observed(live, secrets={"coinbase": {"COINBASE_API_KEY_NAME": b"x"}})) == "SecretIncomplete"
    assert reason(observed(live, secrets={"coinbase": api_keys})) is None


def test_a_suspended_bot_needs_no_secrets(observed: Observe, live: dict[str, Any]) -> None:
    assert reason(observed({**live, "suspend": True}, secrets={"coinbase": None})) is None


def test_the_slack_secret_is_asked_for_by_its_key(observed: Observe, paper: dict[str, Any]) -> None:
    paper["notifications"] = {"slackWebhookSecretRef": {"name": "slack", "key": "url"}}
    refusal = first_refusal(observed(paper, secrets={"slack": {"other": b"x"}}))
    assert refusal is not None
    assert "no key url" in refusal.message


def test_another_product_is_refused_though_the_api_server_let_it_pass(observed: Observe) -> None:
    settings = {("ConfigMap", "btc-settings"): {"data": {"PRODUCT_ID": "ETH-USD"}}}
    assert reason(observed(children=settings)) == "ProductChanged"


@pytest.mark.parametrize(
    ("state", "found", "expected"),
    [
        ({"size": "1Gi"}, claim("2Gi"), "VolumeChanged"),
        ({"size": "2Gi"}, claim("1Gi"), None),
        ({}, claim(mode="ReadWriteOncePod"), "VolumeChanged"),
        ({"storageClassName": "fast"}, claim(), "VolumeChanged"),
        ({"storageClassName": "standard"}, claim(), None),
        ({}, claim(), None),
    ],
)
def test_a_volume_only_grows(
    observed: Observe, paper: dict[str, Any], state: dict[str, Any], found: dict[str, Any], expected: str | None
) -> None:
    children = {("PersistentVolumeClaim", "btc-state"): found}
    assert reason(observed({**paper, "state": state}, children=children)) == expected


def on(**marks: str) -> dict[tuple[str, str], Any]:
    """What the bot was last given to run on."""
    given = {"cbbot.io/mode": "Live", "cbbot.io/venue": "Coinbase", "cbbot.io/state-claim": "btc-state"}
    annotations = given | {f"cbbot.io/{name.replace('_', '-')}": value for name, value in marks.items()}
    return {("ConfigMap", "btc-settings"): {"metadata": {"annotations": annotations}}}


PAUSED = {"allowed": False, "paused_by": ["resource"]}
CHANGES: list[dict[str, Any]] = [
    {"mode": "Paper"},
    {"exchange": {"venue": "Simulator"}},
    {"state": {"existingClaim": "other"}},
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("figures", "age", "refused"),
    [
        pytest.param({"open_lots": 2}, 0, True, id="lots open"),
        pytest.param({"open_lots": 0, "pending_orders": 1}, 0, True, id="an order in flight"),
        pytest.param({"open_lots": 0, "given_up_orders": 1}, 0, True, id="an order given up"),
        pytest.param({"open_lots": 0}, 61, True, id="not heard lately"),
        pytest.param({"open_lots": 0, "ready": False, "phase": "starting"}, 0, True, id="not ready"),
        pytest.param(None, 0, True, id="silent"),
        pytest.param({"open_lots": 0}, 0, True, id="flat, and may open a lot at any time"),
        pytest.param({"open_lots": 0, "entries": PAUSED}, 0, False, id="flat and paused"),
        pytest.param({"open_lots": 0, "entries": PAUSED, "phase": "halted"}, 0, True, id="halted"),
    ],
)
def test_lots_keep_mode_venue_and_volume(
    observed: Observe, live: dict[str, Any], api_keys: dict[str, bytes], bot_status: MakeStatus, change: dict[str, Any],
    figures: dict[str, Any] | None, age: float, *, refused: bool,
) -> None:  # fmt: skip
    now = observed().now
    report = None if figures is None else Report(now - timedelta(seconds=age), bot_status(**figures))
    seen = observed(
        {**live, **change},
        children=on(),
        secrets={"coinbase": api_keys},
        status={"epoch": 3},
        existing_claim=claim(),
        report=report,
    )
    refusal = first_refusal(seen)
    assert (refusal is not None) is refused
    if refusal is not None:
        (section,) = change
        assert refusal.reason == "LotsOpen"
        assert refusal.message.startswith(f"spec.{section}")
        assert "change it when the bot is ready and flat" in refusal.message


@pytest.mark.parametrize("change", CHANGES)
def test_before_a_bot_ever_ran_they_may_change(
    observed: Observe, live: dict[str, Any], api_keys: dict[str, bytes], change: dict[str, Any]
) -> None:
    # A volume that was bound before any pod came is no sign of one.
    seen = observed({**live, **change}, children=on(), secrets={"coinbase": api_keys}, existing_claim=claim())
    assert reason(seen) is None


def test_a_spec_that_is_as_it_was_is_not_held_back_by_a_silent_bot(
    observed: Observe, live: dict[str, Any], api_keys: dict[str, bytes]
) -> None:
    assert reason(observed(live, children=on(), secrets={"coinbase": api_keys}, status={"epoch": 3})) is None


def test_a_named_claim_must_exist(observed: Observe, paper: dict[str, Any]) -> None:
    assert reason(observed({**paper, "state": {"existingClaim": "mine"}})) == "ClaimMissing"
    assert reason(observed({**paper, "state": {"existingClaim": "mine"}}, existing_claim=claim("5Gi"))) is None


def test_a_claim_that_is_another_bots_state_is_refused(observed: Observe, paper: dict[str, Any]) -> None:
    spec = {**paper, "state": {"existingClaim": "mine"}}
    refusal = first_refusal(observed(spec, existing_claim=claim(), claim_holder="eth"))
    assert refusal is not None
    assert refusal.reason == "ClaimInUse"
    assert refusal.message == (
        "PersistentVolumeClaim mine (spec.state.existingClaim) is the state of TradingBot eth: two bots would undo "
        "each other's lots; name another claim"
    )


def test_someone_elses_object_is_never_taken_over(observed: Observe) -> None:
    assert reason(observed(foreign=frozenset({("Deployment", "btc-bot")}))) == "NameTaken"


def test_an_unreadable_spec_has_no_refusal_of_its_own(observed: Observe) -> None:
    assert reason(observed({})) is None


def test_lots_keep_their_mode_though_somebody_deleted_the_settings(
    observed: Observe, live: dict[str, Any], bot_status: MakeStatus
) -> None:
    status = {"epoch": 3, "mode": "Live"}
    report = Report(observed().now, bot_status(mode="live", open_lots=1))
    assert reason(observed({**live, "mode": "Paper"}, status=status, report=report)) == "LotsOpen"


def test_a_word_from_before_the_change_makes_no_change_of_mode_possible(
    observed: Observe, live: dict[str, Any], bot_status: MakeStatus, api_keys: dict[str, bytes]
) -> None:
    now = observed().now
    flat = Report(now - timedelta(seconds=2), bot_status(mode="live", open_lots=0, entries=PAUSED))
    seen = observed(
        {**live, "mode": "Paper"},
        children=on(),
        secrets={"coinbase": api_keys},
        status={"epoch": 3, "mode": "Live"},
        report=flat,
        asked_at=now,
    )
    refusal = first_refusal(seen)
    assert refusal is not None
    assert "the bot must first say that it has no lots" in refusal.message
    assert first_refusal(replace(seen, report=replace(flat, at=now))) is None
