from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest

from cbbot.contract.key_fingerprint import key_fingerprint
from cbbot.contract.tradingbot_status import CONDITION_TYPES, Condition
from cbbot_operator.conditions import Outcome, derive_conditions
from cbbot_operator.judgement import condition
from cbbot_operator.kubernetes_events import changes
from cbbot_operator.observed import KeyReport, Observed, Report
from cbbot_operator.policies import Refusal
from unit.operator.memory_bridges import upstream_with
from unit.operator.memory_cluster import MakeStatus, Observe

Children = dict[tuple[str, str], dict[str, Any]]

CLEAN = Outcome()


def deployment(component: str, *, available: int = 1, generation: int = 1, seen: int = 1) -> Children:
    return {
        ("Deployment", f"btc-{component}"): {
            "metadata": {"name": f"btc-{component}", "generation": generation},
            "spec": {"replicas": 1},
            "status": {"observedGeneration": seen, "availableReplicas": available, "updatedReplicas": available},
        }
    }


def pod(component: str, **status: Any) -> dict[str, Any]:
    return {"metadata": {"labels": {"app.kubernetes.io/component": component}}, "status": status}


RUNNING = {**deployment("bot"), **deployment("bridge")}


def judged(seen: Observed, outcome: Outcome = CLEAN) -> dict[str, tuple[str, str]]:
    status = {"conditions": derive_conditions(seen, outcome)}
    return {kind: (found["status"], found["reason"]) for kind in CONDITION_TYPES if (found := condition(status, kind))}


def test_every_condition_is_always_reported_and_fits_the_contract(observed: Observe) -> None:
    for entry in derive_conditions(observed(), CLEAN):
        Condition.model_validate(entry)
    assert list(judged(observed())) == list(CONDITION_TYPES)


def test_a_bot_that_trades_is_ready(observed: Observe, bot_status: MakeStatus) -> None:
    seen = observed(children=RUNNING, report=Report(observed().now, bot_status()))
    found = judged(seen)
    assert found["Ready"] == ("True", "Trading")
    assert found["Progressing"] == ("False", "RolledOut")
    assert found["Degraded"] == ("False", "AsExpected")
    assert found["EntriesAllowed"] == ("True", "Allowed")
    assert found["PositionsOpen"] == ("True", "LotsOpen")


@pytest.mark.parametrize(
    ("children", "reason"),
    [
        ({}, "BridgeNotReady"),
        (deployment("bridge"), "BotNotReady"),
        ({**deployment("bridge"), **deployment("bot", available=0)}, "BotNotReady"),
        # A rollout has begun that the controller has not looked at: what is available is the old pod.
        ({**deployment("bridge"), **deployment("bot", generation=2, seen=1)}, "BotNotReady"),
    ],
)
def test_ready_waits_for_both_pods_of_the_newest_template(
    observed: Observe, bot_status: MakeStatus, children: Children, reason: str
) -> None:
    seen = observed(children=children, report=Report(observed().now, bot_status()))
    assert judged(seen)["Ready"] == ("False", reason)
    assert judged(seen)["Progressing"] == ("True", "RollingOut")


def test_a_bot_that_answers_but_is_not_ready_says_why(observed: Observe, bot_status: MakeStatus) -> None:
    report = Report(observed().now, bot_status(ready=False, phase="reconciling", reason="looking up 2 orders"))
    entry = condition({"conditions": derive_conditions(observed(children=RUNNING, report=report), CLEAN)}, "Ready")
    assert (entry["status"], entry["reason"], entry["message"]) == ("False", "BotNotReady", "looking up 2 orders")


def test_pods_ready_without_a_status_is_unknown(observed: Observe) -> None:
    assert judged(observed(children=RUNNING))["Ready"] == ("Unknown", "NotAskedYet")
    silent = observed(children=RUNNING, report=Report(observed().now, failure="the bot does not answer: timeout"))
    assert judged(silent)["Ready"] == ("Unknown", "StatusUnreadable")


def test_a_container_that_does_not_start_is_reported_with_its_exit_code(observed: Observe) -> None:
    crash = {
        "name": "bot",
        "restartCount": 4,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
        "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}},
    }
    seen = observed(children=deployment("bridge"), pods=(pod("bot", containerStatuses=[crash]),))
    found = {entry["type"]: entry for entry in derive_conditions(seen, CLEAN)}
    assert found["Degraded"]["reason"] == "BotFailing"
    assert found["Degraded"]["message"] == "CrashLoopBackOff: container bot: exited with code 3 (Error)"


