"""The account's side: balances, fees, the key's permissions. Lists are read to their last page."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Any

from cbbot.contract.bridge_api import Account, Balance, CredentialCheck, Fees, ProductAnswer
from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot.domain.decimals import WIDE, plain
from cbbot.errors import Retryable
from cbbot_bridge import translate
from cbbot_bridge.account_page import AccountPage, read_account_page
from cbbot_bridge.coinbase.rest import CoinbaseRest
from cbbot_bridge.http_errors import RequestRefused, UpstreamRefused, UpstreamUnavailable
from cbbot_bridge.listing_pages import Pages
from cbbot_bridge.outage_log import OutageLogs

__all__ = ["MOST_ACCOUNTS_A_PAGE", "UNNAMED", "AccountListing", "ExchangeAccount", "balance_of"]

_LOG = logging.getLogger(__name__)

_MOST_PAGES = 100
_NO_HOLDS_SECONDS = 60.0
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
        self._unreadable = OutageLogs(_LOG, "an account cannot be read", rest.monotonic)
        self._may_trade: bool | None = None
        self._asked_at = float("-inf")

    async def accounts(self, page_size: int = MOST_ACCOUNTS_A_PAGE) -> AccountListing:
        """Every account. A listing that does not end, or goes in circles, is malformed, never cut short."""
        found: list[Account] = []
        unreadable: list[str] = []
        pages = Pages(most=_MOST_PAGES)
        goes_on = True
        while goes_on:
            params = [("limit", str(page_size))] + ([("cursor", pages.cursor)] if pages.cursor else [])
            page = await self._rest.get_as(read_account_page, "/accounts", params, private=True)
            if isinstance(page, AccountPage):
                found.extend(page.accounts)
                goes_on = pages.goes_on({"has_next": page.has_next, "cursor": page.cursor}, len(page.accounts))
            else:
                self._take_one_by_one(page, found, unreadable)
                goes_on = pages.goes_on(page, len(translate.objects(page, "accounts")))
        for account in found:
            self._unreadable.worked(account.currency)
        if not pages.complete:
            raise translate.malformed(
                f"the listing of accounts did not end with a has_next of false, in {pages.count} pages"
            )
        return AccountListing(tuple(found if pages.count == 1 else _each_once(found)), tuple(unreadable))

    def _take_one_by_one(self, page: dict[str, Any], found: list[Account], unreadable: list[str]) -> None:
        for item in translate.objects(page, "accounts"):
            try:
                found.append(translate.account(item))
            except UpstreamUnavailable as error:
                unreadable.append(_currency_or_unnamed(item))
                self._unreadable.failed(unreadable[-1], {"reason": str(error)}, currency=unreadable[-1])

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
        except UpstreamRefused as error:
            return CredentialCheck(configured=True, valid=False, refusal=str(error))
        except UpstreamUnavailable as error:
            # Said again and again, with the clock set right: it is the key.
            if error.code == BridgeErrorCode.UPSTREAM_UNAUTHORIZED:
                return CredentialCheck(configured=True, valid=False, refusal=str(error))
            raise
        self._may_trade, self._asked_at = _flag(body, "can_trade"), self._rest.monotonic()
        return CredentialCheck(
            configured=True,
            valid=True,
            can_view=_flag(body, "can_view"),
            can_trade=_flag(body, "can_trade"),
            can_transfer=_flag(body, "can_transfer"),
            portfolio=_text(body, "portfolio_uuid"),
        )

    async def require_trading(self) -> None:
        """Raises RequestRefused, 403, when the key is known not to be allowed to trade.

        A no is asked for again now and then: a person may have allowed it since.
        """
        if self._may_trade is False and self._rest.monotonic() - self._asked_at > _NO_HOLDS_SECONDS:
            with suppress(Retryable):
                await self.credentials()
        if self._may_trade is False:
            message = (
                "the API key may not trade: give it the permission to trade at Coinbase, or restart the bridge with "
                "a key that has it; a permission given is noticed within a minute"
            )
            raise RequestRefused(403, BridgeErrorCode.KEY_MAY_NOT_TRADE, message)


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
    available = reduce(WIDE.add, amounts, Decimal(0))
    step = product.base_increment if base else product.quote_increment
    return Balance(asset=asset, available=plain(available), step=step)


def _each_once(found: list[Account]) -> list[Account]:
    """Every account as it was told last, however many pages it stands on: a balance is not to be counted twice."""
    once: dict[object, Account] = {}
    for place, account in enumerate(found):
        once[(account.model_extra or {}).get("uuid") or place] = account
    return list(once.values())


def _currency_or_unnamed(item: dict[str, Any]) -> str:
    currency = item.get("currency")
    return currency if isinstance(currency, str) and currency else UNNAMED


def _flag(body: dict[str, Any], key: str) -> bool | None:
    value = body.get(key)
    return value if isinstance(value, bool) else None


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    return value if isinstance(value, str) else ""
