"""The settings table: the one place where a setting's names, bounds and default are written down.

The bot's environment, the TradingBot's fields, the generated CRD and the reference in docs/
all come from here. Environment names are a public contract with people's ``bot.env`` files.
"""

from __future__ import annotations

from cbbot.contract.bridge_settings_table import BRIDGE_TOKEN
from cbbot.contract.ports import BOT_PORT, BRIDGE_PORT
from cbbot.contract.setting import MONEY_DIGITS, Kind, Setting
from cbbot.contract.text_setting import token_setting
from cbbot.domain.candle import Granularity

__all__ = ["BY_FIELD", "BY_KEY", "CONTROL_TOKEN", "SETTINGS"]


def _decimal(
    key: str,
    field: str,
    default: str | None,
    meaning: str,
    low: str = "0",
    high: str | None = None,
    *,
    above: bool = False,
) -> Setting:
    return Setting(
        key=key,
        field=field,
        kind=Kind.DECIMAL,
        default=default,
        meaning=meaning,
        minimum=low,
        maximum=high,
        above=above,
    )


def _money(key: str, field: str, default: str | None, meaning: str, *, above: bool = False) -> Setting:
    # 100 million keeps every sum of the ledger inside 63 bits at a ledger unit of 1e-10.
    return Setting(
        key=key,
        field=field,
        kind=Kind.DECIMAL,
        default=default,
        meaning=meaning,
        minimum="0",
        maximum="100000000",
        above=above,
        digits=MONEY_DIGITS,
    )


def _integer(key: str, field: str, default: str, meaning: str, low: str, high: str) -> Setting:
    return Setting(key=key, field=field, kind=Kind.INTEGER, default=default, meaning=meaning, minimum=low, maximum=high)


def _boolean(key: str, field: str, default: str, meaning: str) -> Setting:
    return Setting(key=key, field=field, kind=Kind.BOOLEAN, default=default, meaning=meaning)


def _choice(key: str, field: str, default: str, meaning: str, choices: tuple[str, ...]) -> Setting:
    return Setting(key=key, field=field, kind=Kind.CHOICE, default=default, meaning=meaning, choices=choices)


def _internal(key: str, kind: Kind, default: str | None, meaning: str, *, secret: bool = False) -> Setting:
    return Setting(key=key, kind=kind, default=default, meaning=meaning, secret=secret)


_DAY = "86400"