def test_a_pod_that_waits_for_its_volume_is_ordinary_for_some_seconds(observed: Observe) -> None:
    since = (observed().now - timedelta(seconds=5)).isoformat()
    waiting = {"type": "PodScheduled", "status": "False", "message": "no volume", "lastTransitionTime": since}
    seen = observed(pods=(pod("bot", conditions=[waiting]),))
    assert judged(seen)["Degraded"] == ("False", "AsExpected")
    waiting["lastTransitionTime"] = (observed().now - timedelta(seconds=60)).isoformat()
    assert judged(seen)["Degraded"] == ("True", "BotFailing")


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome(invalid="spec.mode: ..."), "InvalidSpec"),
        (Outcome(refusal=Refusal("SecretMissing", "create it")), "SecretMissing"),
        (Outcome(failure="403"), "ReconcileFailed"),
    ],
)
def test_what_holds_the_operator_back_is_the_reason(observed: Observe, outcome: Outcome, reason: str) -> None:
    found = judged(observed(children=RUNNING), outcome)
    assert found["Ready"] == ("False", reason)
    assert found["Degraded"] == ("True", reason)


def test_a_spec_that_cannot_be_read_still_gets_every_condition(observed: Observe) -> None:
    found = judged(observed({}), Outcome(invalid="spec.product: nothing given"))
    assert found["Ready"] == ("False", "InvalidSpec")
    assert found["CredentialsValid"] == ("Unknown", "InvalidSpec")


def test_suspended_is_not_ready_and_not_degraded(observed: Observe, paper: dict[str, Any]) -> None:
    found = judged(observed({**paper, "suspend": True}))
    assert found["Ready"] == ("False", "Suspended")
    assert found["Degraded"] == ("False", "AsExpected")


def test_breaker_and_pause_are_reported_in_entries_allowed(observed: Observe, bot_status: MakeStatus) -> None:
    paused = bot_status(entries={"allowed": False, "paused_by": ["resource"]})
    tripped = bot_status(breaker_tripped=True)
    starting = bot_status(phase="starting", entries={"allowed": False, "paused_by": []})
    assert judged(observed(report=Report(observed().now, starting)))["EntriesAllowed"] == ("Unknown", "BotNotTrading")
    assert judged(observed(report=Report(observed().now, paused)))["EntriesAllowed"] == ("False", "Paused")
    assert judged(observed(report=Report(observed().now, tripped)))["EntriesAllowed"] == ("False", "BreakerTripped")


REFUSED_EXIT = {"lot": 3, "since": "2026-11-26T12:01:00Z", "code": "limit_only", "message": "no", "tries": 9}


def test_a_refused_exit_degrades_and_says_lot_since_and_reason(observed: Observe, bot_status: MakeStatus) -> None:
    refused = bot_status(
        phase="paused", entries={"allowed": False, "paused_by": []}, refused={"exits": [REFUSED_EXIT], "entries": None}
    )
    seen = observed(children=RUNNING, report=Report(observed().now, refused))
    status = {"conditions": derive_conditions(seen, CLEAN)}
    for kind in ("Degraded", "EntriesAllowed"):
        entry = condition(status, kind)
        assert entry["reason"] == "ExitRefused"
        assert entry["message"] == "the exit of lot 3 is refused since 2026-11-26T12:01:00Z: limit_only"
    assert judged(seen)["Degraded"][0] == "True"
    assert judged(seen)["EntriesAllowed"][0] == "False"


def test_refused_entries_alone_are_no_degradation(observed: Observe, bot_status: MakeStatus) -> None:
    waiting = {"since": "2026-11-26T12:01:00Z", "code": "limit_only", "message": "no", "until": "2026-11-26T12:02:00Z"}
    refused = bot_status(entries={"allowed": False, "paused_by": []}, refused={"exits": [], "entries": waiting})
    found = judged(observed(children=RUNNING, report=Report(observed().now, refused)))
    assert found["Degraded"] == ("False", "AsExpected")
    assert found["EntriesAllowed"] == ("False", "EntriesRefused")


REFUSED_EXIT = {"lot": 3, "since": "2026-11-26T12:01:00Z", "code": "limit_only", "message": "no", "tries": 4}
REFUSED_ENTRY = {
    "since": "2026-11-26T12:01:00Z",
    "code": "limit_only",
    "message": "no",
    "until": "2026-11-26T12:02:00Z",
}
HELD = {"allowed": False, "paused_by": []}


