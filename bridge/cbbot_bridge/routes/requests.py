"""What every endpoint asks of a request: who sends it, and whether it may."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Path, Query, Request
from fastapi.security import HTTPBearer

from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot.contract.bridge_fields import (
    BOT_EPOCH_HEADER,
    BOT_ID_HEADER,
    BOT_INSTANCE_HEADER,
    DIGITS_ONLY,
    BotEpoch,
    BotId,
    BotInstance,
    ProductId,
)
from cbbot_bridge.assembly import Bridge
from cbbot_bridge.http_errors import NoCredentials, RequestRefused
from cbbot_bridge.order_records import record_turned_away

__all__ = [
    "BotIdentity",
    "BridgeOf",
    "Identity",
    "Keys",
    "OrderId",
    "ProductQuery",
    "Second",
    "Token",
    "bridge_of",
    "epoch_check",
    "identify",
    "introduced",
    "require_keys",
    "require_token",
    "turned_away_is_recorded",
]


async def bridge_of(request: Request) -> Bridge:
    bridge: Bridge = request.app.state.bridge
    return bridge


BridgeOf = Annotated[Bridge, Depends(bridge_of)]


@dataclass(frozen=True, slots=True)
class BotIdentity:
    """The bot instance that sends a request."""

    bot_id: str
    epoch: int
    instance: str = ""


@contextmanager
def turned_away_is_recorded(request: Request) -> Iterator[None]:
    """Logs what is refused within the block."""
    try:
        yield
    except RequestRefused as refusal:
        record_turned_away(request.method, request.url.path, refusal.code, str(refusal))
        raise


async def identify(
    request: Request,
    bridge: BridgeOf,
    bot_id: Annotated[BotId | None, Header(alias=BOT_ID_HEADER)] = None,
    epoch: Annotated[BotEpoch | None, Header(alias=BOT_EPOCH_HEADER)] = None,
    instance: Annotated[BotInstance | None, Header(alias=BOT_INSTANCE_HEADER)] = None,
) -> BotIdentity | None:
    """The sender, None when it is no bot. Teaches the epoch if the token is right."""
    if bot_id is None and epoch is None:
        return None
    if bot_id is None or epoch is None:
        missing = BOT_ID_HEADER if bot_id is None else BOT_EPOCH_HEADER
        message = f"{missing}: {BOT_ID_HEADER} and {BOT_EPOCH_HEADER} go together"
        raise RequestRefused(422, BridgeErrorCode.INVALID_INPUT, message)
    with turned_away_is_recorded(request):
        return introduced(bridge, request.headers.get("authorization"), BotIdentity(bot_id, epoch, instance or ""))


def introduced(bridge: Bridge, authorization: str | None, bot: BotIdentity) -> BotIdentity:
    """A bot that says who it is.

    Raises:
        RequestRefused: 409, it has a successor.
    """
    bridge.epochs.check(bot.bot_id, bot.epoch, bot.instance)
    if bridge.access.allows(authorization):
        bridge.epochs.learn(bot.bot_id, bot.epoch, bot.instance)
    return bot


Identity = Annotated[BotIdentity | None, Depends(identify)]

ProductQuery = Annotated[ProductId, Query(examples=["BTC-USD"])]

_LATEST = 4_102_444_800  # 2100-01-01: nobody asks for a later time but by mistake
Second = Annotated[int, Query(ge=0, le=_LATEST, description="UNIX seconds"), DIGITS_ONLY]

OrderId = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,64}$", examples=["52cfe5e2-0b29-4c19-a245-a6a773de5030"])]


def epoch_check(bridge: Bridge, identity: BotIdentity | None) -> Callable[[], None]:
    """The last check before an order leaves: it may have waited while the bot's successor came up."""
    if identity is None:
        return lambda: None
    return lambda: bridge.epochs.check(identity.bot_id, identity.epoch, identity.instance)


# auto_error off: our own answer has our own shape. The class is here for the OpenAPI document.
_bearer = HTTPBearer(auto_error=False, description="The bridge token, BRIDGE_TOKEN.")


async def require_token(request: Request, bridge: BridgeOf, _shown: Annotated[object, Depends(_bearer)]) -> None:
    with turned_away_is_recorded(request):
        bridge.access.require(request.headers.get("authorization"))


Token = Depends(require_token)


async def require_keys(bridge: BridgeOf) -> None:
    if not bridge.settings.can_order:
        raise NoCredentials


Keys = Depends(require_keys)
