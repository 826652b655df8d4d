"""What ``cbbot up`` shows: a table on a terminal, a line where there is none. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cbbot.contract.bot_api import BotStatus, TradeRow
from cbbot_operator.local.child_log_lines import LogLine, styled
from cbbot_operator.local.number_text import age, clock, money, price
from cbbot_operator.local.watch import Seen

__all__ = ["PartState", "Screen", "dashboard", "log_room", "status_line"]

_TRADES = 5
# Rows of everything but the log: two frames, the figures, the trades' head, two lines of text.
_FIXED_ROWS = 14 + _TRADES
_FEWEST_LOG_ROWS = 4
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


def log_room(height: int) -> int:
    """How many log lines fit below the table on a terminal of ``height`` rows."""
    return max(_FEWEST_LOG_ROWS, height - _FIXED_ROWS)


def dashboard(screen: Screen) -> RenderableType:
    """Figures, the last trades, the log."""
    parts = Text("   ").join(Text(str(part), _part_style(part)) for part in screen.parts)
    footer = Text.assemble(("state ", "dim"), screen.folder, ("   Ctrl-C stops, the state is kept", "dim"))
    status = screen.seen.status
    body = Text("waiting for the bot", "dim") if status is None else _figures(status, screen.seen.failure)
    title = Text(screen.title, "bold red" if screen.live else "bold")
    return Group(
        Panel(Group(body, parts), title=title, subtitle=Text(screen.address, "dim"), box=box.ROUNDED),
        _trades(screen.seen.trades[:_TRADES]),
        *(styled(line) for line in screen.log),
        footer,
    )


def _part_style(part: PartState) -> str:
    return {"running": "green", "backing off": "red"}.get(part.state, "yellow")


def _figures(status: BotStatus, failure: str) -> Table:
    table = Table.grid(padding=(0, 3), expand=True)
    for _ in range(2):
        table.add_column(style="dim", no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    breaker = Text("TRIPPED: no entries today", "bold red") if status.breaker_tripped else Text("armed", "green")
    lots = "-" if status.open_lots is None else str(status.open_lots)
    if not status.ready:
        lots += "   not current" if status.as_of is None else f"   as of {clock(status.as_of)}"
    rows: list[tuple[str, Text | str, str, Text | str]] = [
        ("price", _priced(status), "phase", _phase(status, failure)),
        ("decision", _decision(status), "entries", _entries(status)),
        ("equity", f"{money(status.equity_usd, 4)} USD", "lots", lots),
        ("marked", f"{money(status.equity_marked_usd, 4)} USD", "exposure", f"{money(status.exposure_usd)} USD"),
        ("day PnL", _signed(status.daily_pnl_usd), "unrealised", _signed(status.unrealized_pnl_usd)),
        ("breaker", breaker, "model", f"{status.model.mode}, fitted {clock(status.model.last_fit_at)}"),
    ]
    for row in rows:
        table.add_row(*row)
    for warning in status.warnings:
        table.add_row(Text("warning", "yellow"), Text(warning, "yellow"))
    return table


def _priced(status: BotStatus) -> Text:
    return Text.assemble((price(status.last_price), "bold"), (f"   {age(status.price_age_seconds)} old", "dim"))


def _phase(status: BotStatus, failure: str) -> Text:
    if failure:
        return Text(failure, "red")
    reason = f": {status.reason}" if status.reason and status.phase != "trading" else ""
    return Text(f"{status.phase}{reason}", _PHASES.get(status.phase, "yellow"))


def _decision(status: BotStatus) -> Text:
    decision = status.last_decision
    if decision is None:
        return Text("-")
    probability = "" if decision.p_up is None else f" p={decision.p_up:.3f}"
    colour = {"buy": "green", "sell": "red"}.get(decision.signal, "")
    reason = "" if decision.reason == decision.signal else f" {decision.reason}"
    return Text.assemble(
        (f"{decision.signal.upper()}{probability}", colour), reason, (f"  {clock(decision.at)}", "dim")
    )


def _entries(status: BotStatus) -> Text:
    if status.entries.allowed:
        return Text("allowed", "green")
    return Text(f"paused by {' and '.join(status.entries.paused_by) or 'the bot'}", "yellow")


def _signed(amount: str | None, places: int = 4) -> Text:
    text = money(amount, places, sign=True)
    return Text(text, "red" if text.startswith("-") else "green" if text.strip("+0.,") else "")


def _trades(trades: Iterable[TradeRow]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False)
    for name in ("closed", "lot", "role"):
        table.add_column(name, no_wrap=True)
    for name in ("open price", "close price", "net PnL"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("reason", no_wrap=True)
    for trade in trades:
        table.add_row(
            clock(trade.closed_at),
            str(trade.lot),
            trade.closed_as,
            price(trade.open_price),
            price(trade.close_price),
            _signed(trade.net_pnl),
            trade.exit_reason,
        )
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
        f"breaker={'tripped' if status.breaker_tripped else 'armed'} phase={status.phase}"
    )
    if not status.ready:
        line += f" ready=no as_of={status.as_of or '-'}"
    return f"{line} ({screen.seen.failure})" if screen.seen.failure else line
