"""Writes into a chart what its release knows: registry, repository, runbooks at the tag, and the digests of its images.

    python3 tools/release_chart.py CHART --registry ghcr.io/me --repository Me/cbbot --tag v1.2.3 \\
        --digest operator=sha256:... --digest bot=sha256:... --digest bridge=sha256:...

CHART is a copy of charts/ that is packaged then. What stands there is released as it is: a digest that is missing, or
a place that is not found, ends the release. Needs nothing but Python 3.11.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

PARTS = ("operator", "bot", "bridge")
KEY = re.compile(r"(?P<indent> *)(?P<name>[A-Za-z]\w*):")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Unreleasable(Exception):
    """The chart, or what is to be written into it, is not as a release takes it."""


def release(chart: Path, registry: str, repository: str, tag: str, digests: dict[str, str]) -> None:
    """Write the values and the owner.

    Raises:
        Unreleasable: a digest is missing or none; a value is not there, or was written before.
    """
    if digests.keys() != set(PARTS) or not all(map(DIGEST.fullmatch, digests.values())):
        raise Unreleasable(f"a digest for each of {', '.join(PARTS)} is needed, as sha256:...; given: {digests}")
    values = {
        "image.registry": registry,
        **{f"image.digests.{part}": digest for part, digest in digests.items()},
        "monitoring.prometheusRule.runbookBase": f"https://github.com/{repository}/blob/{tag}/",
    }
    for path, value in values.items():
        _set(chart, path, value)
    owner = repository.partition("/")[0]
    for name in ("Chart.yaml", "README.md", "values.yaml"):
        text = (chart / name).read_text(encoding="utf-8")
        # A registry knows lower case alone; the rest is the repository's own spelling.
        text = text.replace(".io/OWNER", f".io/{owner.lower()}").replace("OWNER/cbbot", repository)
        (chart / name).write_text(text.replace("/OWNER", f"/{owner}"), encoding="utf-8")


def _set(chart: Path, path: str, value: str) -> None:
    """One value that is empty so far, and its row in the README."""
    _replace_line(chart / "values.yaml", path, lambda text: _lines_of(text).get(path, []), '""', f'"{value}"')
    row = f"| `{path}` |"
    _replace_line(chart / "README.md", path, lambda text: _starting(text, row), '| `""` |', f'| `"{value}"` |')


def _lines_of(text: str) -> dict[str, list[int]]:
    """The numbers of the lines with a value, by its path: the file is indented by two."""
    found: dict[str, list[int]] = {}
    parents: list[str] = []
    for number, line in enumerate(text.splitlines()):
        key = KEY.match(line)
        if key is not None:
            parents = [*parents[: len(key["indent"]) // 2], key["name"]]
            found.setdefault(".".join(parents), []).append(number)
    return found


def _starting(text: str, start: str) -> list[int]:
    return [number for number, line in enumerate(text.splitlines()) if line.startswith(start)]


def _replace_line(file: Path, path: str, find: Callable[[str], list[int]], empty: str, filled: str) -> None:
    text = file.read_text(encoding="utf-8")
    lines, numbers = text.splitlines(), find(text)
    if len(numbers) != 1 or lines[numbers[0]].count(empty) != 1:
        raise Unreleasable(f"{file}: {path} is not there once and empty")
    lines[numbers[0]] = lines[numbers[0]].replace(empty, filled)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write into a chart what its release knows.")
    parser.add_argument("chart", type=Path)
    for name in ("registry", "repository", "tag"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--digest", action="append", default=[], metavar="PART=sha256:...")
    given = parser.parse_args()
    digests = dict(each.partition("=")[::2] for each in given.digest)
    try:
        release(given.chart, given.registry, given.repository, given.tag, digests)
    except Unreleasable as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
