"""What every channel sends: a snapshot to whoever subscribes, then updates to all who have."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Iterator
from typing import Any, Final

from cbbot.domain.candle import Candle
from cbbot.venue.prints import Print
from cbbot_bridge.simulator import channel_messages as messages
from cbbot_bridge.simulator.candle_aggregation import candle_page
from cbbot_bridge.simulator.published_book import PublishedBook
from cbbot_bridge.simulator.simulated_market import Market
from cbbot_bridge.simulator.stream_connection import Connection
from cbbot_bridge.simulator.stream_pace import Pace
from cbbot_bridge.simulator.user_orders import UserOrders
from cbbot_bridge.simulator.world import World

__all__ = ["Publisher"]

# One wake-up sends so many prints; more is a replay faster than anyone can read.
_MOST_PRINTS: Final = 600
_TRADES_IN_SNAPSHOT: Final = 50
_CANDLE_SECONDS: Final = 300
_CANDLES_IN_SNAPSHOT: Final = 100


class Publisher:
    """Feeds a set of connections that others add to and take from."""

    def __init__(self, world: World, connections: Collection[Connection], pace: Pace) -> None:
        self._world = world
        self._connections = connections
        self._pace = pace
        self._started = time.monotonic()
        self._users = UserOrders(world)
        # What has been sent of a market: its book, the time of its trades, its ticker's number, its newest candle.
        self._books: dict[str, PublishedBook] = {}
        self._trades_ms = world.now_ms()
        self._batched: dict[str, int] = {}
        self._candles: dict[str, Candle] = {}
        self._status = self._standing()

    def tasks(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What is to run as long as the simulator does; none of it ends."""
        yield self._tickers()
        pace = self._pace
        for seconds, publish in (
            (pace.heartbeats, self._publish_heartbeats),
            (pace.books_and_orders, self._publish_books_and_orders),
            (pace.trades, self._publish_trades),
            (pace.candles, self._publish_candles),
            (pace.ticker_batch, self._publish_batches),
            (pace.status, self._publish_status),
        ):
            yield self._every(seconds, publish)

    async def _every(self, seconds: float, publish: Callable[[int], None]) -> None:
        while True:
            await asyncio.sleep(seconds)
            publish(self._world.now_ms())

    def snapshot(self, connection: Connection, channel: str, product_ids: list[str], now_ms: int) -> None:
        """What a channel begins with for products that a connection has just subscribed to."""
        if channel == "user":
            self._publish_orders(now_ms, but=connection)
            for orders in self._users.snapshot(connection.orders_of, now_ms):
                connection.send(channel, [messages.user_event("snapshot", orders)], now_ms)
        elif channel == "status":
            products = [self._world.exchange.products[product_id] for product_id in product_ids]
            connection.send(channel, [messages.status_event("snapshot", products)], now_ms)
        elif channel not in ("heartbeats", "futures_balance_summary"):
            for product_id in product_ids:
                self._market_snapshot(connection, channel, self._world.markets[product_id], now_ms)

    def _market_snapshot(self, connection: Connection, channel: str, market: Market, now_ms: int) -> None:
        last = market.last_print(now_ms)
        event = None
        if channel == "market_trades":
            newest = market.tape.latest_prints(now_ms, _TRADES_IN_SNAPSHOT)
            event = messages.trades_event("snapshot", market, newest)
        elif channel == "level2":
            # What the others have been sent is what this one begins with.
            self._publish_book(market, now_ms, but=connection)
            levels = self._books.setdefault(market.market_id, PublishedBook())
            levels.update(self._world.book(market.market_id))
            connection.send("l2_data", [messages.level2_event("snapshot", market, levels.snapshot(), now_ms)], now_ms)
        elif channel == "candles":
            candles = _candles(market, now_ms)
            if candles:
                self._candles.setdefault(market.market_id, candles[-1])
            event = messages.candles_event("snapshot", market, reversed(candles))
        elif last is not None and channel == "ticker":
            event = messages.ticker_event("snapshot", market, self._with_books(market, [last]))
        elif last is not None:
            event = messages.batch_event("snapshot", market, last)
        if event is not None:
            connection.send(channel, [event], now_ms)

    def _who_want(self, channel: str, product_id: str) -> list[Connection]:
        return [connection for connection in self._connections if connection.wants(channel, product_id)]

    def _send(self, channel: str, market: Market, event: dict[str, Any], now_ms: int) -> None:
        for connection in self._who_want(channel, market.market_id):
            connection.send(channel, [event], now_ms)

    def _with_books(self, market: Market, prints: list[Print]) -> Iterator[tuple[Print, Any]]:
        """Each print with the book it left; of the newest, the book as it is, with the customer's own orders."""
        for item in prints[:-1]:
            yield item, market.book_after(item)
        yield prints[-1], self._world.book(market.market_id)

    async def _tickers(self) -> None:
        world = self._world
        seen_ms = world.now_ms()
        while True:
            now_ms = world.now_ms()
            for market in world.markets.values():
                if self._who_want("ticker", market.market_id):
                    prints = market.tape.latest_prints(now_ms, _MOST_PRINTS, seen_ms)[::-1]
                    if prints:
                        event = messages.ticker_event("update", market, self._with_books(market, prints))
                        self._send("ticker", market, event, now_ms)
            seen_ms = now_ms
            await world.clock.wait_until(min(market.tape.next_print_ms(now_ms) for market in world.markets.values()))

    def _publish_heartbeats(self, now_ms: int) -> None:
        uptime = time.monotonic() - self._started
        for connection in self._who_want("heartbeats", "heartbeats"):
            connection.heartbeats += 1
            event = messages.heartbeat_event(now_ms, connection.heartbeats, uptime)
            connection.send("heartbeats", [event], now_ms)

    def _publish_books_and_orders(self, now_ms: int) -> None:
        for market in self._world.markets.values():
            self._publish_book(market, now_ms)
        self._publish_orders(now_ms)

    def _publish_orders(self, now_ms: int, but: Connection | None = None) -> None:
        fresh = self._users.changes(now_ms)
        for connection in self._who_want("user", self._world.customer) if fresh else ():
            orders = self._users.records(fresh, connection.orders_of, now_ms)
            if orders and connection is not but:
                connection.send("user", [messages.user_event("update", orders)], now_ms)

    def _publish_book(self, market: Market, now_ms: int, but: Connection | None = None) -> None:
        connections = [item for item in self._who_want("level2", market.market_id) if item is not but]
        published = self._books.get(market.market_id)
        if published is None:
            return
        if not connections:
            # Whoever comes next gets a snapshot; nobody needs what was sent before.
            del self._books[market.market_id]
            return
        changes = published.update(self._world.book(market.market_id))
        if changes:
            event = messages.level2_event("update", market, changes, now_ms)
            for connection in connections:
                connection.send("l2_data", [event], now_ms)

    def _publish_trades(self, now_ms: int) -> None:
        since_ms, self._trades_ms = self._trades_ms, now_ms
        for market in self._world.markets.values():
            if self._who_want("market_trades", market.market_id):
                prints = market.tape.latest_prints(now_ms, _MOST_PRINTS, since_ms)
                event = messages.trades_event("update", market, reversed(prints))
                if event["trades"]:
                    self._send("market_trades", market, event, now_ms)

    def _publish_candles(self, now_ms: int) -> None:
        for market in self._world.markets.values():
            if not self._who_want("candles", market.market_id):
                self._candles.pop(market.market_id, None)
                continue
            before = self._candles.get(market.market_id)
            candles = _candles(market, now_ms)
            # The one that was forming may have got its last trades since.
            fresh = [item for item in candles if before is None or item.start >= before.start]
            if fresh and fresh != [before]:
                self._candles[market.market_id] = fresh[-1]
                self._send("candles", market, messages.candles_event("update", market, reversed(fresh)), now_ms)

    def _publish_batches(self, now_ms: int) -> None:
        for market in self._world.markets.values():
            last = market.last_print(now_ms)
            if last is not None and last.number != self._batched.get(market.market_id):
                self._batched[market.market_id] = last.number
                if self._who_want("ticker_batch", market.market_id):
                    self._send("ticker_batch", market, messages.batch_event("update", market, last), now_ms)

    def _standing(self) -> dict[str, str]:
        return {product_id: product.status for product_id, product in self._world.exchange.products.items()}

    def _publish_status(self, now_ms: int) -> None:
        before, self._status = self._status, self._standing()
        changed = [product_id for product_id, status in self._status.items() if before[product_id] != status]
        for connection in self._connections:
            wanted = [product_id for product_id in changed if connection.wants("status", product_id)]
            if wanted:
                products = [self._world.exchange.products[product_id] for product_id in wanted]
                connection.send("status", [messages.status_event("update", products)], now_ms)


def _candles(market: Market, now_ms: int) -> list[Candle]:
    """The newest five-minute candles, oldest first."""
    last = now_ms // 1000 // _CANDLE_SECONDS * _CANDLE_SECONDS
    first = last - (_CANDLES_IN_SNAPSHOT - 1) * _CANDLE_SECONDS
    return candle_page(market.tape, first, last, _CANDLE_SECONDS, now_ms)
