"""Which followed products a streamed price is for.

Coinbase streams some products under the name of another, the one whose book they share: BTC-USDC's
prices come as BTC-USD's. Names do not tell which: USDT-USDC has a book of its own. The product's alias does.
"""

from __future__ import annotations

from cbbot_bridge.market_data import Market
from cbbot_bridge.prices import Prices

__all__ = ["Aliases"]


class Aliases:
    """Aliases of the followed products, as far as they are known."""

    def __init__(self, market: Market, prices: Prices) -> None:
        self._market = market
        self._prices = prices
        self._known: dict[str, str] = {}

    async def learn(self, product_id: str) -> None:
        """Reads a product's alias, at most once an hour.

        Raises:
            CbbotError: Coinbase could not be asked, or knows no such product.
        """
        self._known[product_id] = await self._market.alias(product_id)

    def knows(self, product_id: str) -> bool:
        """Whether a product's alias is known: until then its streamed price may go unnoticed."""
        return product_id in self._known

    def fed_by(self, streamed: str) -> list[str]:
        """Followed products whose price a tick of ``streamed`` tells."""
        return [
            product
            for product in self._prices.followed()
            if product == streamed or self._known.get(product) == streamed
        ]
