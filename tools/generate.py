"""Writes what is generated: the CRD, the chart's copies and its README.md, docs/settings.md.

``--check`` writes nothing and fails when one of them is not current.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import chart_readme

from cbbot.contract.settings_table import SETTINGS
from cbbot_operator import crd

ROOT = Path(__file__).resolve().parents[1]
FIRST_BOT = (ROOT / "examples" / "try.yaml", ROOT / "charts" / "files" / "try.yaml")
"""What the chart's notes tell a person to apply is the example, byte for byte."""
PAGE = ROOT / "docs" / "settings.md"
HEAD = """# Settings

Generated from the settings table (`bot/cbbot/contract/settings_table.py`) by `make generate`; do not edit.

A TradingBot's field and an environment key are two names of the same setting; the environment (and a `bot.env`) is for
one machine. A value that is malformed or out of bounds is refused with the key, the value and what is accepted.

| environment | TradingBot field | default | accepted | meaning |
|---|---|---|---|---|
"""


def page() -> str:
    rows = [
        f"| {s.key} | {s.field or '-'} | {'-' if s.default is None else s.default} | {s.accepted} | {s.meaning} |"
        for s in SETTINGS
    ]
    return HEAD + "\n".join(rows) + "\n"


def main() -> None:
    arguments = sys.argv[1:]
    os.chdir(ROOT)
    stale = crd.main(arguments)
    example, copy = FIRST_BOT
    texts = {copy: example.read_text(), PAGE: page(), chart_readme.PATH: chart_readme.readme()}
    for path, text in texts.items():
        if arguments != ["--check"]:
            path.write_text(text)
        elif not path.is_file() or path.read_text() != text:
            print(f"{path.relative_to(ROOT)} is not current: run make generate", file=sys.stderr)
            stale = 1
    sys.exit(stale)


if __name__ == "__main__":
    main()
