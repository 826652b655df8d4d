"""The bridge's parsers on every recorded answer of Coinbase."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cbbot.domain.order import OrderStatus
from cbbot_bridge import translate
from cbbot_bridge.coinbase.rest_answers import Meaning, read_answer
from cbbot_bridge.coinbase.ws_messages import TickerUpdate, parse_frame
from cbbot_bridge.exchange_account import AccountListing, balance_of
from cbbot_bridge.executions import order_state
from cbbot_bridge.order_fills import OrderFills, fill_of, totals

FOLDER = Path(__file__).parent / "fixtures" / "coinbase"


def http(name: str) -> dict[str, Any]:
    answer = read_answer(200, (FOLDER / f"http_{name}.json").read_bytes())
    assert answer.meaning is Meaning.OK
    body: dict[str, Any] = answer.body
    return body


def test_accounts() -> None:
    btc, usd = (translate.account(item) for item in translate.objects(http("accounts"), "accounts"))
    assert (btc.currency, btc.available_balance.value, btc.hold.value, btc.type) == (
        "BTC",
        "1.23456789",
        "0.00500000",
        "CRYPTO",
    )
    assert (usd.currency, usd.available_balance.value, usd.hold.value) == ("USD", "10000.50", "450.00")
    product = translate.product(http("product"))
    listing = AccountListing((btc, usd))
    assert balance_of(listing, product, base=True).model_dump() == {
        "asset": "BTC",
        "available": "1.23456789",
        "step": "0.00000001",
    }
    assert balance_of(listing, product, base=False).available == "10000.50"


def test_product_and_products() -> None:
    product = translate.product(http("product"))
    assert (product.price_increment, product.base_increment, product.quote_increment) == ("0.01", "0.00000001", "0.01")
    assert (product.quote_min_size, product.base_min_size, product.status) == ("1", "0.00000001", "online")
    assert (product.trading_disabled, product.limit_only) == (False, False)
    # The rest of Coinbase's object is passed on untouched.
    raw = http("product")
    assert product.model_dump(mode="json") == raw
    both = [translate.product(item) for item in translate.objects(http("products"), "products")]
    assert [item.product_id for item in both] == ["BTC-USD", "BTC-USDC"]


def test_candles() -> None:
    newest, oldest = (translate.candle(item, 3600) for item in translate.objects(http("candles"), "candles"))
    assert oldest.model_dump() == {
        "start": "1712188800",
        "open": "65984.18",
        "high": "66387.77",
        "low": "65857.35",
        "close": "66314.59",
        "volume": "358.74851052",
    }
    assert newest.start == "1712192400"


def test_fills() -> None:
    first, second = (totals([fill_of(item)]) for item in translate.objects(http("fills"), "fills"))
    assert (str(first.base), str(first.value), str(first.commission)) == ("0.005", "225.61725", "1.14")
    assert (str(second.base), str(second.value), str(second.commission)) == ("0.0325", "99.999900", "0.50")


def test_order() -> None:
    state = order_state(http("order")["order"], OrderFills())
    assert state.model_dump(mode="json") == {
        "order_id": "0000-000000-000000",
        "client_order_id": "11111-000000-000000",
        "product_id": "BTC-USD",
        "side": "BUY",
        "status": "OPEN",
        "created_time": "2021-05-31T09:59:59Z",
        "kind": "LIMIT",
        "time_in_force": "GTC",
        "base_size": "0.001",
        "quote_size": None,
        "limit_price": "10000.00",
        "stop_price": None,
        "pending_cancel": False,
        "filled_size": "0.001",
        "average_filled_price": "50",
        "filled_value": "10000",
        "commission_total_usd": "5.00",
        "settled": False,
        "fills_agree": False,
        "reject_reason": "",
    }


def test_orders_list() -> None:
    body = http("orders_list")
    resting, filled = (order_state(item, OrderFills()) for item in translate.objects(body, "orders"))
    assert (resting.status, resting.filled_size, resting.fills_agree) == (OrderStatus.OPEN, "0", True)
    assert (filled.status, filled.quote_size, filled.filled_value) == (OrderStatus.FILLED, "100", "100")
    fill = next(item for item in http("fills")["fills"] if item["order_id"] == filled.order_id)
    assert order_state(body["orders"][1], OrderFills([fill_of(fill)])).fills_agree


def test_product_book() -> None:
    bbo = translate.best_bid_ask(http("product_book"))
    assert bbo is not None
    assert bbo.model_dump() == {"bid": "68923.66", "ask": "68923.67", "ts": "2026-04-07T00:28:59.662782Z"}


def test_ticker_of_last_trades() -> None:
    body = http("ticker")
    trades = translate.objects(body, "trades")
    assert translate.text_of(trades[0], "time") == "2026-04-07T00:28:58.544778Z"
    assert str(translate.decimal_of(trades[0], "price")) == "68923.67"
    assert translate.decimal_or_none(trades[0], "bid") is None


def test_websocket_ticker() -> None:
    frame = parse_frame((FOLDER / "ws_ticker.json").read_text())
    assert (frame.channel, frame.sequence, frame.timestamp) == ("ticker", 12, "2026-04-07T14:30:03.000000Z")
    assert frame.tickers == (TickerUpdate("BTC-USD", "68900.50", "68900.00", "68901.00"),)


@pytest.mark.parametrize(
    ("name", "channel", "sequence", "beat"),
    [
        ("heartbeats", "heartbeats", 0, 42),
        ("subscriptions", "subscriptions", 0, None),
        ("l2_data_snapshot", "l2_data", 0, None),
        ("l2_data_update", "l2_data", 1, None),
        ("market_trades", "market_trades", 5, None),
        ("user", "user", 1, None),
    ],
)
def test_other_websocket_channels_are_recognised_and_carry_no_ticker(
    name: str, channel: str, sequence: int, beat: int | None
) -> None:
    frame = parse_frame((FOLDER / f"ws_{name}.json").read_bytes())
    assert (frame.channel, frame.sequence, frame.beat) == (channel, sequence, beat)
    assert (frame.tickers, frame.bad_tickers, frame.error) == ((), (), None)


def test_every_recorded_answer_is_replayed_here() -> None:
    names = {path.stem.partition("_")[2] for path in FOLDER.glob("*.json")}
    source = Path(__file__).read_text()
    assert names == {name for name in names if f'"{name}"' in source or f'"ws_{name}.json"' in source}
    assert len(list(FOLDER.glob("*.json"))) == 16
