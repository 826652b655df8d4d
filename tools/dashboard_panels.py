"""What the two Grafana dashboards show: a row for each panel."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

__all__ = ["BOT", "BOT_OF", "FLEET", "FLEET_OF", "TRADES", "PanelRow", "Query"]

BOT_OF: Final = 'namespace=~"$namespace",tradingbot=~"$tradingbot"'
FLEET_OF: Final = 'namespace=~"$namespace"'
_WINDOW: Final = "[$__rate_interval]"


class Query(NamedTuple):
    expr: str
    legend: str = ""


class PanelRow(NamedTuple):
    """``span`` is its width of 24; ``unit`` is Grafana's word for one."""

    title: str
    kind: Literal["stat", "series", "states", "table"]
    span: int
    unit: str
    queries: tuple[Query, ...]
    meaning: str = ""


def _newest(name: str) -> str:
    """Of each bot: while its pod is replaced there are two series, and bots of two namespaces may share a name."""
    return f"max by (namespace, tradingbot) ({name}{{{BOT_OF}}})"


def _of_bot(name: str, legend: str = "") -> Query:
    return Query(_newest(name), legend or "{{namespace}}/{{tradingbot}}")


def _rate_of_bot(name: str, label: str) -> Query:
    return Query(f"sum by ({label}) (increase({name}{{{BOT_OF}}}{_WINDOW}))", f"{{{{{label}}}}}")


def _quantiles(name: str, of: str) -> tuple[Query, ...]:
    return tuple(
        Query(f"histogram_quantile({share}, sum by (le) (rate({name}_bucket{{{of}}}{_WINDOW})))", legend)
        for share, legend in ((0.5, "half"), (0.95, "19 of 20"), (0.99, "99 of 100"))
    )


def _trades(result: str) -> str:
    of = f'result="{result}",{BOT_OF}'
    return f"sum by (namespace, tradingbot) (increase(bot_trades_total{{{of}}}[$__interval])) > 0"


_TODAY: Final = _newest("bot_daily_pnl_usd")
TRADES: Final = {
    "lots opened": (_trades("open"), "blue"),
    "lots won": (_trades("win"), "green"),
    "lots lost": (_trades("loss"), "red"),
}
"""Annotations over every panel: name, query, colour."""

BOT: Final = (
    PanelRow("Equity", "stat", 4, "currencyUSD", (_of_bot("bot_equity_usd"),)),
    PanelRow("Profit of the day", "stat", 4, "currencyUSD", (_of_bot("bot_daily_pnl_usd"),)),
    PanelRow(
        "Change of the day", "stat", 4, "percent",
        (Query(f"100 * {_TODAY} / ({_newest('bot_equity_usd')} - {_TODAY})"),),
        "Realised profit of this UTC day, against what the day began with.",
    ),
    PanelRow("Open lots", "stat", 3, "short", (_of_bot("bot_open_lots"),)),
    PanelRow("Breaker", "stat", 3, "bool_yes_no", (_of_bot("bot_breaker_tripped"),)),
    PanelRow("Ready", "stat", 3, "bool_yes_no", (_of_bot("bot_ready"),)),
    PanelRow("Model", "stat", 3, "short", (Query(f"max by (mode) (bot_model_mode{{{BOT_OF}}}) == 1", "{{mode}}"),)),
    PanelRow(
        "Equity curve", "series", 12, "currencyUSD",
        (_of_bot("bot_equity_usd", "equity"), _of_bot("bot_equity_marked_usd", "with lots at the last price")),
    ),
    PanelRow(
        "Price and moving averages", "series", 12, "currencyUSD",
        (_of_bot("bot_last_price", "price"), _of_bot("bot_ma_fast", "fast average"),
         _of_bot("bot_ma_slow", "slow average")),
        "The averages are those at the last closed candle.",
    ),
    PanelRow(
        "Profit", "series", 8, "currencyUSD",
        (_of_bot("bot_daily_pnl_usd", "realised today"), _of_bot("bot_unrealized_pnl_usd", "open lots")),
    ),
    PanelRow("Lots", "series", 4, "short", (_of_bot("bot_open_lots", "open"), _of_bot("bot_short_lots", "short"))),
    PanelRow("Exposure", "series", 4, "currencyUSD", (_of_bot("bot_exposure_usd", "cost of open lots"),)),
    PanelRow(
        "What keeps it from trading", "states", 8, "bool_yes_no",
        (_of_bot("bot_breaker_tripped", "breaker"), _of_bot("bot_entries_paused", "paused"),
         _of_bot("bot_entries_refused", "entries refused"), _of_bot("bot_refused_exits", "exits refused"),
         _of_bot("bot_unknown_orders", "outcome unknown"), _of_bot("bot_halted", "halted"),
         _of_bot("bot_state_unsaved", "state not saved")),
    ),
    PanelRow("Decisions", "series", 8, "short", (_rate_of_bot("bot_decisions_total", "signal"),)),
    PanelRow("Signals held back", "series", 8, "short", (_rate_of_bot("bot_denials_total", "reason"),)),
    PanelRow(
        "Volatility factor", "series", 8, "short", (_of_bot("bot_vol_risk_factor", "factor on the risk share"),)
    ),
    PanelRow("Orders", "series", 8, "short", (_rate_of_bot("bot_orders_total", "side"),)),
    PanelRow("Trades", "series", 8, "short", (_rate_of_bot("bot_trades_total", "result"),)),
    PanelRow("Refusals", "series", 8, "short", (_rate_of_bot("bot_refusals_total", "reason"),)),
    PanelRow("Time until an order's end", "series", 8, "s", _quantiles("bot_order_seconds", BOT_OF)),
    PanelRow("Time of a step", "series", 8, "s", _quantiles("bot_step_seconds", BOT_OF)),
    PanelRow("Time of a call to the exchange", "series", 8, "s", _quantiles("bridge_upstream_seconds", BOT_OF)),
    PanelRow(
        "Ages", "series", 8, "s",
        (_of_bot("bot_price_age_seconds", "price"), _of_bot("bot_decision_age_seconds", "decision"),
         Query(f"time() - {_newest('bot_last_save_timestamp_seconds')}", "last save")),
    ),
    PanelRow(
        "Model's age", "series", 8, "s",
        (_of_bot("bot_model_age_seconds", "since its fit"), _of_bot("bot_refit_interval_seconds", "interval")),
    ),
    PanelRow("The venue's clock minus ours", "series", 8, "s", (_of_bot("bot_clock_offset_seconds", "offset"),)),
    PanelRow("Answers of the exchange", "series", 8, "short", (_rate_of_bot("bridge_upstream_calls_total", "code"),)),
    PanelRow(
        "Requests that may leave at once", "series", 8, "short",
        (Query(f"max by (kind) (bridge_rate_budget{{{BOT_OF}}})", "{{kind}}"),),
    ),
    PanelRow(
        "Room for the state", "series", 8, "bytes", (_of_bot("bot_state_disk_free_bytes", "free, at the last save"),)
    ),
)  # fmt: skip


