"""The spec of a TradingBot: what a person writes, in pydantic models.

Fields that are settings take their default, bounds and description from the tables of bot and bridge,
so the cluster's schema, this module and the bot's environment cannot drift apart. The CRD is
generated from these models; ``cbbot up`` validates manifests with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from cbbot.contract.bridge_settings_table import API_KEY_PAIR, EXCHANGE_BY_FIELD, MOST_FURTHER_PRODUCTS
from cbbot.contract.setting import Kind, Setting
from cbbot.contract.settings_table import BY_FIELD
from cbbot.contract.tradingbot_pods import BotProcess, Process
from cbbot.contract.tradingbot_section import DNS_NAME, LabelValue, QualifiedName, Section, section
from cbbot.domain.candle import Granularity

__all__ = [
    "API_VERSION",
    "GROUP",
    "KIND",
    "NAMESPACE_PATTERN",
    "NAME_MAX_LENGTH",
    "NAME_PATTERN",
    "PLURAL",
    "SETTING_OF",
    "VERSION",
    "Exchange",
    "Monitoring",
    "Notifications",
    "SecretKey",
    "ServiceMonitorSpec",
    "SimulatorSpec",
    "State",
    "TradingBotSpec",
    "WebSocketSpec",
    "environment",
    "field_value",
]

GROUP = "cbbot.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "TradingBot"
PLURAL = "tradingbots"

NAMESPACE_PATTERN = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
# Names of children are the TradingBot's name with a suffix, and must fit a Service's 63 characters.
NAME_PATTERN = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
NAME_MAX_LENGTH = 45

SETTING_OF: Final[Mapping[str, Setting]] = {**BY_FIELD, **EXCHANGE_BY_FIELD}
"""Settings of bot and bridge by their field."""


def _bounds(setting: Setting) -> dict[str, Any]:
    """What the tables say of a value, in pydantic's words."""
    if setting.kind not in (Kind.DECIMAL, Kind.INTEGER):
        of_text = {"pattern": f"^{setting.form}$" if setting.form else None, "max_length": setting.longest}
        return {word: bound for word, bound in of_text.items() if bound is not None}
    number = Decimal if setting.kind is Kind.DECIMAL else int
    bounds: dict[str, Any] = {"decimal_places": setting.digits} if setting.kind is Kind.DECIMAL else {}
    if setting.minimum is not None:
        bounds["gt" if setting.above else "ge"] = number(setting.minimum)
    if setting.maximum is not None:
        bounds["lt" if setting.below else "le"] = number(setting.maximum)
    return bounds


_TABLE: Any = object()


def _setting(path: str, default: Any = _TABLE) -> Any:
    """A pydantic field with its table's default, bounds and description; ``...`` as default: must be given."""
    setting = SETTING_OF[path]
    if default is _TABLE:
        default = setting.parse(setting.default) if setting.default is not None else None
    return Field(default=default, description=setting.meaning, **_bounds(setting))


ProductId = Annotated[str, Field(**_bounds(SETTING_OF["exchange.websocket.products"]))]


class Product(Section):
    id: str = _setting("product.id", ...)
    granularity: Granularity = _setting("product.granularity")


class Cadence(Section):
    useTickPrice: bool = _setting("cadence.useTickPrice")
    tickIntervalSeconds: Decimal = _setting("cadence.tickIntervalSeconds")
    candleResyncSeconds: Decimal = _setting("cadence.candleResyncSeconds")


class Risk(Section):
    orderMinUSD: Decimal = _setting("risk.orderMinUSD")
    maxDailyLossPct: Decimal = _setting("risk.maxDailyLossPct")
    dailyBreakerMarkToMarket: bool = _setting("risk.dailyBreakerMarkToMarket")
    riskPerTradePct: Decimal = _setting("risk.riskPerTradePct")
    entryCooldownSeconds: Decimal = _setting("risk.entryCooldownSeconds")
    volRiskAdjust: bool = _setting("risk.volRiskAdjust")
    usdEquity: Decimal = _setting("risk.usdEquity")
    useLiveEquity: bool = _setting("risk.useLiveEquity")
    maxOrderUSD: Decimal | None = _setting("risk.maxOrderUSD")
    maxExposureUSD: Decimal | None = _setting("risk.maxExposureUSD")
    feeRatePct: Decimal = _setting("risk.feeRatePct")
    paperSlippageBps: Decimal = _setting("risk.paperSlippageBps")
    maxHistoryCandles: int = _setting("risk.maxHistoryCandles")


