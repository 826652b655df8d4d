"""The operator refuses what the API server refuses: an old one that drops the rules loses no safety."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cbbot.contract.constraints import CONSTRAINTS
from cbbot.contract.setting import Kind
from cbbot.contract.tradingbot import SETTING_OF
from cbbot.contract.tradingbot_constraints import TRANSITIONS
from refused_tradingbots import (
    ACCEPTED,
    ACCEPTED_CHANGES,
    REFUSED,
    REFUSED_CHANGES,
    Change,
    cases,
    operators_words,
    operators_words_of_a_change,
    read,
)

SAID = read()


def test_the_file_has_every_case_and_no_other() -> None:
    names = [case.name for case in cases()] + [change.name for change in REFUSED_CHANGES]
    assert names == list(SAID), "run python tools/renew_refusals.py"


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_mistake_is_refused_in_the_words_of_the_file(case: Any) -> None:
    assert operators_words(case.spec) == SAID[case.name]["operator"] != ""


@pytest.mark.parametrize("change", REFUSED_CHANGES, ids=lambda change: change.name)
def test_a_change_is_refused_in_the_words_of_the_file(change: Change) -> None:
    assert operators_words_of_a_change(change) == SAID[change.name]["operator"] != ""


@pytest.mark.parametrize("change", ACCEPTED_CHANGES, ids=lambda change: change.name)
def test_a_change_that_is_none_is_taken(change: Change) -> None:
    assert operators_words_of_a_change(change) == ""


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_just_keeps_a_constraint_is_taken(name: str) -> None:
    assert operators_words({"product": {"id": "BTC-USD"}} | ACCEPTED[name]) == ""


def test_every_rule_has_a_refused_and_an_accepted_example() -> None:
    names = {constraint.name for constraint in CONSTRAINTS}
    assert set(ACCEPTED) == set(REFUSED) == names
    paths = {transition.path for transition in TRANSITIONS}
    assert {change.path for change in REFUSED_CHANGES} == {change.path for change in ACCEPTED_CHANGES} == paths


def test_no_two_mistakes_are_told_in_the_same_words() -> None:
    told = [said["operator"] for said in SAID.values()]
    assert len(set(told)) == len(told)


NUMBERS = [path for path, setting in SETTING_OF.items() if setting.kind is Kind.DECIMAL]


@pytest.mark.parametrize("path", NUMBERS)
def test_more_decimal_places_than_are_kept_are_refused_though_no_schema_can_say_so(path: str) -> None:
    setting = SETTING_OF[path]
    low = Decimal(setting.minimum or 0)
    spec: dict[str, Any] = {"product": {"id": "BTC-USD"}}
    place = spec
    *parents, last = path.split(".")
    for part in parents:
        place = place.setdefault(part, {})
    place[last] = float(low + Decimal(11).scaleb(-setting.digits - 1))
    assert f"spec.{path}: {place[last]} is not accepted: {setting.accepted}" in operators_words(spec)


@pytest.mark.parametrize("path", ["monitoring.namespaceSelector", "bot.nodeSelector", "bridge.podAnnotations"])
@pytest.mark.parametrize("key", ["two words", "-dash", "/name", "UPPER/name", "a" * 64, "a" * 254 + "/name", ""])
def test_a_key_that_no_label_can_have_is_refused_though_no_schema_can_say_so(path: str, key: str) -> None:
    section, field = path.split(".")
    said = operators_words({"product": {"id": "BTC-USD"}, section: {field: {key: "value"}}})
    assert said.startswith(f"spec.{path}: ")
    assert "a key must be text that matches" in said


@pytest.mark.parametrize("key", ["team", "example.org/team", "a" * 63, "a" * 253 + "/" + "b" * 63, "A.b_c-9"])
def test_a_key_that_a_label_can_have_is_taken(key: str) -> None:
    assert operators_words({"product": {"id": "BTC-USD"}, "bot": {"nodeSelector": {key: "value"}}}) == ""
