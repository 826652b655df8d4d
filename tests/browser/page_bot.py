"""A bot for the page, made of the contract's own shapes, behind the product's own HTTP server."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cbbot.contract.bot_api import (
    AdverseGate,
    AverageRow,
    BotStatus,
    DecisionRow,
    GatePoint,
    Gates,
    LotRow,
    NumberedTrade,
    ReasonCount,
)
from cbbot.contract.bridge_api import CandleRow
from cbbot.contract.reason_words import REASON_WORDS
from cbbot.domain.timestamps import rfc3339
from cbbot.process.http_server import HttpServer
from cbbot.process.listening_socket import listening_socket
from cbbot.runtime.notifications import Broadcast
from cbbot.web.bot_app import create_app

__all__ = ["MINUTE_MS", "START_MS", "TOKEN", "PageBot", "served"]

TOKEN = "0123456789abcdef-control"
MINUTE_MS = 60_000
START_MS = 1_780_000_020_000 // MINUTE_MS * MINUTE_MS
CANDLES = 400


class PageBot:
    """What it answers are plain attributes; :meth:`tick` and :meth:`happen` are heard by the page."""

    def __init__(self, trades: int = 3, lots: int = 2) -> None:
        self.alive, self.readiness = True, (True, "")
        self.steps = CANDLES
        self.averages_ahead = 0  # candles, as when one has closed between two requests
        self.figures: dict[str, Any] = {
            "bot": "demo", "namespace": "default", "product_id": "BTC-USD", "mode": "paper", "venue": "Simulator",
            "ready": True, "phase": "trading", "reason": "", "epoch": 7, "version": "0.1.0",
            "equity_usd": "1000.1234567890", "equity_marked_usd": "1001.5", "daily_pnl_usd": "-1.25",
            "unrealized_pnl_usd": "1.3765432110", "exposure_usd": "40", "open_lots": lots, "breaker_tripped": False,
            "entries": {"allowed": True, "paused_by": []}, "last_price": "27000.50", "price_age_seconds": 0.4,
            "last_decision": {"signal": "buy", "p_up": 0.61, "reason": "spacing", "at": self.now()},
            "model": {"mode": "baseline", "last_fit_at": self.now()}, "pending_orders": 0, "last_save_at": None,
            "clock_offset_ms": 0, "warnings": [], "started_at": self.now(),
        }  # fmt: skip
        self.counts = Counter({"flat": 41, "spacing": 12, "adverse_gate": 7})
        self.closed = [self._trade(number) for number in range(1, trades + 1)]
        self.open = [self._lot(number) for number in range(trades + 1, trades + 1 + lots)]
        self.made: list[DecisionRow] = []
        self.flattened = 0
        self._broadcast = Broadcast()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: HttpServer | None = None

    def now(self) -> str:
        return rfc3339(START_MS + self.steps * MINUTE_MS)

    @staticmethod
    def price_at(minute: int) -> float:
        return 27_000 + (minute * 7_919 % 200) / 2

    def _trade(self, number: int) -> NumberedTrade:
        opened = START_MS + max(self.steps - 3 * (number % 100) - 5, 0) * MINUTE_MS
        reason = ("take_profit", "stop_loss", "trailing_stop")[number % 3]
        return NumberedTrade.model_validate(
            {
                "number": number, "lot": number, "role": "runner", "closed_as": "runner", "side": "BUY",
                "opened_at": rfc3339(opened), "open_price": "27000.00", "base_size": "0.001", "cost": "27",
                "entry_fee": "0.1", "closed_at": rfc3339(opened + 2 * MINUTE_MS), "close_price": "27050.00",
                "proceeds": "27.05", "exit_fee": "0.1", "net_pnl": f"{(number * 31 % 17) - 8}.5", "exit_reason": reason,
            }
        )  # fmt: skip

    def _lot(self, number: int) -> LotRow:
        return LotRow.model_validate(
            {
                "lot": number, "role": "scalp", "side": "BUY", "opened_at": rfc3339(START_MS + 350 * MINUTE_MS),
                "open_price": "27000.00", "base_size": "0.00074", "cost": "20", "entry_fee": "0.1",
                "stop_price": 26_900.0, "take_price": 27_120.0, "trail_active": False, "trail_stop_price": None,
                "unrealized_pnl": "0.68",
            }
        )  # fmt: skip

    def status(self) -> BotStatus:
        return BotStatus.model_validate(self.figures)

    def lots(self) -> list[LotRow]:
        return self.open

    def trades(self, limit: int, before: int | None) -> list[NumberedTrade]:
        older = self.closed if before is None else self.closed[: max(before - 1, 0)]
        return older[::-1][:limit]

    def decisions(self, limit: int) -> list[DecisionRow]:
        return self.made[::-1][:limit]

    def candles(self, limit: int) -> list[CandleRow]:
        rows = []
        for minute in range(self.steps)[-limit:]:
            first, last = self.price_at(minute), self.price_at(minute + 1)
            start = str((START_MS + minute * MINUTE_MS) // 1000)
            if minute == self.steps - 1:
                last = float(self.figures["last_price"])
            texts = [f"{each:.2f}" for each in (first, max(first, last) + 5, min(first, last) - 5, last)]
            rows.append(CandleRow(start=start, open=texts[0], high=texts[1], low=texts[2], close=texts[3], volume="1"))
        return rows

    def averages(self, limit: int) -> list[AverageRow]:
        self.steps += self.averages_ahead
        rows = self.candles(limit)
        self.steps -= self.averages_ahead
        return [AverageRow(start=row.start, fast=float(row.open), slow=float(row.open) - 3) for row in rows]

    def gates(self) -> Gates | None:
        reasons = [ReasonCount(reason=name, words=said, count=self.counts[name]) for name, said in REASON_WORDS.items()]
        path = [
            GatePoint(start=str((START_MS + minute * MINUTE_MS) // 1000), price=26_800.0 + minute / 4)
            for minute in range(350, 430)
        ]
        return Gates(
            day=self.now()[:10],
            since=self.now(),
            decisions=self.counts.total(),
            reasons=sorted(reasons, key=lambda each: -each.count),
            adverse=AdverseGate(
                side="BUY", last_entry_price="27000.00", last_entry_at=self.now(), adverse_pct=0.5,
                price=26_865.0, path=path,
            ),
        )  # fmt: skip

    async def events(self) -> AsyncIterator[tuple[str, Mapping[str, object]]]:
        async for event in self._broadcast.listen():
            yield event

    def exposition(self) -> bytes:
        return b"bot_ready 1.0\n"

    async def pause_entries(self, by: str) -> None:
        self.figures["entries"] = {"allowed": False, "paused_by": [by]}

    async def resume_entries(self, by: str) -> None:
        assert by in self.figures["entries"]["paused_by"]
        self.figures["entries"] = {"allowed": True, "paused_by": []}

    async def flatten(self) -> None:
        self.flattened += 1
        self.open = []
        self.figures |= {"open_lots": 0, "entries": {"allowed": False, "paused_by": ["hand"]}}

    def happen(self, event: str, **fields: object) -> None:
        """Tells whoever listens, from any thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._broadcast.publish, event, fields)

    def tick(self, price: str) -> None:
        self.figures |= {"last_price": price, "price_age_seconds": 0.0}
        self.happen("tick", price=price, at_ms=START_MS + self.steps * MINUTE_MS)

    def decide(self, signal: str, reason: str) -> None:
        row = {"at": self.now(), "price": self.figures["last_price"], "signal": signal, "p_up": 0.58}
        decision = DecisionRow.model_validate({**row, "fast": 1.0, "slow": 2.0, "reason": reason})
        self.made.append(decision)
        self.counts[reason] += 1
        self.happen("decision", **decision.model_dump())

    def server(self, token: str | None, started: threading.Event) -> HttpServer:
        def listening(_: socket.socket) -> None:
            self._loop = asyncio.get_running_loop()
            started.set()

        self._server = HttpServer(create_app(self, token, "0.1.0"), listening, grace_seconds=1, lifespan="off")
        return self._server

    def stop(self) -> None:
        """Its server ends, as when the bot is restarted."""
        assert self._server is not None
        self._server.stop()


@contextmanager
def served(bot: PageBot, token: str | None = TOKEN, port: int = 0) -> Iterator[str]:
    """The bot's address while it is served, in a thread of its own."""
    started = threading.Event()
    with listening_socket("127.0.0.1", port, host_name="host", port_name="port") as listener:
        server = bot.server(token, started)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        try:
            assert started.wait(20)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.stop()
            thread.join(20)
    assert not thread.is_alive()
