"""What was found in a candle file, for a person and for a script. Pure, but for the console that is given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table

from cbbot.domain.decimals import plain
from cbbot.domain.timestamps import rfc3339
from cbbot.research.data_check import Findings, Gap, Outlier

__all__ = ["as_document", "print_findings"]

SCHEMA = 1


def print_findings(console: Console, found: Findings) -> None:
    """A table of facts, then what is wrong, then what a backtest makes of it."""
    console.print(str(found.path), style="bold", soft_wrap=True, markup=False, highlight=False)
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _facts(found):
        table.add_row(name, value)
    console.print(table)
    for line in found.notes:
        console.print(f"  {line}", soft_wrap=True, markup=False, highlight=False)
    for title, lines in _lists(found):
        console.print(f"\n[bold]{title}[/]")
        for line in lines:
            console.print(f"  {line}", soft_wrap=True, markup=False, highlight=False)
    console.print()
    for line in found.refused:
        console.print(f"[red]a backtest refuses it:[/] {line}", soft_wrap=True, highlight=False)
    for line in found.doubtful:
        console.print(f"[yellow]look at:[/] {line}", soft_wrap=True, highlight=False)
    if not found.refused:
        look = ", but look at these first" if found.doubtful else ""
        console.print(f"[green]a backtest takes it as it is[/]{look}", soft_wrap=True, highlight=False)


def _facts(found: Findings) -> Iterator[tuple[str, str]]:
    price = found.instrument.price_text
    yield "rows", f"{found.rows:,}, of them {found.candles:,} candles"
    yield "from", _time(found.first)
    yield "to", _time(found.last)
    yield "spacing", f"{found.spacing} seconds ({found.granularity} is {found.granularity.seconds})"
    longest = max((gap.missing for gap in found.largest_gaps), default=0)
    missing = f", {found.missing:,} candles missing, {longest:,} in the longest" if found.gaps else ""
    yield "gaps", f"{found.gaps:,}{missing}"
    yield "odd distances", f"{found.odd_spacings:,}"
    yield "bad rows", f"{found.bad_rows:,}"
    yield "duplicates", f"{found.duplicates:,}, {found.conflicting:,} of them with other numbers"
    yield "unsorted rows", f"{found.unsorted_rows:,}"
    yield "outliers", f"{found.outliers:,} beyond {100 * found.outlier_from:.2f} %"
    yield "outside high-low", f"{found.outside_range:,}"
    yield "without volume", f"{found.no_volume:,}"
    yield "price increment", plain(found.instrument.price_increment)
    yield "lowest price", f"{price(found.lowest[0])} at {_time(found.lowest[1])}"
    yield "highest price", f"{price(found.highest[0])} at {_time(found.highest[1])}"


def _lists(found: Findings) -> Iterator[tuple[str, list[str]]]:
    if found.refusals:
        more = _more(found.bad_rows, len(found.refusals))
        yield f"Bad rows{more}", [f"{each.where}: {each.said}" for each in found.refusals]
    if found.first_odd:
        more = _more(found.odd_spacings, len(found.first_odd))
        lines = [f"{_time(gap.after)} to {_time(gap.before)}: {gap.before - gap.after} s" for gap in found.first_odd]
        yield f"Odd distances{more}", lines
    if found.largest_gaps:
        more = _more(found.gaps, len(found.largest_gaps))
        yield f"Largest gaps{more}", [_gap_line(gap) for gap in found.largest_gaps]
    if found.largest_outliers:
        more = _more(found.outliers, len(found.largest_outliers))
        yield f"Largest outliers{more}", [_outlier_line(each) for each in found.largest_outliers]


def _more(count: int, shown: int) -> str:
    return f" ({shown} of {count:,})" if count > shown else ""


def _gap_line(gap: Gap) -> str:
    return f"after {_time(gap.after)} until {_time(gap.before)}: {gap.missing:,} missing"


def _outlier_line(outlier: Outlier) -> str:
    return f"{_time(outlier.start)}: {outlier.kind} of {100 * outlier.change:+.2f} %"


def _time(seconds: int) -> str:
    return rfc3339(seconds * 1000)


def as_document(found: Findings) -> dict[str, Any]:
    """The findings as JSON: prices as decimal strings, times as RFC 3339, changes as shares."""

    def span(gap: Gap) -> dict[str, Any]:
        return {"after": _time(gap.after), "before": _time(gap.before), "missing": gap.missing}

    def extreme(at: tuple[int, int]) -> dict[str, str]:
        return {"price": found.instrument.price_text(at[0]), "time": _time(at[1])}

    return {
        "schema": SCHEMA,
        "file": str(found.path),
        "rows": found.rows,
        "candles": found.candles,
        "from": _time(found.first),
        "to": _time(found.last),
        "granularity": found.granularity.value,
        "spacing_seconds": found.spacing,
        "bad_rows": {"count": found.bad_rows, "first": [each._asdict() for each in found.refusals]},
        "unsorted_rows": found.unsorted_rows,
        "duplicates": {"count": found.duplicates, "conflicting": found.conflicting},
        "gaps": {"count": found.gaps, "missing": found.missing, "largest": [span(gap) for gap in found.largest_gaps]},
        "odd_spacings": {"count": found.odd_spacings, "first": [span(gap) for gap in found.first_odd]},
        "outliers": {
            "count": found.outliers,
            "beyond": found.outlier_from,
            "largest": [
                {"time": _time(each.start), "kind": each.kind, "change": each.change} for each in found.largest_outliers
            ],
        },
        "outside_range": found.outside_range,
        "without_volume": found.no_volume,
        "lowest": extreme(found.lowest),
        "highest": extreme(found.highest),
        "price_increment": plain(found.instrument.price_increment),
        "notes": list(found.notes),
        "refused": list(found.refused),
        "doubtful": list(found.doubtful),
    }
