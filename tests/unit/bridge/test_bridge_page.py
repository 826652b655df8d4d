"""docs/bridge.md names every endpoint, code and log line of the bridge, and none, nor a metric, that it has not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot_bridge.assembly import Bridge
from cbbot_bridge.bridge_app import create_app
from cbbot_bridge.bridge_metrics import BridgeMetrics
from cbbot_bridge.bridge_readings import READINGS
from cbbot_bridge.bridge_settings import load_settings
from cbbot_bridge.order_records import Action, cancel_action, edit_action, place_action
from markdown_tables import Row, tables
from repository_files import ROOT
from syntax_trees import syntax_tree

PAGE: Final = (ROOT / "docs" / "bridge.md").read_text(encoding="utf-8")
SOURCE: Final = ROOT / "bridge" / "cbbot_bridge"
LEVELS: Final = ("warning", "error", "exception")
# What is said of a start, and of a setting: no fault of Coinbase's.
NOT_FAULTS: Final = {
    "the API key may transfer money out: use one that may view and trade only",
    "cannot check the API key now",
    "keys that are not settings of the bridge were ignored",
}


def table(first_column: str) -> list[Row]:
    (found,) = [rows for rows in tables(PAGE) if first_column in rows[0]]
    return found


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def trees() -> Iterator[ast.Module]:
    for path in sorted(SOURCE.rglob("*.py")):
        if "simulator" not in path.parts:
            yield syntax_tree(path.read_text(encoding="utf-8"))


def is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def logged_sentences() -> set[str]:
    """The events of warnings and errors, as they stand in the source, and those made of an action's words."""
    found = set()
    for tree in trees():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Attribute) and call.func.attr in LEVELS:
                found |= {ast.literal_eval(argument) for argument in call.args[:1] if is_text(argument)}
            elif isinstance(call.func, ast.Name) and call.func.id in ("RareWarning", "OutageLog", "OutageLogs"):
                found |= {ast.literal_eval(argument) for argument in call.args[1:2] if is_text(argument)}
    return found


def action_sentences() -> set[str]:
    actions: list[Action] = [place_action("market", "BUY", "c", "BTC-USD"), cancel_action("o"), edit_action("o")]
    return {
        f"{action.noun} {words}"
        for action in actions
        for words in (action.done, "refused", action.not_sent.replace("_", " "), "outcome unknown")
    }


def metric_names() -> set[str]:
    return {definition.name for definition in (*BridgeMetrics().made.definitions, *READINGS)}


def test_the_endpoints_are_the_bridges_with_those_that_want_a_token() -> None:
    app = create_app(Bridge(load_settings({"COINBASE_AUTH": "none", "COINBASE_API_BASE": "http://127.0.0.1:1"})))
    served = {
        (f"{method.upper()} {path}", "yes" if "security" in operation else "")
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
    }
    assert {(quoted(row["endpoint"])[0], row["token"]) for row in table("endpoint")} == served


def test_every_code_has_its_meaning() -> None:
    assert [quoted(row["code"])[0] for row in table("code")] == [code.value for code in BridgeErrorCode]


def test_a_faults_answer_has_a_code_that_exists() -> None:
    """In small letters it is the bridge's; outcomes, fields and endpoints are known by their names."""
    outcomes = {"unknown", "not_placed", "not_sent"}
    fields = {"stale", "search.complete", "proof_token_required", "unreadable", "fills_agree"}
    codes = {word for row in table("fault") for word in quoted(row["answer when it stays"])}
    small = {word for word in codes if word.islower() and "/" not in word} - outcomes - fields
    assert small - {code.value for code in BridgeErrorCode} == set()
    assert len(small) > 20


def test_a_faults_metric_exists() -> None:
    named = {name for row in table("fault") for name in quoted(row["metric"])}
    assert named - metric_names() == set()


def test_every_warning_of_the_log_stands_in_the_table_as_it_is_written() -> None:
    named = {sentence for row in table("fault") for sentence in quoted(row["log line"])}
    assert named - logged_sentences() - action_sentences() == {"connecting anew", "works again"}  # no warnings
    assert logged_sentences() - named == NOT_FAULTS