class Pyramiding(Section):
    enabled: bool = _setting("pyramiding.enabled")
    maxConcurrentLots: int = _setting("pyramiding.maxConcurrentLots")
    minSecondsBetween: Decimal = _setting("pyramiding.minSecondsBetween")
    minAdversePct: Decimal = _setting("pyramiding.minAdversePct")
    decayLambda: Decimal = _setting("pyramiding.decayLambda")
    decayMinPct: Decimal = _setting("pyramiding.decayMinPct")


class TakeProfitDecay(Section):
    enabled: bool = _setting("scalp.tpDecay.enabled")
    mode: Literal["linear", "exp"] = _setting("scalp.tpDecay.mode")
    stepPct: Decimal = _setting("scalp.tpDecay.stepPct")
    factor: Decimal = _setting("scalp.tpDecay.factor")
    minPct: Decimal = _setting("scalp.tpDecay.minPct")


class Scalp(Section):
    tpDecay: TakeProfitDecay = section(TakeProfitDecay, "How the take profit of later lots is lowered.")


class Trail(Section):
    activatePct: Decimal = _setting("exits.trail.activatePct")
    distancePct: Decimal = _setting("exits.trail.distancePct")


class Exits(Section):
    takeProfitPct: Decimal = _setting("exits.takeProfitPct")
    stopLossPct: Decimal = _setting("exits.stopLossPct")
    trail: Trail = section(Trail, "The runner's trailing stop.")


class Model(Section):
    mode: Literal["baseline", "extended"] = _setting("strategy.model.mode")
    walkForwardMinutes: Decimal = _setting("strategy.model.walkForwardMinutes")


class Strategy(Section):
    buyThreshold: Decimal = _setting("strategy.buyThreshold")
    sellThreshold: Decimal = _setting("strategy.sellThreshold")
    useMAFilter: bool = _setting("strategy.useMAFilter")
    maFast: int = _setting("strategy.maFast")
    maSlow: int = _setting("strategy.maSlow")
    model: Model = section(Model, "The model of the next close.")


class SecretName(Section):
    name: str = Field(description="Name of a Secret in this namespace.", pattern=DNS_NAME, max_length=253)


class SecretKey(SecretName):
    key: str = Field(description="Key in the Secret.", pattern=r"^[-._a-zA-Z0-9]+$", max_length=253)


class WebSocketSpec(Section):
    enabled: bool = _setting("exchange.websocket.enabled")
    url: str | None = _setting("exchange.websocket.url")
    products: list[ProductId] = Field(
        default_factory=list,
        description="Products to subscribe to besides the traded one.",
        max_length=MOST_FURTHER_PRODUCTS,
    )
    staleSeconds: int = _setting("exchange.websocket.staleSeconds")


class SimulatorSpec(Section):
    speed: Decimal = Field(
        default=Decimal(1),
        description="How many times faster than real time the simulated market runs.",
        gt=0,
        le=10_000,
        decimal_places=3,
    )
    historyFraction: Decimal = Field(
        default=Decimal("0.7"),
        description="Share of the replayed candles that is history when the market opens.",
        ge=0,
        lt=1,
        decimal_places=3,
    )
    takerRatePct: Decimal = Field(
        default=Decimal("0.9"),
        description="Taker fee of the simulated exchange, in percent.",
        ge=0,
        le=10,
        decimal_places=4,
    )
    quoteBalance: Decimal = Field(
        default=Decimal(10_000),
        description="Quote currency in the simulated account at its start.",
        ge=0,
        le=100_000_000,
        decimal_places=2,
    )


class Exchange(Section):
    venue: Literal["Coinbase", "Simulator"] = Field(
        default="Coinbase", description="Coinbase, or the built-in Simulator: no account, no network."
    )
    credentialsSecretRef: SecretName | None = Field(
        default=None, description=f"Secret with {' and '.join(API_KEY_PAIR)}; required for Live."
    )
    # Not the table's default: the bridge knows it, and the Simulator has another.
    apiBase: str | None = _setting("exchange.apiBase", None)
    websocket: WebSocketSpec = section(WebSocketSpec, "The exchange's WebSocket.")
    simulator: SimulatorSpec = section(SimulatorSpec, "What the Simulator replays; ignored on Coinbase.")


