"""The HTTP shapes of the bot: what ``/status`` and its siblings answer. Money is plain decimal text."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "AdverseGate",
    "AverageRow",
    "BotStatus",
    "DecisionRow",
    "Entries",
    "FollowingEvent",
    "GatePoint",
    "GateVerdict",
    "Gates",
    "LastDecision",
    "LotRow",
    "ModelStatus",
    "NumberedTrade",
    "ReasonCount",
    "Refused",
    "RefusedEntries",
    "RefusedExit",
    "Steering",
    "TradeRow",
]


class _Shape(BaseModel):
    """Unknown fields are ignored, so that an older reader understands a newer bot."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Entries(_Shape):
    allowed: bool = Field(description="Whether new lots may be opened.")
    paused_by: list[str] = Field(
        default_factory=list,
        description="What has paused entries: hand, resource, disk (the state cannot be saved), lots_without_base, "
        "unexplained_orders (orders of the account that the state cannot explain).",
    )


class LastDecision(_Shape):
    signal: Literal["buy", "sell", "flat"]
    p_up: float | None = Field(description="Probability of a higher next close; null before the model is fitted.")
    reason: str = Field(description="`entered`, or the gate that denied.")
    at: str = Field(description="Venue time, RFC 3339.")


class ModelStatus(_Shape):
    mode: Literal["baseline", "extended"]
    last_fit_at: str | None


class RefusedExit(_Shape):
    """The exit of a lot that the venue, or the bridge before it, does not take. It is tried on."""

    lot: int
    since: str = Field(description="Venue time of the first refusal, RFC 3339.")
    code: str = Field(description="The newest reason, as it was given.")
    message: str
    tries: int = Field(description="How often it was refused for this reason.")
    short: bool = Field(default=False, description="Whether the account holds less base than the lots say.")


class RefusedEntries(_Shape):
    since: str = Field(description="Venue time of the first refusal, RFC 3339.")
    code: str
    message: str
    until: str = Field(description="Venue time before which no entry is sent.")


class Refused(_Shape):
    """Orders that do not come off. While an exit is among them nothing is bought."""

    exits: list[RefusedExit] = Field(default_factory=list)
    entries: RefusedEntries | None = None

    @property
    def exits_in_words(self) -> str:
        """A sentence for people, empty without refused exits; it changes with the lots and the reason alone."""
        said = (
            f"the exit of lot {each.lot} is refused since {each.since}: {each.code or each.message}"
            f"{' (short of base)' if each.short else ''}"
            for each in self.exits
        )
        return "; ".join(said)

    @property
    def entries_in_words(self) -> str:
        entries = self.entries
        if entries is None:
            return ""
        return f"entries are refused since {entries.since}: {entries.code or entries.message}"


class BotStatus(_Shape):
    """GET /status.

    Before ``ready`` the figures are those that the state was last saved with, at ``as_of``; null is what is not
    known. They are for people to read: nothing may act on a figure of a status that is not ready.
    """

    bot: str
    namespace: str
    product_id: str
    mode: Literal["paper", "live"]
    venue: str = Field(description="Coinbase or Simulator, as the operator set it; the bridge's address otherwise.")
    ready: bool
    phase: Literal["starting", "reconciling", "trading", "paused", "halted"]
    reason: str
    epoch: int | None = Field(ge=0, le=2**63 - 1)
    version: str
    equity_usd: str | None
    equity_marked_usd: str | None
    daily_pnl_usd: str | None
    unrealized_pnl_usd: str | None
    exposure_usd: str | None
    open_lots: int | None = Field(ge=0, le=2**31 - 1)
    breaker_tripped: bool | None = Field(description="Null while nothing of the account is known.")
    entries: Entries
    last_price: str | None
    price_age_seconds: float | None
    last_decision: LastDecision | None
    refused: Refused | None = Field(default=None, description="What the venue refuses; null when there is nothing.")
    model: ModelStatus
    pending_orders: int | None = Field(ge=0, le=2**31 - 1)
    given_up_orders: int | None = Field(
        default=0,
        ge=0,
        le=2**31 - 1,
        description="Orders whose absence was believed, and that are looked for again for five minutes: each may still "
        "be carried out. A bot that does not say has none that it knows of.",
    )
    as_of: str | None = Field(
        default=None, description="When the state that the figures are from was saved; null once they are current."
    )
    last_save_at: str | None
    clock_offset_ms: int | None = Field(
        description="The venue's clock minus this machine's; null before the venue has told its time."
    )
    warnings: list[str]
    started_at: str


