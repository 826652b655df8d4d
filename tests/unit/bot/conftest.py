"""An event loop whose clock jumps to the next timer, and a bridge made of a function: no test waits. And a user who
is not root."""

from __future__ import annotations

import asyncio
import json
import os
import selectors
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD
from cbbot.domain.timestamps import rfc3339
from cbbot.views.json_rows import candle_row
from oracle.market import candles_of, walk

Answer = TypeVar("Answer")
_NOBODY = 65_534
START = 1_757_376_000  # a whole day, UNIX seconds


class _JumpingSelector(selectors.SelectSelector):
    """Waits for nothing: the time that would be waited is added to the clock."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("every task waits for something that nobody will do")
            self.now += max(timeout, 0.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """``time()`` starts at 0 and moves by sleeping alone."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


@pytest.fixture
def virtually() -> Callable[[Callable[[], Coroutine[Any, Any, Answer]]], Answer]:
    """Runs a coroutine function on a virtual loop. Tasks that are left over are a failure."""

    def run(main: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        loop = VirtualLoop()
        asyncio.set_event_loop(loop)
        try:
            result = loop.run_until_complete(main())
            left = [task for task in asyncio.all_tasks(loop) if not task.done()]
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            assert not left
            return result
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            asyncio.set_event_loop(None)
            loop.close()

    return run


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder where anybody may do anything, which pytest's are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.fixture
def ordinary_user(open_folder: Path) -> Iterator[Path]:
    """The test runs without the rights of root, who may write to any file; :func:`open_folder` is open to it."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(_NOBODY)
    yield open_folder
    os.seteuid(before)


class FakeBridge:
    """Answers as the bridge does; the venue's time is the loop's, ``rate`` times as fast.

    ``broken`` maps a path to the answer it gives instead (a function of the request), for failures.
    ``requests`` are those that came. Orders are filled at the newest price; ``invisible`` ones are not listed.
    """

    def __init__(self, candles: list[Candle], now: int, rate: float = 1.0) -> None:
        self.all = candles
        self.base_ms = now * 1000
        self.rate = rate
        self.requests: list[httpx.Request] = []
        self.broken: dict[str, Callable[[httpx.Request], httpx.Response]] = {}
        self.orders: dict[str, dict[str, Any]] = {}
        self.stale = False
        self.newest_epoch = 0
        self.invisible: set[str] = set()
        self._stopped_ms: int | None = None

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def stop_clock(self) -> None:
        """The venue's time stands still, as when a simulator is down."""
        self._stopped_ms = self.now_ms()

    def start_clock(self) -> None:
        """It goes on from where it stood."""
        if self._stopped_ms is not None:
            stood, self._stopped_ms = self._stopped_ms, None
            self.base_ms += stood - self.now_ms()

    def now_ms(self) -> int:
        if self._stopped_ms is not None:
            return self._stopped_ms
        return self.base_ms + int(asyncio.get_running_loop().time() * 1000 * self.rate)

    def price(self) -> int:
        """The price now: on the way from the present candle's open to its close."""
        now_ms = self.now_ms()
        present = [c for c in self.all if c.start * 1000 <= now_ms]
        candle = present[-1]
        share = min((now_ms - candle.start * 1000) / 60_000, 1.0)
        return candle.open + int((candle.close - candle.open) * share)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        path = request.url.path
        if path in self.broken:
            return self.broken[path](request)
        if path.startswith("/order/") and request.method == "GET":
            return self._order(path.removeprefix("/order/"))
        if path == "/order":
            return self._order_by_name(request)
        answers: dict[str, Callable[[httpx.Request], Any]] = {
            "/time": lambda _: {"iso": rfc3339(self.now_ms()), "epoch_ms": self.now_ms(), "offset_ms": 0},
            "/exchange/filters": lambda _: {
                "price_tick": "0.01", "base_step": "0.00000001", "quote_step": "0.01", "min_notional": "1",
            },
            "/price": lambda _: {
                "product_id": "BTC-USD", "price": BTC_USD.price_text(self.price()), "ts": "now", "stale": self.stale,
            },
            "/candles": self._candles,
            "/fees": lambda _: {"maker_rate": "0.005", "taker_rate": "0.009", "tier": "x"},
            "/balance/base": lambda _: {"asset": "BTC", "available": "1", "step": "0.00000001"},
            "/balance/quote": lambda _: {"asset": "USD", "available": "100000", "step": "0.01"},
            "/order/market": self.place,
            "/epoch": lambda request: {"bot_id": request.url.params["bot_id"], "epoch": self.newest_epoch},
            "/orders": self._own_orders,
        }  # fmt: skip
        if path not in answers:
            return httpx.Response(404, json={"error": {"code": "not_found", "message": path}})
        return httpx.Response(200, json=answers[path](request))

    def _candles(self, request: httpx.Request) -> list[dict[str, str]]:
        start, end = (int(request.url.params[name]) for name in ("start", "end"))
        now = self.now_ms() // 1000
        found = [candle for candle in self.all if start <= candle.start <= end and candle.start <= now]
        return [candle_row(BTC_USD, self._so_far(candle, now)).model_dump() for candle in found]

    @staticmethod
    def _so_far(candle: Candle, now: int) -> Candle:
        if candle.start + 60 <= now:
            return candle
        return candle._replace(high=candle.open, low=candle.open, close=candle.open, volume=1)

    def place(self, request: httpx.Request) -> dict[str, Any]:
        body = json.loads(request.content)
        name = body["client_order_id"]
        if name not in self.orders:
            price = BTC_USD.price_increment * self.price()
            if "base_size" in body:
                size = Decimal(body["base_size"])
            else:
                size = (Decimal(body["quote_size"]) / (price * Decimal("1.009"))).quantize(
                    Decimal("0.00000001"), "ROUND_DOWN"
                )
            value = price * size
            self.orders[name] = body | {
                "order_id": f"venue-{len(self.orders) + 1}", "status": "FILLED", "created_time": rfc3339(self.now_ms()),
                "filled_size": f"{size:f}", "average_filled_price": f"{price:f}", "filled_value": f"{value:f}",
                "commission_total_usd": f"{value * Decimal('0.009'):f}", "settled": True, "fills_agree": True,
            }  # fmt: skip
        return {"success": True, "order_id": self.orders[name]["order_id"], "client_order_id": name}

    def _own_orders(self, request: httpx.Request) -> dict[str, Any]:
        prefix = request.url.params["client_order_id_prefix"]
        own = [order for name, order in self.orders.items() if name.startswith(prefix) and name not in self.invisible]
        since, now = rfc3339(int(request.url.params["since"]) * 1000), rfc3339(self.now_ms())
        return {"since": since, "until": now, "orders": own, "size": len(own)}

    def _order_by_name(self, request: httpx.Request) -> httpx.Response:
        name = request.url.params["client_order_id"]
        if name in self.orders and name not in self.invisible:
            return httpx.Response(200, json=self.orders[name])
        search = {
            "since": "x", "until": "y", "looked_back_seconds": 60, "pages": 1, "orders_seen": len(self.orders),
            "complete": True,
        }  # fmt: skip
        return httpx.Response(404, json={"error": {"code": "not_found", "message": name}, "search": search})

    def _order(self, order_id: str) -> httpx.Response:
        for order in self.orders.values():
            if order["order_id"] == order_id:
                return httpx.Response(200, json=order)
        return httpx.Response(404, json={"error": {"code": "not_found", "message": order_id}})


@pytest.fixture
def fake_bridge() -> Callable[..., FakeBridge]:
    """A bridge over a walk of ``count`` candles, its clock at the close of candle number ``at``.

    The last twenty stand still, so that what a slow disk delays is done before they end.
    """

    def make(count: int = 700, at: int = 500, rate: float = 1.0, seed: int = 1) -> FakeBridge:
        candles = candles_of(walk([("chop", count - 20), ("flat", 20)], seed, start=START))
        return FakeBridge(candles, START + 60 * at, rate)

    return make
