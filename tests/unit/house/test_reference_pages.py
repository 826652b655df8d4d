"""The generated pages leave nothing out: every reason, mark, field, endpoint and option of the code is in them."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from cbbot.cli.dispatch import COMMANDS
from cbbot.contract.bot_api import BotStatus
from cbbot.contract.constraints import CONSTRAINTS
from cbbot.contract.reason_words import REASON_WORDS
from cbbot.contract.tradingbot import SETTING_OF
from cbbot.contract.tradingbot_constraints import TRANSITIONS
from cbbot.contract.tradingbot_status import CONDITION_TYPES
from repository_files import ROOT
from syntax_trees import syntax_tree

OPERATOR = ROOT / "operator" / "cbbot_operator"
# Where reasons are given: by position, the argument of each call that is one.
GIVEN = {"Judgement": 1, "Verdict": 1, "Refusal": 0, "_refused": 0}
# Reasons that are made of parts, and the phases of a bot and of a claim.
PHASES = {phase.capitalize() for phase in get_args(BotStatus.model_fields["phase"].annotation)}
MADE = PHASES | {
    "BridgeNotReady",
    "BotNotReady",
    "BridgeFailing",
    "BotFailing",
    "NotReady",
    "NeverReady",
    "Pending",
    "Lost",
    "ForcedDelete",
}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The tables that the page of conditions is made of."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    return importlib.import_module("conditions_page")


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def reasons_in(file: Path) -> Iterator[str]:
    tree = syntax_tree(file.read_text(encoding="utf-8"))
    named = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in GIVEN:
            at = GIVEN[node.func.id]
            given = node.args[at] if at < len(node.args) else None
            if isinstance(given, ast.Name):
                given = named.get(given.id)
            if isinstance(given, ast.Constant) and isinstance(given.value, str):
                yield given.value


def test_every_reason_of_the_operator_is_explained_and_none_that_it_never_gives(written: Any) -> None:
    given = {reason for file in OPERATOR.glob("*.py") for reason in reasons_in(file)}
    assert len(given) > 30
    assert set(written.REASONS) == given | MADE


def test_a_reason_stands_under_conditions_that_exist(written: Any) -> None:
    assert tuple(written.CONDITIONS) == CONDITION_TYPES
    assert {kind for reason in written.REASONS.values() for kind in reason.conditions} == set(CONDITION_TYPES)


def test_every_mark_of_the_operator_is_explained(written: Any) -> None:
    found = {
        name
        for file in OPERATOR.rglob("*.py")
        for name in re.findall(r'"(cbbot\.io/[a-z][a-z-]*)"', file.read_text(encoding="utf-8"))
        if name != "cbbot.io/v1alpha1"
    }
    assert found == {mark.name for mark in written.MARKS}


@pytest.mark.parametrize("name", sorted(REASON_WORDS))
def test_a_reason_of_decisions_is_on_the_page(name: str) -> None:
    assert f"| `{name}` |" in page("conditions.md")


def test_fields_and_rules_of_a_tradingbot_are_on_its_page() -> None:
    text = page("tradingbot.md")
    assert [field for field in SETTING_OF if f"| `{field}` |" not in text] == []
    rules = [rule.validation for rule in CONSTRAINTS] + [rule.cel for rule in TRANSITIONS]
    assert [rule for rule in rules if rule.replace("|", r"\|") not in text] == []


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_has_its_section_with_options(name: str) -> None:
    _, found, rest = page("command-line.md").partition(f"\n## cbbot {name}\n")
    assert found
    section = rest.partition("\n## ")[0]
    assert COMMANDS[name].reads_arguments or "| option | default | meaning |" in section
    assert "--" in section or name == "completion"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("http-bot.md", "POST /control/flatten"),
        ("http-bot.md", "GET /decisions"),
        ("http-bridge.md", "POST /order/market"),
        ("http-bridge.md", "GET /upstream"),
    ],
)
def test_an_endpoint_has_its_section(name: str, path: str) -> None:
    assert f"\n### {path}\n" in page(name)
    assert f"| `{path}` |" in page(name)