@pytest.mark.parametrize(
    ("figures", "ready"),
    [
        pytest.param({}, ("True", "Trading"), id="it trades"),
        pytest.param(
            {"phase": "paused", "entries": {"allowed": False, "paused_by": ["hand"]}}, ("True", "Paused"), id="paused"
        ),
        pytest.param({"phase": "halted", "reason": "id used twice"}, ("False", "Halted"), id="halted"),
        pytest.param({"breaker_tripped": True, "entries": HELD}, ("True", "BreakerTripped"), id="breaker"),
        pytest.param(
            {"entries": HELD, "refused": {"exits": [], "entries": REFUSED_ENTRY}},
            ("True", "EntriesRefused"),
            id="an entry is refused",
        ),
        pytest.param(
            {"phase": "paused", "entries": HELD, "refused": {"exits": [REFUSED_EXIT], "entries": None}},
            ("False", "ExitRefused"),
            id="an exit is refused",
        ),
        pytest.param(
            {"entries": HELD, "reason": "an order's fate is not known"}, ("True", "BotNotTrading"), id="unknown"
        ),
    ],
)
def test_ready_says_trading_only_while_the_bot_can_trade(
    observed: Observe, bot_status: MakeStatus, figures: dict[str, Any], ready: tuple[str, str]
) -> None:
    seen = observed(children=RUNNING, report=Report(observed().now, bot_status(**figures)))
    assert judged(seen)["Ready"] == ready


def test_a_live_bot_whose_key_is_not_accepted_is_not_ready(
    observed: Observe, bot_status: MakeStatus, live: dict[str, Any], api_keys: dict[str, bytes]
) -> None:
    now = observed().now
    keys = KeyReport(now, upstream_with({"fingerprint": key_fingerprint(*api_keys.values()), "valid": False}))
    seen = observed(
        live,
        children=RUNNING,
        secrets={"coinbase": api_keys},
        key_report=keys,
        report=Report(now, bot_status(mode="live")),
    )
    found = judged(seen)
    assert (found["Ready"], found["Degraded"]) == (("False", "Invalid"), ("True", "Invalid"))


def test_a_bot_whose_new_key_is_refused_trades_on_with_the_old_one(
    observed: Observe, bot_status: MakeStatus, live: dict[str, Any], api_keys: dict[str, bytes]
) -> None:
    now = observed().now
    new = {"fingerprint": key_fingerprint(*api_keys.values()), "valid": False}
    children = copy.deepcopy(RUNNING)
    children["Deployment", "btc-bridge"]["metadata"]["annotations"] = {"cbbot.io/api-key-fingerprint": "old"}
    seen = observed(
        live,
        children=children,
        secrets={"coinbase": api_keys},
        key_report=KeyReport(now, upstream_with({"fingerprint": "old"}, new)),
        report=Report(now, bot_status(mode="live")),
    )
    found = judged(seen)
    assert (found["Ready"], found["Degraded"]) == (("True", "Trading"), ("True", "RotationRefused"))


def since(seen: Observed, minutes: float, **kinds: str) -> dict[str, Any]:
    """A status whose conditions are so for ``minutes``."""
    at = (seen.now - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
    entries = [
        {"type": kind, "status": status, "reason": "", "message": "", "lastTransitionTime": at}
        for kind, status in kinds.items()
    ]
    return {"conditions": entries}


@pytest.mark.parametrize(
    ("minutes", "before", "epoch", "degraded"),
    [
        (4.9, {"Ready": "False", "Progressing": "True"}, None, ("False", "AsExpected")),
        (5, {"Ready": "False", "Progressing": "True"}, None, ("True", "NeverReady")),
        (5, {"Ready": "False", "Progressing": "True"}, 7, ("True", "NotReady")),
        (5, {"Ready": "Unknown", "Progressing": "False"}, 7, ("True", "NotReady")),
        (5, {"Ready": "True", "Progressing": "False"}, 7, ("False", "AsExpected")),
        (500, {"Ready": "True", "Progressing": "True"}, 7, ("False", "AsExpected")),
    ],
)
def test_never_ready_for_five_minutes_is_a_degradation(
    observed: Observe, minutes: float, before: dict[str, str], epoch: int | None, degraded: tuple[str, str]
) -> None:
    status = since(observed(), minutes, **before) | ({} if epoch is None else {"epoch": epoch})
    children = RUNNING if before["Progressing"] == "False" else {}
    assert judged(observed(status=status, children=children))["Degraded"] == degraded


def test_never_ready_is_told_by_an_event_of_its_own(observed: Observe) -> None:
    status = since(observed(), 6, Ready="False", Progressing="True", Degraded="False")
    after = {"conditions": derive_conditions(observed(status=status), CLEAN)}
    told = [(level, reason) for level, reason, _ in changes(status, after)]
    assert ("Warning", "NeverReady") in told


def test_suspended_for_days_is_no_degradation(observed: Observe, paper: dict[str, Any]) -> None:
    long_ago = since(observed(), 9999, Ready="False", Progressing="False")
    seen = observed({**paper, "suspend": True}, status=long_ago)
    assert judged(seen)["Degraded"] == ("False", "AsExpected")
    # Resumed: five minutes begin anew, whether its pods are not there yet or already are.
    suspended = {"conditions": derive_conditions(seen, CLEAN)}
    for children in ({}, RUNNING):
        resumed = observed(status=suspended, children=children)
        assert judged(resumed)["Degraded"] == ("False", "AsExpected")
        again = observed(status={"conditions": derive_conditions(resumed, CLEAN)}, children=children)
        assert judged(again)["Degraded"] == ("False", "AsExpected")


def test_a_quota_that_lets_no_pod_be_made_is_said(observed: Observe) -> None:
    children = deployment("bridge", available=0)
    forbidden = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": "exceeded quota: small",
    }
    children["Deployment", "btc-bridge"]["status"]["conditions"] = [forbidden]
    found = {entry["type"]: entry for entry in derive_conditions(observed(children=children), CLEAN)}
    assert (found["Degraded"]["status"], found["Degraded"]["reason"]) == ("True", "BridgeFailing")
    for kind in ("Ready", "Degraded"):
        assert found[kind]["message"] == "FailedCreate: exceeded quota: small"


