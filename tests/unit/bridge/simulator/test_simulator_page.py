"""docs/simulator.md has every field, change, adjustment and control endpoint of the code, with its meaning."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from starlette.routing import Route

from cbbot_bridge.simulator.adjustments import ADJUSTMENTS
from cbbot_bridge.simulator.command_line import parse_arguments
from cbbot_bridge.simulator.fault_changes import CHANGES
from cbbot_bridge.simulator.faults import API_ROOT, FAULT_FIELDS, WHOLE_CHANGES, PendingFaults, parse_fault
from cbbot_bridge.simulator.route_table import ENDPOINTS, control_routes, not_here
from cbbot_bridge.simulator.stream_faults import STREAM_FAULTS, parse_stream_fault
from markdown_tables import Row, tables
from repository_files import ROOT

PAGE = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")


def table(*titles: str) -> list[Row]:
    (found,) = [rows for rows in tables(PAGE) if tuple(rows[0]) == titles]
    return found


def code(text: str) -> str:
    """What stands between two backticks."""
    return text.strip("`")


def default(value: Any) -> str:
    return "" if value in (None, "") else f"`{json.dumps(value).strip(chr(34))}`"


def test_the_fields_of_a_fault_are_those_of_the_code() -> None:
    there = {code(row["field"]): (row["default"], row["meaning"]) for row in table("field", "default", "meaning")}
    assert there == {name: (default(rule.default), rule.meaning) for name, rule in FAULT_FIELDS.items()}


def test_the_changes_are_those_of_the_code() -> None:
    there = {code(row["change"]): row["meaning"] for row in table("change", "for", "meaning")}
    assert there == {name: change.meaning for name, change in CHANGES.items()} | WHOLE_CHANGES
    paths = {code(row["change"]): row["for"] for row in table("change", "for", "meaning")}
    assert all(paths[name] == ", ".join(f"`{path}`" for path in change.paths) for name, change in CHANGES.items())


def test_the_adjustments_are_those_of_the_code() -> None:
    there = {code(row["field"]): row["meaning"] for row in table("field", "meaning")}
    assert there == {name: adjustment.meaning for name, adjustment in ADJUSTMENTS.items()}


def test_the_faults_of_the_websocket_are_those_of_the_code() -> None:
    assert {code(row["kind"]) for row in table("kind", "what happens")} == set(STREAM_FAULTS)
    (shown,) = re.findall(r"/sim/sockets/faults -d '(.*)'", PAGE)
    assert parse_stream_fault(json.loads(shown)).kind in STREAM_FAULTS


def test_the_endpoints_are_those_of_the_code() -> None:
    there = {
        row["permission"]: set(re.findall(r"`([^`]+)`", row["endpoints"])) for row in table("permission", "endpoints")
    }
    expected: dict[str, set[str]] = {}
    for served in ENDPOINTS:
        needs = "nobody's: public" if served.needs is None else f"`{served.needs}`"
        if served.endpoint is not_here:
            needs += ", answered with 501"
        expected.setdefault(needs, set()).add(f"{served.method} {served.path.removeprefix(API_ROOT)}")
    assert there == expected


def endpoints(routes: Iterable[Any]) -> set[str]:
    return {
        f"{method} {route.path}"
        for route in routes
        if isinstance(route, Route)
        for method in (route.methods or ())
        if method != "HEAD"
    }


def test_the_control_endpoints_are_those_of_the_code() -> None:
    assert {code(row["endpoint"]) for row in table("endpoint", "what it does")} == endpoints(control_routes())


def test_every_fault_that_is_shown_can_be_asked_for() -> None:
    pending = PendingFaults((served.method, served.path) for served in ENDPOINTS)
    shown = [code(row["do"]) for row in table("to see", "do") if row["do"].startswith("`{")]
    shown += re.findall(r"/sim/faults -d '(.*)'", PAGE)
    assert len(shown) > 5
    for text in shown:
        pending.add(parse_fault(json.loads(text)))


def test_every_adjustment_that_is_named_is_one() -> None:
    named = [name for row in table("to see", "do") for name in re.findall(r"adjust (.*)", row["do"])]
    assert named
    assert {name for text in named for name in re.findall(r"`(\w+)`", text)} <= set(ADJUSTMENTS)
    (shown,) = re.findall(r"/sim/exchange -d '(.*)'", PAGE)
    assert set(json.loads(shown)) <= set(ADJUSTMENTS)


def test_the_usual_port_is_the_pages() -> None:
    ports = set(re.findall(r"(?:127\.0\.0\.1|localhost):(\d+)", PAGE))
    assert ports == {str(parse_arguments([]).port)}
