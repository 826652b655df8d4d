"""Orders on paper: filled at once and in full at the step's price, slippage and fee against us.

The arithmetic is the kernel's, so a paper trader and a backtest agree to the last digit. Nothing is
kept: an order that was written down but not filled when the process died never happened.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from cbbot.domain.order import Execution, Side
from cbbot.kernel.codes import BUY, SELL
from cbbot.kernel.money import fee_up, slipped
from cbbot.kernel.params import Params
from cbbot.trader.events import OrderAbsent, OrderFilled, OrdersListed
from cbbot.trader.intent import Intent

__all__ = ["PaperBroker", "paper_fill"]


def paper_fill(params: Params, intent: Intent, price: int) -> Execution:
    """The whole size at ``price`` (ticks) with slippage and fee. The order's id is derived from ours."""
    filled_at = slipped(price, BUY if intent.side is Side.BUY else SELL, params.slippage)
    value = filled_at * intent.base
    return Execution(
        order_id=f"paper-{intent.client_order_id}",
        price=filled_at,
        base=intent.base,
        value=value,
        commission=fee_up(value, params.fee_rate),
    )


class PaperBroker:
    """A :class:`~cbbot.brokers.broker.Broker` that needs no venue."""

    immediate = True

    def __init__(self, params: Params) -> None:
        self._params = params

    async def place(self, intent: Intent, price: int, now_ms: int, until: float) -> AsyncIterator[OrderFilled]:  # noqa: ARG002  paper takes no time
        yield OrderFilled(now_ms, intent.client_order_id, paper_fill(self._params, intent, price))

    async def look_up(self, intent: Intent, now_ms: int) -> AsyncIterator[OrderAbsent]:
        """It was never placed: whatever was filled is in the state already."""
        yield OrderAbsent(now_ms, intent.client_order_id, complete=True)

    async def list_orders(self, prefix: str, since_ms: int) -> OrdersListed:  # noqa: ARG002  a Broker is given both
        """There is no account beside the state."""
        return OrdersListed(since_ms, ())
