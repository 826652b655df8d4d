"""For each alert the series with which it fires, and series that are close to it with which it does not.

Values are promtool's: ``0x30`` is 0 and 30 times 0 more, a minute apart; ``_`` is a scrape that brought nothing.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["CASES", "Case"]

BOT: Final = {"job": "cbbot-bot", "namespace": "trading", "tradingbot": "btc"}
BRIDGE: Final = BOT | {"job": "cbbot-bridge"}
OPERATOR: Final = {"job": "cbbot-operator", "namespace": "cbbot"}
OF_BOT: Final = {"namespace": "trading", "tradingbot": "btc"}
OF_OPERATOR: Final = {"namespace": "cbbot"}

Series = dict[str, str]


class Case(NamedTuple):
    """``labels`` are those of the alert beside name and severity; ``minutes`` is when it is looked at."""

    alert: str
    labels: dict[str, str]
    fires: Series
    quiet: tuple[Series, ...]
    minutes: int = 45


def _series(name: str, target: dict[str, str], values: str, **labels: str) -> Series:
    shown = ",".join(f'{label}="{value}"' for label, value in (target | labels).items())
    return {f"{name}{{{shown}}}": values}


def _of(name: str, values: str, **labels: str) -> Series:
    return _series(name, BOT, values, **labels)


def _gauge(alert: str, name: str, bad: str, *good: str) -> Case:
    """It fires while the bot's gauge has a value, and with no other, nor while it is not known."""
    return Case(alert, OF_BOT, _of(name, f"{bad}x60"), tuple(_of(name, f"{value}x60") for value in (*good, "NaN")))


def _ages(name: str, age: str, interval_name: str, interval: str, started: str = "0x60") -> Series:
    return (
        _of(name, age) | _of(interval_name, f"{interval}x60") | _of("process_start_time_seconds", started)
    )  # fmt: skip


def _calls(code: str, values: str) -> Series:
    return _series("bridge_upstream_calls_total", BRIDGE, values, code=code, verb="GET")


def _degraded(mode: str, reason: str, values: str = "1x60") -> Series:
    return _series("cbbot_operator_tradingbots_degraded", OPERATOR, values, mode=mode, reason=reason)


def _bots(ready: str, reason: str, count: str) -> Series:
    return _series(
        "cbbot_operator_tradingbots", OPERATOR, f"{count}x60", mode="Paper", ready=ready, reason=reason
    )  # fmt: skip


_DECIDED, _EVERY = "bot_decision_age_seconds", "bot_decision_interval_seconds"
_PRICED, _TICK = "bot_price_age_seconds", "bot_tick_interval_seconds"
_FITTED, _REFIT = "bot_model_age_seconds", "bot_refit_interval_seconds"
_FREE, _SIZE = "bot_state_disk_free_bytes", "bot_state_disk_size_bytes"
_DROP, _NO_DROP = "1000x40 989x20", "1000x40 991x20"

