"""Conformance: ccxt's plain client, unchanged and with its own defaults, trades at the simulator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from simulation.cyclic_venue import CLOSE, HIGH, LOW, MAKER, OPENING, TAKER, VOLUME, CyclicVenue, ecdsa_key
from simulation.driven_clients import DrivenClients, Key, RefusedByClient, driven

pytestmark = [pytest.mark.conformance, pytest.mark.processes]

SYMBOL = "BTC/USD"
END_MS = 1_757_226_000_000  # where the venue's clock stands at first


@pytest.fixture(autouse=True)
def no_order_is_left_open(ccxt: DrivenClients) -> Iterator[None]:
    """What rests after a test is canceled, so that tests do not fill each other's orders."""
    yield
    left = [order["id"] for order in ccxt.exchange.fetch_open_orders(SYMBOL)]
    if left:
        ccxt.exchange.cancel_orders(left)


def balance(ccxt: DrivenClients) -> dict[str, tuple[float, float]]:
    """Free and used by currency."""
    found = ccxt.exchange.fetch_balance({"v3": True})
    return {currency: (found[currency]["free"], found[currency]["used"]) for currency in OPENING}


def test_markets_and_currencies_are_loaded(ccxt: DrivenClients) -> None:
    markets = ccxt.exchange.load_markets()
    assert {SYMBOL, "BTC/USDC"} <= set(markets)
    market = ccxt.exchange.market(SYMBOL)
    assert (market["id"], market["type"], market["active"]) == ("BTC-USD", "spot", True)
    assert (market["precision"]["amount"], market["precision"]["price"]) == (1e-8, 0.01)
    assert (market["limits"]["cost"]["min"], market["taker"], market["maker"]) == (1.0, float(TAKER), float(MAKER))


def test_the_clients_defaults_work_as_they_are(ccxt: DrivenClients, venue: CyclicVenue) -> None:
    assert ccxt.exchange.fetch_time() == int(venue.now().timestamp()) * 1000
    found = ccxt.exchange.fetch_balance()
    assert {currency: found[currency]["total"] for currency in OPENING} == {
        currency: float(amount) for currency, amount in OPENING.items()
    }
    codes = {account["code"] for account in ccxt.exchange.fetch_accounts()}
    assert set(OPENING) <= codes
    assert ccxt.exchange.fetch_balance({"v3": True})["BTC"]["free"] == float(OPENING["BTC"])
    assert "DEFAULT" in {item["type"] for item in ccxt.exchange.fetch_portfolios()}
    fees = ccxt.exchange.fetch_trading_fees()[SYMBOL]
    assert (fees["taker"], fees["maker"]) == (float(TAKER), float(MAKER))


def test_ticker_candles_trades_and_book(ccxt: DrivenClients) -> None:
    ticker = ccxt.exchange.fetch_ticker(SYMBOL)
    assert (ticker["last"], ticker["ask"]) == (float(CLOSE), float(CLOSE))
    assert ticker["bid"] < ticker["ask"]
    tickers = ccxt.exchange.fetch_tickers([SYMBOL, "ETH/USD"])
    assert tickers[SYMBOL]["last"] == float(CLOSE)
    assert tickers["ETH/USD"]["last"] == ccxt.exchange.fetch_ticker("ETH/USD")["last"]
    since = END_MS - 600_000
    candles = ccxt.exchange.fetch_ohlcv(SYMBOL, "1m", since=since, limit=5)
    assert candles == [
        [since + minute * 60_000, float(CLOSE), float(HIGH), float(LOW), float(CLOSE), float(VOLUME)]
        for minute in range(5)
    ]
    trades = ccxt.exchange.fetch_trades(SYMBOL, limit=12)
    assert [trade["timestamp"] for trade in trades] == sorted(trade["timestamp"] for trade in trades)
    assert {min(trade["price"] for trade in trades), max(trade["price"] for trade in trades)} == {
        float(LOW),
        float(HIGH),
    }
    book = ccxt.exchange.fetch_order_book(SYMBOL, limit=3)
    assert (len(book["bids"]), len(book["asks"])) == (3, 3)
    assert (book["bids"][0][0], book["asks"][0][0]) == (ticker["bid"], ticker["ask"])
    bests = ccxt.exchange.fetch_bids_asks([SYMBOL])[SYMBOL]
    assert (bests["bid"], bests["ask"]) == (ticker["bid"], ticker["ask"])


