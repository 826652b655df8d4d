"""``cbbot backfill``: what is missing in a file is fetched, journalled, and put into its place at once."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from cbbot.brokers.bridge_client import BridgeClient
from cbbot.contract.settings_table import BY_KEY
from cbbot.domain.candle import Granularity
from cbbot.domain.instrument import PRODUCT_ID
from cbbot.errors import BadInput, CbbotError
from cbbot.research.backfill.backfill_progress import shown_on
from cbbot.research.backfill.backfill_summary import Outcome, lines
from cbbot.research.backfill.descent import PAGE_CANDLES, Descent
from cbbot.research.backfill.existing import TAIL_ROWS, Existing, scan, stranger
from cbbot.research.backfill.files import check_target, read_rows, replace_rows
from cbbot.research.backfill.grid import Starts, Window, starts_of
from cbbot.research.backfill.journal import Journal
from cbbot.research.backfill.rows import Changes, Row, in_order, overlaid
from cbbot.research.backfill.source import CandleSource
from cbbot.research.backfill.span import Span, moment, span_of

__all__ = ["BackfillOptions", "backfill"]

_MOST_DAYS: Final = 36_500


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillOptions:
    """What the command line asks for, as typed."""

    out: Path
    product: str
    granularity: str
    bridge: str
    token: str | None = None
    start: str | None = None
    days: int | None = None
    end: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """The options, checked."""

    shown: Path
    target: Path
    product_id: str
    granularity: Granularity
    start: int | None
    days: int | None
    end: int | None

    @property
    def about(self) -> dict[str, str]:
        return {"product_id": self.product_id, "granularity": self.granularity.value}


def backfill(options: BackfillOptions, console: Console | None = None) -> Outcome:
    """Fills a file with the venue's candles and prints a report.

    Raises:
        BadInput: an option or a file that cannot be used; then nothing is written.
        CbbotError: bridge or disk gave up. What was fetched is kept beside the file for the next run.
    """
    console = console or Console(stderr=True)
    task = _checked(options)
    url = BY_KEY["BRIDGE_URL"].parse(options.bridge)
    journal = Journal(task.target, task.product_id, task.granularity)
    try:
        if journal.pages or journal.damaged:
            damaged = f"; {journal.damaged} damaged lines are left out" if journal.damaged else ""
            _say(console, f"{journal.path}: {len(journal.starts())} candles of a run that was cut short{damaged}")
        existing = scan(task.target, task.about, task.granularity.seconds)
        descent, span = asyncio.run(_fetched(task, url, options.token, existing, journal, console))
        outcome = _put_in_place(task, span, descent, journal)
    except (KeyboardInterrupt, CbbotError):
        if journal.pages:
            kept = f"{len(journal.starts())} fetched candles are kept in {journal.path}"
            _say(console, f"backfill: {kept}; the same command goes on from there")
        raise
    finally:
        journal.close()
    for line in lines(outcome):
        Console(file=sys.stdout).print(line, soft_wrap=True, highlight=False, markup=False)
    return outcome


def _checked(options: BackfillOptions) -> _Task:
    check_target(options.out)
    if not re.fullmatch(PRODUCT_ID, options.product):
        raise BadInput(f"--product {options.product!r} is not accepted: a product in upper case, such as BTC-USD")
    granularity = options.granularity.strip().upper()
    if granularity not in Granularity.__members__:
        raise BadInput(f"--granularity {options.granularity!r} is not accepted: one of {', '.join(Granularity)}")
    if options.days is not None and options.start is not None:
        raise BadInput("--start and --days both say where to begin: use one of them")
    if options.days is not None and not 1 <= options.days <= _MOST_DAYS:
        raise BadInput(f"--days={options.days} is not accepted: a whole number from 1 to {_MOST_DAYS}")
    start = None if options.start is None else moment("--start", options.start)
    end = None if options.end is None else moment("--end", options.end)
    if start is not None and end is not None and start >= end:
        raise BadInput(f"--start={options.start} is not before --end={options.end}")
    return _Task(
        shown=options.out,
        # A link stays one: the file that it names is replaced.
        target=Path(os.path.realpath(options.out)),
        product_id=options.product,
        granularity=Granularity(granularity),
        start=start,
        days=options.days,
        end=end,
    )


async def _fetched(
    task: _Task, url: str, token: str | None, existing: Existing, journal: Journal, console: Console
) -> tuple[Descent, Span]:
    """Every page that is missing, into the journal."""
    seconds = task.granularity.seconds
    client = BridgeClient(url, token)
    source = CandleSource(client, task.product_id, lambda message: _say(console, f"backfill: {message}"))
    try:
        try:
            now_ms = await source.now_ms()
        except CbbotError as error:
            raise CbbotError(f"{error}; does a bridge listen at {url}? --bridge or BRIDGE_URL names it") from error
        await source.check_product()
        known = starts_of(existing.starts, journal.starts())
        span = span_of(start=task.start, days=task.days, end=task.end, now_ms=now_ms, known=known, seconds=seconds)
        await _same_venue(task, source, existing.tail, task.shown)
        await _same_venue(task, source, _newest(journal), journal.path)
        descent = Descent(span, known, seconds)
        journal.begin()
        with shown_on(console) as show:
            done = 0
            while (ask := descent.next()) is not None:
                granularity = Granularity.ONE_DAY if ask.daily else task.granularity
                left = descent.left
                journal.append(descent.answered(ask, await source.candles(granularity, ask.window)))
                done += max(left - descent.left, 0)
                show(done, descent.left, ask.window.first)
    finally:
        await client.aclose()
    return descent, span


async def _same_venue(task: _Task, source: CandleSource, held: Sequence[Row], path: Path) -> None:
    """That rows which we hold already are this product's, at this venue: a CSV does not say.

    Raises:
        BadInput: none of them is.
    """
    if not held:
        return
    reach = (PAGE_CANDLES - 1) * task.granularity.seconds
    near = [row for row in held if row.start >= held[-1].start - reach]
    answer = await source.candles(task.granularity, Window(near[0].start, near[-1].start))
    if difference := stranger(near, answer):
        raise BadInput(
            f"{path}: holds no candles of {task.product_id} {task.granularity.value} at this venue: {difference}; "
            "give another --out, or remove the file"
        )


def _newest(journal: Journal) -> Sequence[Row]:
    """The newest rows of the newest page."""
    if not journal.pages:
        return ()
    _, page = max(journal.pages, key=lambda entry: entry[0])
    return journal.rows(page)[-TAIL_ROWS:]


def _put_in_place(task: _Task, span: Span, descent: Descent, journal: Journal) -> Outcome:
    starts: Starts = descent.known()
    if not len(starts):
        first, last = span.wanted
        raise CbbotError(
            f"the venue has no candle of {task.product_id} {task.granularity.value} in the time asked for "
            f"({(last - first) // task.granularity.seconds + 1} candles long); nothing is written"
        )
    changes = Changes()
    written = False
    if journal.pages:
        older = (row for _, row in read_rows(task.target, task.about))
        rows = overlaid(older, in_order(journal.pages, journal.rows), changes)
        written = replace_rows(task.target, rows, task.about, changes.any)
        journal.discard()
    return Outcome(
        path=str(task.shown),
        product_id=task.product_id,
        granularity=task.granularity.value,
        seconds=task.granularity.seconds,
        wanted=span.wanted,
        starts=starts,
        changes=changes,
        written=written,
        bad_rows=descent.bad,
    )


def _say(console: Console, line: str) -> None:
    console.print(line, soft_wrap=True, highlight=False, markup=False)
