"""Tables of a Markdown page, for tests that hold a page to the code."""

from __future__ import annotations

import re
from collections.abc import Iterator

Row = dict[str, str]


def tables(text: str) -> Iterator[list[Row]]:
    """The tables of a piece of Markdown, rows by column title."""
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.strip().splitlines()]
        yield [dict(zip(lines[0], cells, strict=True)) for cells in lines[2:]]
