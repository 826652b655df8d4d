"""What requirements/*.txt lock: packages, their versions, and the environments that a version is for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from packaging.markers import Marker
from packaging.utils import canonicalize_name

__all__ = ["LOCKS", "locked_for", "pins"]

LOCKS = {path.stem: path for path in (Path(__file__).parents[1] / "requirements").glob("*.txt")}
_PIN = re.compile(r"^(?P<name>[a-z0-9._-]+)==(?P<version>[^ \\;]+)(?: ; (?P<marker>[^\\]+?))? \\$", re.MULTILINE)


def pins(name: str) -> dict[str, set[tuple[str, str]]]:
    """Package to the versions and markers with which it is locked."""
    found: dict[str, set[tuple[str, str]]] = {}
    for pin in _PIN.finditer(LOCKS[name].read_text(encoding="utf-8")):
        found.setdefault(pin["name"], set()).add((pin["version"], pin["marker"] or ""))
    return found


def locked_for(name: str, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Package to version, as the lock is installed here, or where the environment (of markers) is another."""
    given = dict(environment or {})
    return {
        str(canonicalize_name(package)): version
        for package, found in pins(name).items()
        for version, marker in found
        if not marker or Marker(marker).evaluate(given)
    }
