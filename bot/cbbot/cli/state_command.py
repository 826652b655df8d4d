"""``cbbot state show`` and ``cbbot state verify``: a look at a state file, without touching it."""

from __future__ import annotations

import json as json_text
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from cbbot.cli.default_state_file import default_state_file
from cbbot.cli.exits import DONE, FAILED, REFUSED
from cbbot.domain.timestamps import rfc3339
from cbbot.errors import BadInput
from cbbot.process.path_options import named_path
from cbbot.runtime.store import CorruptState, StateStore, read_generation
from cbbot.trader.codec import decode, rules_as_written
from cbbot.trader.state_checks import check_document
from cbbot.trader.state_fields import BadState
from cbbot.trader.state_versions import brought_up_to_date

__all__ = ["FileArgument", "show", "state_path", "verify"]

FileArgument = Annotated[
    Path | None,
    typer.Argument(
        parser=named_path,
        metavar="[FILE]",
        help="The state file, or its folder. [default: $STATE_FILE]",
        show_default=False,
    ),
]


def show(
    file: FileArgument = None,
    json: Annotated[bool, typer.Option("--json", help="All of it as JSON, money as decimal text.")] = False,
) -> None:
    """Show what a state file holds: identity, money, lots, orders, pauses."""
    path = state_path(file)
    read = _newest_readable(path)
    try:
        body = brought_up_to_date(read)
        # What is shown is what a start would read: nonsense is refused by name.
        identity = decode(rules_as_written(body), body).state.identity
    except BadState as error:
        raise BadInput(f"{path}: {error}") from error
    if json:
        typer.echo(json_text.dumps(body, indent=1))
        return
    from rich.console import Console  # noqa: PLC0415  60 ms that only a table needs
    from rich.table import Table  # noqa: PLC0415  as above

    console = Console()
    head = Table(show_header=False, box=None)
    account = body["account"]
    equity = Decimal(account["start_equity"]) + Decimal(account["realised"])
    rows = {
        "bot": identity.bot_id,
        "trades": f"{identity.product_id}, {identity.mode}, {identity.venue}",
        "epoch": str(body["epoch"]),
        "equity": f"{equity:f}",
        "realised today": str(account["day_realised"]),
        "breaker": "tripped" if account["breaker"] else "not tripped",
        "paused by": ", ".join(body["paused_by"]) or "nobody",
        "halted": str(body["halted"]) or "no",
        "trades closed": str(body["trade_count"]),
        "dust": str(body["dust"]["base"]),
    }
    for name, value in rows.items():
        head.add_row(name, value)
    console.print(head)
    typer.echo(f"{len(body['lots'])} open lots" + (":" if body["lots"] else ""))
    for line in _lots(body["lots"]):
        typer.echo(line)
    orders = {"whose end is not known": body["intents"], "believed absent, still looked for": body["given_up"]}
    for which, listed in orders.items():
        if listed:
            typer.echo(f"{len(listed)} orders {which}:")
            for line in _orders(listed):
                typer.echo(line)


def verify(file: FileArgument = None) -> int:
    """Say whether a state file is sound. Exit codes: 0 yes, 1 only the previous one, 2 none there, 3 none."""
    path = state_path(file)
    store = StateStore(path)
    generations = [(path, _problem(path)), (store.previous, _problem(store.previous))]
    if all(not each.exists() for each, _ in generations):
        raise BadInput(f"{path}: there is no such file")
    for each, problem in generations:
        typer.echo(f"{each}: {problem or 'sound'}")
    if not generations[0][1]:
        return DONE
    return REFUSED if generations[1][1] else FAILED


def state_path(file: Path | None) -> Path:
    """The state file that is meant: the one that is given, the one in that folder, or that of STATE_FILE."""
    default = default_state_file(os.environ)
    path = file or Path(os.environ.get("STATE_FILE", "").strip() or default)
    return path / default.name if path.is_dir() else path


def _newest_readable(path: Path) -> dict[str, Any]:
    """The body of the newest generation, else of the previous one, with a remark on standard error."""
    store = StateStore(path)
    try:
        return read_generation(path)
    except FileNotFoundError as error:
        if not store.previous.exists():
            raise BadInput(f"{path}: there is no such file") from error
        problem = f"{path} is missing"
    except CorruptState as error:
        if not store.previous.exists():
            raise
        problem = str(error)
    body = read_generation(store.previous)
    typer.echo(f"cbbot: {problem}; this is the previous generation, {store.previous}", err=True)
    return body


def _problem(path: Path) -> str:
    """What is wrong with one generation, as a start would see it; empty when nothing is."""
    try:
        check_document(read_generation(path))
    except FileNotFoundError:
        return "does not exist"
    except (CorruptState, BadState) as error:
        return str(error)
    return ""


def _lots(lots: list[dict[str, Any]]) -> Iterator[str]:
    """Two lines for each: a terminal of 80 columns cuts no number."""
    for lot in lots:
        role = "runner" if lot["runner"] else "scalp"
        yield f"  lot {lot['id']}  {role} {lot['side']} {lot['base']} at {lot['open_ticks']}, cost {lot['cost']}"
        yield f"    opened {rfc3339(int(lot['opened_ms']))}, stop {lot['stop']:.2f}, take {lot['take']:.2f}"


def _orders(intents: list[dict[str, Any]]) -> Iterator[str]:
    for intent in intents:
        yield f"  {intent['client_order_id']}"
        wish = f"{intent['purpose']} of lot {intent['lot']}: {intent['side']} {intent['base']}"
        yield f"    {wish}, written down {rfc3339(int(intent['created_ms']))}, {intent['progress']}"
