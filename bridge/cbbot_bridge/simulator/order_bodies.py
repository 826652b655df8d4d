"""Bodies of order requests: well-formed fields are passed on as they came, whatever they say; the exchange judges them.

Coinbase refuses with HTTP 400 what its interface cannot read, and with a reason in a 200 what it does not want.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from cbbot.venue.venue_order import OrderRequest
from cbbot_bridge.simulator.request_reading import Fields

__all__ = ["order_request"]

_Reader = Callable[[Fields, str], object]


def _decimal(fields: Fields, name: str) -> str:
    return fields.decimal(name)


def _flag(fields: Fields, name: str) -> bool:
    return fields.flag(name)


def _end_time(fields: Fields, name: str) -> str:
    fields.instant(name)
    return fields.text(name)


def _direction(fields: Fields, name: str) -> str:
    text = fields.text(name)
    if text not in ("STOP_DIRECTION_STOP_UP", "STOP_DIRECTION_STOP_DOWN"):
        raise fields.refuse(name, "STOP_DIRECTION_STOP_UP or STOP_DIRECTION_STOP_DOWN is wanted")
    return text


# How each field of a configuration is read, whichever one it is in.
_READERS: Final[Mapping[str, _Reader]] = {
    "quote_size": _decimal,
    "base_size": _decimal,
    "limit_price": _decimal,
    "stop_price": _decimal,
    "stop_trigger_price": _decimal,
    "stop_direction": _direction,
    "end_time": _end_time,
    "post_only": _flag,
    "rfq_disabled": _flag,
    "reduce_only": _flag,
}
# What a configuration cannot do without. Of the sizes one is wanted where both stand in a pair.
_SIZES: Final = ("quote_size", "base_size")
_REQUIRED: Final[Mapping[str, tuple[str | tuple[str, ...], ...]]] = {
    "market_market_ioc": (_SIZES,),
    "market_market_fok": (_SIZES,),
    "sor_limit_ioc": (_SIZES, "limit_price"),
    "limit_limit_gtc": (_SIZES, "limit_price"),
    "limit_limit_gtd": (_SIZES, "limit_price", "end_time"),
    "limit_limit_fok": (_SIZES, "limit_price"),
    "stop_limit_stop_limit_gtc": ("base_size", "limit_price", "stop_price", "stop_direction"),
    "stop_limit_stop_limit_gtd": ("base_size", "limit_price", "stop_price", "stop_direction", "end_time"),
    "trigger_bracket_gtc": ("base_size", "limit_price", "stop_trigger_price"),
    "trigger_bracket_gtd": ("base_size", "limit_price", "stop_trigger_price", "end_time"),
}
# Texts that Coinbase reads and that change nothing for a spot account.
_IGNORED: Final = ("leverage", "margin_type", "preview_id", "sor_preference", "self_trade_prevention_id")


def order_request(body: Fields, client_order_id: str | None = None) -> OrderRequest:
    """A new order. A preview has no ``client_order_id`` of its own: it is given one.

    Raises:
        ApiError: 400, naming the field that cannot be read.
    """
    name = body.text("client_order_id") if client_order_id is None else client_order_id
    for ignored in _IGNORED:
        if ignored in body and body.values[ignored] != "":
            body.text(ignored)
    configuration = _configuration(body.inner("order_configuration"), body, required=True)
    attached = None
    if "attached_order_configuration" in body:
        attached = _configuration(body.inner("attached_order_configuration"), body, required=False)
    return OrderRequest(name, body.text("product_id"), body.text("side"), configuration, attached)


def _configuration(outer: Fields, body: Fields, *, required: bool) -> dict[str, dict[str, object]]:
    """The one configuration of an object. Of an attached order Coinbase checks itself what is there."""
    given = [kind for kind in outer.values if kind in outer]
    if len(given) != 1:
        where = "order_configuration" if required else "attached_order_configuration"
        raise body.refuse(where, "give exactly one configuration")
    kind = outer.name(given[0])
    fields = outer.inner(kind)
    read = {name: reader(fields, name) for name, reader in _READERS.items() if name in fields}
    for wanted in _REQUIRED.get(kind, ()) if required else ():
        names = (wanted,) if isinstance(wanted, str) else wanted
        if not any(name in read for name in names):
            raise fields.refuse(" or ".join(names), "it is required")
    return {kind: {name: value for name, value in fields.values.items() if name in read}}