class LotRow(_Shape):
    """GET /lots: one open lot."""

    lot: int
    role: Literal["runner", "scalp"]
    side: Literal["BUY", "SELL"]
    opened_at: str
    open_price: str
    base_size: str
    cost: str
    entry_fee: str
    stop_price: float
    take_price: float
    trail_active: bool
    trail_stop_price: float | None
    unrealized_pnl: str | None = Field(description="Null before the bot has the venue's answers.")


class TradeRow(_Shape):
    """GET /trades: one closed lot, or the closed part of one. The backtest's JSON uses the same fields."""

    lot: int
    role: Literal["runner", "scalp"]
    closed_as: Literal["runner", "scalp"]
    side: Literal["BUY", "SELL"]
    opened_at: str
    open_price: str
    base_size: str
    cost: str
    entry_fee: str
    closed_at: str
    close_price: str
    proceeds: str
    exit_fee: str
    net_pnl: str
    exit_reason: str


class NumberedTrade(TradeRow):
    """GET /trades: the trade with its number, counted from 1 over the life of the state; `before` takes one."""

    number: int


class GateVerdict(_Shape):
    """One gate of a decision, in the order in which they were asked. The first that denies is the last."""

    gate: str
    passed: bool
    figures: str = Field(description="What was compared with what, in words.")


class FollowingEvent(_Shape):
    """What happened after a decision and before the next: an order, a fill, an exit, a pause."""

    at: str = Field(description="Venue time, RFC 3339.")
    event: str
    fields: dict[str, Any]


class DecisionRow(_Shape):
    """GET /decisions: one decision; `gates`, `times` and `followed` are the journal's, and of a live stream's row."""

    at: str
    price: str
    signal: Literal["buy", "sell", "flat"]
    p_up: float | None
    fast: float | None
    slow: float | None
    reason: str
    gates: list[GateVerdict] = Field(default_factory=list)
    times: int = Field(default=1, description="Of how many decisions alike this is the newest.")
    followed: list[FollowingEvent] = Field(default_factory=list)


class AverageRow(_Shape):
    """GET /averages: the moving averages at one candle; null before there are candles enough."""

    start: str = Field(description="Open time of the candle, UNIX seconds.")
    fast: float | None
    slow: float | None


class ReasonCount(_Shape):
    """How often today's decisions ended this way, and what that means in words."""

    reason: str
    words: str
    count: int


class GatePoint(_Shape):
    """The adverse gate at the open of one candle."""

    start: str = Field(description="UNIX seconds.")
    price: float


class AdverseGate(_Shape):
    """What the price must reach before the next lot is added. It comes closer as time passes."""

    side: Literal["BUY", "SELL"]
    last_entry_price: str
    last_entry_at: str
    adverse_pct: float = Field(description="The adverse move, in percent of the last entry, that is needed now.")
    price: float = Field(description="The price it is at now.")
    path: list[GatePoint] = Field(description="Candle by candle, from the last entry to some candles from now.")


class Gates(_Shape):
    """GET /gates: what today's decisions of this run came to, and the gate of the next lot."""

    day: str | None = Field(description="The day in UTC, by the venue's clock; null before the first decision.")
    since: str | None = Field(description="The first decision that is counted, RFC 3339.")
    decisions: int
    reasons: list[ReasonCount] = Field(description="Every reason there is, the most frequent first.")
    adverse: AdverseGate | None = Field(description="Null while no lot may be added, whatever the price.")


class Steering(_Shape):
    """GET /control: whether a request with these headers, from there, may pause, resume and flatten."""

    allowed: bool
    token_needed: bool