def test_monitoring_says_whether_the_definition_is_there(observed: Observe, paper: dict[str, Any]) -> None:
    assert judged(observed())["MonitoringReady"] == ("False", "ServiceMonitorCRDMissing")
    assert judged(observed(monitors_known=True))["MonitoringReady"] == ("True", "Applied")
    applied = condition({"conditions": derive_conditions(observed(monitors_known=True), CLEAN)}, "MonitoringReady")
    assert "whether a Prometheus selects them only its targets tell" in applied["message"]
    paper["monitoring"] = {"serviceMonitor": {"enabled": False}}
    assert judged(observed(paper))["MonitoringReady"] == ("False", "Disabled")


def test_storage_is_bound_when_the_claim_is(observed: Observe) -> None:
    claim = {"metadata": {"name": "btc-state"}, "spec": {}, "status": {"phase": "Pending"}}
    assert judged(observed())["StorageBound"] == ("False", "ClaimMissing")
    children = {("PersistentVolumeClaim", "btc-state"): claim}
    assert judged(observed(children=children))["StorageBound"] == ("False", "Pending")
    claim["status"]["phase"] = "Bound"
    assert judged(observed(children=children))["StorageBound"] == ("True", "Bound")


def test_a_transition_time_stays_while_the_status_does(observed: Observe) -> None:
    first = observed()
    before = derive_conditions(first, CLEAN)
    later = observed(status={"conditions": before}, now=first.now + timedelta(hours=1), children=RUNNING)
    after = derive_conditions(later, CLEAN)
    times = {entry["type"]: entry["lastTransitionTime"] for entry in after}
    assert times["Ready"] == "2026-01-02T04:04:05Z"  # False became Unknown
    assert times["StorageBound"] == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00+99:99", "0000-01-01T00:00:00Z", "2026-01-01t00:00:00z"])
def test_a_time_that_somebody_wrote_by_hand_and_is_none_is_replaced(observed: Observe, text: str) -> None:
    """The API server takes all of these."""
    before = [entry | {"lastTransitionTime": text} for entry in derive_conditions(observed(), CLEAN)]
    after = derive_conditions(observed(status={"conditions": before}), CLEAN)
    assert {entry["lastTransitionTime"] for entry in after} == {"2026-01-02T03:04:05Z"}


def test_positions_and_entries_of_a_bot_that_is_not_ready_are_unknown(
    observed: Observe, bot_status: MakeStatus
) -> None:
    starting = bot_status(ready=False, phase="starting", reason="the venue's clock", open_lots=0, breaker_tripped=True)
    seen = observed(report=Report(observed().now, starting), status={"openLots": 2})
    found = {entry["type"]: entry for entry in derive_conditions(seen, Outcome())}
    positions, entries = found["PositionsOpen"], found["EntriesAllowed"]
    assert (positions["status"], positions["reason"]) == ("Unknown", "BotNotReady")
    assert positions["message"] == "the bot is not ready; it last had 2 open lots"
    assert (entries["status"], entries["reason"], entries["message"]) == ("Unknown", "BotNotReady", "the venue's clock")
