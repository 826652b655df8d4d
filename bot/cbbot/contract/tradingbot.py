"""The spec of a TradingBot: what a person writes, in pydantic models.

Fields that are settings take their default, bounds and description from the tables of bot and bridge,
so the cluster's schema, this module and the bot's environment cannot drift apart. The CRD is
generated from these models; ``cbbot up`` validates manifests with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from cbbot.contract.bridge_settings_table import API_KEY_PAIR, EXCHANGE_BY_FIELD, MOST_FURTHER_PRODUCTS
from cbbot.contract.setting import Kind, Setting
from cbbot.contract.settings_table import BY_FIELD
from cbbot.domain.candle import Granularity

__all__ = [
    "API_VERSION",
    "DNS_NAME",
    "GROUP",
    "KIND",
    "NAMESPACE_PATTERN",
    "NAME_MAX_LENGTH",
    "NAME_PATTERN",
    "PLURAL",
    "POD_USER",
    "SETTING_OF",
    "VERSION",
    "Exchange",
    "Monitoring",
    "Notifications",
    "Process",
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

# Names of most objects, and of namespaces.
DNS_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
NAMESPACE_PATTERN = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
# Names of children are the TradingBot's name with a suffix, and must fit a Service's 63 characters.
NAME_PATTERN = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
NAME_MAX_LENGTH = 45

POD_USER: Final = 10001
"""The uid in the images' passwd."""

LabelValue = Annotated[str, Field(max_length=63)]
AnnotationValue = Annotated[str, Field(max_length=4096)]

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


