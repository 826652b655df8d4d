"""Several markets on one clock, and what the clock brings to the orders that rest in them."""

from __future__ import annotations

import time
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest

from cbbot.errors import BadInput
from cbbot.venue.exchange import Exchange
from cbbot.venue.prints import Print
from cbbot.venue.refusals import OrderRefused
from cbbot.venue.venue_order import OrderRequest, OrderStatus
from cbbot_bridge.simulator.command_line import parse_arguments
from cbbot_bridge.simulator.simulator_settings import SAMPLE
from cbbot_bridge.simulator.world import World, build_world

HOUR_MS = 3_600_000
START = 1_757_142_000


def world_of(*arguments: str, speed: str = "0") -> World:
    return build_world(parse_arguments(["--speed", speed, *arguments]), None)


def file_of(folder: Path, name: str, price: float, *, start: int = START, minutes: int = 10) -> str:
    """Candles of one price each, a dollar higher every minute."""
    rows = ["time,open,high,low,close,volume"]
    rows += [f"{start + 60 * n}," + f"{price + n}," * 4 + "1.2" for n in range(minutes)]
    path = folder / name
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return str(path)


def limit(
    world: World, side: str, price: Decimal, size: str, product_id: str = "BTC-USD", end_time: str | None = None
) -> str:
    fields: dict[str, object] = {"base_size": size, "limit_price": f"{price:f}", "post_only": True}
    kind = "limit_limit_gtc"
    if end_time is not None:
        kind, fields = "limit_limit_gtd", fields | {"end_time": end_time}
    name = f"{len(list(world.exchange.orders(world.now_ms())))}"
    request = OrderRequest(name, product_id, side, {kind: fields})
    return world.exchange.place(request, world.now_ms()).order.order_id


def status(world: World, order_id: str) -> OrderStatus:
    order = world.exchange.order(order_id, world.now_ms())
    assert order is not None
    return order.status


def last_price(world: World, product_id: str) -> Decimal:
    item = world.exchange.last_print(product_id)
    assert item is not None
    return item.price * world.exchange.products[product_id].instrument.price_increment


def test_without_a_file_some_products_walk_beside_the_sample_of_bitcoin() -> None:
    world = world_of()
    assert list(world.exchange.products) == ["BTC-USD", "BTC-USDC", "ETH-USD", "ETH-USDC", "USDT-USDC"]
    assert world.main.settings.csv == SAMPLE
    aliases = {product.product_id: product.alias for product in world.exchange.products.values()}
    assert aliases == {
        "BTC-USD": "",
        "BTC-USDC": "BTC-USD",
        "ETH-USD": "",
        "ETH-USDC": "ETH-USD",
        "USDT-USDC": "",
    }
    world.now_ms()
    for product_id, low, high in (("BTC-USD", 50_000, 200_000), ("ETH-USD", 2_000, 8_000), ("USDT-USDC", 0.9, 1.1)):
        assert low < last_price(world, product_id) < high
    balances = {currency: balance.available for currency, balance in world.exchange.balances(world.now_ms()).items()}
    assert balances == {"BTC": 0, "USD": 10_000, "ETH": 0, "USDT": 0, "USDC": 10_000}


def test_each_product_plays_its_own_file_on_one_clock(tmp_path: Path) -> None:
    files = [f"BTC-USD={file_of(tmp_path, 'b.csv', 1000)}", f"ETH-USD={file_of(tmp_path, 'e.csv', 50)}"]
    world = world_of("--csv", files[0], "--csv", files[1])
    assert world.now_ms() == (START + 7 * 60) * 1000
    assert [last_price(world, "BTC-USD"), last_price(world, "ETH-USDC")] == [1007, 57]
    world.clock.advance_to((START + 8 * 60) * 1000)
    world.now_ms()
    assert [last_price(world, "BTC-USD"), last_price(world, "ETH-USDC")] == [1008, 58]


def test_the_clock_starts_where_every_market_has_begun(tmp_path: Path) -> None:
    late = file_of(tmp_path, "late.csv", 50, start=START + 86_400)
    world = world_of("--csv", file_of(tmp_path, "b.csv", 1000), "--csv", f"ETH-USD={late}")
    assert world.now_ms() == (START + 86_400) * 1000
    assert last_price(world, "ETH-USD") == 50
    assert world.book("BTC-USD") is not None


