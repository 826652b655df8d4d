"""Every alert has a severity, words for a person and a section of a runbook; what a section names is there."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Final, cast

import pytest
import yaml

from cbbot.cli.dispatch import COMMANDS
from cbbot.views.bot_metrics import BotMetrics
from cbbot.web import bot_app
from cbbot.web.served_bot import Bot
from cbbot_bridge.assembly import Bridge
from cbbot_bridge.bridge_app import create_app
from cbbot_bridge.bridge_metrics import BridgeMetrics
from cbbot_bridge.bridge_readings import READINGS
from cbbot_bridge.bridge_settings import load_settings
from cbbot_operator import operator_metrics
from cbbot_operator.keys import Names
from cbbot_operator.observed import CONTROL_TOKEN
from repository_files import ROOT

ALERTS: Final = ROOT / "charts" / "files" / "alerts.yaml"
RUNBOOKS: Final = ROOT / "docs" / "runbooks"
PARTS: Final = ("**Means.**", "**Look at**", "**Do.**")
METRIC: Final = re.compile(r"\b(?:bot|bridge|cbbot_operator)_[a-z_]+\b")
SEVERITIES: Final = ("critical", "warning")


def alerts() -> dict[str, dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert [name for name, times in Counter(rule["alert"] for rule in rules).items() if times > 1] == []
    return {rule["alert"]: rule for rule in rules}


def metric_names() -> set[str]:
    made = [*BotMetrics().made.definitions, *BridgeMetrics().made.definitions, *READINGS]
    made += operator_metrics.MADE.definitions
    names = {definition.name for definition in made}
    return names | {f"{each.name}_bucket" for each in made if each.kind == "histogram"}


def sections() -> dict[str, tuple[str, str]]:
    """The page and the text of each section about an alert."""
    found = {}
    for page in sorted(RUNBOOKS.glob("*-alerts.md")):
        for part in page.read_text(encoding="utf-8").split("\n## ")[1:]:
            heading, _, text = part.partition("\n")
            found[heading] = (page.name, text)
    return found


def commands() -> list[str]:
    pages = "".join(page.read_text(encoding="utf-8") for page in RUNBOOKS.glob("*.md"))
    return [line for block in re.findall(r"```\n(.*?)```", pages, re.DOTALL) for line in block.splitlines()]


@pytest.mark.parametrize("name", alerts())
def test_an_alert_has_a_severity_words_and_a_section_of_a_runbook(name: str) -> None:
    rule, (page, text) = alerts()[name], sections()[name]
    assert rule["labels"]["severity"] in SEVERITIES
    annotations = rule["annotations"]
    assert set(annotations) == {"summary", "description", "runbook_url"}
    assert annotations["runbook_url"] == f"docs/runbooks/{page}#{name.lower()}"
    assert len(annotations["summary"]) < 90, "a line in a chat"
    assert [part for part in PARTS if part not in text] == []
    assert "```" in text, "a command that shows it"


def test_a_runbook_has_no_section_without_an_alert() -> None:
    assert set(sections()) == set(alerts())


def test_alerts_ask_metrics_that_exist() -> None:
    asked = {name for rule in alerts().values() for name in METRIC.findall(rule["expr"])}
    assert len(asked) > 20
    assert asked - metric_names() == set()


def test_metrics_that_a_runbook_names_exist() -> None:
    texts = "".join(text for _, text in sections().values())
    named = set(re.findall(r"\b(?:bot|bridge)_\w+_(?:total|seconds|budget)\b", texts))
    assert len(named) > 3
    assert named - metric_names() == set()


def test_addresses_that_a_runbook_asks_are_answered() -> None:
    settings = load_settings({"COINBASE_AUTH": "none", "COINBASE_API_BASE": "http://127.0.0.1:1"})
    served = {
        8080: bot_app.create_app(cast("Bot", None), None, "0"),  # nothing is asked of it
        8787: create_app(Bridge(settings)),
    }
    paths = {port: set(app.openapi()["paths"]) for port, app in served.items()}
    asked = [
        (int(port), path)
        for line in commands()
        for port, path in re.findall(r"127\.0\.0\.1:(8080|8787)(/[a-z/]+)", line)
    ]
    assert len(asked) > 10
    assert [(port, path) for port, path in asked if path not in paths[port]] == []


def test_commands_that_a_runbook_gives_exist() -> None:
    # By hand, and in a pod.
    ours = re.findall(r"(?:^| -- )cbbot (\S+ \S+)", "\n".join(commands()), re.MULTILINE)
    assert "control flatten" in ours
    assert [words for words in ours if words not in COMMANDS] == []
    programs = {line.split()[0] for line in commands()}
    assert programs == {"cbbot", "kubectl", "curl", "date"}


def test_log_lines_that_a_runbook_looks_for_are_written() -> None:
    source = "".join(
        file.read_text(encoding="utf-8")
        for package in ("bot/cbbot", "bridge/cbbot_bridge", "operator/cbbot_operator")
        for file in (ROOT / package).rglob("*.py")
    )
    sought = [
        words
        for line in commands()
        if " logs " in line and "grep" in line
        for words in re.findall(r"grep (?:-m 5 )?(?:-E )?'([^']+)'", line)[0].split("|")
    ]
    assert len(sought) > 8
    assert [words for words in sought if words != '"level": "error"' and words not in source] == []


def test_fields_that_a_runbook_names_exist() -> None:
    schema = (ROOT / "crds" / "tradingbots.yaml").read_text(encoding="utf-8")
    pages = "".join(text for _, text in sections().values())
    fields = set(re.findall(r"`([a-z]+[A-Z][A-Za-z]+)`", pages))
    assert len(fields) > 3
    assert {field for field in fields if f"{field}:" not in schema} == set()


def test_the_token_that_steers_stands_where_a_reader_is_sent_for_it() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert f"the key `{CONTROL_TOKEN}` of the Secret `{Names('btc').tokens}`" in page
