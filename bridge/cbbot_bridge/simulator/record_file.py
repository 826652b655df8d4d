"""Orders and fills on disk, one a line: lines are only ever added, and of several lines of one order the last counts.

How far the file is to be read is written elsewhere, once what was added is durable: what stands beyond that is the
rest of a write that did not come to its end, and is written over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from cbbot.errors import BadInput
from cbbot.process.durable_files import OWNER_ONLY, sync_folder, write_all

__all__ = ["RecordLines", "add_durably", "read_records"]

_ORDER: Final = "order"
_FILL: Final = "fill"


class RecordLines:
    """Lines that are to be added."""

    def __init__(self, orders: Iterable[dict[str, Any]], fills: Iterable[dict[str, Any]]) -> None:
        kinds = ((_ORDER, orders), (_FILL, fills))
        lines = (json.dumps({kind: record}, separators=(",", ":")) for kind, records in kinds for record in records)
        self.content = "".join(f"{line}\n" for line in lines).encode()


def add_durably(path: Path, content: bytes, at: int) -> None:
    """Write ``content`` at a place of the file, and cut off what stands behind it.

    Raises:
        OSError: it is not durable; what stands before ``at`` is as it was.
    """
    is_new = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, OWNER_ONLY)
    try:
        os.ftruncate(descriptor, at)
        os.lseek(descriptor, at, os.SEEK_SET)
        write_all(lambda rest: os.write(descriptor, rest), content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if is_new:
        sync_folder(path.parent)


def read_records(path: Path, until: object) -> dict[str, list[dict[str, Any]]]:
    """The newest line of each order, and all fills, as the snapshot of an exchange wants them.

    Raises:
        BadInput: the file is shorter than it was, or is not what a simulator writes.
    """
    if not isinstance(until, int) or until < 0:
        raise BadInput(f"--state {path}: it is not said how far it goes")
    orders: dict[str, dict[str, Any]] = {}
    fills: list[dict[str, Any]] = []
    try:
        content = path.read_bytes()[:until] if until else b""
        if len(content) < until:
            raise BadInput(f"--state {path}: {len(content)} bytes, {until} were written")
        for line in content.splitlines():
            record = json.loads(line)
            if _FILL in record:
                fills.append(record[_FILL])
            else:
                orders[record[_ORDER]["order_id"]] = record[_ORDER]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"--state {path}: {error!r}") from error
    return {"orders": list(orders.values()), "fills": fills}
