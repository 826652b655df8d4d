"""API keys: what is told of one, and when a new one takes over from one that works."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cbbot.contract.bridge_api import Upstream
from cbbot.contract.key_fingerprint import key_fingerprint
from cbbot_operator import credentials
from cbbot_operator.bot_poller import Poller
from cbbot_operator.conditions import Outcome, derive_conditions
from cbbot_operator.judgement import condition
from cbbot_operator.keys import KEY_FINGERPRINT, Key
from cbbot_operator.observed import KeyReport, Observed, Report
from cbbot_operator.reconciler import Reconciler
from cbbot_operator.resource_status import derive_status
from unit.operator.memory_bridges import MemoryBridges, upstream_with
from unit.operator.memory_cluster import Clock, Look, MakeStatus, MemoryBots, MemoryCluster, Observe, Run

Round = Callable[[], list[Key]]


def digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()


def fingerprint(keys: dict[str, bytes]) -> str:
    return key_fingerprint(*map(digest, keys.values()))


OLD = {"COINBASE_API_KEY_NAME": b"name", "COINBASE_API_PRIVATE_KEY": b"secret"}
NEW = {**OLD, "COINBASE_API_PRIVATE_KEY": b"rotated"}
PROVEN = {"type": "CredentialsValid", "status": "True", "reason": "Valid", "message": "as before"}
VALID_BEFORE = {"conditions": [PROVEN]}
PAUSED = {"allowed": False, "paused_by": ["resource"]}


@pytest.fixture
def seen(observed: Observe, live: dict[str, Any]) -> Observe:
    """A live bot whose bridge runs with the key ``running``; the Secret has ``secret``."""

    def make(
        upstream: Upstream | None = None, *, secret: dict[str, bytes] = OLD, running: dict[str, bytes] = OLD,
        spec: dict[str, Any] | None = None, status: dict[str, Any] | None = None,
    ) -> Observed:  # fmt: skip
        marks = {KEY_FINGERPRINT: fingerprint(running)}
        bridge = {"metadata": {"name": "btc-bridge", "annotations": marks}, "spec": {"replicas": 1}}
        now = observed().now
        return observed(
            {**live, **(spec or {})},
            secrets={"coinbase": {name: digest(value) for name, value in secret.items()}},
            children={("Deployment", "btc-bridge"): bridge},
            key_report=KeyReport(now, upstream) if upstream is not None else None,
            status=status or {},
        )

    return make


def of(keys: dict[str, bytes], **check: Any) -> dict[str, Any]:
    return {"fingerprint": fingerprint(keys), **check}


@pytest.mark.parametrize(
    ("upstream", "expected", "words"),
    [
        (None, ("Unknown", "Present"), "has not proven them yet"),
        (upstream_with(of(OLD, valid=None, refusal="HTTP 503")), ("Unknown", "Present"), "HTTP 503"),
        (upstream_with(of(NEW)), ("Unknown", "Present"), "has not proven them yet"),
        (upstream_with(of(OLD, can_trade=True)), ("True", "Valid"), "accepts the API key in Secret coinbase"),
        (upstream_with(of(OLD, valid=False, refusal="401 Unauthorized")), ("False", "Invalid"), "401 Unauthorized"),
        (upstream_with(of(OLD, can_trade=False)), ("False", "MayNotTrade"), "may not trade"),
        (upstream_with(of(OLD, can_transfer=True)), ("True", "Valid"), "may transfer money out"),
    ],
)
def test_a_key_counts_once_the_bridge_has_proven_it(
    seen: Observe, upstream: Upstream | None, expected: tuple[str, str], words: str
) -> None:
    judged = credentials.judge(seen(upstream))
    assert (judged.status, judged.reason) == expected
    assert words in judged.message


def test_a_key_that_may_transfer_is_warned_about_in_the_status(seen: Observe) -> None:
    status = derive_status(seen(upstream_with(of(OLD, can_transfer=True))), Outcome(), [])
    assert status["warnings"] == ["the API key may transfer money out: use one that may view and trade only"]
    assert "warnings" not in derive_status(seen(upstream_with(of(OLD))), Outcome(), [])


def test_a_paper_bots_key_need_not_trade(seen: Observe) -> None:
    paper = {"mode": "Paper"}
    assert credentials.judge(seen(upstream_with(of(OLD, can_trade=False)), spec=paper)).reason == "Valid"


def test_a_bridge_that_does_not_answer_takes_no_proof_away(seen: Observe) -> None:
    assert credentials.judge(seen(status=VALID_BEFORE)) == ("True", "Valid", "as before")
    assert credentials.judge(seen(secret=NEW, running=NEW)).reason == "Present"


@pytest.mark.parametrize(
    ("upstream", "status", "rolls"),
    [
        pytest.param(upstream_with(of(OLD)), {}, False, id="not tried yet"),
        pytest.param(upstream_with(of(OLD), of(NEW, valid=None)), {}, False, id="Coinbase could not be asked"),
        pytest.param(upstream_with(of(OLD), of(NEW, valid=False)), {}, False, id="not accepted"),
        pytest.param(upstream_with(of(OLD), of(NEW, can_trade=False)), {}, False, id="may not trade"),
        pytest.param(upstream_with(of(OLD), of({"a": b"", "b": b""})), {}, False, id="another one was tried"),
        pytest.param(upstream_with(of(OLD), of(NEW)), {}, True, id="proven"),
        pytest.param(upstream_with(of(OLD, valid=False)), {}, True, id="the old one has ended"),
        pytest.param(upstream_with(of(NEW)), VALID_BEFORE, True, id="the pod was replaced meanwhile"),
        pytest.param(None, VALID_BEFORE, False, id="a new operator that has not asked"),
        pytest.param(None, {}, True, id="a bridge that never worked"),
    ],
)
def test_a_new_key_takes_over_when_it_is_proven_or_the_old_one_does_not_work(
    seen: Observe, upstream: Upstream | None, status: dict[str, Any], *, rolls: bool
) -> None:
    found = seen(upstream, secret=NEW, status=status)
    assert credentials.fingerprint_to_run(found) == fingerprint(NEW if rolls else OLD)
    assert credentials.is_to_roll(found) is rolls


ELSEWHERE = upstream_with(of(OLD, portfolio="mine"), of(NEW, portfolio="another"))


@pytest.mark.parametrize(
    ("figures", "upstream", "rolls"),
    [
        pytest.param({"open_lots": 1}, ELSEWHERE, False, id="lots open"),
        pytest.param({"open_lots": 0}, ELSEWHERE, False, id="flat, and may open a lot at any time"),
        pytest.param({"open_lots": 0, "entries": PAUSED}, ELSEWHERE, True, id="flat and paused"),
        pytest.param(None, ELSEWHERE, False, id="silent"),
        pytest.param(
            {"open_lots": 1}, upstream_with(of(OLD, portfolio="a"), of(NEW, portfolio="a")), True, id="the same"
        ),
        pytest.param({"open_lots": 1}, upstream_with(of(OLD), of(NEW, portfolio="a")), True, id="not known"),
    ],
)
def test_a_key_of_another_portfolio_does_not_take_over_while_there_may_be_lots(
    seen: Observe, bot_status: MakeStatus, figures: dict[str, Any] | None, upstream: Upstream, *, rolls: bool
) -> None:
    found = seen(upstream, secret=NEW)
    if figures is not None:
        found = replace(found, report=Report(found.now, bot_status(mode="live", **figures)))
    assert credentials.is_to_roll(found) is rolls
    judged = credentials.judge(found)
    assert (judged.reason == "RotationRefused") is not rolls
    assert rolls or "of another portfolio" in judged.message


def test_a_new_key_that_does_not_work_is_said_while_the_bridge_goes_on(seen: Observe) -> None:
    refused = of(NEW, valid=False, refusal="COINBASE_API_PRIVATE_KEY=*** is not accepted")
    found = {"conditions": derive_conditions(seen(upstream_with(of(OLD), refused), secret=NEW), Outcome())}
    for kind, status in (("CredentialsValid", "False"), ("Degraded", "True")):
        entry = condition(found, kind)
        assert (entry["status"], entry["reason"]) == (status, "RotationRefused")
        assert "COINBASE_API_PRIVATE_KEY=*** is not accepted" in entry["message"]
    waiting = credentials.judge(seen(upstream_with(of(OLD)), secret=NEW))
    assert (waiting.status, waiting.reason) == ("True", "Valid")
    assert "the bridge proves it before" in waiting.message


@pytest.fixture
def bridges() -> MemoryBridges:
    return MemoryBridges()


@pytest.fixture
def trading(
    run: Run, cluster: MemoryCluster, bots: MemoryBots, bridges: MemoryBridges, reconciler: Reconciler, clock: Clock,
    key: Key, live: dict[str, Any], look: Look, bot_status: MakeStatus,
) -> Round:  # fmt: skip
    """A live bot that trades with the old key, and a round of polls, which gives back who was woken."""
    cluster.put_secret("coinbase", OLD)
    cluster.tradingbot(live)
    look()
    cluster.roll_out()
    look()
    bots.answers[key] = bot_status(mode="live")
    bridges.answers[key] = upstream_with(of(OLD))

    def poll() -> list[Key]:
        woken: list[Key] = []
        run(Poller(reconciler, bots, bridges, woken.append, clock).round())
        return woken

    poll()
    return poll


def running(cluster: MemoryCluster) -> str:
    return str(cluster.one("Deployment", "btc-bridge")["spec"]["template"]["metadata"]["annotations"][KEY_FINGERPRINT])


def test_a_rotation_waits_for_the_running_bridge_to_prove_it(
    trading: Round, cluster: MemoryCluster, bridges: MemoryBridges, clock: Clock, key: Key, look: Look
) -> None:
    cluster.put_secret("coinbase", NEW)
    look()
    assert running(cluster) == fingerprint(OLD)
    assert trading() == []
    bridges.answers[key] = upstream_with(of(OLD), of(NEW, valid=False, refusal="no"))
    trading()
    look()
    assert running(cluster) == fingerprint(OLD)
    assert condition(cluster.one("TradingBot", "btc")["status"], "CredentialsValid")["reason"] == "RotationRefused"
    bridges.answers[key] = upstream_with(of(OLD), of(NEW))
    clock.advance(30)
    assert trading() == [key]
    look()
    assert running(cluster) == fingerprint(NEW)


def test_a_proven_key_is_asked_about_seldom_and_with_the_bridges_token(
    trading: Round, bridges: MemoryBridges, clock: Clock, cluster: MemoryCluster
) -> None:
    for seconds, asked in ((10, 1), (280, 1), (20, 2)):
        clock.advance(seconds)
        trading()
        assert len(bridges.tokens) == asked
    assert len(bridges.tokens[0]) >= 32
    assert condition(cluster.one("TradingBot", "btc")["status"], "CredentialsValid")["reason"] == "Valid"


def test_a_bridge_that_is_not_ready_is_not_asked_and_one_that_is_silent_seldom(
    trading: Round, bridges: MemoryBridges, clock: Clock, cluster: MemoryCluster, key: Key, look: Look
) -> None:
    del bridges.answers[key]
    clock.advance(301)
    trading()
    for seconds, asked in ((10, 2), (19, 2), (2, 3)):
        clock.advance(seconds)
        trading()
        assert len(bridges.tokens) == asked
    cluster.edit("Deployment", "btc-bridge")["status"]["availableReplicas"] = 0
    look()
    clock.advance(301)
    trading()
    assert len(bridges.tokens) == 3


def test_a_key_that_was_refused_is_asked_about_again_after_half_a_minute(
    trading: Round, bridges: MemoryBridges, clock: Clock, key: Key
) -> None:
    bridges.answers[key] = upstream_with(of(OLD, valid=False))
    clock.advance(301)
    trading()
    for seconds, asked in ((10, 2), (21, 3)):
        clock.advance(seconds)
        trading()
        assert len(bridges.tokens) == asked


def test_a_paper_bot_without_a_key_has_its_bridge_left_alone(
    run: Run, cluster: MemoryCluster, bots: MemoryBots, bridges: MemoryBridges, reconciler: Reconciler, look: Look,
    paper: dict[str, Any],
) -> None:  # fmt: skip
    cluster.tradingbot(paper)
    look()
    run(Poller(reconciler, bots, bridges, lambda _: None).round())
    assert bridges.tokens == []
