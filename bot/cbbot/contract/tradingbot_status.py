"""The status of a TradingBot: what the operator writes and ``kubectl get`` prints.

Money is decimal text with two places: kubectl prints large numbers as 1e+06. Times are
RFC 3339 in UTC. A field that is not known yet is absent.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["CONDITION_TYPES", "Condition", "Images", "LastDecision", "TradingBotStatus"]

CONDITION_TYPES = (
    "Ready",
    "Progressing",
    "Degraded",
    "CredentialsValid",
    "StorageBound",
    "MonitoringReady",
    "EntriesAllowed",
    "PositionsOpen",
)

Money = Annotated[str, Field(max_length=32)]
Time = Annotated[str, Field(max_length=32, json_schema_extra={"format": "date-time"})]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Condition(_Part):
    """As every Kubernetes condition; ``reason`` is one word for machines, ``message`` a sentence."""

    type: str = Field(description="What is judged.", max_length=64)
    status: Literal["True", "False", "Unknown"] = Field(description="The judgement.")
    reason: str = Field(description="Why, in one word.", max_length=128)
    message: str = Field(default="", description="Why, in a sentence.", max_length=4096)
    lastTransitionTime: Time = Field(description="When status last changed.")
    observedGeneration: int = Field(default=0, description="The generation that was judged.", ge=0)


class LastDecision(_Part):
    """The newest decision of the bot, in the words of its ``/status``."""

    signal: str | None = Field(default=None, description="buy, sell or flat.", max_length=16)
    reason: str | None = Field(default=None, description="Why, or which gate held it back.", max_length=256)
    at: str | None = Field(default=None, description="When, on the venue's clock.", max_length=40)


class Images(_Part):
    """The images of the pods as they stand, whoever chose them."""

    bot: str | None = Field(default=None, description="The bot's.", max_length=512)
    bridge: str | None = Field(default=None, description="The bridge's.", max_length=512)


class TradingBotStatus(_Part):
    """What is known of a TradingBot."""

    observedGeneration: int | None = Field(default=None, description="The newest generation that was acted on.", ge=0)
    conditions: list[Condition] = Field(
        default_factory=list, description="What is so and what is not, by type.", max_length=16
    )
    images: Images | None = Field(default=None, description="Images of the pods.")
    mode: str | None = Field(default=None, description="The mode the running bot is in.", max_length=16)
    equityUSD: Money | None = Field(default=None, description="Equity in quote currency.")
    dailyPnLUSD: Money | None = Field(default=None, description="Profit or loss of this UTC day.")
    unrealizedPnLUSD: Money | None = Field(
        default=None, description="Profit or loss of the open lots at the last price."
    )
    exposureUSD: Money | None = Field(default=None, description="Cost of the open lots.")
    openLots: int | None = Field(default=None, description="Number of open lots.", ge=0)
    lastPrice: str | None = Field(default=None, description="Newest price of the product.", max_length=40)
    lastDecision: LastDecision | None = Field(default=None, description="The bot's newest decision.")
    breakerTripped: bool | None = Field(default=None, description="Whether the daily breaker stops entries.")
    modelMode: str | None = Field(default=None, description="Features of the model in use.", max_length=32)
    lastFitAt: str | None = Field(
        default=None, description="When the model was last fitted, on the venue's clock.", max_length=40
    )
    lastTickAt: Time | None = Field(default=None, description="When the bot last had a price.")
    epoch: int | None = Field(default=None, description="The bot's term: a number that grows with every start.", ge=0)
    restarts: int | None = Field(default=None, description="Restarts of the bot's container in its present pod.", ge=0)
    warnings: list[Annotated[str, Field(max_length=1024)]] = Field(
        default_factory=list, description="Legal but unwise settings, in words.", max_length=32
    )