class Notifications(Section):
    slackWebhookSecretRef: SecretKey | None = Field(default=None, description="Secret with a Slack webhook's address.")


class State(Section):
    size: str = Field(
        default="1Gi",
        description="Size of the state volume; may only grow.",
        pattern=r"^[1-9][0-9]{0,7}(Mi|Gi|Ti)$",
        max_length=16,
    )
    storageClassName: str | None = Field(
        default=None,
        description="Storage class of the volume; the cluster's default when not given.",
        pattern=DNS_NAME,
        max_length=253,
    )
    accessMode: Literal["ReadWriteOnce", "ReadWriteOncePod"] = Field(
        default="ReadWriteOnce", description="Access mode of the volume."
    )
    existingClaim: str | None = Field(
        default=None, description="Use this claim instead of making one.", pattern=DNS_NAME, max_length=253
    )
    reclaimPolicy: Literal["Retain", "Delete"] = Field(
        default="Retain", description="What becomes of the claim when the TradingBot is deleted."
    )


class ServiceMonitorSpec(Section):
    enabled: bool = Field(default=True, description="Make ServiceMonitors where the cluster knows them.")
    interval: str = Field(
        default="30s", description="How often to scrape.", pattern=r"^[1-9][0-9]*(s|m)$", max_length=8
    )
    scrapeTimeout: str = Field(
        default="10s",
        description="Give up a scrape after; not above the interval.",
        pattern=r"^[1-9][0-9]*(s|m)$",
        max_length=8,
    )
    labels: dict[QualifiedName, LabelValue] = Field(
        default_factory=dict,
        description="Labels a Prometheus selects ServiceMonitors by, besides the operator's.",
        max_length=20,
    )


class Monitoring(Section):
    serviceMonitor: ServiceMonitorSpec = section(ServiceMonitorSpec, "Scraping by the Prometheus Operator.")
    namespaceSelector: dict[QualifiedName, LabelValue] = Field(
        default_factory=dict,
        description="Labels of the namespaces whose pods may scrape; the operator's default when empty.",
        max_length=20,
    )


class TradingBotSpec(Section):
    """What to trade, how much to risk, and how to run it."""

    mode: Literal["Paper", "Live"] = Field(
        default="Paper", description="Paper fills orders in memory; Live places them."
    )
    suspend: bool = Field(default=False, description="Scale the bot to zero; state and token are kept.")
    entries: Literal["Allowed", "Paused"] = Field(
        default="Allowed", description="Paused: no new lots, exits go on. Reaches a running bot without a restart."
    )
    longOnly: bool = _setting("longOnly")
    product: Product = Field(description="What to trade.")
    cadence: Cadence = section(Cadence, "How often the bot steps.")
    risk: Risk = section(Risk, "How much to risk.")
    pyramiding: Pyramiding = section(Pyramiding, "Adding to a position.")
    scalp: Scalp = section(Scalp, "Lots after the first.")
    exits: Exits = section(Exits, "When lots are closed.")
    strategy: Strategy = section(Strategy, "When lots are opened.")
    exchange: Exchange = section(Exchange, "Where to trade.")
    notifications: Notifications = section(Notifications, "Who is told.")
    state: State = section(State, "The volume that holds the bot's state.")
    deletionPolicy: Literal["Refuse", "Flatten", "Orphan"] = Field(
        default="Refuse", description="What deleting a Live bot with open lots does."
    )
    monitoring: Monitoring = section(Monitoring, "Who may scrape.")
    bot: BotProcess = section(BotProcess, "The bot's pod.")
    bridge: Process = section(Process, "The bridge's pod.")


def field_value(spec: TradingBotSpec, path: str) -> Any:
    """The value at a path below ``spec``, as the settings table parses it: ``mode`` stands for DRY_RUN."""
    if path == "mode":
        return spec.mode == "Paper"
    value: Any = spec
    for part in path.split("."):
        value = getattr(value, part)
    return value


def environment(spec: TradingBotSpec) -> dict[str, str]:
    """The spec's settings as environment text, in the table's order; keys without a value left out.

    The cluster's ConfigMap and ``cbbot up`` both come from here.
    """
    texts = {}
    for path, setting in BY_FIELD.items():
        value = field_value(spec, path)
        if value is not None:
            texts[setting.key] = setting.text(value)
    return texts
