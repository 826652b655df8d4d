"""What an order asks for, as Coinbase writes it: kind, time in force, sizes and prices. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from cbbot.contract.bridge_orders import OrderKind, TimeInForce
from cbbot_bridge import translate

__all__ = ["CONFIGURATIONS", "Asked", "asked_of"]

CONFIGURATIONS: Final[Mapping[tuple[OrderKind, TimeInForce], str]] = {
    (OrderKind.MARKET, TimeInForce.IOC): "market_market_ioc",
    (OrderKind.LIMIT, TimeInForce.GTC): "limit_limit_gtc",
    (OrderKind.LIMIT, TimeInForce.GTD): "limit_limit_gtd",
    (OrderKind.LIMIT, TimeInForce.IOC): "sor_limit_ioc",
    (OrderKind.LIMIT, TimeInForce.FOK): "limit_limit_fok",
    (OrderKind.STOP_LIMIT, TimeInForce.GTC): "stop_limit_stop_limit_gtc",
    (OrderKind.STOP_LIMIT, TimeInForce.GTD): "stop_limit_stop_limit_gtd",
    (OrderKind.BRACKET, TimeInForce.GTC): "trigger_bracket_gtc",
    (OrderKind.BRACKET, TimeInForce.GTD): "trigger_bracket_gtd",
}

# Histories have more shapes than orders that can be created.
_KNOWN: Final = {name: asked for asked, name in CONFIGURATIONS.items()} | {
    "market_market_fok": (OrderKind.MARKET, TimeInForce.FOK),
    "limit_limit_ioc": (OrderKind.LIMIT, TimeInForce.IOC),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """None: not said, or of a kind that this project does not know. ``stop_price`` is a bracket's trigger too."""

    kind: OrderKind | None = None
    time_in_force: TimeInForce | None = None
    base_size: Decimal | None = None
    quote_size: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


def asked_of(configuration: object) -> Asked:
    """What ``order_configuration`` says, as far as it can be read.

    Raises:
        UpstreamUnavailable: a size or price in it is no decimal.
    """
    if not isinstance(configuration, dict):
        return Asked()
    for name, leg in configuration.items():
        if isinstance(leg, dict):
            kind, time_in_force = _KNOWN.get(name, (None, None))
            values = {
                key: translate.decimal_or_none(leg, key)
                for key in ("base_size", "quote_size", "limit_price", "stop_price", "stop_trigger_price")
            }
            return Asked(
                kind,
                time_in_force,
                values["base_size"],
                values["quote_size"],
                values["limit_price"],
                values["stop_price"] if values["stop_price"] is not None else values["stop_trigger_price"],
            )
    return Asked()
