"""The account's side: balances, fees, the key's permissions. Lists are read to their last page."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import reduce
from typing import Any

from cbbot.contract.bridge_api import Account, Balance, CredentialCheck, Fees, ProductAnswer
from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot.domain.decimals import plain
from cbbot_bridge import translate
from cbbot_bridge.account_page import AccountPage, read_account_page
from cbbot_bridge.coinbase.rest import CoinbaseRest
from cbbot_bridge.http_errors import UpstreamRefused, UpstreamUnavailable

__all__ = ["MOST_ACCOUNTS_A_PAGE", "UNNAMED", "AccountListing", "ExchangeAccount", "balance_of"]

_LOG = logging.getLogger(__name__)

_MOST_PAGES = 100
_WIDE = Context(prec=60)  # a balance has more digits than the default context keeps
MOST_ACCOUNTS_A_PAGE = 250
UNNAMED = "?"


@dataclass(frozen=True, slots=True)
class AccountListing:
    """Every account. ``unreadable`` are the currencies of those without a readable balance, or UNNAMED."""

    accounts: tuple[Account, ...]
    unreadable: tuple[str, ...] = ()


class ExchangeAccount:
    """Reads of the account endpoints."""

    def __init__(self, rest: CoinbaseRest) -> None:
        self._rest = rest

    async def accounts(self, page_size: int = MOST_ACCOUNTS_A_PAGE) -> AccountListing:
        """Every account. A listing that does not end, or goes in circles, is malformed, never cut short."""
        found: list[Account] = []
        unreadable: list[str] = []
        cursor = ""
        seen: set[str] = set()
        for _ in range(_MOST_PAGES):
            params = [("limit", str(page_size))] + ([("cursor", cursor)] if cursor else [])
            page = await self._rest.get_as(read_account_page, "/accounts", params, private=True)
            if isinstance(page, AccountPage):
                found.extend(page.accounts)
                goes_on, cursor = page.has_next, page.cursor
            else:
                _take_one_by_one(page, found, unreadable)
                goes_on, cursor = translate.has_next(page), str(page.get("cursor") or "")
            if not goes_on:
                return AccountListing(tuple(found), tuple(unreadable))
            if not cursor or cursor in seen:
                raise translate.malformed("the accounts' pages go in circles")
            seen.add(cursor)
        raise translate.malformed(f"more than {_MOST_PAGES} pages of accounts")

    async def fees(self) -> Fees:
        """Maker and taker rate of the account's tier."""
        params = (("product_type", "SPOT"),)
        return translate.fees(await self._rest.get("/transaction_summary", params, private=True))

    async def credentials(self) -> CredentialCheck:
        """Whether Coinbase accepts the key, and what it may do.

        Raises:
            UpstreamUnavailable: Coinbase could not be asked.
        """
        try:
            body = await self._rest.get("/key_permissions", private=True)
        except UpstreamRefused:
            return CredentialCheck(configured=True, valid=False)
        except UpstreamUnavailable as error:
            # Said twice, the second time with the clock set right: it is the key.
            if error.code == BridgeErrorCode.UPSTREAM_UNAUTHORIZED:
                return CredentialCheck(configured=True, valid=False)
            raise
        return CredentialCheck(
            configured=True,
            valid=True,
            can_view=_flag(body, "can_view"),
            can_trade=_flag(body, "can_trade"),
            can_transfer=_flag(body, "can_transfer"),
        )


def balance_of(listing: AccountListing, product: ProductAnswer, *, base: bool) -> Balance:
    """What may be spent of a product's base or quote currency. No such account: nothing.

    Raises:
        UpstreamUnavailable: an account that may hold the currency cannot be read.
    """
    extra: dict[str, Any] = product.model_extra or {}
    first, _, second = product.product_id.partition("-")
    asset = str(extra.get("base_currency_id" if base else "quote_currency_id") or (first if base else second))
    amounts = [Decimal(account.available_balance.value) for account in listing.accounts if account.currency == asset]
    if asset in listing.unreadable or (not amounts and UNNAMED in listing.unreadable):
        raise translate.malformed(f"the account that holds {asset} cannot be read")
    available = reduce(_WIDE.add, amounts, Decimal(0))
    step = product.base_increment if base else product.quote_increment
    return Balance(asset=asset, available=plain(available), step=step)


def _take_one_by_one(page: dict[str, Any], found: list[Account], unreadable: list[str]) -> None:
    for item in translate.objects(page, "accounts"):
        try:
            found.append(translate.account(item))
        except UpstreamUnavailable as error:
            unreadable.append(_currency_or_unnamed(item))
            _LOG.warning("an account cannot be read", extra={"fields": {"reason": str(error)}})


def _currency_or_unnamed(item: dict[str, Any]) -> str:
    currency = item.get("currency")
    return currency if isinstance(currency, str) and currency else UNNAMED


def _flag(body: dict[str, Any], key: str) -> bool | None:
    value = body.get(key)
    return value if isinstance(value, bool) else None
