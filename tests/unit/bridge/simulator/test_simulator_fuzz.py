"""Whatever is asked of any endpoint, the simulator answers in Coinbase's shape and never breaks."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import quote

import httpx

from cbbot_bridge.simulator.route_table import ENDPOINTS, Served

Simulate = Callable[..., AbstractContextManager[httpx.Client]]
SEED = 20_261_126
EACH = 60

TEXTS = [
    *(
        "",
        "BTC-USD",
        "BTC-USDC",
        "ETH-USD",
        "BUY",
        "SELL",
        "OPEN",
        "FILLED",
        "MARKET",
        "LIMIT",
        "USD",
        "BTC",
        "DEFAULT",
    ),
    *(
        "0",
        "1",
        "-1",
        "7",
        "10",
        "350",
        "1000",
        "0.001",
        "1e9",
        "NaN",
        "Infinity",
        "9" * 11,
        "9" * 400,
        "0." + "1" * 80,
    ),
    *(
        "1757142000",
        "1757142480",
        "99999999999",
        "2025-09-06T07:08:00Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
    ),
    *(
        "ONE_MINUTE",
        "ONE_DAY",
        "PRICE",
        "LIMIT_PRICE",
        "true",
        "False",
        "null",
        "\u0663",
        "\ufb01",
        "\U0001f600",
        "x" * 300,
    ),
    *("a\x00b", "%00", "../..", "'", '"', "{}", "[]", "&", "=", ";", "+", " 10 ", "STOP_DIRECTION_STOP_UP"),
]
NAMES = [
    *("limit", "cursor", "offset", "product_ids", "product_id", "product_type", "order_status", "order_side"),
    *("order_types", "time_in_forces", "start_date", "end_date", "start", "end", "granularity", "sort_by"),
    *("asset_filters", "trade_ids", "order_ids", "retail_portfolio_id", "aggregation_price_increment", "currency"),
    *("starting_after", "portfolio_type", "get_tradability_status", "start_sequence_timestamp", "no_such"),
]
FIELDS = [
    *("client_order_id", "product_id", "side", "order_configuration", "attached_order_configuration", "order_ids"),
    *("order_id", "price", "size", "stop_price", "name", "funds", "value", "currency", "source_portfolio_uuid"),
    *("target_portfolio_uuid", "retail_portfolio_id", "leverage", "market_market_ioc", "limit_limit_gtc"),
    *("limit_limit_gtd", "stop_limit_stop_limit_gtc", "trigger_bracket_gtc", "base_size", "quote_size", "limit_price"),
    *("stop_trigger_price", "stop_direction", "end_time", "post_only"),
]


def value(dice: random.Random, depth: int = 0) -> Any:
    if depth < 3 and dice.random() < 0.35:
        return {dice.choice(FIELDS): value(dice, depth + 1) for _ in range(dice.randint(0, 6))}
    if dice.random() < 0.1:
        return [value(dice, depth + 1) for _ in range(dice.randint(0, 3))]
    odd = [None, True, False, 0, -1, 10**30, 0.1, 1e308, float("nan"), float("inf"), "\ud800"]
    return dice.choice(TEXTS) if dice.random() < 0.7 else dice.choice(odd)


def path_of(dice: random.Random, served: Served) -> str:
    parts = [
        quote(dice.choice(TEXTS) or "x", safe="") if part.startswith("{") else part for part in served.path.split("/")
    ]
    return "/".join(parts)


def test_no_request_breaks_it(simulate: Simulate) -> None:
    dice, statuses = random.Random(SEED), Counter[int]()
    with simulate("--key-permissions", "view,trade,transfer", "--balance", "BTC=5") as client:
        for served in ENDPOINTS:
            for _ in range(EACH):
                query: list[tuple[str, str | int | float | bool | None]] = [
                    (dice.choice(NAMES), dice.choice(TEXTS)) for _ in range(dice.randint(0, 3))
                ]
                body = json.dumps({name: value(dice) for name in dice.sample(FIELDS, dice.randint(0, 12))})
                path = path_of(dice, served)
                answer = client.request(served.method, path, params=query, content=body)
                statuses[answer.status_code] += 1
                where = f"{served.method} {path} {query} {body}: {answer.status_code} {answer.text[:300]} (seed {SEED})"
                if answer.status_code == 500:
                    # The one that Coinbase has, too.
                    assert served.path.endswith("/ticker"), where
                if answer.status_code != 200:
                    assert set(answer.json()) == {"error", "error_details", "message"}, where
        assert client.get("/sim/status").status_code == 200
    assert statuses[200] > 300
    assert statuses[400] > 300