def test_a_market_buy_by_cost_and_a_market_sell_by_base(ccxt: DrivenClients) -> None:
    before = balance(ccxt)
    bought = ccxt.exchange.create_market_buy_order_with_cost(SYMBOL, 500, {"client_order_id": "ccxt-1"})
    order = ccxt.exchange.fetch_order(bought["id"])
    assert (order["status"], order["clientOrderId"], order["side"], order["type"]) == (
        "closed",
        "ccxt-1",
        "buy",
        "market",
    )
    after = balance(ccxt)
    spent = before["USD"][0] - after["USD"][0]
    assert spent == pytest.approx(500, abs=0.01)
    assert spent == pytest.approx(order["filled"] * order["average"] + float(order["fee"]["cost"]))
    assert after["BTC"][0] - before["BTC"][0] == pytest.approx(order["filled"])
    trades = [trade for trade in ccxt.exchange.fetch_my_trades(SYMBOL) if trade["order"] == bought["id"]]
    assert sum(trade["amount"] for trade in trades) == pytest.approx(order["filled"])
    assert sum(trade["fee"]["cost"] for trade in trades) == pytest.approx(float(order["fee"]["cost"]))
    assert {(trade["takerOrMaker"], trade["side"], trade["fee"]["currency"]) for trade in trades} == {
        ("taker", "buy", "USD")
    }
    sold = ccxt.exchange.create_order(SYMBOL, "market", "sell", 0.25)
    order = ccxt.exchange.fetch_order(sold["id"])
    assert (order["status"], order["amount"], order["filled"], order["remaining"]) == ("closed", 0.25, 0.25, 0.0)
    assert balance(ccxt)["BTC"][0] == pytest.approx(after["BTC"][0] - 0.25)


def test_a_limit_order_rests_and_fills(ccxt: DrivenClients, venue: CyclicVenue) -> None:
    before = balance(ccxt)
    placed = ccxt.exchange.create_order(SYMBOL, "limit", "sell", 0.1, 50500)
    order = ccxt.exchange.fetch_order(placed["id"])
    assert (order["status"], order["price"], order["amount"], order["filled"], order["timeInForce"]) == (
        "open",
        50500.0,
        0.1,
        0.0,
        "GTC",
    )
    free, used = balance(ccxt)["BTC"]
    assert free == pytest.approx(before["BTC"][0] - 0.1)
    assert used == pytest.approx(before["BTC"][1] + 0.1)
    assert [item["id"] for item in ccxt.exchange.fetch_open_orders(SYMBOL)] == [placed["id"]]
    venue.minutes()
    order = ccxt.exchange.fetch_order(placed["id"])
    assert (order["status"], order["filled"], order["average"]) == ("closed", 0.1, 50500.0)
    assert float(order["fee"]["cost"]) == pytest.approx(5050 * float(MAKER))
    assert balance(ccxt)["USD"][0] - before["USD"][0] == pytest.approx(5050 * (1 - float(MAKER)))
    assert ccxt.exchange.fetch_open_orders(SYMBOL) == []
    assert placed["id"] in {item["id"] for item in ccxt.exchange.fetch_closed_orders(SYMBOL)}
    (trade,) = [item for item in ccxt.exchange.fetch_my_trades(SYMBOL) if item["order"] == placed["id"]]
    assert (trade["takerOrMaker"], trade["price"], trade["amount"]) == ("maker", 50500.0, 0.1)