CASES: Final = (
    Case("CbbotBotDown", OF_BOT, _of("up", "1x10 0x50"), (_of("up", "1x44 0x10"), _of("up", "1x60"), {})),
    _gauge("CbbotBotNotReady", "bot_ready", "0", "1"),
    _gauge("CbbotBotHalted", "bot_halted", "1", "0"),
    Case(
        "CbbotStepsFailing",
        OF_BOT,
        _of("bot_step_failures_total", "0x40 1x20"),
        (_of("bot_step_failures_total", "7x60"), _of("bot_step_failures_total", "0x10 1x50")),
    ),
    Case(
        "CbbotNoDecisions",
        OF_BOT,
        _ages(_DECIDED, "0+60x60", _EVERY, "1"),
        (
            _ages(_DECIDED, "0x60", _EVERY, "1"),
            # Candles of an hour, and nothing by ticks.
            _ages(_DECIDED, "0+60x60", _EVERY, "3600"),
            # It has not decided yet, and has not run for long.
            _ages(_DECIDED, "NaNx60", _EVERY, "1", "1200x60"),
        ),
        40,
    ),
    Case(
        "CbbotTicksStopped",
        OF_BOT,
        _ages(_PRICED, "1x40 60+60x20", _TICK, "1"),
        (
            _ages(_PRICED, "2x60", _TICK, "1"),
            _ages(_PRICED, "300x60", _TICK, "300"),
            _ages(_PRICED, "NaNx60", _TICK, "1", "2670x60"),
        ),
    ),
    Case(
        "CbbotEquityDropped",
        OF_BOT,
        _of("bot_equity_usd", _DROP),
        (_of("bot_equity_usd", _NO_DROP), _of("bot_equity_usd", "NaNx60"), _of("bot_equity_usd", "980x40 1000x20")),
    ),
    Case(
        "CbbotMarkedEquityDropped",
        OF_BOT,
        _of("bot_equity_marked_usd", _DROP),
        (_of("bot_equity_marked_usd", _NO_DROP), _of("bot_equity_marked_usd", "NaNx60")),
    ),
    _gauge("CbbotBreakerTripped", "bot_breaker_tripped", "1", "0"),
    _gauge("CbbotExitRefused", "bot_refused_exits", "2", "0"),
    Case(
        "CbbotOrdersRefused",
        OF_BOT,
        _of("bot_refusals_total", "0x35 1+1x20", reason="INSUFFICIENT_FUND") | _of("bot_entries_refused", "0x60"),
        (
            _of("bot_refusals_total", "9x60", reason="INSUFFICIENT_FUND"),
            _of("bot_refusals_total", "0x40 1x20", reason="INSUFFICIENT_FUND"),
            _of("bot_entries_refused", "NaNx60"),
        ),
    ),
    _gauge("CbbotOrdersRefused", "bot_entries_refused", "1", "0"),
    _gauge("CbbotOutcomeUnknown", "bot_unknown_orders", "1", "0"),
    _gauge("CbbotOrderContradiction", "bot_contradicted_orders", "1", "0"),
    Case(
        "CbbotOrderContradiction",
        OF_BOT,
        _series("bridge_order_contradictions_total", BRIDGE, "0x40 1x20", what="fills"),
        (_series("bridge_order_contradictions_total", BRIDGE, "3x60", what="fills"),),
    ),
    _gauge("CbbotLotsShort", "bot_short_lots", "1", "0"),
    _gauge("CbbotStateNotSaved", "bot_state_unsaved", "1", "0"),
    Case(
        "CbbotDiskNearlyFull",
        OF_BOT,
        _of(_FREE, "90x60") | _of(_SIZE, "1000x60"),
        (_of(_FREE, "110x60") | _of(_SIZE, "1000x60"), _of(_FREE, "NaNx60") | _of(_SIZE, "NaNx60")),
    ),
    Case(
        "CbbotClockSkew",
        OF_BOT,
        _of("bot_clock_offset_seconds", "-9x60") | _of("bot_info", "1x60", venue="Coinbase"),
        (
            _of("bot_clock_offset_seconds", "2x60") | _of("bot_info", "1x60", venue="Coinbase"),
            _of("bot_clock_offset_seconds", "-90000x60") | _of("bot_info", "1x60", venue="Simulator"),
        ),
    ),
    Case(
        "CbbotModelNotRefitted",
        OF_BOT,
        _of(_FITTED, "5000+60x60") | _of(_REFIT, "1800x60"),
        (
            _of(_FITTED, "1000x60") | _of(_REFIT, "1800x60") | _of("bot_model_fitted", "1x60"),
            _of(_FITTED, "900000x60") | _of(_REFIT, "NaNx60"),
            _of(_FITTED, "NaNx60") | _of("bot_model_fitted", "NaNx60"),
        ),
    ),
    _gauge("CbbotModelNotRefitted", "bot_model_fitted", "0", "1"),
    Case(
        "CbbotNoticesDropped",
        OF_BOT,
        _of("bot_notices_dropped_total", "0x40 1x20"),
        (_of("bot_notices_dropped_total", "1x60"),),
    ),
    Case(
        "CbbotBridgeDown",
        OF_BOT,
        _series("up", BRIDGE, "1x10 0x50"),
        (_series("up", BRIDGE, "1x44 0x10"), _series("up", BOT, "0x60")),
    ),
    Case("CbbotKeyRefused", OF_BOT, _calls("401", "0+2x60"), (_calls("401", "0+0.5x60"), _calls("404", "0+9x60"))),
    Case("CbbotRateLimited", OF_BOT, _calls("429", "0+3x60"), (_calls("429", "0+1x60"), _calls("500", "0+9x60"))),
    Case(
        "CbbotOperatorDown",
        OF_OPERATOR,
        _series("up", OPERATOR, "1x20 0x40"),
        (_series("up", OPERATOR, "1x60"), _series("up", OPERATOR, "1x42 0x20"), {}),
    ),
    Case("CbbotOperatorDown", OF_OPERATOR, _series("up", OPERATOR, "1x20 _x40"), ({},)),
    Case(
        "CbbotNoLeader",
        OF_OPERATOR,
        _series("cbbot_operator_leading", OPERATOR, "0x60", pod="one")
        | _series("cbbot_operator_leading", OPERATOR, "0x60", pod="two"),
        (
            _series("cbbot_operator_leading", OPERATOR, "0x60", pod="one")
            | _series("cbbot_operator_leading", OPERATOR, "1x60", pod="two"),
        ),
    ),
    Case(
        "CbbotReconcileFailing",
        OF_OPERATOR,
        _series("cbbot_operator_reconciles_total", OPERATOR, "0+1x60", result="failed"),
        (
            _series("cbbot_operator_reconciles_total", OPERATOR, "0+1x60", result="done"),
            # One conflict, and all is well again.
            _series("cbbot_operator_reconciles_total", OPERATOR, "0x40 1x20", result="failed"),
        ),
    ),
    Case(
        "CbbotTradingBotNotReady",
        OF_OPERATOR | {"mode": "Paper", "reason": "BotNotReady"},
        _bots("False", "BotNotReady", "2"),
        (_bots("False", "Suspended", "2"), _bots("True", "Trading", "2"), _bots("False", "BotNotReady", "0")),
    ),
    Case(
        "CbbotLiveBotFailing",
        OF_OPERATOR,
        # It is not over because the reason is another one.
        _degraded("Live", "BotFailing", "1x43 _x20") | _degraded("Live", "NotReady", "_x43 1x20"),
        (
            _degraded("Paper", "BotFailing"),
            _degraded("Live", "AccountShared"),
            _degraded("Live", "BotFailing", "_x43 1x20"),
        ),
    ),
    Case(
        "CbbotWatchForbidden",
        OPERATOR | {"kind": "Secret", "exported_namespace": "trading"},
        _series("cbbot_operator_watch_forbidden", OPERATOR, "1x60", kind="Secret", exported_namespace="trading"),
        (_series("cbbot_operator_watch_forbidden", OPERATOR, "0x60", kind="Secret", exported_namespace="trading"),),
    ),
    Case(
        "CbbotQueueStuck",
        OF_OPERATOR,
        _series("cbbot_operator_queue_depth", OPERATOR, "5x60"),
        (
            _series("cbbot_operator_queue_depth", OPERATOR, "5x40 0x1 5x20"),
            _series("cbbot_operator_queue_depth", OPERATOR, "NaNx60"),
        ),
    ),
)
