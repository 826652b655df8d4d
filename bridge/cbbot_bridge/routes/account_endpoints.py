"""The account: balances and fees. Needs the token, and keys."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from cbbot.contract.bridge_api import Accounts, Balance, Fees
from cbbot.contract.bridge_fields import DIGITS_ONLY
from cbbot_bridge.assembly import Bridge
from cbbot_bridge.exchange_account import MOST_ACCOUNTS_A_PAGE, balance_of
from cbbot_bridge.routes.admission import TokenRoute
from cbbot_bridge.routes.documented import ACCOUNT_ERRORS
from cbbot_bridge.routes.requests import BridgeOf, Keys, ProductQuery, Token, identify

__all__ = ["router"]

router = APIRouter(
    route_class=TokenRoute, tags=["account"], responses=ACCOUNT_ERRORS, dependencies=[Token, Depends(identify), Keys]
)

_PRODUCT_SECONDS = 60.0
_PRODUCT_AT_WORST_SECONDS = 3600.0


@router.get("/accounts")
async def accounts(
    bridge: BridgeOf,
    limit: Annotated[
        int, Query(ge=1, le=MOST_ACCOUNTS_A_PAGE, description="Accounts a page, at Coinbase"), DIGITS_ONLY
    ] = 250,
) -> Accounts:
    """Every account, all pages. One without a readable balance is named in `unreadable` instead."""
    found = await bridge.account.accounts(limit)
    return Accounts(accounts=list(found.accounts), size=len(found.accounts), unreadable=list(found.unreadable))


@router.get("/fees")
async def fees(bridge: BridgeOf) -> Fees:
    """The fee rates that apply to this account now, as fractions."""
    return await bridge.account.fees()


@router.get("/balance/base")
async def base_balance(bridge: BridgeOf, product_id: ProductQuery) -> Balance:
    """What may be sold of a product."""
    return await _balance(bridge, product_id, base=True)


@router.get("/balance/quote")
async def quote_balance(bridge: BridgeOf, product_id: ProductQuery) -> Balance:
    """What may be spent on a product."""
    return await _balance(bridge, product_id, base=False)


async def _balance(bridge: Bridge, product_id: str, *, base: bool) -> Balance:
    product = await bridge.market.product(product_id, younger_than=_PRODUCT_SECONDS, at_worst=_PRODUCT_AT_WORST_SECONDS)
    return balance_of(await bridge.account.accounts(), product, base=base)
