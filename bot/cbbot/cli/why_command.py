"""``cbbot why``: what the bot decided, what it compared, and what followed, from its journal of decisions."""

from __future__ import annotations

import json as json_text
import shutil
from collections.abc import Iterator
from pathlib import Path
from textwrap import TextWrapper
from typing import Annotated, Final

import httpx
import typer
from pydantic import TypeAdapter, ValidationError

from cbbot.cli.exits import DONE, FAILED
from cbbot.cli.state_command import FileArgument, state_path
from cbbot.contract.bot_api import DecisionRow, FollowingEvent
from cbbot.contract.reason_words import reason_words
from cbbot.domain.timestamps import epoch_ms
from cbbot.errors import BadInput, CbbotError
from cbbot.runtime.decision_journal import journal_of

__all__ = ["why"]

_PAGE: Final = 1000
_UNBROKEN: Final = 1_000_000
_MOST_INDENTED: Final = 30
_FAR: Final = "9999-01-01T00:00:00Z"
_ROWS: Final = TypeAdapter(list[DecisionRow])


def why(
    file: FileArgument = None,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="The decision at this time or before it: RFC 3339.")
    ] = None,
    order: Annotated[
        str | None, typer.Option(metavar="ID", help="What led to the order with this client order id.")
    ] = None,
    lot: Annotated[int | None, typer.Option(metavar="N", help="What opened and closed this lot.")] = None,
    last: Annotated[int | None, typer.Option(metavar="N", min=1, max=_PAGE, help="The newest N. [default: 10]")] = None,
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Ask a bot over HTTP instead: one in a cluster, by kubectl port-forward."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One line of JSON for each decision.")] = False,
) -> int:
    """Tell why the bot did what it did: probability, every gate with its figures, orders and fills after it.

    Of decisions alike one a minute is kept. Exit code 1 when there is none like that.
    """
    if sum(given is not None for given in (at, order, lot, last)) > 1:
        raise BadInput("--at, --order, --lot and --last ask for different things: use one of them")
    rows = _over_http(url) if url is not None else _in_journal(file)
    found = _chosen(rows, at, order, lot, last)
    if not found:
        typer.echo("cbbot: the journal has no such decision", err=True)
        return FAILED
    # A pipe has lines of any length.
    width = shutil.get_terminal_size((_UNBROKEN, 0)).columns
    for row in found:
        typer.echo(row.model_dump_json() if json else "\n".join(_described(row, width)))
    return DONE


def _chosen(
    rows: Iterator[DecisionRow], at: str | None, order: str | None, lot: int | None, last: int | None
) -> list[DecisionRow]:
    """Oldest first."""
    if at is not None:
        until = epoch_ms(at)
        if until is None:
            raise BadInput(f"--at {at}: a time is wanted, with its zone: 2026-05-01T12:00:00Z")
        before = (row for row in rows if (epoch_ms(row.at) or 0) <= until)
        return [row for row in (next(before, None),) if row is not None]
    if order is not None:
        return [row for row in rows if _names(row, "client_order_id", order)][::-1]
    if lot is not None:
        return [row for row in rows if _names(row, "lot", lot)][::-1]
    newest = [row for _, row in zip(range(last or 10), rows, strict=False)]
    return newest[::-1]


def _names(row: DecisionRow, field: str, value: str | int) -> bool:
    return any(event.fields.get(field) == value for event in row.followed)


def _in_journal(file: Path | None) -> Iterator[DecisionRow]:
    """Newest first."""
    if file is not None and not file.exists():
        # The folder around a name that is none may well have the journal of another state.
        raise BadInput(
            f"{file}: there is no such file; a state or its folder is meant (an order is asked for by --order)"
        )
    journal = journal_of(state_path(file))
    if not journal.path.exists() and not journal.older.exists():
        raise BadInput(f"{journal.path}: there is no such file; a bot writes it beside its state (or --url asks a bot)")
    try:
        yield from journal.page(10**9)
    except OSError as error:
        raise CbbotError(f"{journal.path}: {error.strerror or error}") from error


def _over_http(url: str) -> Iterator[DecisionRow]:
    """Newest first, page by page."""
    before = _FAR
    with httpx.Client(timeout=10, trust_env=False) as client:
        while True:
            address = f"{url.rstrip('/')}/decisions"
            try:
                answer = client.get(address, params={"before": before, "limit": _PAGE}).raise_for_status()
                rows = _ROWS.validate_json(answer.content)
            except (httpx.HTTPError, httpx.InvalidURL, ValidationError) as error:
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                raise CbbotError(f"{address}: {reason}; is it a bot's address?") from error
            yield from rows
            if len(rows) < _PAGE:
                return
            before = rows[-1].at


def _described(row: DecisionRow, width: int) -> Iterator[str]:
    alike = f" (the newest of {row.times} alike)" if row.times > 1 else ""
    yield f"{row.at}  {row.signal} at {row.price}{alike}"
    yield from _wrapped(f"  {row.reason}: ", reason_words(row.reason), width)
    for gate in row.gates:
        yield from _wrapped(f"  {'passed' if gate.passed else 'DENIED'}  {gate.gate:<19} ", gate.figures, width)
    for event in row.followed:
        yield from _wrapped(f"  then    {event.at}  {event.event}: ", _fields(event), width)


def _wrapped(head: str, text: str, width: int) -> list[str]:
    """``text`` after ``head``, its further lines below the first, but no further to the right than they have room."""
    below = " " * min(len(head), _MOST_INDENTED)
    wrapper = TextWrapper(width, initial_indent=head, subsequent_indent=below, break_on_hyphens=False)
    return wrapper.wrap(text) or [head.rstrip()]


def _fields(event: FollowingEvent) -> str:
    shown = {name: value for name, value in event.fields.items() if value not in ("", None)}
    texts = {name: value if isinstance(value, str) else json_text.dumps(value) for name, value in shown.items()}
    return ", ".join(f"{name} {text}" for name, text in texts.items())
