"""The table of Coinbase's shapes has every field that the types of Coinbase's SDK read."""

from __future__ import annotations

import ast
from functools import cache

import pytest

from contract import wire_accounts, wire_markets, wire_orders, wire_streams
from contract.wire_values import Shape
from prerequisites import clients_python
from syntax_trees import syntax_tree

pytestmark = pytest.mark.conformance

# Left out: what the SDK reads of futures, and where it asks for a name that Coinbase does not send
# (``advanced_trade_only_volumes``) or sends no longer (``failure_reason``).
SHAPES: dict[str, type[Shape]] = {
    "ListOrdersResponse": wire_orders.OrdersAnswer,
    "ListFillsResponse": wire_orders.FillsAnswer,
    "GetOrderResponse": wire_orders.OrderAnswer,
    "CancelOrdersResponse": wire_orders.CancelAnswer,
    "EditOrderPreviewResponse": wire_orders.EditPreviewAnswer,
    "PreviewOrderResponse": wire_orders.PreviewAnswer,
    "OrderConfiguration": wire_orders.Configuration,
    "MarketMarketIoc": wire_orders.MarketIoc,
    "SorLimitIoc": wire_orders.Limit,
    "LimitLimitGtc": wire_orders.RestingLimit,
    "LimitLimitGtd": wire_orders.DatedLimit,
    "LimitLimitFok": wire_orders.Limit,
    "StopLimitStopLimitGtc": wire_orders.StopLimit,
    "StopLimitStopLimitGtd": wire_orders.DatedStopLimit,
    "TriggerBracketGtc": wire_orders.Bracket,
    "TriggerBracketGtd": wire_orders.DatedBracket,
    "Order": wire_orders.Order,
    "Fill": wire_orders.Fill,
    "EditHistory": wire_orders.Edit,
    "CancelOrderObject": wire_orders.CancelResult,
    "CreateOrderSuccess": wire_orders.CreateSuccess,
    "CreateOrderError": wire_orders.CreateFailure,
    "EditOrderErrors": wire_orders.EditError,
    "Amount": wire_accounts.Amount,
    "GetAccountResponse": wire_accounts.AccountAnswer,
    "ListAccountsResponse": wire_accounts.AccountsAnswer,
    "Account": wire_accounts.Account,
    "ListPortfoliosResponse": wire_accounts.PortfoliosAnswer,
    "PortfolioBreakdown": wire_accounts.Breakdown,
    "Portfolio": wire_accounts.Portfolio,
    "FeeTier": wire_accounts.FeeTier,
    "GetAPIKeyPermissionsResponse": wire_accounts.PermissionsAnswer,
    "GetServerTimeResponse": wire_markets.TimeAnswer,
    "GetBestBidAskResponse": wire_markets.BestBidAskAnswer,
    "GetProductBookResponse": wire_markets.BookAnswer,
    "ListProductsResponse": wire_markets.ProductsAnswer,
    "GetProductResponse": wire_markets.Product,
    "Product": wire_markets.Product,
    "GetProductCandlesResponse": wire_markets.CandlesAnswer,
    "GetMarketTradesResponse": wire_markets.TickerAnswer,
    "L2Level": wire_markets.Level,
    "PriceBook": wire_markets.PriceBook,
    "Candle": wire_markets.Candle,
    "HistoricalMarketTrade": wire_markets.Trade,
    "WSHeartBeats": wire_streams.Heartbeat,
    "WSCandle": wire_streams.StreamCandle,
    "WSHistoricalMarketTrade": wire_streams.MarketTrade,
    "WSProduct": wire_streams.StatusProduct,
    "WSTicker": wire_streams.Ticker,
    "L2Update": wire_streams.LevelUpdate,
    "UserOrders": wire_streams.UserOrder,
    "UserPositions": wire_streams.Positions,
}


@cache
def fields_of_the_sdk() -> dict[str, set[str]]:
    """By class, the keys that it takes out of an answer."""
    (package,) = clients_python().parents[1].glob("lib/python*/site-packages/coinbase")
    files = [*package.glob("rest/types/*.py"), *package.glob("websocket/types/*.py")]
    return {
        item.name: {_key(node) for node in ast.walk(item) if _key(node)}
        for file in files
        for item in ast.walk(syntax_tree(file.read_text(encoding="utf-8")))
        if isinstance(item, ast.ClassDef)
    }


def _key(node: ast.AST) -> str:
    """The key in a call of ``pop``; "" for anything else."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "pop":
        first = node.args[0]
        return str(first.value) if isinstance(first, ast.Constant) else ""
    return ""


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_has_the_fields_that_the_sdk_reads(name: str) -> None:
    read = fields_of_the_sdk()[name]
    known = {field.alias or name for name, field in SHAPES[name].model_fields.items()}
    assert read
    assert read - known == set()