@pytest.mark.parametrize(
    ("price", "params", "time_in_force", "status"),
    [
        (50100, {"timeInForce": "IOC"}, "IOC", "closed"),
        (49900, {"timeInForce": "IOC"}, "IOC", "canceled"),
        (50100, {"timeInForce": "FOK"}, "FOK", "closed"),
        (49900, {"timeInForce": "PO"}, "GTC", "open"),
        (49900, {"postOnly": True}, "GTC", "open"),
        (49900, {}, "GTC", "open"),
        (50100, {}, "GTC", "closed"),
        (49900, {"timeInForce": "GTD"}, "GTD", "open"),
    ],
)
def test_every_time_in_force(
    ccxt: DrivenClients, venue: CyclicVenue, price: int, params: dict[str, Any], time_in_force: str, status: str
) -> None:
    end = {"end_time": venue.moment(hours=1)} if time_in_force == "GTD" else {}
    placed = ccxt.exchange.create_order(SYMBOL, "limit", "buy", 0.1, price, params | end)
    order = ccxt.exchange.fetch_order(placed["id"])
    assert (order["status"], order["timeInForce"], order["type"]) == (status, time_in_force, "limit")
    assert order["filled"] == (0.1 if status == "closed" else 0.0)


def test_stop_orders(ccxt: DrivenClients, venue: CyclicVenue) -> None:
    before = balance(ccxt)
    stop = ccxt.exchange.create_order(SYMBOL, "limit", "sell", 0.1, 49000, {"stopLossPrice": 49500})
    take = ccxt.exchange.create_order(SYMBOL, "limit", "sell", 0.1, 50400, {"takeProfitPrice": 50500})
    waiting = ccxt.exchange.create_order(
        SYMBOL, "limit", "sell", 0.1, 44000, {"triggerPrice": 45000, "stop_direction": "STOP_DIRECTION_STOP_DOWN"}
    )
    order = ccxt.exchange.fetch_order(stop["id"])
    assert (order["status"], order["triggerPrice"], order["price"]) == ("open", 49500.0, 49000.0)
    assert balance(ccxt)["BTC"][1] == pytest.approx(before["BTC"][1] + 0.3)
    venue.minutes()
    stopped, taken = (ccxt.exchange.fetch_order(item["id"]) for item in (stop, take))
    assert (stopped["status"], stopped["filled"]) == ("closed", 0.1)
    assert 49000 <= stopped["average"] <= 49500
    assert (taken["status"], taken["filled"]) == ("closed", 0.1)
    assert taken["average"] >= 50400
    assert ccxt.exchange.fetch_order(waiting["id"])["status"] == "open"


def test_an_order_is_previewed_edited_and_canceled(ccxt: DrivenClients) -> None:
    before = balance(ccxt)
    previewed = ccxt.exchange.create_order(SYMBOL, "limit", "buy", 0.1, 45000, {"preview": True})
    assert previewed["id"] is None
    assert balance(ccxt) == before
    placed = ccxt.exchange.create_order(SYMBOL, "limit", "buy", 0.1, 45000)
    ccxt.exchange.edit_order(placed["id"], SYMBOL, "limit", "buy", 0.2, 46000, {"preview": True})
    assert ccxt.exchange.fetch_order(placed["id"])["price"] == 45000.0
    ccxt.exchange.edit_order(placed["id"], SYMBOL, "limit", "buy", 0.2, 46000)
    edited = ccxt.exchange.fetch_order(placed["id"])
    assert (edited["price"], edited["amount"], edited["status"]) == (46000.0, 0.2, "open")
    assert balance(ccxt)["USD"][1] >= before["USD"][1] + 9200
    ccxt.exchange.cancel_order(placed["id"])
    assert ccxt.exchange.fetch_order(placed["id"])["status"] == "canceled"
    assert placed["id"] in {item["id"] for item in ccxt.exchange.fetch_canceled_orders(SYMBOL)}
    assert balance(ccxt) == before


