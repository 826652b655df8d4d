"""What ``cbbot up`` shows: a table on a terminal, a line where there is none. Pure."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cbbot.contract.bot_api import BotStatus, LotRow, TradeRow
from cbbot.contract.reason_words import reason_words
from cbbot_operator.local.child_log_lines import LogLine, styled
from cbbot_operator.local.number_text import age, clock, money, price
from cbbot_operator.local.watch import Seen

__all__ = ["PartState", "Screen", "dashboard", "status_line"]

_MOST_TRADES = 5
_MOST_LOTS = 8
_FEWEST_LOG_ROWS = 4
_BREAKER = {True: "tripped", False: "armed", None: "-"}
_ROWS_FOR_ALL = 20
_FEW = ("price", "decision", "equity", "day PnL")
_PHASES = {"trading": "green", "paused": "yellow", "halted": "bold red"}


@dataclass(frozen=True, slots=True)
class PartState:
    """One process as shown: ``state`` in a word, how often it was started again."""

    name: str
    state: str
    restarts: int = 0

    def __str__(self) -> str:
        again = f" (restarted {self.restarts}x)" if self.restarts else ""
        return f"{self.name} {self.state}{again}"


@dataclass(frozen=True, slots=True)
class Screen:
    """Everything there is to show."""

    title: str
    """Name, product, mode and venue."""
    live: bool
    folder: str
    address: str
    """The bot's, for its page; empty until it listens."""
    parts: Sequence[PartState]
    seen: Seen
    log: Sequence[LogLine]


def dashboard(screen: Screen, width: int, height: int) -> RenderableType:
    """Figures, the open lots, the last trades, the log and a hint, in at most ``height`` rows where there are 15.

    Lots and trades give way to a few lines of the log.
    """
    measure = Console(width=width, height=height, file=io.StringIO(), force_terminal=False, legacy_windows=False)

    def rows(part: RenderableType) -> int:
        return len(measure.render_lines(part, measure.options.update(width=width), pad=False))

    parts = Text("   ").join(Text(str(part), _part_style(part)) for part in screen.parts)
    footer = Text("Ctrl-C stops, the state is kept", "dim", no_wrap=True)
    status = screen.seen.status
    body = (
        Text("waiting for the bot", "dim")
        if status is None
        else _figures(status, screen.seen.failure, height < _ROWS_FOR_ALL)
    )
    title = Text(screen.title, "bold red" if screen.live else "bold")
    head = Panel(Group(body, parts), title=title, subtitle=Text(screen.address, "dim"), box=box.ROUNDED)
    left = height - rows(head) - 1
    shown: list[RenderableType] = [head]
    for section in _sections(screen, left - _FEWEST_LOG_ROWS, rows):
        shown.append(section)
        left -= rows(section)
    if left > len(screen.log) and status is not None:
        footer = Text.assemble(footer, ("   state ", "dim"), screen.folder, no_wrap=True, overflow="ellipsis")
    log = screen.log[-left:] if left > 0 else ()
    return Group(*shown, *(styled(line) for line in log), footer)


def _sections(screen: Screen, room: int, rows: Callable[[RenderableType], int]) -> Iterator[RenderableType]:
    """Open lots, then closed trades, as many of each as there is room for: the newest."""
    lots, trades = screen.seen.lots, tuple(reversed(screen.seen.trades))
    tables: tuple[tuple[int, int, Callable[[int], Table]], ...] = (
        (_MOST_LOTS, len(lots), lambda count: _lots(lots[-count:], len(lots))),
        (_MOST_TRADES, len(trades), lambda count: _trades(trades[-count:])),
    )
    for most, there, table in tables:
        for count in range(min(most, there), 0, -1):
            made = table(count)
            if rows(made) <= room:
                room -= rows(made)
                yield made
                break


def _part_style(part: PartState) -> str:
    return {"running": "green", "backing off": "red"}.get(part.state, "yellow")


