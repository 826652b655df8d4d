"""Prometheus's own tool on the alerts: each fires on its series, with its labels, and not on those beside them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from monitoring.alert_cases import CASES, Case
from prerequisites import debian_program
from repository_files import ROOT

ALERTS: Final = ROOT / "charts" / "files" / "alerts.yaml"
NOT_KNOWN: Final = " ".join(["NaN"] * 61)
"""promtool reads no NaNx60."""

SEVERITY: Final = {
    rule["alert"]: rule["labels"]["severity"]
    for group in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
}


def _test(case: Case, series: dict[str, str], *, fires: bool) -> dict[str, Any]:
    expected = {"alertname": case.alert, "alertstate": "firing", "severity": SEVERITY[case.alert], **case.labels}
    labels = ",".join(f'{label}="{value}"' for label, value in sorted(expected.items()))
    asked = f'ALERTS{{alertname="{case.alert}",alertstate="firing"}}'
    samples = [{"labels": f"ALERTS{{{labels}}}", "value": 1}] if fires else []
    return {
        "name": f"{case.alert} {'fires' if fires else 'is quiet'} with {json.dumps(series)}",
        "interval": "1m",
        "input_series": [
            {"series": name, "values": values.replace("NaNx60", NOT_KNOWN)} for name, values in series.items()
        ],
        "promql_expr_test": [{"expr": asked, "eval_time": f"{case.minutes}m", "exp_samples": samples}],
    }


def promtool(*arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    program = debian_program("promtool", "prometheus")
    return subprocess.run(
        [program, *arguments], input=given, capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip


def judged(tests: list[dict[str, Any]], folder: Path) -> str:
    """What promtool says against the tests; empty when nothing."""
    file = folder / "tests.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": tests}))
    ended = promtool("test", "rules", str(file))
    return "" if ended.returncode == 0 else ended.stdout + ended.stderr


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_an_alert_fires_on_its_series_and_on_nothing_beside_them(case: Case, tmp_path: Path) -> None:
    tests = [_test(case, case.fires, fires=True), *(_test(case, series, fires=False) for series in case.quiet)]
    assert judged(tests, tmp_path) == ""


def test_every_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    assert {case.alert for case in CASES if case.fires and case.quiet} == set(SEVERITY)


def test_a_case_that_is_wrong_is_found(tmp_path: Path) -> None:
    case = CASES[0]
    assert "FAILED" in judged([_test(case, case.fires, fires=False)], tmp_path)
    assert "FAILED" in judged([_test(case, case.quiet[0], fires=True)], tmp_path)


@pytest.mark.parametrize("path", ["charts/files/alerts.yaml", "examples/monitoring/alerts.yaml"])
def test_the_rules_are_sound(path: str) -> None:
    ended = promtool("check", "rules", str(ROOT / path))
    assert (ended.returncode, ended.stderr) == (0, "")