def test_a_product_in_usdc_is_its_twins_market_paid_in_usdc() -> None:
    world = world_of("--product", "BTC-USDC")
    assert list(world.markets) == ["BTC-USD"]
    assert list(world.exchange.products) == ["BTC-USD", "BTC-USDC"]
    balances = dict(world.exchange.balances(world.now_ms()).items())
    assert [balances["USDC"].available, balances["USD"].available] == [10_000, 0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--csv", "a.csv", "--csv", "b.csv"], "one value a product"),
        (["--csv", "BTC-USD=a.csv", "--csv", "BTC-USD=b.csv"], "one value a product"),
        (["--csv", "a.csv", "--csv", "BTC-USD=b.csv"], "BTC-USD has one already"),
        (["--product", "BTC"], "BASE-QUOTE"),
        (["--product", "BTC-USD", "--product", "BTC-USDC", "--csv", "BTC-USDC=a.csv"], "in the book of BTC-USD"),
        (["--format", "ETH-USD=nonsense"], "--format"),
        (["--price-increment", "0"], "--price-increment"),
    ],
)
def test_options_of_products_that_do_not_go_together_are_named(arguments: list[str], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        parse_arguments(arguments)


def test_increments_may_be_given_for_each_product() -> None:
    options = ["--product", "BTC-USD", "--product", "ETH-USD", "--price-increment", "ETH-USD=0.1"]
    first, second = parse_arguments([*options, "--price-increment", "0.5", "--quote-increment", "0.5"]).markets
    assert (first.instrument.price_increment, second.instrument.price_increment) == (Decimal("0.5"), Decimal("0.1"))


def test_an_order_fills_by_the_print_that_reaches_it_and_not_by_the_last_one(tmp_path: Path) -> None:
    rows = ["time,open,high,low,close,volume"]
    rows += [f"{START + 60 * n},1000,1000,{900 if n == 8 else 1000},1000,12" for n in range(20)]
    path = tmp_path / "dip.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    world = world_of("--csv", str(path), "--history-fraction", "0.4", "--balance", "USD=10000")
    order_id = limit(world, "BUY", Decimal(950), "1")
    assert status(world, order_id) is OrderStatus.OPEN
    world.clock.advance_to((START + 20 * 60) * 1000)
    assert status(world, order_id) is OrderStatus.FILLED
    order = world.exchange.order(order_id, world.now_ms())
    assert order is not None
    assert START + 8 * 60 < (order.last_fill_ms or 0) / 1000 < START + 9 * 60


def test_candles_that_reach_no_order_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """5,000 candles of three markets, two orders waiting in each: far from any price, on either side."""
    world = world_of("--walk", "1", "--balance", "BTC=1", "--balance", "ETH=10", "--balance", "USDT=1000")
    orders = []
    for product_id, size in (("BTC-USD", "0.001"), ("ETH-USD", "0.1"), ("USDT-USDC", "10")):
        price = last_price(world, product_id) if world.now_ms() else Decimal(0)
        increment = world.exchange.products[product_id].instrument.price_increment
        orders.append(limit(world, "BUY", price / 5 // increment * increment, size, product_id))
        orders.append(limit(world, "SELL", price * 5 // increment * increment, size, product_id))
    passed: list[Print] = []
    on_print = Exchange.on_print

    def counted(exchange: Exchange, market_id: str, item: Print) -> None:
        passed.append(item)
        on_print(exchange, market_id, item)

    monkeypatch.setattr(Exchange, "on_print", counted)
    world.clock.advance_to(world.now_ms() + 5_000 * 60_000)
    world.now_ms()
    assert {status(world, order_id) for order_id in orders} == {OrderStatus.OPEN}
    assert 3 <= len(passed) <= 3 * world.settings.prints_per_candle


def test_what_is_skipped_changes_nothing() -> None:
    """The same orders, the clock moved in one step and in steps of less than a print: the same fills."""

    def run(step_ms: int) -> object:
        world = world_of("--walk", "5", "--balance", "BTC=10", "--balance", "USD=1000000")
        start_ms = world.now_ms()
        price = last_price(world, "BTC-USD").quantize(Decimal(1))
        for distance in (5, 50, 100, 200, 400, 800):
            limit(world, "BUY", price - distance, "0.5")
            limit(world, "SELL", price + distance, "0.5")
        end_ms = start_ms + 12 * HOUR_MS
        for now_ms in range(start_ms + step_ms, end_ms + 1, step_ms):
            world.clock.advance_to(now_ms)
            world.now_ms()
        fills = [(fill.trade, fill.time_ms, fill.order_id) for fill in world.exchange.fills(world.now_ms())]
        assert len(fills) > 5
        return fills, dict(world.exchange.balances(world.now_ms()).items())

    assert run(12 * HOUR_MS) == run(4_000)


def test_a_dated_order_expires_at_its_time_in_the_midst_of_a_long_step() -> None:
    world = world_of("--walk", "1")
    start_ms = world.now_ms()
    order_id = limit(world, "BUY", Decimal(20_000), "0.001", end_time="2025-02-01T00:00:30Z")
    world.clock.advance_to(start_ms + 30 * 24 * HOUR_MS)
    assert status(world, order_id) is OrderStatus.EXPIRED
    order = world.exchange.order(order_id, world.now_ms())
    assert order is not None
    assert order.updated_ms == 1_738_368_030_000


def test_a_clock_that_runs_fast_brings_every_print() -> None:
    world = world_of("--walk", "5", "--balance", "BTC=10", speed="1000000")
    until = time.monotonic() + 20
    order_id = None
    while order_id is None:
        assert time.monotonic() < until
        world.now_ms()
        price = last_price(world, "BTC-USD").quantize(Decimal(1))
        with suppress(OrderRefused):  # the market may have moved past the price since it was read
            order_id = limit(world, "SELL", price + 100, "0.5")
    while status(world, order_id) is not OrderStatus.FILLED:
        assert time.monotonic() < until
