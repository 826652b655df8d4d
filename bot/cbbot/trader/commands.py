"""What a trader asks of its surroundings. Their order is meaning: a checkpoint stands before the order it covers.

Whoever runs the trader executes commands one after the other and must not execute any that
follow a :class:`Checkpoint` before the state is safely on disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cbbot.trader.intent import Intent

__all__ = ["Checkpoint", "Command", "Count", "ListOrders", "LookUp", "Notify", "Place"]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Make the state durable."""


@dataclass(frozen=True, slots=True)
class Place:
    """Send this order; answer with one of the Order events for its ``client_order_id``.

    Sending the same intent twice is safe: the venue returns the first order.
    """

    intent: Intent
    price: int
    """The step's price in ticks: what paper fills at; live it is only what to expect."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """Find out what became of this order, by order id or client order id; never place it."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class ListOrders:
    """Ask for every order of the account under ids with this prefix, created at ``since_ms`` or later.

    Answer with ``OrdersListed`` or ``OrdersNotListed``.
    """

    prefix: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class Count:
    """More of something.

    ``name`` is one of ``decisions``, ``orders``, ``trades``, ``denials``, ``refusals``, ``unknown``,
    ``outliers``, ``fits``, ``gaps``. ``times`` is how many at once.
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    times: int = 1


@dataclass(frozen=True, slots=True)
class Notify:
    """Something a person or a log wants to know. ``fields`` are JSON values, money as text.

    ``event`` is one of ``step``, ``order``, ``fill``, ``exit``, ``refit``, ``breaker``, ``halt``, ``pause``,
    ``refusal``, ``sync``.
    """

    event: str
    fields: Mapping[str, object]


Command = Checkpoint | Place | LookUp | ListOrders | Count | Notify
