"""What the trader counts in, of the bridge's list of orders."""

from __future__ import annotations

from cbbot.brokers.listed_orders import listed_orders
from cbbot.contract.bridge_orders import OwnOrders
from cbbot.domain.instrument import BTC_USD
from cbbot.domain.order import Side

LIST = {"since": "2026-11-27T06:00:00.000Z", "until": "2026-11-27T06:30:00.000Z", "orders": [], "size": 0}


def test_orders_in_doubt_are_ours_by_their_id_and_may_have_left_as_late_as_the_list() -> None:
    sale = {"side": "SELL", "base_size": "0.30000000", "quote_size": None, "sent_time": "2026-11-27T06:29:58.000Z"}
    entry = sale | {"side": "BUY", "base_size": None, "quote_size": "25.00", "client_order_id": "btc-7-2"}
    of_others = [sale | {"client_order_id": name} for name in ("btc-2-7-1", "eth-7-1", "btc-7")]
    answer = OwnOrders.model_validate(LIST | {"in_doubt": [sale | {"client_order_id": "btc-7-1"}, entry, *of_others]})
    sold, bought = listed_orders(BTC_USD, "btc-", answer)
    assert (sold.client_order_id, sold.epoch, sold.sequence, sold.side) == ("btc-7-1", 7, 1, Side.SELL)
    assert (sold.base, sold.quote_units) == (30_000_000, 0)
    assert (sold.in_doubt, sold.order_id, sold.unfilled, sold.problem) == (True, "", False, "")
    assert sold.sent_ms - sold.created_ms == 2_000
    assert (bought.side, bought.base, bought.quote_units) == (Side.BUY, 0, 2_500)
