"""A backtest's metrics over HTTP while it runs: the live bot's names, so that its dashboards can watch."""

from __future__ import annotations

import errno
import json
import socket
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType

from cbbot import __version__
from cbbot.domain.candle import Candle
from cbbot.errors import BadInput
from cbbot.kernel.advance import Closed, Portfolio, Tally
from cbbot.kernel.batch import Columns
from cbbot.kernel.codes import ALLOWED, BUY, DENIALS, DENY_FLAT, SIGNALS
from cbbot.kernel.indicators import Indicators, commit, empty
from cbbot.research.backtest import Span
from cbbot.research.decisions import fit_rows
from cbbot.trader.commands import Count
from cbbot.trader.rules import Rules
from cbbot.trader.trader_state import Identity, new_state
from cbbot.views.bot_metrics import BotMetrics

__all__ = ["MetricsServer", "RunMetrics"]

_HISTORY = 400
_ADVICE = {
    errno.EADDRINUSE: "is another program using it? --serve 0 takes a free port",
    errno.EACCES: "a port below 1024 is not everybody's; --serve 0 takes a free one",
}


class RunMetrics:
    """The run as the live bot's metrics. Call :meth:`update` after every stretch of steps."""

    def __init__(self, rules: Rules, candles: Columns, span: Span) -> None:
        self.metrics = BotMetrics()
        self.done = 0
        self.steps = span.total - span.first
        self._rules = rules
        self._candles = candles
        self._span = span
        self._fits = fit_rows(rules, candles, span)
        self._fitted = 0
        self._signals = [0] * len(SIGNALS)
        self._denials = [0] * len(DENIALS)
        self._closed = 0
        self._next_lot = 1
        self._state = new_state(rules, Identity("backtest", rules.instrument.product_id, "paper", "backtest"), 0)
        self._committed = max(0, span.first - _HISTORY)
        self.metrics.describe(rules.settings, bot="backtest", venue="backtest", version=__version__)
        self.metrics.ready.set(1)
        self._count_fits(span.first)
        self._observe(span.first, Portfolio(self._state.account, []))

    def update(self, done: int, portfolio: Portfolio, tally: Tally) -> None:
        """``done`` steps are done, and this is what they have come to."""
        closed = tally.closed[self._closed :]
        self._count_tallies(tally)
        self._count_orders(portfolio, closed)
        self._closed += len(closed)
        self._count_fits(self._span.first + done)
        self._observe(self._span.first + done, portfolio)
        self.done = done

    def _count(self, times: int, name: str, **labels: str) -> None:
        # Nothing counted makes no series, as live.
        if times:
            self.metrics.count(Count(name, labels, times))

    def _count_tallies(self, tally: Tally) -> None:
        for signal, word in SIGNALS.items():
            self._count(tally.signals[signal + 1] - self._signals[signal + 1], "decisions", signal=word)
        for code, reason in enumerate(DENIALS):
            if code not in (ALLOWED, DENY_FLAT):
                self._count(tally.denials[code] - self._denials[code], "denials", reason=reason)
        self._signals, self._denials = list(tally.signals), list(tally.denials)

    def _count_orders(self, portfolio: Portfolio, closed: Sequence[Closed]) -> None:
        opened = [lot for lot in (*portfolio.lots, *(each.lot for each in closed)) if lot.id >= self._next_lot]
        for lot in opened:
            self._count(1, "orders", mode="paper", side="BUY" if lot.side == BUY else "SELL")
            self._count(1, "trades", result="open")
        for each in closed:
            self._count(1, "orders", mode="paper", side="SELL" if each.lot.side == BUY else "BUY")
            self._count(1, "trades", result="win" if each.net_pnl > 0 else "loss")
        self._next_lot = portfolio.account.next_lot

    def _count_fits(self, until: int) -> None:
        """Fits whose newest row comes before ``until``."""
        while self._fitted < len(self._fits) and self._fits[self._fitted] < until:
            self._fitted += 1
            self._count(1, "fits")

    def _observe(self, until: int, portfolio: Portfolio) -> None:
        """Set the gauges as after the candle before ``until``."""
        market = replace(self._state.market, last_price=int(self._candles.close[until - 1]))
        if self._rules.params.vol_adjust:
            market = replace(market, indicators=self._committed_until(until))
        self._state = replace(self._state, market=market, account=portfolio.account, lots=tuple(portfolio.lots))
        self.metrics.observe(self._rules, self._state)

    def _committed_until(self, until: int) -> Indicators:
        indicators = self._state.market.indicators
        if until - self._committed > _HISTORY:
            # The volatility looks back 20 candles: what lies further back need not be committed.
            indicators, self._committed = empty(self._rules.params.ma_slow), until - _HISTORY
        for i in range(self._committed, until):
            indicators = commit(indicators, Candle(*(int(column[i]) for column in self._candles)))
        self._committed = until
        return indicators


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """As http.server's, but without looking up the host's name, which can take seconds where there is no DNS."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])


class _ServerOf6(_Server):
    address_family = socket.AF_INET6


class MetricsServer(AbstractContextManager["MetricsServer"]):
    """Answers ``/metrics`` and ``/healthz`` from a thread of its own, from construction until it is closed.

    Raises:
        BadInput: the address cannot be listened on.
    """

    def __init__(self, host: str, port: int) -> None:
        self.run: RunMetrics | None = None
        # In a URL, and wherever a port follows, an IPv6 address stands in brackets.
        self.host = f"[{host}]" if ":" in host else host
        try:
            self._server = (_ServerOf6 if ":" in host else _Server)((host, port), _handler(self))
        except OSError as error:
            raise BadInput(
                f"--serve {port}: cannot listen on {self.host}:{port}: {error.strerror or error}; "
                f"{_ADVICE.get(error.errno or 0, '--serve-host takes an address of this machine')}"
            ) from error
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> MetricsServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(server: MetricsServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            run = server.run
            if path == "/metrics":
                # Before the first candle there are the names already, so that nothing is missing later.
                metrics = run.metrics if run else BotMetrics()
                self._answer(200, "text/plain; version=0.0.4; charset=utf-8", metrics.exposition())
            elif path == "/healthz":
                progress = {"status": "ok", "done": run.done if run else 0, "steps": run.steps if run else None}
                self._answer(200, "application/json", json.dumps(progress).encode() + b"\n")
            else:
                self._answer(404, "text/plain; charset=utf-8", b"/metrics and /healthz are all there is here\n")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - http.server's own name
            """A scrape every few seconds is no news."""

    return Handler
