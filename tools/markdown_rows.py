"""Tables of Markdown, for the pages that are generated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["code", "table"]


def code(text: str) -> str:
    """The text as it is typed; nothing for none."""
    return f"`{text}`" if text else ""


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with its lines ended; cells may have line breaks and bars, which become spaces and escaped bars."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")
