"""Resting orders at the simulated exchange: what a print costs, with more and more of them away from its price.

python benchmarks/resting_orders.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial

from machine_facts import machine

from cbbot.domain.instrument import BTC_USD
from cbbot.domain.order import Side
from cbbot.venue.exchange import Exchange, Terms
from cbbot.venue.matching import fee_rate
from cbbot.venue.order_book import BookShape
from cbbot.venue.prints import Print
from cbbot.venue.product import Product
from cbbot.venue.venue_order import OrderRequest, OrderStatus

COUNTS, ROUNDS, PRINTS = (0, 100, 1_000, 10_000), 7, 2_000
PRICE, SIZE = 10_000_000, "0.001"


def exchange_with(orders: int) -> tuple[Exchange, float]:
    """An exchange with so many orders, all at least 10 % away from the price; and seconds of CPU to place one."""
    opening = {"BTC": Decimal(10_000), "USD": Decimal(10**10)}
    fees = fee_rate(Decimal("0.009")), fee_rate(Decimal("0.005"))
    terms = Terms(*fees, shape=BookShape(level_size=1_000), open_orders_cap=10**6)
    exchange = Exchange([Product(BTC_USD, "Bitcoin", "US Dollar")], opening, terms)
    exchange.on_print("BTC-USD", Print(0, 0, PRICE, 1_000, Side.SELL))
    started = time.process_time()
    for number in range(orders):
        away = 1_000_000 + number % 5_000
        side, limit = ("BUY", PRICE - away) if number % 2 else ("SELL", PRICE + away)
        place(exchange, f"away {number}", side, limit, 0)
    return exchange, (time.process_time() - started) / max(orders, 1)


def place(exchange: Exchange, name: str, side: str, limit: int, now_ms: int) -> str:
    fields = {"base_size": SIZE, "limit_price": BTC_USD.price_text(limit)}
    request = OrderRequest(name, "BTC-USD", side, {"limit_limit_gtc": fields})
    return exchange.place(request, now_ms).order.order_id


def quiet_prints(exchange: Exchange, first: int) -> None:
    """Prints that reach no order of ours."""
    for number in range(first, first + PRINTS):
        exchange.on_print("BTC-USD", Print(number, number, PRICE + number % 100, 1_000, Side.SELL))


def filling_prints(exchange: Exchange, orders: list[str], first: int) -> None:
    """Prints that fill an order of ours each, one tick further down each time."""
    for number in range(first, first + PRINTS):
        exchange.on_print("BTC-USD", Print(number, number, PRICE - 500_000 - (number - first) - 1, 1_000, Side.BUY))
    assert all(exchange.ledger.orders[order_id].status is OrderStatus.FILLED for order_id in orders)


def microseconds(action: Callable[[], None]) -> float:
    started = time.process_time()
    action()
    return (time.process_time() - started) / PRINTS * 1e6


def main() -> None:
    print(machine())
    print(f"median of {ROUNDS} rounds of {PRINTS} prints, CPU microseconds; the counts take turns in every round")
    print("orders  to place one  a print that fills none  a print that fills one")
    placed, quiet, filled = ({count: list[float]() for count in COUNTS} for _ in range(3))
    for _ in range(ROUNDS):
        for count in COUNTS:
            exchange, to_place = exchange_with(count)
            if count:
                placed[count].append(to_place * 1e6)
            quiet[count].append(microseconds(partial(quiet_prints, exchange, 1)))
            near = (PRICE - 500_000 - number for number in range(PRINTS))
            orders = [place(exchange, f"near {limit}", "BUY", limit, PRINTS) for limit in near]
            filled[count].append(microseconds(partial(filling_prints, exchange, orders, PRINTS + 1)))
    for count in COUNTS:
        to_place_text = f"{statistics.median(placed[count]):12.1f}" if count else " " * 12
        print_none, print_one = statistics.median(quiet[count]), statistics.median(filled[count])
        print(f"{count:6}  {to_place_text}  {print_none:23.1f}  {print_one:22.1f}")


if __name__ == "__main__":
    main()
