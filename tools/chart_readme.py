"""The values in the chart's README.md, from the comments of its values.yaml."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

__all__ = ["PATH", "Row", "readme", "rows"]

CHART = Path(__file__).resolve().parents[1] / "charts"
PATH = CHART / "README.md"
_KEY = re.compile(r"(?P<indent> *)(?P<key>[A-Za-z]\w*):")
_VALUES = "<!-- Below: generated from values.yaml by `make generate`. -->\n"
_TABLE = "\n| value | default | meaning |\n|---|---|---|\n"


class Row(NamedTuple):
    """``default`` is None for a group of values."""

    path: str
    default: Any
    meaning: str


def rows() -> Iterator[Row]:
    """Every value, and every group that says something, in the file's order."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values, groups = yaml.safe_load(text), set(_groups(schema, ""))
    comment: list[str] = []
    parents: list[str] = []
    for line in text.splitlines():
        found = _KEY.match(line)
        if line.strip().startswith("#"):
            comment.append(line.strip().removeprefix("#").strip())
            continue
        if found is not None:
            parents = [*parents[: len(found["indent"]) // 2], found["key"]]
            path = ".".join(parents)
            inside = any(path.startswith(f"{leaf}.") for leaf in _above(parents) if leaf not in groups)
            if not inside and (comment or path not in groups):
                yield Row(path, None if path in groups else _at(values, parents), " ".join(comment))
        comment = []


def _groups(schema: dict[str, Any], path: str) -> Iterator[str]:
    for key, node in schema.get("properties", {}).items():
        if "required" in node and "properties" in node:
            yield f"{path}{key}"
            yield from _groups(node, f"{path}{key}.")


def _above(parents: list[str]) -> list[str]:
    return [".".join(parents[:count]) for count in range(1, len(parents))]


def _at(values: Any, parts: list[str]) -> Any:
    for part in parts:
        values = values[part]
    return values


def readme() -> str:
    """What people have written, and a row for each value below it."""
    lines = []
    for row in rows():
        default = "" if row.default is None else f"`{json.dumps(row.default)}`"
        lines.append(f"| `{row.path}` | {default} | {row.meaning} |\n")
    written = PATH.read_text(encoding="utf-8").partition(_VALUES)[0]
    return written + _VALUES + _TABLE + "".join(lines)
