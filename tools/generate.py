"""Writes what is generated from the contract: the CRD, its copy in the chart, docs/settings.md.

``--check`` writes nothing and fails when one of them is not current.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cbbot.contract.settings_table import SETTINGS
from cbbot_operator import crd

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
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
    os.chdir(PAGE.parents[1])
    stale = crd.main(arguments)
    if arguments != ["--check"]:
        PAGE.write_text(page())
    elif not PAGE.is_file() or PAGE.read_text() != page():
        print(f"{PAGE.name} is not current: run make generate", file=sys.stderr)
        stale = 1
    sys.exit(stale)


if __name__ == "__main__":
    main()
