"""The account's side: balances, fees, the key's permissions. Lists are read to their last page."""

from __future__ import annotations

from collections.abc import Iterable
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

__all__ = ["ExchangeAccount", "balance_of"]

_MOST_PAGES = 100
_WIDE = Context(prec=60)  # a balance has more digits than the default context keeps
MOST_ACCOUNTS_A_PAGE = 250


class ExchangeAccount:
    """Reads of the account endpoints."""

    def __init__(self, rest: CoinbaseRest) -> None:
        self._rest = rest

    async def accounts(self, page_size: int = MOST_ACCOUNTS_A_PAGE) -> list[Account]:
        """Every account. A listing that does not end, or goes in circles, is malformed, never cut short."""
        found: list[Account] = []
        cursor = ""
        seen: set[str] = set()
        for _ in range(_MOST_PAGES):
            params = [("limit", str(page_size))] + ([("cursor", cursor)] if cursor else [])
            page = await self._rest.get_as(read_account_page, "/accounts", params, private=True)
            if isinstance(page, AccountPage):
                found.extend(page.accounts)
                has_next, cursor = page.has_next, page.cursor
            else:
                found.extend(translate.account(item) for item in translate.objects(page, "accounts"))
                has_next, cursor = page.get("has_next") is True, str(page.get("cursor") or "")
            if not has_next:
                return found
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


def balance_of(accounts: Iterable[Account], product: ProductAnswer, *, base: bool) -> Balance:
    """What may be spent of a product's base or quote currency. No such account: nothing."""
    extra: dict[str, Any] = product.model_extra or {}
    first, _, second = product.product_id.partition("-")
    asset = str(extra.get("base_currency_id" if base else "quote_currency_id") or (first if base else second))
    amounts = (Decimal(account.available_balance.value) for account in accounts if account.currency == asset)
    available = reduce(_WIDE.add, amounts, Decimal(0))
    step = product.base_increment if base else product.quote_increment
    return Balance(asset=asset, available=plain(available), step=step)


def _flag(body: dict[str, Any], key: str) -> bool | None:
    value = body.get(key)
    return value if isinstance(value, bool) else None