def _figures(status: BotStatus, failure: str, few: bool) -> Group:
    """``few``: only what matters most, for a small terminal."""
    table = Table.grid(padding=(0, 2), expand=True)
    for _ in range(2):
        table.add_column(style="dim", no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    lots = "-" if status.open_lots is None else str(status.open_lots)
    if not status.ready:
        lots += "   not current" if status.as_of is None else f"   as of {clock(status.as_of)}"
    rows: list[tuple[str, Text | str, str, Text | str]] = [
        ("price", _priced(status), "phase", _phase(status)),
        ("decision", _decision(status), "entries", _entries(status)),
        ("equity", f"{money(status.equity_usd, 4)} USD", "lots", lots),
        ("marked", f"{money(status.equity_marked_usd, 4)} USD", "exposure", f"{money(status.exposure_usd)} USD"),
        ("day PnL", _signed(status.daily_pnl_usd), "unrealised", _signed(status.unrealized_pnl_usd)),
        ("breaker", _breaker(status), "model", f"{status.model.mode} {clock(status.model.last_fit_at)}"),
    ]
    for row in rows:
        if not few or row[0] in _FEW or (row[0] == "breaker" and status.breaker_tripped):
            table.add_row(*row)
    below = Table.grid(padding=(0, 2), expand=True)
    below.add_column(style="dim", no_wrap=True, min_width=8)
    below.add_column(ratio=1)
    if failure:
        below.add_row("failing", Text(failure, "red"))
    if status.reason and status.phase != "trading":
        below.add_row("because", Text(status.reason, _PHASES.get(status.phase, "yellow")))
    if not status.entries.allowed:
        below.add_row("paused by", Text(" and ".join(status.entries.paused_by) or "the bot", "yellow"))
    if status.last_decision is not None:
        below.add_row("why", reason_words(status.last_decision.reason))
    for warning in status.warnings:
        below.add_row(Text("warning", "yellow"), Text(warning, "yellow"))
    return Group(table, below)


def _priced(status: BotStatus) -> Text:
    return Text.assemble((price(status.last_price), "bold"), (f"  {age(status.price_age_seconds)} old", "dim"))


def _phase(status: BotStatus) -> Text:
    return Text(status.phase, _PHASES.get(status.phase, "yellow"))


def _decision(status: BotStatus) -> Text:
    decision = status.last_decision
    if decision is None:
        return Text("-")
    probability = "" if decision.p_up is None else f" p={decision.p_up:.3f}"
    colour = {"buy": "green", "sell": "red"}.get(decision.signal, "")
    at = clock(decision.at).partition(" ")[2]
    return Text.assemble((f"{decision.signal.upper()}{probability}", colour), (f"  {at}", "dim"))


def _entries(status: BotStatus) -> Text:
    return Text("allowed", "green") if status.entries.allowed else Text("paused", "yellow")


def _breaker(status: BotStatus) -> Text:
    if status.breaker_tripped is None:
        return Text("-")
    return Text("TRIPPED until tomorrow", "bold red") if status.breaker_tripped else Text("armed", "green")


def _signed(amount: str | None, places: int = 4) -> Text:
    text = money(amount, places, sign=True)
    return Text(text, "red" if text.startswith("-") else "green" if text.strip("+0.,") else "")


def _lots(lots: Sequence[LotRow], count: int) -> Table:
    """Of ``count`` lots the newest, newest last."""
    more = f" (the newest {len(lots)} of {count})" if count > len(lots) else ""
    table = _plain_table(f"open lots{more}", ("lot", "role"), ("price", "base", "stop", "take", "unrealised"))
    for lot in lots:
        table.add_row(
            str(lot.lot),
            lot.role,
            price(lot.open_price),
            lot.base_size,
            f"{lot.trail_stop_price if lot.trail_active and lot.trail_stop_price else lot.stop_price:,.2f}",
            f"{lot.take_price:,.2f}",
            _signed(lot.unrealized_pnl),
        )
    return table


def _trades(trades: Sequence[TradeRow]) -> Table:
    table = _plain_table("closed", ("lot", "role", "reason"), ("open price", "close price", "net PnL"))
    for trade in reversed(trades):
        table.add_row(
            clock(trade.closed_at),
            str(trade.lot),
            trade.closed_as,
            trade.exit_reason.replace("_", " "),
            price(trade.open_price),
            price(trade.close_price),
            _signed(trade.net_pnl),
        )
    return table


def _plain_table(first: str, texts: Sequence[str], numbers: Sequence[str]) -> Table:
    """Rows without frames: of 24 rows none is for lines."""
    lots = first.startswith("open")
    table = Table(box=None, expand=True, pad_edge=False, header_style="dim", title=first if lots else None)
    table.title_justify, table.title_style = "left", "dim"
    for name in texts if lots else (first, *texts):
        table.add_column(name, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def status_line(screen: Screen) -> str:
    """The figures in one line, ``key=value``, for a log or a pipe."""
    status = screen.seen.status
    if status is None:
        return "waiting: " + ", ".join(str(part) for part in screen.parts)
    decision = status.last_decision
    lots = "-" if status.open_lots is None else str(status.open_lots)
    decided = "-" if decision is None else f"{decision.signal}/{decision.reason}"
    probability = "-" if decision is None or decision.p_up is None else f"{decision.p_up:.3f}"
    line = (
        f"price={status.last_price or '-'} age={age(status.price_age_seconds).replace(' ', '')} decision={decided} "
        f"p_up={probability} lots={lots} equity={money(status.equity_usd, 4).replace(',', '')} "
        f"marked={money(status.equity_marked_usd, 4).replace(',', '')} "
        f"day_pnl={money(status.daily_pnl_usd, 4, sign=True).replace(',', '')} "
        f"breaker={_BREAKER[status.breaker_tripped]} phase={status.phase}"
    )
    if not status.ready:
        line += f" ready=no as_of={status.as_of or '-'}"
    return f"{line} ({screen.seen.failure})" if screen.seen.failure else line
