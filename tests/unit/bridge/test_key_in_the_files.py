"""A key that changes in the mounted files of a running bridge is tried before anybody restarts with it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cbbot.contract.key_fingerprint import key_fingerprint

pytestmark = pytest.mark.anyio

MAY_TRADE = {"can_view": True, "can_trade": True, "can_transfer": False}


def private_key() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class Files:
    """The two files of a key, as a Secret is mounted."""

    def __init__(self, folder: Path) -> None:
        self._name, self._key = folder / "COINBASE_API_KEY_NAME", folder / "COINBASE_API_PRIVATE_KEY"
        self.environment = {
            "COINBASE_AUTH": "jwt",
            "COINBASE_API_KEY_NAME_FILE": str(self._name),
            "COINBASE_API_PRIVATE_KEY_FILE": str(self._key),
        }

    def put(self, name: str, key: str) -> str:
        """The fingerprint of what stands in the files now."""
        self._name.write_text(name)
        self._key.write_text(key)
        return key_fingerprint(*(hashlib.sha256(text.encode()).digest() for text in (name, key)))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every question is put to Coinbase anew."""
    monkeypatch.setattr("cbbot_bridge.upstream_check._GOOD_FOR_SECONDS", -1.0)


def key_id(request: httpx.Request) -> str:
    token = request.headers["Authorization"].removeprefix("Bearer ")
    return str(jwt.get_unverified_header(token)["kid"])


@pytest.mark.usefixtures("always")
async def test_a_new_key_is_tried_with_its_own_signature_and_the_old_one_stays_in_use(
    open_bridge: Any, coinbase: Any, files: Files
) -> None:
    coinbase.on("GET", "/key_permissions", MAY_TRADE)
    old = files.put("old", private_key())
    async with open_bridge(**files.environment) as client:
        first = (await client.get("/upstream")).json()
        new = files.put("new", private_key())
        second = (await client.get("/upstream")).json()
        await client.get("/accounts")
    assert (first["credentials"]["fingerprint"], first["next_credentials"]) == (old, None)
    assert second["credentials"]["fingerprint"] == old
    assert (second["next_credentials"]["fingerprint"], second["next_credentials"]["valid"]) == (new, True)
    assert [key_id(request) for request in coinbase.asked("GET", "/key_permissions")] == ["old", "old", "new"]
    assert [key_id(request) for request in coinbase.asked("GET", "/accounts")] == ["old"]


@pytest.mark.usefixtures("always")
async def test_a_new_key_that_is_none_or_not_accepted_is_told_with_the_reason_and_never_shown(
    open_bridge: Any, coinbase: Any, files: Files
) -> None:
    denied = httpx.Response(403, json={"error": "PERMISSION_DENIED", "message": "key is disabled"})
    coinbase.on("GET", "/key_permissions", MAY_TRADE, MAY_TRADE, denied)
    files.put("old", private_key())
    async with open_bridge(**files.environment) as client:
        garbage = files.put("old", "garbage-that-is-no-key")
        said = (await client.get("/upstream")).json()
        disabled = files.put("new", private_key())
        refused = (await client.get("/upstream")).json()
    assert said["credentials"]["valid"] is True
    assert said["next_credentials"] == {
        "configured": True, "valid": False, "refusal": said["next_credentials"]["refusal"], "fingerprint": garbage,
        "can_view": None, "can_trade": None, "can_transfer": None, "portfolio": "",
    }  # fmt: skip
    assert said["next_credentials"]["refusal"].startswith("COINBASE_API_PRIVATE_KEY='***' is not accepted")
    assert "garbage" not in str(said["next_credentials"]["refusal"])
    assert (refused["next_credentials"]["fingerprint"], refused["next_credentials"]["valid"]) == (disabled, False)
    assert "key is disabled" in refused["next_credentials"]["refusal"]


async def test_what_coinbase_says_of_a_key_is_passed_on(open_bridge: Any, coinbase: Any) -> None:
    coinbase.on("GET", "/key_permissions", httpx.Response(401, text="Unauthorized"))
    async with open_bridge() as client:
        got = (await client.get("/upstream")).json()
    assert got["credentials"]["valid"] is False
    assert "401" in got["credentials"]["refusal"]


async def test_files_that_are_gone_for_a_moment_are_no_new_key(
    open_bridge: Any, coinbase: Any, files: Files, tmp_path: Path
) -> None:
    coinbase.on("GET", "/key_permissions", MAY_TRADE)
    files.put("old", private_key())
    async with open_bridge(**files.environment) as client:
        (tmp_path / "COINBASE_API_KEY_NAME").unlink()
        assert (await client.get("/upstream")).json()["next_credentials"] is None
