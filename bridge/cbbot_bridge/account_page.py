"""A page of the listing of accounts, read in one pass from its bytes: there may be hundreds of them in it. Pure."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from pydantic import BaseModel, ConfigDict, StrictBool, ValidationError

from cbbot.contract.bridge_api import Account
from cbbot_bridge.coinbase.rest_answers import json_object

__all__ = ["AccountPage", "read_account_page"]


class AccountPage(BaseModel):
    """A page in which nothing is missing and every amount is plain decimal text."""

    model_config = ConfigDict(frozen=True)

    accounts: list[Account]
    has_next: StrictBool
    cursor: str


def read_account_page(content: bytes) -> AccountPage | dict[str, Any]:
    """The page, or its JSON object where that is not as Coinbase writes it, to be looked at piece by piece.

    Raises:
        ValueError: no JSON object.
    """
    # pydantic's reader takes these for numbers, which they are not in JSON.
    if not any(word in content for word in (b"NaN", b"Infinity")):
        with suppress(ValidationError):
            return AccountPage.model_validate_json(content)
    return json_object(content)
