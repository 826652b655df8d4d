from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cbbot_operator.deletion import judge, wants_finalizer
from cbbot_operator.keys import FINALIZER, FORCE_DELETE
from cbbot_operator.observed import Report

RUNS = {("Deployment", "btc-bot"): {"metadata": {"name": "btc-bot"}, "spec": {"replicas": 1}}}


@pytest.fixture
def deleting(observed, live, bot_status, api_keys):
    def make(policy="Refuse", lots=2, *, heard=True, age=0, **changes):
        metadata = {"deletionTimestamp": "now", "finalizers": [FINALIZER], **changes.pop("metadata", {})}
        now = observed().now
        report = Report(now - timedelta(seconds=age), bot_status(open_lots=lots)) if heard else None
        spec = {**live, "deletionPolicy": policy, **changes.pop("spec", {})}
        given = {"children": RUNS, "secrets": {"coinbase": api_keys}, **changes}
        return observed(spec, metadata=metadata, report=report, **given)

    return make


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({}, True),
        ({"deletionPolicy": "Flatten"}, True),
        ({"deletionPolicy": "Orphan"}, False),
        ({"mode": "Paper"}, False),
    ],
)
def test_only_live_bots_that_must_not_be_orphaned_carry_a_finalizer(observed, live, spec, wanted):
    assert wants_finalizer(observed({**live, **spec})) is wanted


def test_refuse_holds_while_lots_are_open_and_says_how_to_go_on(deleting):
    verdict = judge(deleting())
    assert (verdict.release, verdict.reason, verdict.flatten) == (False, "DeletionRefused", False)
    assert "2 lots are open" in verdict.message
    assert f"{FORCE_DELETE}=true" in verdict.message


def test_flatten_asks_the_bot_until_it_is_flat(deleting):
    assert judge(deleting("Flatten")).flatten
    assert not judge(deleting("Flatten")).release
    assert judge(deleting("Flatten", lots=0)).release


def test_unknown_lots_are_open_lots(deleting):
    assert not judge(deleting(heard=False)).release
    assert not judge(deleting(lots=0, age=61)).release
    assert judge(deleting(lots=0, age=59)).release
    assert judge(deleting("Flatten", heard=False)).flatten


def test_an_order_in_flight_is_something_open(deleting, observed, bot_status):
    report = Report(observed().now, bot_status(open_lots=0, pending_orders=1))
    seen = deleting(lots=0)
    assert judge(seen).release
    assert not judge(replace(seen, report=report)).release


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"spec": {"suspend": True}}, "FlattenNeedsBot"),
        ({"secrets": {"coinbase": None}}, "FlattenNeedsKeys"),
    ],
)
def test_flatten_says_what_it_needs(deleting, changes, reason):
    verdict = judge(deleting("Flatten", **changes))
    assert (verdict.release, verdict.reason, verdict.flatten) == (False, reason, False)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"metadata": {"annotations": {FORCE_DELETE: "true"}}}, "ForcedDelete"),
        ({"namespace_terminating": True}, "NamespaceTerminating"),
        ({"spec": {"deletionPolicy": "Orphan"}}, "DeletionAllowed"),
        ({"spec": {"mode": "Paper"}}, "DeletionAllowed"),
        ({"children": {}}, "NeverRan"),
    ],
)
def test_what_lets_go_whatever_is_open(deleting, changes, reason):
    verdict = judge(deleting(**changes))
    assert (verdict.release, verdict.reason) == (True, reason)
