"""Writes what is generated: CRD, the chart's copies and README, the pages of settings and metrics, the dashboards.

``--check`` writes nothing and fails when one of them is not current.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import chart_readme
import dashboards
import metrics_page

from cbbot.contract.settings_table import SETTINGS
from cbbot_operator import crd

ROOT = Path(__file__).resolve().parents[1]
COPIES = {
    # What the chart's notes tell a person to apply is the example, byte for byte.
    "charts/files/try.yaml": "examples/try.yaml",
    # The alerts of a Prometheus without the Prometheus Operator are the chart's.
    "examples/monitoring/alerts.yaml": "charts/files/alerts.yaml",
}
HEAD = """# Settings

Generated from the settings table (`bot/cbbot/contract/settings_table.py`) by `make generate`; do not edit.

A TradingBot's field and an environment key are two names of the same setting; the environment (and a `bot.env`) is for
one machine. A value that is malformed or out of bounds is refused with the key, the value and what is accepted.

| environment | TradingBot field | default | accepted | meaning |
|---|---|---|---|---|
"""


def settings_page() -> str:
    rows = [
        f"| {s.key} | {s.field or '-'} | {'-' if s.default is None else s.default} | {s.accepted} | {s.meaning} |"
        for s in SETTINGS
    ]
    return HEAD + "\n".join(rows) + "\n"


def slack_templates() -> str:
    """For an Alertmanager without the Prometheus Operator, the chart's texts as templates with names."""
    parts = [
        (name, (ROOT / "charts" / "files" / f"slack-{name}.tmpl").read_text(encoding="utf-8").rstrip("\n"))
        for name in ("color", "title", "text")
    ]
    return "".join(f'{{{{ define "cbbot.{name}" }}}}{text}{{{{ end }}}}\n' for name, text in parts)


def generated() -> dict[str, str]:
    """The text of each generated file, by its path in the repository; the CRD writes itself."""
    return {
        **{copy: (ROOT / original).read_text(encoding="utf-8") for copy, original in COPIES.items()},
        "examples/monitoring/slack.tmpl": slack_templates(),
        "docs/settings.md": settings_page(),
        "docs/metrics.md": metrics_page.page(),
        "charts/README.md": chart_readme.readme(),
        **{f"charts/files/dashboards/{name}": text for name, text in dashboards.files().items()},
    }


def main() -> None:
    arguments = sys.argv[1:]
    os.chdir(ROOT)
    code = crd.main(arguments)
    for name, text in generated().items():
        file = ROOT / name
        if file.is_file() and file.read_bytes() == text.encode():
            continue
        if arguments == ["--check"]:
            print(f"{name} is not current: run make generate", file=sys.stderr)
            code = 1
        else:
            file.write_text(text, encoding="utf-8")
    sys.exit(code)


if __name__ == "__main__":
    main()
