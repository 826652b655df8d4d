"""The bot's Prometheus metrics, on a registry of their own, so that several traders fit into one process.

Names and labels never change: dashboards and alerts depend on them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from cbbot.contract.bot_api import RefusedExit
from cbbot.domain.order import Side
from cbbot.kernel.codes import DENIALS, SIGNALS
from cbbot.kernel.indicators import read
from cbbot.kernel.sizing import vol_tenths
from cbbot.process.log_metrics import DroppedLogLines
from cbbot.trader import account_figures
from cbbot.trader.commands import Count
from cbbot.trader.rules import Rules
from cbbot.trader.trader_state import TraderState
from cbbot.views.last_known import LastKnown

__all__ = ["BotMetrics"]

_MODES: Final = ("live", "paper")
_MODELS: Final = ("baseline", "extended")
_STEP_BUCKETS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0)
_ORDER_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LONGEST_LABEL: Final = 64
_MOST_REFUSALS: Final = 200


class BotMetrics:
    """``count`` takes the machine's counts, ``observe`` reads gauges off a state; the rest is set by the runtime."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(DroppedLogLines("bot"))
        self._refusals: set[str] = set()
        self._counters = self._machine_counters()
        self._account_gauges()
        self._process_gauges()
        self.step_seconds = Histogram(
            "bot_step_seconds", "Time the trader took for one event.", buckets=_STEP_BUCKETS, registry=self.registry
        )
        self.order_seconds = Histogram(
            "bot_order_seconds",
            "Time from sending an order until its end was known.",
            buckets=_ORDER_BUCKETS,
            registry=self.registry,
        )

    def _gauge(self, name: str, meaning: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(name, meaning, labels, registry=self.registry)

    def _counter(self, name: str, meaning: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(name, meaning, labels, registry=self.registry)

    def _machine_counters(self) -> dict[str, Counter]:
        counters = {
            "decisions": self._counter("bot_decisions", "Decisions by signal.", ("signal",)),
            "orders": self._counter("bot_orders", "Orders sent.", ("mode", "side")),
            "trades": self._counter("bot_trades", "Lots opened, and closed with a win or a loss.", ("result",)),
            "denials": self._counter("bot_denials", "Signals that a gate held back, by gate.", ("reason",)),
            "refusals": self._counter("bot_refusals", "Orders refused by bridge or venue, by reason.", ("reason",)),
            "unknown": self._counter("bot_unknown_outcomes", "Orders whose outcome was not known at first."),
            "outliers": self._counter("bot_outliers", "Ticks set aside because they jumped more than 5 %."),
            "gaps": self._counter("bot_candle_gaps", "Gaps in the venue's candles."),
            "fits": self._counter("bot_walk_forward_fits", "Fits of the model."),
        }
        # A counter that appears with its first increment hides that increment from rate().
        for word in SIGNALS.values():
            counters["decisions"].labels(signal=word)
        for mode in _MODES:
            for side in Side:
                counters["orders"].labels(mode=mode, side=side.value)
        for result in ("open", "win", "loss"):
            counters["trades"].labels(result=result)
        for reason in DENIALS[2:]:
            counters["denials"].labels(reason=reason)
        return counters

    def _account_gauges(self) -> None:
        self._equity = self._gauge("bot_equity_usd", "Equity: realised, or from live balances.")
        self._marked = self._gauge("bot_equity_marked_usd", "Equity with open lots at the last price.")
        self._unrealized = self._gauge("bot_unrealized_pnl_usd", "Profit of open lots and dust at the last price.")
        self._daily = self._gauge("bot_daily_pnl_usd", "Realised profit of this UTC day.")
        self._exposure = self._gauge("bot_exposure_usd", "Cost of the open lots.")
        self._lots = self._gauge("bot_open_lots", "Lots open.")
        self._breaker = self._gauge("bot_breaker_tripped", "1 while the daily breaker stops entries.")
        self._paused = self._gauge("bot_entries_paused", "1 while entries are paused, by whomever.")
        self._halted = self._gauge("bot_halted", "1 when the trader has stopped and a person must look.")
        self._refused_exits = self._gauge("bot_refused_exits", "Open lots whose exit is refused; it is tried on.")
        self._refused_entries = self._gauge("bot_entries_refused", "1 while entries are refused by bridge or venue.")
        self._short = self._gauge("bot_short_lots", "Open lots that the account lacks the base of.")
        self._pending = self._gauge("bot_pending_orders", "Orders whose end is not known yet.")
        self._last_price = self._gauge("bot_last_price", "Last accepted price.")
        self._model = self._gauge("bot_model_mode", "1 for the model in use.", ("mode",))
        for model in _MODELS:
            self._model.labels(mode=model).set(0)
        self._vol_factor = self._gauge("bot_vol_risk_factor", "Factor that volatility puts on the risk share.")
        self._epoch = self._gauge("bot_epoch", "Epoch of this run; rises with every start.")

    def _process_gauges(self) -> None:
        self.ready = self._gauge("bot_ready", "1 when orders of earlier runs are accounted for.")
        self.price_age = self._gauge("bot_price_age_seconds", "Seconds since the last fresh price; NaN before one.")
        self.last_save = self._gauge("bot_last_save_timestamp_seconds", "When the state was last saved, UNIX time.")
        self.clock_offset = self._gauge("bot_clock_offset_milliseconds", "The venue's clock minus this machine's.")
        self.clock_jumps = self._counter("bot_clock_jumps", "Times that the venue's clock was set or we slept.")
        self.save_failures = self._counter("bot_save_failures", "Saves of the state that failed.")
        self.step_failures = self._counter("bot_step_failures", "Events that made the trader fail: a bug of ours.")
        self.skipped_ticks = self._counter("bot_skipped_ticks", "Ticks replaced by a newer one before they were used.")
        self.stale_prices = self._counter("bot_stale_prices", "Prices that were too old to step on.")
        self.bad_candles = self._counter("bot_bad_candles", "Candles from the bridge that made no sense.")
        self.bridge_failures = self._counter("bot_bridge_failures", "Reads from the bridge that failed.", ("read",))
        self.notices_dropped = self._counter("bot_notices_dropped", "Slack messages that could not be sent.")

    def count(self, count: Count) -> None:
        """One more of what the machine counts; a name it does not know is a mistake of ours."""
        counter = self._counters[count.name]
        labels = self._bounded(count) if count.name == "refusals" else count.labels
        (counter.labels(**labels) if labels else counter).inc(count.times)

    def _bounded(self, refusal: Count) -> Mapping[str, str]:
        """A refusal's reason comes from outside: neither its text nor the number of series may grow without bound."""
        reason = refusal.labels["reason"][:_LONGEST_LABEL]
        if len(self._refusals) < _MOST_REFUSALS:
            self._refusals.add(reason)
        return {"reason": reason if reason in self._refusals else "other"}

    def observe_last_known(self, known: LastKnown) -> None:
        """Sets the same gauges to what the state was last saved with; NaN is what is not known."""
        figures: dict[Gauge, str | int | None] = {
            self._equity: known.equity_usd,
            self._marked: None,
            self._unrealized: None,
            self._daily: known.daily_pnl_usd,
            self._exposure: known.exposure_usd,
            self._lots: known.open_lots,
            self._breaker: known.breaker,
            self._paused: bool(known.paused_by),
            self._halted: bool(known.halted),
            self._refused_exits: None if known.open_lots is None else len(_refused_lots(known)),
            self._refused_entries: None,
            self._short: None if known.open_lots is None else sum(each.short for each in _refused_lots(known)),
            self._pending: known.pending_orders,
            self._last_price: known.last_price,
            self._epoch: known.epoch,
            self._vol_factor: None,
            self.last_save: None if known.saved_ms is None else known.saved_ms // 1000,
        }
        for gauge, figure in figures.items():
            gauge.set(math.nan if figure is None else float(figure))

    def observe(self, rules: Rules, state: TraderState) -> None:
        """Sets every gauge that is a figure of the state."""

        def currency(ledger: int | None) -> float:
            return math.nan if ledger is None else float(rules.instrument.money(ledger))

        account, ticks = state.account, state.market.last_price
        figures = account_figures.figures(rules, state)
        known = not state.not_known
        self._equity.set(currency(figures.equity if known else None))
        self._marked.set(currency(figures.marked if known else None))
        self._unrealized.set(currency(figures.unrealised if known else None))
        self._daily.set(currency(account.day_realised if known else None))
        self._exposure.set(currency(account.cost_sum if known else None))
        self._lots.set(len(state.lots) if known else math.nan)
        self._breaker.set(account.breaker)
        self._paused.set(bool(state.paused_by))
        self._halted.set(bool(state.halted))
        self._refused_exits.set(len(state.refused_exits))
        self._refused_entries.set(state.refused_entries is not None)
        self._short.set(sum(refused.short for refused in state.refused_exits))
        self._pending.set(len(state.intents) if known else math.nan)
        self._last_price.set(rules.instrument.price(ticks) if ticks else math.nan)
        self._epoch.set(state.epoch)
        for model in _MODELS:
            self._model.labels(mode=model).set(model == rules.settings.model_mode)
        self._vol_factor.set(_vol_factor(rules, state))

    def exposition(self) -> bytes:
        """The text that Prometheus scrapes."""
        return generate_latest(self.registry)


def _refused_lots(known: LastKnown) -> list[RefusedExit]:
    return known.refused.exits if known.refused is not None else []


def _vol_factor(rules: Rules, state: TraderState) -> float:
    indicators = state.market.indicators
    if not rules.params.vol_adjust or indicators.rows == 0:
        return 1.0
    return vol_tenths(read(indicators, rules.params.ma_fast, rules.params.ma_slow).std_ratio) / 10