def _each(name: str) -> Query:
    return Query(f"max by (namespace, tradingbot) ({name}{{{FLEET_OF}}})", "{{namespace}}/{{tradingbot}}")


def _sum(name: str) -> Query:
    return Query(f"sum(max by (namespace, tradingbot) ({name}{{{FLEET_OF}}}))")


def _rate_of_operator(name: str, label: str) -> Query:
    return Query(f"sum by ({label}) (increase({name}{{{FLEET_OF}}}{_WINDOW}))", f"{{{{{label}}}}}")


FLEET: Final = (
    PanelRow("Bots that answer", "stat", 4, "short", (Query(f'sum(up{{job="cbbot-bot",{FLEET_OF}}})'),)),
    PanelRow("Bots that are ready", "stat", 4, "short", (_sum("bot_ready"),)),
    PanelRow("Equity", "stat", 4, "currencyUSD", (_sum("bot_equity_usd"),)),
    PanelRow("Profit of the day", "stat", 4, "currencyUSD", (_sum("bot_daily_pnl_usd"),)),
    PanelRow("Open lots", "stat", 4, "short", (_sum("bot_open_lots"),)),
    PanelRow("Breakers tripped", "stat", 4, "short", (_sum("bot_breaker_tripped"),)),
    PanelRow(
        "Alerts that fire", "table", 24, "short",
        (Query("sum by (alertname, severity, namespace, tradingbot) "
               '(ALERTS{alertname=~"Cbbot.*",alertstate="firing"})'),),
    ),
    PanelRow("Equity", "series", 12, "currencyUSD", (_each("bot_equity_marked_usd"),)),
    PanelRow("Profit of the day", "series", 12, "currencyUSD", (_each("bot_daily_pnl_usd"),)),
    PanelRow("Exposure", "series", 8, "currencyUSD", (_each("bot_exposure_usd"),)),
    PanelRow("Open lots", "series", 8, "short", (_each("bot_open_lots"),)),
    PanelRow("Age of the price", "series", 8, "s", (_each("bot_price_age_seconds"),)),
    PanelRow(
        "Refusals", "series", 8, "short",
        (Query(f"sum by (namespace, tradingbot) (increase(bot_refusals_total{{{FLEET_OF}}}{_WINDOW}))",
               "{{namespace}}/{{tradingbot}}"),),
    ),
    PanelRow("Exits refused", "series", 8, "short", (_each("bot_refused_exits"),)),
    PanelRow("Outcomes unknown", "series", 8, "short", (_each("bot_unknown_orders"),)),
    PanelRow(
        "TradingBots", "series", 8, "short",
        (Query(f"sum by (mode, ready, reason) (cbbot_operator_tradingbots{{{FLEET_OF}}})",
               "{{mode}} {{ready}} {{reason}}"),),
    ),
    PanelRow(
        "Reconciliations", "series", 8, "short",
        (_rate_of_operator("cbbot_operator_reconciles_total", "result"),),
    ),
    PanelRow("Time of a reconciliation", "series", 8, "s", _quantiles("cbbot_operator_reconcile_seconds", FLEET_OF)),
    PanelRow(
        "TradingBots that wait for the operator", "series", 8, "short",
        (Query(f"max(cbbot_operator_queue_depth{{{FLEET_OF}}})", "queue"),),
    ),
    PanelRow(
        "Requests to the API server", "series", 8, "short",
        (_rate_of_operator("cbbot_operator_api_requests_total", "code"),),
    ),
    PanelRow(
        "Memory", "series", 8, "bytes",
        (Query(f'max by (job, namespace, tradingbot) (process_resident_memory_bytes{{job=~"cbbot-.*",{FLEET_OF}}})',
               "{{job}} {{namespace}}/{{tradingbot}}"),),
    ),
)  # fmt: skip
