"""A page of accounts is read in one pass, or piece by piece: what comes out is the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cbbot_bridge import translate
from cbbot_bridge.account_page import AccountPage, read_account_page

FIXTURES = Path(__file__).parents[2] / "contract" / "fixtures" / "coinbase"


def item(**changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "uuid": "8bfc20d7-f7c6-4422-bf07-8243ca4169fe",
        "currency": "BTC",
        "available_balance": {"value": "1.230", "currency": "BTC"},
        "hold": {"value": "0.0000000000000000", "currency": "BTC"},
        "type": "ACCOUNT_TYPE_CRYPTO",
        "deleted_at": None,
    }
    return {**plain, **changes}


def content(*items: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"accounts": items, "has_next": False, "cursor": "", "size": len(items), **more}).encode()


NOT_JSON = content(item(more=float("nan")))


@pytest.mark.parametrize("page", [content(item(), item(uuid=7)), (FIXTURES / "http_accounts.json").read_bytes()])
def test_what_is_read_in_one_pass_is_what_is_read_piece_by_piece(page: bytes) -> None:
    read = read_account_page(page)
    assert isinstance(read, AccountPage)
    assert read.accounts == [translate.account(each) for each in json.loads(page)["accounts"]]


@pytest.mark.parametrize(
    "odd",
    [
        content(item(available_balance={"value": "1E-8", "currency": "BTC"})),
        content(item(available_balance={"value": "", "currency": "BTC"})),
        content(item(available_balance={"value": 1.5, "currency": "BTC"})),
        content(item(currency="")),
        content(item(hold=None)),
        content(item(type=None)),
        content(item(), has_next="true"),
        content(item(), has_next=None),
        content(item(), cursor=None),
        b'{"accounts": null}',
        b"{}",
    ],
)
def test_what_is_not_as_coinbase_writes_it_is_left_to_be_looked_at(odd: bytes) -> None:
    read = read_account_page(odd)
    assert isinstance(read, dict)
    assert read == json.loads(odd)


@pytest.mark.parametrize("broken", [b"", b"<html>", b"[]", b'{"accounts": [', NOT_JSON])
def test_what_is_no_object_is_malformed(broken: bytes) -> None:
    with pytest.raises(ValueError, match=r"JSON|object|Expecting"):
        read_account_page(broken)
