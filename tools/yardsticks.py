"""Holds Dockerfiles, the rendered chart and rendered TradingBots to yardsticks that nobody here wrote.

    python tools/yardsticks.py

hadolint and checkov read the three Dockerfiles; checkov the objects of the chart, of the operator's rights over a
cluster, and of every example's TradingBot; cyclonedx makes a bill of materials of each image's lock. Their programs
are in the environment beside this one that ``python3 tools/dev.py yardsticks`` makes; helm is looked for on PATH.
What is left on purpose stands in yardsticks.toml, with its reason.
Exit codes: 0 nothing found, 1 found or failed. Without helm the chart is left out, which is said.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from dev_environments import ROOT, YARDSTICKS

from cbbot.contract.spec_reader import read_spec
from cbbot_operator.keys import Key
from cbbot_operator.observed import Tokens
from cbbot_operator.render import Inputs, render

PARTS = ("bot", "bridge", "operator")
NAMESPACE = "trading"
# What a person may choose and changes which objects there are.
CHARTS = {"chart": (), "chart-of-a-cluster": ("--set=scope=cluster", "--set=replicas=2")}


@dataclass(frozen=True, slots=True)
class Finding:
    """One failed check of checkov's."""

    check: str
    framework: str
    resource: str
    says: str


@dataclass(slots=True)
class Report:
    """What was checked and found; the entries of what is left, and which of them were needed."""

    left: list[dict[str, str]]
    passed: int = 0
    problems: list[str] = field(default_factory=list)
    needed: set[int] = field(default_factory=set)

    def take(self, finding: Finding) -> None:
        for number, entry in enumerate(self.left):
            if (entry["check"], entry["of"]) == (finding.check, finding.framework) and re.fullmatch(
                entry["on"], finding.resource
            ):
                self.needed.add(number)
                return
        self.problems.append(f"{finding.check} {finding.resource}: {finding.says} [checkov {finding.framework}]")

    def unneeded(self) -> list[str]:
        return [entry["check"] for number, entry in enumerate(self.left) if number not in self.needed]


def main() -> int:
    report = Report(tomllib.loads((ROOT / "tools" / "yardsticks.toml").read_text(encoding="utf-8"))["left"])
    report.problems += hadolint()
    with tempfile.TemporaryDirectory() as folder:
        rendered = Path(folder)
        write(rendered / "bots.yaml", objects_of_bots())
        helm = shutil.which("helm")
        if helm:
            for name, values in CHARTS.items():
                (rendered / f"{name}.yaml").write_text(chart(helm, *values), encoding="utf-8")
        for finding in checkov(report, "dockerfile", *(["-f"] + [f"Dockerfile.{part}" for part in PARTS])):
            report.take(finding)
        for finding in checkov(report, "kubernetes", "-d", str(rendered)):
            report.take(finding)
        report.problems += bills_of_materials(rendered)
    if helm:
        report.problems += [f"{check} in yardsticks.toml: nothing needs it" for check in report.unneeded()]
    for problem in report.problems:
        print(problem)
    print(f"yardsticks: {report.passed} checks of checkov passed, {len(report.needed)} kinds left with a reason, "
          f"{len(report.problems)} findings", flush=True)  # fmt: skip
    if not helm:
        print("the chart was not checked: install helm (https://helm.sh)", file=sys.stderr)
    return 1 if report.problems else 0


def hadolint() -> list[str]:
    command = [str(YARDSTICKS / "bin" / "hadolint"), "--format=json", *(f"Dockerfile.{part}" for part in PARTS)]
    printed = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False, timeout=120).stdout
    return [
        f"{each['file']}:{each['line']}: {each['code']} {each['message']} [hadolint]" for each in json.loads(printed)
    ]


def checkov(report: Report, framework: str, *where: str) -> Iterator[Finding]:
    """What it finds; what passed is counted."""
    # Neither its own service nor anybody else's: the answer must not depend on the network.
    command = [str(YARDSTICKS / "bin" / "checkov"), "--framework", framework, *where, "-o", "json", "--skip-download"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    try:
        found: Any = json.loads(ended.stdout)
    except ValueError:
        sys.exit(f"checkov ended with {ended.returncode} and no report:\n{ended.stderr[-2000:]}")
    if not found["summary"]["passed"] or found["summary"]["parsing_errors"]:
        sys.exit(f"checkov read nothing, or not all: {found['summary']}")
    report.passed += found["summary"]["passed"]
    for each in found["results"]["failed_checks"]:
        yield Finding(each["check_id"], framework, each["resource"], each["check_name"])


def chart(helm: str, *values: str) -> str:
    command = [helm, "template", "cbbot", "charts", "--namespace", NAMESPACE, "--skip-crds", *values]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout


def objects_of_bots() -> list[dict[str, Any]]:
    """What the examples become."""
    return [
        one
        for path in sorted((ROOT / "examples").glob("*.yaml"))
        for manifest in yaml.safe_load_all(path.read_text(encoding="utf-8"))
        for one in render(
            Inputs(
                key=Key(NAMESPACE, manifest["metadata"]["name"]),
                uid="tradingbot-uid",
                spec=read_spec(manifest["spec"]),
                tokens=Tokens("", ""),
                secrets={},
                namespace_uid="namespace-uid",
                bot_image="example.org/cbbot-bot:1.2.3",
                bridge_image="example.org/cbbot-bridge:1.2.3",
                operator_namespace=NAMESPACE,
                monitors_known=True,
            )
        )
    ]


def write(file: Path, objects: list[dict[str, Any]]) -> None:
    file.write_text(yaml.safe_dump_all(objects, sort_keys=False), encoding="utf-8")


def bills_of_materials(folder: Path) -> list[str]:
    """A CycloneDX document of each image's lock, by its schema, with every package in it."""
    problems = []
    for part in PARTS:
        lock, bill = ROOT / "requirements" / f"{part}.txt", folder / f"{part}.cdx.json"
        command = [str(YARDSTICKS / "bin" / "cyclonedx-py"), "requirements", str(lock), "--output-reproducible"]
        command += ["--validate", "-o", str(bill)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        if ended.returncode:
            problems.append(f"requirements/{part}.txt: {ended.stderr.strip()} [cyclonedx]")
            continue
        named = {(each["name"], each.get("version")) for each in json.loads(bill.read_text())["components"]}
        locked = set(re.findall(r"^([a-z0-9._-]+)==([^ \\;]+)", lock.read_text(encoding="utf-8"), re.MULTILINE))
        problems += [f"requirements/{part}.txt: {name} is in no bill of materials" for name, _ in locked - named]
    return problems


if __name__ == "__main__":
    sys.exit(main())