class _Section(BaseModel):
    """A part of the spec: unknown fields are mistakes, values are kept as given."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False)


def _section(kind: type[BaseModel], description: str) -> Any:
    return Field(default_factory=kind, description=description)


class Product(_Section):
    id: str = _setting("product.id", ...)
    granularity: Granularity = _setting("product.granularity")


class Cadence(_Section):
    useTickPrice: bool = _setting("cadence.useTickPrice")
    tickIntervalSeconds: Decimal = _setting("cadence.tickIntervalSeconds")
    candleResyncSeconds: Decimal = _setting("cadence.candleResyncSeconds")


class Risk(_Section):
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


class Pyramiding(_Section):
    enabled: bool = _setting("pyramiding.enabled")
    maxConcurrentLots: int = _setting("pyramiding.maxConcurrentLots")
    minSecondsBetween: Decimal = _setting("pyramiding.minSecondsBetween")
    minAdversePct: Decimal = _setting("pyramiding.minAdversePct")
    decayLambda: Decimal = _setting("pyramiding.decayLambda")
    decayMinPct: Decimal = _setting("pyramiding.decayMinPct")


class TakeProfitDecay(_Section):
    enabled: bool = _setting("scalp.tpDecay.enabled")
    mode: Literal["linear", "exp"] = _setting("scalp.tpDecay.mode")
    stepPct: Decimal = _setting("scalp.tpDecay.stepPct")
    factor: Decimal = _setting("scalp.tpDecay.factor")
    minPct: Decimal = _setting("scalp.tpDecay.minPct")


class Scalp(_Section):
    tpDecay: TakeProfitDecay = _section(TakeProfitDecay, "How the take profit of later lots is lowered.")


class Trail(_Section):
    activatePct: Decimal = _setting("exits.trail.activatePct")
    distancePct: Decimal = _setting("exits.trail.distancePct")


class Exits(_Section):
    takeProfitPct: Decimal = _setting("exits.takeProfitPct")
    stopLossPct: Decimal = _setting("exits.stopLossPct")
    trail: Trail = _section(Trail, "The runner's trailing stop.")


class Model(_Section):
    mode: Literal["baseline", "extended"] = _setting("strategy.model.mode")
    walkForwardMinutes: Decimal = _setting("strategy.model.walkForwardMinutes")


class Strategy(_Section):
    buyThreshold: Decimal = _setting("strategy.buyThreshold")
    sellThreshold: Decimal = _setting("strategy.sellThreshold")
    useMAFilter: bool = _setting("strategy.useMAFilter")
    maFast: int = _setting("strategy.maFast")
    maSlow: int = _setting("strategy.maSlow")
    model: Model = _section(Model, "The model of the next close.")


class SecretName(_Section):
    name: str = Field(description="Name of a Secret in this namespace.", pattern=DNS_NAME, max_length=253)


class SecretKey(SecretName):
    key: str = Field(description="Key in the Secret.", pattern=r"^[-._a-zA-Z0-9]+$", max_length=253)


class WebSocketSpec(_Section):
    enabled: bool = _setting("exchange.websocket.enabled")
    url: str | None = _setting("exchange.websocket.url")
    products: list[ProductId] = Field(
        default_factory=list,
        description="Products to subscribe to besides the traded one.",
        max_length=MOST_FURTHER_PRODUCTS,
    )
    staleSeconds: int = _setting("exchange.websocket.staleSeconds")


class SimulatorSpec(_Section):
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


class Exchange(_Section):
    venue: Literal["Coinbase", "Simulator"] = Field(
        default="Coinbase", description="Coinbase, or the built-in Simulator: no account, no network."
    )
    credentialsSecretRef: SecretName | None = Field(
        default=None, description=f"Secret with {' and '.join(API_KEY_PAIR)}; required for Live."
    )
    # Not the table's default: the bridge knows it, and the Simulator has another.
    apiBase: str | None = _setting("exchange.apiBase", None)
    websocket: WebSocketSpec = _section(WebSocketSpec, "The exchange's WebSocket.")
    simulator: SimulatorSpec = _section(SimulatorSpec, "What the Simulator replays; ignored on Coinbase.")


class Notifications(_Section):
    slackWebhookSecretRef: SecretKey | None = Field(default=None, description="Secret with a Slack webhook's address.")


class State(_Section):
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


class ServiceMonitorSpec(_Section):
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
    labels: dict[str, LabelValue] = Field(
        default_factory=dict,
        description="Labels a Prometheus selects ServiceMonitors by, besides the operator's.",
        max_length=20,
    )


class Monitoring(_Section):
    serviceMonitor: ServiceMonitorSpec = _section(ServiceMonitorSpec, "Scraping by the Prometheus Operator.")
    namespaceSelector: dict[str, LabelValue] = Field(
        default_factory=dict,
        description="Labels of the namespaces whose pods may scrape; the operator's default when empty.",
        max_length=20,
    )


class EnvVar(_Section):
    name: str = Field(description="Name of the variable.", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)
    value: str = Field(default="", description="Its value.", max_length=4096)


class HostAlias(_Section):
    ip: str = Field(description="The address.", pattern=r"^[0-9a-fA-F.:]{2,45}$", max_length=45)
    hostnames: list[Annotated[str, Field(pattern=DNS_NAME, max_length=253)]] = Field(
        description="Its names.", max_length=20
    )


UserId = Annotated[int, Field(ge=0, le=2_147_483_647)]


class PodSecurity(_Section):
    """Who a pod runs as; the rest of its context is what Pod Security `restricted` asks for, and stays."""

    runAsUser: UserId | None = Field(
        default=None, description="User id, 0 for one of the cluster's choice; the operator's default when not given."
    )
    runAsGroup: UserId | None = Field(default=None, description="Group id; as runAsUser when not given.")
    fsGroup: UserId | None = Field(default=None, description="Group of the volumes; as runAsUser when not given.")
    fsGroupChangePolicy: Literal["OnRootMismatch", "Always"] = Field(
        default="OnRootMismatch", description="When a volume's owner is changed."
    )
    supplementalGroups: list[Annotated[int, Field(ge=1, le=2_147_483_647)]] = Field(
        default_factory=list, description="Further groups.", max_length=20
    )


class Process(_Section):
    """How the bot or the bridge runs as a pod. Kubernetes' own types are passed on as they are."""

    image: str | None = Field(
        default=None, description="Container image; the operator's default when not given.", max_length=512
    )
    imagePullPolicy: Literal["Always", "IfNotPresent", "Never"] = Field(
        default="IfNotPresent", description="When to pull the image."
    )
    resources: dict[str, Any] = Field(default_factory=dict, description="Requests and limits of the container.")
    nodeSelector: dict[str, LabelValue] = Field(
        default_factory=dict, description="Labels of eligible nodes.", max_length=50
    )
    tolerations: list[dict[str, Any]] = Field(default_factory=list, description="Taints to tolerate.", max_length=50)
    affinity: dict[str, Any] = Field(default_factory=dict, description="Affinity of the pod.")
    topologySpreadConstraints: list[dict[str, Any]] = Field(
        default_factory=list, description="How the pods of several bots are spread.", max_length=20
    )
    priorityClassName: str | None = Field(
        default=None, description="Priority class of the pod.", pattern=DNS_NAME, max_length=253
    )
    podLabels: dict[str, LabelValue] = Field(
        default_factory=dict, description="Labels of the pod, besides those that find it.", max_length=50
    )
    podAnnotations: dict[str, AnnotationValue] = Field(
        default_factory=dict, description="Annotations of the pod.", max_length=50
    )
    securityContext: PodSecurity = _section(PodSecurity, "Who the pod runs as.")
    hostAliases: list[HostAlias] = Field(
        default_factory=list, description="Names that the pod resolves without DNS.", max_length=50
    )
    env: list[EnvVar] = Field(
        default_factory=list,
        description="Further environment variables; never a setting of the bot, COINBASE_* or BRIDGE_*.",
        max_length=50,
    )


class BotProcess(Process):
    imagePolicy: Literal["OneByOne", "Pinned"] = Field(
        default="OneByOne",
        description="How the images that the operator chooses for bot and bridge follow a newer operator. OneByOne: "
        "one bot at a time, while it is ready and no order is in flight. Pinned: they stay as they are.",
    )


class TradingBotSpec(_Section):
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
    cadence: Cadence = _section(Cadence, "How often the bot steps.")
    risk: Risk = _section(Risk, "How much to risk.")
    pyramiding: Pyramiding = _section(Pyramiding, "Adding to a position.")
    scalp: Scalp = _section(Scalp, "Lots after the first.")
    exits: Exits = _section(Exits, "When lots are closed.")
    strategy: Strategy = _section(Strategy, "When lots are opened.")
    exchange: Exchange = _section(Exchange, "Where to trade.")
    notifications: Notifications = _section(Notifications, "Who is told.")
    state: State = _section(State, "The volume that holds the bot's state.")
    deletionPolicy: Literal["Refuse", "Flatten", "Orphan"] = Field(
        default="Refuse", description="What deleting a Live bot with open lots does."
    )
    monitoring: Monitoring = _section(Monitoring, "Who may scrape.")
    bot: BotProcess = _section(BotProcess, "The bot's pod.")
    bridge: Process = _section(Process, "The bridge's pod.")


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
