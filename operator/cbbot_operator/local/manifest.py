"""Reads a TradingBot manifest from a file and judges it as the cluster would.

A file may hold other objects too (a Secret, a Namespace); they are left alone. It must hold
exactly one TradingBot: ``cbbot up`` runs one, and guessing which would be trading by accident.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cbbot.contract.spec_reader import read_spec
from cbbot.contract.tradingbot import (
    API_VERSION,
    KIND,
    NAME_MAX_LENGTH,
    NAME_PATTERN,
    NAMESPACE_PATTERN,
    TradingBotSpec,
)
from cbbot.contract.violation import BadTradingBot, Violation
from cbbot.errors import BadInput
from cbbot_operator.local.yaml_documents import read_documents

__all__ = ["BadManifest", "Manifest", "parse_manifest", "read_manifest"]

# The API server takes no object above 1.5 MiB either.
_MOST_BYTES = 1_500_000
_PARTS = ("apiVersion", "kind", "metadata", "spec", "status")


@dataclass(frozen=True, slots=True)
class Manifest:
    """One TradingBot as a person wrote it, checked. ``namespace`` is empty when none is given."""

    name: str
    namespace: str
    spec: TradingBotSpec


class BadManifest(BadInput):
    """A manifest that cannot be used; ``problems`` has a line for every mistake, the file's name in front."""

    def __init__(self, source: str, problems: Iterable[str]) -> None:
        self.problems = [f"{source}: {problem}" for problem in problems]
        super().__init__("\n".join(self.problems))

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(self.problems)


def read_manifest(path: Path) -> Manifest:
    """The one TradingBot in the file at ``path``; ``-`` is standard input.

    Raises:
        BadManifest: the file cannot be read, is not YAML, or does not hold one sound TradingBot.
    """
    source = str(path)
    try:
        content = sys.stdin.buffer.read(_MOST_BYTES + 1) if source == "-" else _content(path)
    except OSError as error:
        raise BadManifest(source, [f"cannot be read: {error.strerror}"]) from error
    if len(content) > _MOST_BYTES:
        raise BadManifest(source, [f"is larger than {_MOST_BYTES} bytes: that is no TradingBot"])
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadManifest(source, ["is not text in UTF-8"]) from error
    return parse_manifest(text, source)


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MOST_BYTES + 1)


def parse_manifest(text: str, source: str) -> Manifest:
    """The one TradingBot in YAML ``text``; ``source`` is what messages call the file.

    Raises:
        BadManifest: see :func:`read_manifest`.
    """
    try:
        documents = read_documents(text)
    except yaml.MarkedYAMLError as error:
        where = error.problem_mark or error.context_mark
        place = f"line {where.line + 1}, column {where.column + 1}: " if where is not None else ""
        raise BadManifest(source, [f"is not YAML: {place}{error.problem or error.context}"]) from error
    except yaml.YAMLError as error:
        raise BadManifest(source, [f"is not YAML: {' '.join(str(error).split())}"]) from error
    except BadInput as error:
        raise BadManifest(source, [str(error)]) from error
    return _checked(_only_bot(documents, source), source)


def _only_bot(documents: list[Any], source: str) -> Mapping[str, Any]:
    if not documents:
        raise BadManifest(source, [f"is empty: a {KIND} is wanted"])
    for position, document in enumerate(documents, start=1):
        if not isinstance(document, Mapping):
            which = f"document {position}: " if len(documents) > 1 else ""
            raise BadManifest(
                source, [f"{which}{_shown(document)} is not accepted: a mapping with apiVersion, kind, metadata, spec"]
            )
    bots: list[Mapping[str, Any]] = [document for document in documents if document.get("kind") == KIND]
    if len(bots) > 1:
        names = ", ".join(str((bot.get("metadata") or {}).get("name", "?")) for bot in bots)
        raise BadManifest(source, [f"holds {len(bots)} TradingBots ({names}): cbbot up runs one, give each its file"])
    if not bots:
        kinds = ", ".join(_shown(document.get("kind")) for document in documents)
        raise BadManifest(source, [f"kind: {kinds} is not accepted: {KIND}"])
    return bots[0]


def _checked(document: Mapping[str, Any], source: str) -> Manifest:
    problems = [*_frame_problems(document), *_metadata_problems(document.get("metadata"))]
    spec: TradingBotSpec | None = None
    given = document.get("spec")
    if isinstance(given, Mapping):
        try:
            spec = read_spec(given)
        except BadTradingBot as error:
            problems += [str(violation) for violation in error.violations]
    else:
        problems.append(str(Violation("", given, "a mapping with at least product.id")))
    if problems or spec is None:
        raise BadManifest(source, problems)
    metadata = document["metadata"]
    return Manifest(metadata["name"], metadata.get("namespace") or "", spec)


def _frame_problems(document: Mapping[str, Any]) -> list[str]:
    problems = []
    if document.get("apiVersion") != API_VERSION:
        problems.append(_problem("apiVersion", document.get("apiVersion"), API_VERSION))
    problems += [f"{field}: no such field; known are {', '.join(_PARTS)}" for field in document if field not in _PARTS]
    return problems


def _metadata_problems(metadata: Any) -> list[str]:
    if not isinstance(metadata, Mapping):
        return [_problem("metadata", metadata, "a mapping with a name")]
    problems = []
    name = metadata.get("name")
    if not isinstance(name, str) or len(name) > NAME_MAX_LENGTH or re.fullmatch(NAME_PATTERN, name) is None:
        accepted = f"lower case letters, digits and dashes, starting with a letter, at most {NAME_MAX_LENGTH}"
        problems.append(_problem("metadata.name", name, accepted))
    namespace = metadata.get("namespace")
    if namespace is not None and not (isinstance(namespace, str) and re.fullmatch(NAMESPACE_PATTERN, namespace)):
        problems.append(_problem("metadata.namespace", namespace, "lower case letters, digits and dashes"))
    for field in ("labels", "annotations"):
        marks = metadata.get(field) or {}
        if not isinstance(marks, Mapping):
            problems.append(_problem(f"metadata.{field}", marks, "a mapping of text to text"))
            continue
        problems += [
            _problem(f"metadata.{field}.{key}", value, "text, in quotes")
            for key, value in marks.items()
            if not isinstance(value, str)
        ]
    return problems


def _problem(field: str, value: object, accepted: str) -> str:
    """In the words of :class:`Violation`, for fields outside of ``spec``."""
    given = "nothing given" if value is None else f"{_shown(value)} is not accepted"
    return f"{field}: {given}: {accepted}"


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
