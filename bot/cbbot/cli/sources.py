"""Where settings come from: a ``bot.env``, the process's environment above it, ``--set`` above both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from cbbot.contract.env_file import parse_env_file
from cbbot.contract.settings import unknown_keys
from cbbot.contract.settings_reading import Problems
from cbbot.contract.settings_table import BY_KEY
from cbbot.errors import BadInput
from cbbot.process.named_files import text_of

__all__ = ["assignments", "gathered"]


def gathered(
    env_file: Path | None, assigned: Iterable[str], environment: Mapping[str, str], problems: Problems
) -> tuple[dict[str, str], list[str]]:
    """Environment text of the settings, and warnings in words.

    A file that cannot be read and a ``--set`` that names no setting are put into ``problems``.
    """
    values: dict[str, str] = {}
    warnings: list[str] = []
    if env_file is not None:
        with problems.collected():
            file = parse_env_file(text_of(env_file, "--env"), env_file.name)
            values |= file.values
            warnings += [warning] if (warning := file.warning()) else []
    values |= {key: environment[key] for key in BY_KEY if environment.get(key, "").strip()}
    return values | assignments(assigned, problems), warnings


def assignments(assigned: Iterable[str], problems: Problems) -> dict[str, str]:
    """The settings of ``--set``; what names none is put into ``problems``."""
    pairs = {}
    for text in assigned:
        key, sign, value = text.partition("=")
        if sign and key.strip():
            pairs[key.strip()] = value
        else:
            problems.found.append(BadInput(f"--set {text!r}: KEY=VALUE is wanted, e.g. --set DRY_RUN=true"))
    problems.found += unknown_keys(pairs)
    return pairs
