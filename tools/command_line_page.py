"""docs/command-line.md, made from the table of commands and from what each command takes."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Final

from markdown_rows import code, table

from cbbot.cli.dispatch import COMMANDS, CommandEntry, click_command

__all__ = ["page"]

_HEAD: Final = """# Command line

Generated from the table of commands (`bot/cbbot/cli/dispatch.py`) and their options by `make generate`; do not edit.

`cbbot COMMAND --help` shows the same in a terminal. A command whose part of the distribution is not installed names
the `pip install` that brings it; the column *needs* has the extra.

Exit codes: 0 done, 1 failed, 2 an option, a setting or a file that cannot be used, 3 refused for safety, 130 ended by
Ctrl-C, 143 by SIGTERM, 129 by SIGHUP. `run` ends well by SIGTERM, `up` by Ctrl-C and `simulate` by either, with 0.
`cbbot --version` says the version.

"""


def page() -> str:
    listed = table(
        ("command", "what it does", "needs"),
        ((f"[{name}](#cbbot-{name.replace(' ', '-')})", each.summary, code(f"cbbot[{each.extra}]"))
         for name, each in COMMANDS.items()),
    )  # fmt: skip
    return _HEAD + listed + "".join(_command(name, entry) for name, entry in COMMANDS.items())


def _command(name: str, entry: CommandEntry) -> str:
    command = click_command(name)
    if command is None:
        return f"\n## cbbot {name}\n\n{entry.summary}\n\n" + _of_help(name)
    words = inspect.cleandoc(command.help or entry.summary)
    rows = [_parameter(each) for each in command.params if not getattr(each, "hidden", False)]
    return f"\n## cbbot {name}\n\n{words}\n\n" + table(("option", "default", "meaning"), rows)


def _parameter(parameter: Any) -> tuple[str, str, str]:
    flags = ", ".join(code(flag) for flag in parameter.opts if flag.startswith("-"))
    metavar = parameter.metavar or ("" if getattr(parameter, "is_flag", False) else parameter.name.upper())
    said = re.search(r" ?\[default: (.*)\]", parameter.help or "")
    help_text = (parameter.help or "").replace(said[0], "") if said else parameter.help or ""
    shown = f"{flags} {code(metavar)}".strip() if metavar else flags
    return shown, said[1] if said else _default(parameter), help_text


def _default(parameter: Any) -> str:
    if parameter.required:
        return "*required*"
    value = parameter.default
    if value is None or value is False or value == ():
        return ""
    return code(str(getattr(value, "value", value)))


def _of_help(name: str) -> str:
    """Of a command that reads its arguments itself: its help, the options as a table where there are some."""
    text = _help(name)
    options = list(_options(text))
    return table(("option", "meaning"), options) if options else f"```text\n{text}```\n"


def _help(name: str) -> str:
    # As wide as it takes: each Python folds lines in its own way.
    environment = {**os.environ, "COLUMNS": "10000", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "cbbot", *name.split(), "--help"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout


def _options(text: str) -> Iterator[tuple[str, str]]:
    lines = text.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        found = re.fullmatch(r"  (?P<flags>-\S.*?)(?:  +(?P<meaning>.*))?", line)
        if found and "--help" not in found["flags"]:
            # What is long stands in a line of its own, with its meaning in the next.
            yield code(found["flags"]), found["meaning"] or following.strip()
