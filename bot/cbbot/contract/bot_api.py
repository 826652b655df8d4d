"""The HTTP shapes of the bot: what ``/status`` and its siblings answer. Money is plain decimal text."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "BotStatus",
    "DecisionRow",
    "Entries",
    "LastDecision",
    "LotRow",
    "ModelStatus",
    "NumberedTrade",
    "Refused",
    "RefusedEntries",
    "RefusedExit",
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
    breaker_tripped: bool
    entries: Entries
    last_price: str | None
    price_age_seconds: float | None
    last_decision: LastDecision | None
    refused: Refused | None = Field(default=None, description="What the venue refuses; null when there is nothing.")
    model: ModelStatus
    pending_orders: int | None = Field(ge=0, le=2**31 - 1)
    as_of: str | None = Field(
        default=None, description="When the state that the figures are from was saved; null once they are current."
    )
    last_save_at: str | None
    clock_offset_ms: int
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


class DecisionRow(_Shape):
    """GET /decisions: one decision."""

    at: str
    price: str
    signal: Literal["buy", "sell", "flat"]
    p_up: float | None
    fast: float | None
    slow: float | None
    reason: str
