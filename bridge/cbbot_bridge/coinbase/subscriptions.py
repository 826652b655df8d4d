"""What to subscribe to on a new connection: each product by itself, without those that Coinbase refused.

One product that Coinbase does not know must not cost the prices of the others. A refused one is tried
again on a later connection, after a time that doubles. Pure: the clock is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Subscriptions"]

_FIRST_REFUSAL_SECONDS = 60.0
_LONGEST_REFUSAL_SECONDS = 3600.0


@dataclass(slots=True)
class _Refusal:
    until: float
    seconds: float


class Subscriptions:
    """The products of the ticker channel. Times are monotonic seconds."""

    def __init__(self, products: Iterable[str]) -> None:
        self._products = tuple(products)
        self._refusals: dict[str, _Refusal] = {}
        self._suspect: str | None = None

    def wanted(self, now: float) -> list[str]:
        """Products to subscribe to now; one under suspicion comes last."""
        wanted = [
            product
            for product in self._products
            if product not in self._refusals or self._refusals[product].until <= now
        ]
        return sorted(wanted, key=lambda product: product == self._suspect)

    def refused(self) -> list[str]:
        """Products that Coinbase refused and has not accepted since."""
        return [product for product in self._products if product in self._refusals]

    def accept(self, product: str) -> None:
        self._refusals.pop(product, None)
        if self._suspect == product:
            self._suspect = None

    def refuse(self, product: str, now: float) -> float:
        """Leaves a product out for a while; for how many seconds."""
        known = self._refusals.get(product)
        seconds = min(known.seconds * 2, _LONGEST_REFUSAL_SECONDS) if known else _FIRST_REFUSAL_SECONDS
        self._refusals[product] = _Refusal(now + seconds, seconds)
        return seconds

    def suspect(self, product: str) -> bool:
        """A connection ended with this product unanswered. True for the second one running."""
        again = self._suspect == product
        self._suspect = None if again else product
        return again
