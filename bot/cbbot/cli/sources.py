"""Where settings come from: a ``bot.env``, the process's environment above it, ``--set`` above both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from cbbot.contract.env_file import parse_env_file
from cbbot.contract.settings import unknown_keys
from cbbot.contract.settings_table import BY_KEY
from cbbot.errors import BadInput

__all__ = ["gathered", "secret_in", "text_of"]


def gathered(
    env_file: Path | None, assigned: Iterable[str], environment: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Environment text of the settings, and warnings in words.

    Raises:
        BadInput: the file cannot be read, or ``--set`` names no setting.
    """
    values: dict[str, str] = {}
    warnings: list[str] = []
    if env_file is not None:
        file = parse_env_file(text_of(env_file, "--env"), env_file.name)
        values |= file.values
        warnings += [warning] if (warning := file.warning()) else []
    values |= {key: environment[key] for key in BY_KEY if environment.get(key, "").strip()}
    return values | _assignments(assigned), warnings


def _assignments(assigned: Iterable[str]) -> dict[str, str]:
    pairs = {}
    for text in assigned:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise BadInput(f"--set {text!r}: KEY=VALUE is wanted, e.g. --set DRY_RUN=true")
        pairs[key.strip()] = value
    unknown = unknown_keys(pairs)
    if unknown:
        raise unknown[0]
    return pairs


def text_of(path: Path, asked_by: str) -> str:
    """The text of a file that a person named.

    Raises:
        BadInput: it cannot be read as UTF-8 text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{asked_by} {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{asked_by} {path}: not UTF-8 text") from error


def secret_in(path: str | None, key: str) -> str | None:
    """A secret that is mounted as a file, without the newline at its end; None when no file is named.

    Raises:
        BadInput: the file cannot be read, is empty, or holds more than one word of ASCII, which no
            HTTP header could carry.
    """
    if path is None:
        return None
    secret = text_of(Path(path), f"{key}:").strip()
    if not secret:
        raise BadInput(f"{key}: {path} is empty")
    if not (secret.isascii() and secret.isprintable()) or " " in secret:
        raise BadInput(f"{key}: {path} must hold the secret alone, one line of printable ASCII without spaces")
    return secret