SETTINGS: tuple[Setting, ...] = (
    Setting(
        key="PRODUCT_ID",
        field="product.id",
        kind=Kind.PRODUCT,
        default="BTC-USD",
        meaning="Product to trade, BASE-QUOTE, upper case, quoted in USD or USDC.",
    ),
    _choice("GRANULARITY", "product.granularity", "ONE_MINUTE", "Length of a candle.", tuple(Granularity)),
    _boolean("USE_TICK_PRICE", "cadence.useTickPrice", "true", "Step on ticks; otherwise on closed candles."),
    _decimal("TICK_INTERVAL_SEC", "cadence.tickIntervalSeconds", "1", "Seconds between ticks.", high=_DAY, above=True),
    _decimal(
        "CANDLE_RESYNC_SEC",
        "cadence.candleResyncSeconds",
        "60",
        "Seconds between fetches of the newest candles.",
        high=_DAY,
        above=True,
    ),
    _money("ORDER_MIN_USD", "risk.orderMinUSD", "5.00", "Smallest budget of an entry, in quote currency."),
    _decimal(
        "MAX_DAILY_LOSS_PCT",
        "risk.maxDailyLossPct",
        "2.0",
        "Loss of a UTC day, in percent of the day's starting equity, that stops entries until the next day; "
        "0 turns the breaker off.",
        high="100",
    ),
    _boolean(
        "DAILY_BREAKER_MARK_TO_MARKET",
        "risk.dailyBreakerMarkToMarket",
        "true",
        "Count unrealised loss in the daily breaker.",
    ),
    _decimal(
        "RISK_PER_TRADE_PCT", "risk.riskPerTradePct", "1.0", "Percent of equity spent on a lot.", high="100", above=True
    ),
    _decimal(
        "ENTRY_COOLDOWN_SEC",
        "risk.entryCooldownSeconds",
        "0",
        "Seconds without entries after a stop loss or trailing stop.",
        high="31536000",
    ),
    _boolean("VOL_RISK_ADJUST", "risk.volRiskAdjust", "false", "Scale the risk share by recent volatility."),
    _money("USD_EQUITY", "risk.usdEquity", "1000", "Starting equity in quote currency.", above=True),
    _boolean("USE_LIVE_EQUITY", "risk.useLiveEquity", "false", "Live only: take equity from the account's balances."),
    _money("MAX_ORDER_USD", "risk.maxOrderUSD", None, "Hard cap of one entry; required for Live.", above=True),
    _money(
        "MAX_EXPOSURE_USD",
        "risk.maxExposureUSD",
        None,
        "Hard cap of the open lots' cost; required for Live.",
        above=True,
    ),
    _decimal(
        "FEE_RATE_PCT",
        "risk.feeRatePct",
        "0.75",
        "Fee in percent, used on paper and where the venue gives no commission.",
        high="10",
    ),
    _decimal(
        "PAPER_SLIPPAGE_BPS", "risk.paperSlippageBps", "0", "Slippage of every paper fill, against us.", high="1000"
    ),
    _integer(
        "MAX_HISTORY_CANDLES", "risk.maxHistoryCandles", "5000", "Closed candles a fit looks at.", "400", "100000"
    ),
    _boolean("DRY_RUN", "mode", "true", "Fill orders on paper. In a TradingBot: mode Paper or Live."),
    _boolean("LONG_ONLY", "longOnly", "true", "A SELL signal never opens a lot."),
    _boolean("ALLOW_PYRAMIDING", "pyramiding.enabled", "false", "Hold more than one lot at a time."),
    _integer("MAX_CONCURRENT_LOTS", "pyramiding.maxConcurrentLots", "20", "Most lots open at a time.", "1", "1000"),
    _decimal(
        "PYRAMID_MIN_SECONDS_BETWEEN", "pyramiding.minSecondsBetween", "0", "Seconds between adds.", high="31536000"
    ),
    _decimal(
        "PYRAMID_MIN_ADVERSE_PCT",
        "pyramiding.minAdversePct",
        "1.5",
        "Adverse move from the last entry, in percent, before an add.",
        high="100",
    ),
    _decimal(
        "PYRAMID_DECAY_LAMBDA",
        "pyramiding.decayLambda",
        "0.02",
        "Decay of the adverse gate, per minute; 0 means no decay.",
        high="100",
    ),
    _decimal(
        "PYRAMID_DECAY_MIN_PCT",
        "pyramiding.decayMinPct",
        "0.4",
        "Floor of the decayed adverse gate, in percent.",
        high="100",
    ),
    _boolean("SCALP_TP_DECAY_ENABLE", "scalp.tpDecay.enabled", "false", "Lower the take profit of later lots."),
    _choice("SCALP_TP_DEC_MODE", "scalp.tpDecay.mode", "linear", "How the take profit is lowered.", ("linear", "exp")),
    _decimal(
        "SCALP_TP_DEC_PCT", "scalp.tpDecay.stepPct", "0.20", "Linear: percentage points less per lot.", high="100"
    ),
    _decimal("SCALP_TP_DECAY_FACTOR", "scalp.tpDecay.factor", "0.9802", "Exp: factor per lot.", high="1", above=True),
    _decimal(
        "SCALP_TP_MIN_PCT", "scalp.tpDecay.minPct", "1.55", "Floor of the lowered take profit, in percent.", high="1000"
    ),
    _decimal(
        "TAKE_PROFIT_PCT",
        "exits.takeProfitPct",
        "1.9",
        "Take profit in percent of the entry price.",
        high="1000",
        above=True,
    ),
    _decimal(
        "STOP_LOSS_PCT",
        "exits.stopLossPct",
        "10",
        "Stop loss in percent of the entry price; 100 or more never triggers for a long lot.",
        high="10000",
        above=True,
    ),
    _decimal(
        "TRAIL_ACTIVATE_PCT",
        "exits.trail.activatePct",
        "0",
        "Gain in percent that activates the runner's trail; 0 means no trailing.",
        high="1000",
    ),
    _decimal(
        "TRAIL_DISTANCE_PCT",
        "exits.trail.distancePct",
        "0",
        "Distance of the trailing stop from the peak in percent; 0 means no trailing.",
        high="100",
    ),
    _decimal("BUY_THRESHOLD", "strategy.buyThreshold", "0.55", "BUY above this probability of a rise.", high="1"),
    _decimal("SELL_THRESHOLD", "strategy.sellThreshold", "0.45", "SELL below this probability of a rise.", high="1"),
    _boolean("USE_MA_FILTER", "strategy.useMAFilter", "true", "Ask the fast average to agree with the signal."),
    _integer("MA_FAST", "strategy.maFast", "10", "Candles of the fast moving average.", "1", "400"),
    _integer("MA_SLOW", "strategy.maSlow", "30", "Candles of the slow moving average.", "1", "400"),
    _choice("MODEL_MODE", "strategy.model.mode", "baseline", "Features of the model.", ("baseline", "extended")),
    _decimal(
        "WALK_FORWARD_MIN",
        "strategy.model.walkForwardMinutes",
        "0",
        "Minutes between refits; 0 means never.",
        high="525600",
    ),
    Setting(
        key="BACKTEST_SLEEP_MS",
        kind=Kind.INTEGER,
        default="0",
        minimum="0",
        maximum="60000",
        meaning="Pause after each candle of a backtest, so that it can be watched.",
    ),
    _internal("STATE_FILE", Kind.PATH, "/opt/coinbase/state/bot_state.json", "Where the state is kept."),
    Setting(
        key="PORT",
        kind=Kind.INTEGER,
        default=str(BOT_PORT),
        minimum="0",
        maximum="65535",
        meaning="Port of the bot's HTTP server; 0 picks a free one.",
    ),
    _internal("BRIDGE_URL", Kind.URL, f"http://bridge:{BRIDGE_PORT}", "Address of the bridge."),
    _internal("SLACK_WEBHOOK", Kind.URL, None, "Where notices go.", secret=True),
    _internal("SLACK_WEBHOOK_FILE", Kind.PATH, None, "File that holds the Slack webhook's address."),
    BRIDGE_TOKEN,
    _internal("BRIDGE_TOKEN_FILE", Kind.PATH, None, "File that holds the token which may order at the bridge."),
    _internal("CONTROL_TOKEN_FILE", Kind.PATH, None, "File that holds the token which may steer the bot."),
    _internal("BOT_ID", Kind.IDENTIFIER, None, "Who orders; random and kept in the state when not given."),
)

# What CONTROL_TOKEN_FILE holds.
CONTROL_TOKEN = token_setting("CONTROL_TOKEN", "What a person must show to steer the bot.", shortest=1)

BY_KEY: dict[str, Setting] = {setting.key: setting for setting in SETTINGS}
BY_FIELD: dict[str, Setting] = {setting.field: setting for setting in SETTINGS if setting.field}
