"""The bot's Prometheus metrics, on a registry of their own, so that several traders fit into one process.

Names and labels never change: dashboards and alerts depend on them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from cbbot.contract.bot_api import RefusedExit
from cbbot.contract.settings import Settings
from cbbot.domain.order import Side
from cbbot.kernel.codes import DENIALS, SIGNALS
from cbbot.kernel.indicators import read
from cbbot.kernel.sizing import vol_tenths
from cbbot.process.log_metrics import count_dropped_log_lines
from cbbot.process.metric_definitions import MetricSet
from cbbot.trader import account_figures
from cbbot.trader.commands import Count
from cbbot.trader.intent import Progress
from cbbot.trader.rules import Rules
from cbbot.trader.trader_state import TraderState
from cbbot.views.last_known import LastKnown

__all__ = ["BotMetrics"]

_MODES: Final = ("live", "paper")
_MODELS: Final = ("baseline", "extended")
_RESULTS: Final = ("open", "win", "loss")
_OTHER: Final = "other"
_STEP_BUCKETS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0)
_ORDER_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LONGEST_LABEL: Final = 64
_MOST_REFUSALS: Final = 200


class BotMetrics:
    """``count`` takes the machine's counts, ``observe`` reads gauges off a state; the rest is set by the runtime."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.made = MetricSet(self.registry)
        count_dropped_log_lines(self.made, "bot")
        self._refusals = {_OTHER}
        self._counters = self._machine_counters()
        self._identity_gauges()
        self._account_gauges()
        self._market_gauges()
        self._process_gauges()
        self._process_counters()
        self.step_seconds = self.made.histogram(
            "bot_step_seconds", "Time the trader took for one event.", buckets=_STEP_BUCKETS
        )
        self.order_seconds = self.made.histogram(
            "bot_order_seconds", "Time from sending an order until its end was known.", buckets=_ORDER_BUCKETS
        )

    def _machine_counters(self) -> dict[str, Counter]:
        new = self.made.counter
        signals, modes = ", ".join(SIGNALS.values()), ", ".join(_MODES)
        sides, results = ", ".join(side.value for side in Side), ", ".join(_RESULTS)
        codes = f"the venue's or the bridge's code, cut to {_LONGEST_LABEL} characters; {_OTHER} after {_MOST_REFUSALS}"
        counters = {
            "decisions": new("bot_decisions_total", "Decisions by signal.", {"signal": signals}),
            "orders": new("bot_orders_total", "Orders sent.", {"mode": modes, "side": sides}),
            "trades": new("bot_trades_total", "Lots opened, and closed with a win or a loss.", {"result": results}),
            "denials": new(
                "bot_denials_total",
                "Signals that a gate held back, by gate.",
                {"reason": f"{', '.join(DENIALS[2:])} and what else keeps an entry, a word each"},
            ),
            "refusals": new("bot_refusals_total", "Orders refused by bridge or venue.", {"reason": codes}),
            "unknown": new("bot_unknown_outcomes_total", "Orders whose outcome was not known at first."),
            "outliers": new("bot_outliers_total", "Ticks set aside because they jumped more than 5 %."),
            "gaps": new("bot_candle_gaps_total", "Gaps in the venue's candles."),
            "fits": new("bot_walk_forward_fits_total", "Fits of the model."),
        }
        # A counter that appears with its first increment hides that increment from rate().
        for word in SIGNALS.values():
            counters["decisions"].labels(signal=word)
        for mode in _MODES:
            for side in Side:
                counters["orders"].labels(mode=mode, side=side.value)
        for result in _RESULTS:
            counters["trades"].labels(result=result)
        for reason in DENIALS[2:]:
            counters["denials"].labels(reason=reason)
        counters["refusals"].labels(reason=_OTHER)
        return counters

    def _identity_gauges(self) -> None:
        new = self.made.gauge
        about = {
            "bot": "the bot's name", "product_id": "the product", "mode": ", ".join(_MODES),
            "venue": "Coinbase, Simulator, or the bridge's address where nobody says", "version": "cbbot's",
        }  # fmt: skip
        self._info = new("bot_info", "Always 1; who this is, in labels.", about)
        self._model = new("bot_model_mode", "1 for the model in use.", {"mode": ", ".join(_MODELS)})
        for model in _MODELS:
            self._model.labels(mode=model).set(math.nan)
        self._tick_interval = new("bot_tick_interval_seconds", "Setting: from one price to the next.")
        self._decision_interval = new("bot_decision_interval_seconds", "By the settings: from decision to decision.")
        self._refit_interval = new("bot_refit_interval_seconds", "Setting: from fit to fit; NaN when never again.")

    def _account_gauges(self) -> None:
        new = self.made.gauge
        self._equity = new("bot_equity_usd", "Equity: realised, or from live balances.")
        self._marked = new("bot_equity_marked_usd", "Equity with open lots at the last price.")
        self._unrealized = new("bot_unrealized_pnl_usd", "Profit of open lots and dust at the last price.")
        self._daily = new("bot_daily_pnl_usd", "Realised profit of this UTC day.")
        self._exposure = new("bot_exposure_usd", "Cost of the open lots.")
        self._lots = new("bot_open_lots", "Lots open.")
        self._breaker = new("bot_breaker_tripped", "1 while the daily breaker stops entries.")
        self._paused = new("bot_entries_paused", "1 while entries are paused, by whomever.")
        self._halted = new("bot_halted", "1 when the trader has stopped and a person must look.")
        self._refused_exits = new("bot_refused_exits", "Open lots whose exit is refused; it is tried on.")
        self._refused_entries = new("bot_entries_refused", "1 while entries are refused by bridge or venue.")
        self._short = new("bot_short_lots", "Open lots that the account lacks the base of.")
        self._pending = new("bot_pending_orders", "Orders whose end is not known yet.")
        self._given_up = new("bot_given_up_orders", "Orders believed absent that may still be carried out.")
        self._unknown = new("bot_unknown_orders", "Orders of which nobody knows whether they were placed.")
        self._contradicted = new("bot_contradicted_orders", "Orders whose id stands for another order at the venue.")
        self._epoch = new("bot_epoch", "Epoch of this run; rises with every start.")

    def _market_gauges(self) -> None:
        new = self.made.gauge
        self._last_price = new("bot_last_price", "Last accepted price.")
        self._vol_factor = new("bot_vol_risk_factor", "Factor that volatility puts on the risk share.")
        self._ma_fast = new("bot_ma_fast", "Fast moving average at the last closed candle.")
        self._ma_slow = new("bot_ma_slow", "Slow moving average at the last closed candle.")
        self._fitted = new("bot_model_fitted", "1 once the model has been fitted.")

    def _process_gauges(self) -> None:
        new = self.made.gauge
        self.ready = new("bot_ready", "1 when orders of earlier runs are accounted for.")
        self.price_age = new("bot_price_age_seconds", "Seconds since the last fresh price; NaN before one.")
        self.decision_age = new("bot_decision_age_seconds", "Seconds since this run's last decision; NaN before one.")
        self.model_age = new("bot_model_age_seconds", "Seconds of the venue since the model's last fit was due.")
        self.unsaved = new("bot_state_unsaved", "1 while the newest state cannot be saved.")
        self.last_save = new("bot_last_save_timestamp_seconds", "When the state was last saved, UNIX time.")
        self.disk_free = new("bot_state_disk_free_bytes", "Room left for the state, at the last save.")
        self.disk_size = new("bot_state_disk_size_bytes", "Size of the disk of the state, at the last save.")
        self.clock_offset = new("bot_clock_offset_seconds", "The venue's clock minus this machine's.")

    def _process_counters(self) -> None:
        new = self.made.counter
        reads = "price, candles, time, clock, balances"
        self.clock_jumps = new("bot_clock_jumps_total", "Times that the venue's clock was set or we slept.")
        self.save_failures = new("bot_save_failures_total", "Saves of the state that failed.")
        self.step_failures = new("bot_step_failures_total", "Events that made the trader fail: a bug of ours.")
        self.skipped_ticks = new("bot_skipped_ticks_total", "Ticks replaced by a newer one before they were used.")
        self.stale_prices = new("bot_stale_prices_total", "Prices that were too old to step on.")
        self.bad_candles = new("bot_bad_candles_total", "Candles from the bridge that made no sense.")
        self.bridge_failures = new("bot_bridge_failures_total", "Reads from the bridge that failed.", {"read": reads})
        self.notices_dropped = new("bot_notices_dropped_total", "Slack messages that could not be sent.")

    def count(self, count: Count) -> None:
        """One more of what the machine counts; a name it does not know is a mistake of ours."""
        counter = self._counters[count.name]
        labels = self._bounded(count) if count.name == "refusals" else count.labels
        (counter.labels(**labels) if labels else counter).inc(count.times)

    def _bounded(self, refusal: Count) -> Mapping[str, str]:
        """A refusal's reason comes from outside: neither its text nor the number of series may grow without bound."""
        reason = refusal.labels["reason"][:_LONGEST_LABEL]
        if len(self._refusals) <= _MOST_REFUSALS:
            self._refusals.add(reason)
        return {"reason": reason if reason in self._refusals else _OTHER}

    def describe(self, settings: Settings, *, bot: str, venue: str, version: str) -> None:
        """Sets what does not change while the process runs."""
        self._info.labels(
            bot=bot, product_id=settings.product_id, mode=settings.mode, venue=venue, version=version
        ).set(1)
        for model in _MODELS:
            self._model.labels(mode=model).set(model == settings.model_mode)
        tick, candle, refit = float(settings.tick_interval_sec), settings.candle_seconds, settings.walk_forward_min * 60
        self._tick_interval.set(tick)
        self._decision_interval.set(tick if settings.use_tick_price else candle)
        self._refit_interval.set(float(refit) or math.nan)

    def observe_last_known(self, known: LastKnown) -> None:
        """Sets the same gauges to what the state was last saved with; NaN is what is not known."""
        stands = known.saved_ms is not None and known.open_lots is not None
        refused = known.refused.exits if known.refused is not None else list[RefusedExit]()
        figures: dict[Gauge, str | int | None] = {
            **dict.fromkeys(self._never_saved()),
            self._equity: known.equity_usd,
            self._daily: known.daily_pnl_usd,
            self._exposure: known.exposure_usd,
            self._lots: known.open_lots if stands else None,
            self._breaker: known.breaker if stands else None,
            self._paused: bool(known.paused_by) if stands or known.paused_by else None,
            self._halted: bool(known.halted) if stands else None,
            self._refused_exits: len(refused) if stands else None,
            self._short: sum(each.short for each in refused) if stands else None,
            self._pending: known.pending_orders if stands else None,
            self._given_up: known.given_up_orders if stands else None,
            self._last_price: known.last_price,
            self._epoch: known.epoch,
            self.last_save: None if known.saved_ms is None else known.saved_ms // 1000,
        }
        for gauge, figure in figures.items():
            gauge.set(math.nan if figure is None else float(figure))

    def _never_saved(self) -> tuple[Gauge, ...]:
        market = (self._vol_factor, self._ma_fast, self._ma_slow, self._fitted, self.model_age)
        orders = (self._refused_entries, self._unknown, self._contradicted)
        return (*market, *orders, self._marked, self._unrealized)

    def observe(self, rules: Rules, state: TraderState) -> None:
        """Sets every gauge that is a figure of the state."""

        def currency(ledger: int | None) -> float:
            return math.nan if ledger is None else float(rules.instrument.money(ledger))

        def count(figure: float) -> float:
            return math.nan if state.not_known else figure

        account = state.account
        figures = account_figures.figures(rules, state)
        known = not state.not_known
        self._equity.set(currency(figures.equity if known else None))
        self._marked.set(currency(figures.marked if known else None))
        self._unrealized.set(currency(figures.unrealised if known else None))
        self._daily.set(currency(account.day_realised if known else None))
        self._exposure.set(currency(account.cost_sum if known else None))
        self._lots.set(count(len(state.lots)))
        self._breaker.set(count(account.breaker))
        self._paused.set(bool(state.paused_by))
        self._halted.set(bool(state.halted))
        self._refused_exits.set(count(len(state.refused_exits)))
        self._refused_entries.set(state.refused_entries is not None)
        self._short.set(count(sum(refused.short for refused in state.refused_exits)))
        self._pending.set(count(len(state.intents)))
        self._given_up.set(count(len(state.given_up)))
        self._unknown.set(count(sum(intent.progress is Progress.UNKNOWN for intent in state.intents)))
        self._contradicted.set(count(sum(intent.progress is Progress.CONTRADICTED for intent in state.intents)))
        self._epoch.set(state.epoch)
        self._fitted.set(state.model is not None)
        self._observe_market(rules, state)

    def _observe_market(self, rules: Rules, state: TraderState) -> None:
        params, market = rules.params, state.market
        self._last_price.set(rules.instrument.price(market.last_price) if market.last_price else math.nan)
        if market.indicators.rows == 0:
            self._vol_factor.set(math.nan if params.vol_adjust else 1.0)
            return
        reading = read(market.indicators, params.ma_fast, params.ma_slow)
        self._vol_factor.set(vol_tenths(reading.std_ratio) / 10 if params.vol_adjust else 1.0)
        self._ma_fast.set(reading.fast * params.tick_numerator / params.tick_denominator)
        self._ma_slow.set(reading.slow * params.tick_numerator / params.tick_denominator)

    def exposition(self) -> bytes:
        """The text that Prometheus scrapes."""
        return generate_latest(self.registry)