def test_several_orders_are_canceled_at_once(ccxt: DrivenClients) -> None:
    before = balance(ccxt)
    placed = [ccxt.exchange.create_order(SYMBOL, "limit", "buy", 0.1, price)["id"] for price in (45000, 46000)]
    assert {item["id"] for item in ccxt.exchange.fetch_open_orders(SYMBOL)} == set(placed)
    ccxt.exchange.cancel_orders(placed)
    assert ccxt.exchange.fetch_open_orders(SYMBOL) == []
    assert balance(ccxt) == before
    with pytest.raises(RefusedByClient, match=r"^BadRequest "):
        ccxt.exchange.cancel_orders(placed)


def test_orders_are_listed_by_time_and_in_pages(ccxt: DrivenClients, venue: CyclicVenue) -> None:
    since = int(venue.now().timestamp() * 1000) + 1000
    venue.minutes()
    placed = [ccxt.exchange.create_market_buy_order_with_cost(SYMBOL, 10)["id"] for _ in range(3)]
    listed = ccxt.exchange.fetch_orders(SYMBOL, since)
    assert {item["id"] for item in listed} == set(placed)
    assert len(ccxt.exchange.fetch_orders(SYMBOL, None, 2)) == 2
    paged = ccxt.exchange.fetch_orders(SYMBOL, since, None, {"paginate": True, "maxEntriesPerRequest": 1})
    assert {item["id"] for item in paged} == set(placed)
    assert {trade["order"] for trade in ccxt.exchange.fetch_my_trades(SYMBOL, since)} == set(placed)


@pytest.mark.parametrize(
    ("arguments", "params", "error"),
    [
        (("market", "sell", 501), {}, "InsufficientFunds"),
        (("limit", "buy", 2000, 49000), {}, "InsufficientFunds"),
        (("limit", "buy", 0.1, 50500), {"postOnly": True}, "ExchangeError.*PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY"),
        (("limit", "buy", 0.00001, 49000), {}, "ExchangeError.*PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"),
        (("market", "sell", 3401), {}, "ExchangeError.*PREVIEW_INVALID_BASE_SIZE_TOO_LARGE"),
        (
            ("limit", "sell", 0.1, 49000),
            {"triggerPrice": 50500, "stop_direction": "STOP_DIRECTION_STOP_DOWN"},
            "InvalidOrder.*PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE",
        ),
    ],
)
def test_refusals_are_the_errors_that_they_are_at_coinbase(
    ccxt: DrivenClients, arguments: tuple[Any, ...], params: dict[str, Any], error: str
) -> None:
    before = balance(ccxt)
    kind, side, amount, *price = arguments
    with pytest.raises(RefusedByClient, match=f"^{error}"):
        ccxt.exchange.create_order(SYMBOL, kind, side, amount, *(price or [None]), params)
    assert balance(ccxt) == before


def test_errors_of_http_are_the_errors_that_they_are_at_coinbase(ccxt: DrivenClients, venue: CyclicVenue) -> None:
    with pytest.raises(RefusedByClient, match=r"^ExchangeError .*NOT_FOUND"):
        ccxt.exchange.fetch_order("00000000-0000-4000-8000-000000000000")
    with pytest.raises(RefusedByClient, match=r"^BadRequest .*INVALID_ARGUMENT"):
        ccxt.exchange.fetch_order("no-such-id")
    with (
        driven("ccxt", venue.address, Key(venue.key.name, ecdsa_key()[1])) as other,
        pytest.raises(RefusedByClient, match=r"^AuthenticationError "),
    ):
        other.exchange.fetch_balance({"v3": True})


def test_the_public_half_needs_no_key(venue: CyclicVenue) -> None:
    with driven("ccxt", venue.address, None) as anybody:
        assert SYMBOL in anybody.exchange.load_markets()
        assert anybody.exchange.fetch_ticker(SYMBOL)["last"] == float(CLOSE)
        assert anybody.exchange.fetch_order_book(SYMBOL)["asks"][0][0] == float(CLOSE)
