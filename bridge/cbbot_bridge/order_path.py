"""The parts that orders go through, put together: placing, looking up, changing, and what they know in common."""

from __future__ import annotations

from functools import partial

from cbbot_bridge.bridge_access import EpochRegistry
from cbbot_bridge.bridge_metrics import BridgeMetrics
from cbbot_bridge.coinbase.rest import CoinbaseRest
from cbbot_bridge.exchange_account import ExchangeAccount
from cbbot_bridge.listed_epochs import ListedEpochs
from cbbot_bridge.market_data import Market
from cbbot_bridge.order_changing import OrderChanger
from cbbot_bridge.order_listing import OrderListing
from cbbot_bridge.order_lookup import OrderLookup
from cbbot_bridge.order_placing import OrderPlacer
from cbbot_bridge.order_search import OrderFinder
from cbbot_bridge.prices import Prices
from cbbot_bridge.sent_orders import SentOrders
from cbbot_bridge.timekeeper import Timekeeper

__all__ = ["OrderPath"]


class OrderPath:
    """``sent`` is what placing and looking up have in common: an order that a look finds is no longer in doubt."""

    def __init__(
        self,
        rest: CoinbaseRest,
        market: Market,
        prices: Prices,
        account: ExchangeAccount,
        timekeeper: Timekeeper,
        metrics: BridgeMetrics,
        epochs: EpochRegistry,
    ) -> None:
        self.sent = SentOrders(rest.monotonic(), monotonic=rest.monotonic)
        urgent = OrderListing(rest, for_order=True)
        search = OrderFinder(urgent, timekeeper)
        of_ids, of_fills = (partial(metrics.contradiction, what) for what in ("id", "fills"))
        self.placer = OrderPlacer(rest, market, prices, account, self.sent, search, timekeeper.seconds_until, of_ids)
        self.lookup = OrderLookup(OrderListing(rest), timekeeper, self.sent, of_fills, rest.monotonic)
        self.listed_epochs = ListedEpochs(urgent, timekeeper, epochs)
        self.changer = OrderChanger(rest, market, account, urgent, self.lookup)
