"""Writes what is generated: CRD, copies in chart and wheel, the chart's README, the reference pages, the dashboards.

``--check`` writes nothing and fails when one of them is not current.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import chart_readme
import command_line_page
import conditions_page
import dashboards
import http_pages
import metrics_page
import settings_pages
import tradingbot_page

from cbbot_operator import crd

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
SHIPPED = ROOT / "operator" / "cbbot_operator" / "examples"
"""What ``cbbot examples`` shows: a wheel has nothing from outside of its packages."""
COPIES = {
    # What the chart's notes tell a person to apply is the example, byte for byte.
    "charts/files/try.yaml": "examples/try.yaml",
    # The alerts of a Prometheus without the Prometheus Operator are the chart's.
    "examples/monitoring/alerts.yaml": "charts/files/alerts.yaml",
}


def slack_templates() -> str:
    """For an Alertmanager without the Prometheus Operator, the chart's texts as templates with names."""
    parts = [
        (name, (ROOT / "charts" / "files" / f"slack-{name}.tmpl").read_text(encoding="utf-8").rstrip("\n"))
        for name in ("color", "title", "text")
    ]
    head = "{{/* The words of alerts in Slack, for an Alertmanager without the Prometheus Operator */}}\n"
    return head + "".join(f'{{{{ define "cbbot.{name}" }}}}{text}{{{{ end }}}}\n' for name, text in parts)


def generated() -> dict[str, str]:
    """The text of each generated file, by its path in the repository; the CRD writes itself."""
    files = {
        **{copy: (ROOT / original).read_text(encoding="utf-8") for copy, original in COPIES.items()},
        "examples/monitoring/slack.tmpl": slack_templates(),
        "docs/command-line.md": command_line_page.page(),
        "docs/conditions.md": conditions_page.page(),
        "docs/metrics.md": metrics_page.page(),
        "docs/tradingbot.md": tradingbot_page.page(),
        **http_pages.pages(),
        **settings_pages.pages(),
        "charts/README.md": chart_readme.readme(),
        **{f"charts/files/dashboards/{name}": text for name, text in dashboards.files().items()},
    }
    return files | shipped_examples(files)


def shipped_examples(files: dict[str, str]) -> dict[str, str]:
    """The wheel's copies of examples/, those of them in ``files`` as they are to be."""
    paths = {str(path.relative_to(ROOT)): path for path in sorted(EXAMPLES.rglob("*")) if path.is_file()}
    texts = {name: path.read_text(encoding="utf-8") for name, path in paths.items()}
    texts |= {name: text for name, text in files.items() if name.startswith("examples/")}
    folder = SHIPPED.parent.relative_to(ROOT)
    return {f"{folder}/{name}": text for name, text in texts.items()}


def main() -> None:
    arguments = sys.argv[1:]
    os.chdir(ROOT)
    code = crd.main(arguments)
    wanted = generated()
    for name, text in wanted.items():
        file = ROOT / name
        if file.is_file() and file.read_bytes() == text.encode():
            continue
        if arguments == ["--check"]:
            print(f"{name} is not current: run make generate", file=sys.stderr)
            code = 1
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    for file in SHIPPED.rglob("*"):
        if not file.is_file() or str(file.relative_to(ROOT)) in wanted:
            continue
        if arguments == ["--check"]:
            print(f"{file.relative_to(ROOT)} is of no example any more: run make generate", file=sys.stderr)
            code = 1
        else:
            file.unlink()
    sys.exit(code)


if __name__ == "__main__":
    main()
