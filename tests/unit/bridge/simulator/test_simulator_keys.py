"""API keys of the simulator: what their tokens must be, what they may do, what a person gives to say so."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cbbot.errors import BadInput
from cbbot_bridge.simulator.command_line import parse_arguments

ROOT = "/api/v3/brokerage"
SCOPES = {
    "error": "PERMISSION_DENIED",
    "error_details": "Missing required scopes",
    "message": "Missing required scopes",
}
Simulate = Callable[..., AbstractContextManager[httpx.Client]]


class Key:
    """A key of a customer's; Ed25519 when its name says so."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.file = folder / f"{name}.pem"
        self._algorithm = "EdDSA" if name.startswith("ed") else "ES256"
        self._key = (
            ed25519.Ed25519PrivateKey.generate()
            if self._algorithm == "EdDSA"
            else ec.generate_private_key(ec.SECP256R1())
        )
        self.file.write_bytes(self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    def header(self, method: str, path: str, **claims: object) -> dict[str, str]:
        now = int(time.time())
        payload = {
            "sub": self.name,
            "iss": "cdp",
            "nbf": now,
            "exp": now + 120,
            "uri": f"{method} api.coinbase.com{path}",
        }
        token = jwt.encode(payload | claims, self._key, self._algorithm, headers={"kid": self.name})
        return {"Authorization": f"Bearer {token}"}


Keys = dict[str, Key]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    folder = tmp_path_factory.mktemp("keys")
    return {name: Key(name, folder) for name in ("trader", "viewer", "ed-mover", "nobody")}


@pytest.fixture(scope="module")
def keys_file(keys: Keys) -> Path:
    path = next(iter(keys.values())).file.parent / "keys.json"
    permissions = {"viewer": ["view"], "ed-mover": ["view", "transfer"], "nobody": []}
    path.write_text(
        json.dumps(
            [
                {"name": name, "public_key_file": f"{name}.pem", "permissions": permitted}
                for name, permitted in permissions.items()
            ]
        )
    )
    return path


@pytest.fixture(scope="module")
def guarded(simulate: Simulate, keys: Keys, keys_file: Path) -> Iterator[httpx.Client]:
    trader = keys["trader"]
    arguments = ("--key-name", trader.name, "--public-key-file", str(trader.file), "--keys-file", str(keys_file))
    with simulate(*arguments) as running:
        yield running


def ask(client: httpx.Client, key: Key, method: str, path: str, **claims: object) -> httpx.Response:
    headers = key.header(method, ROOT + path, **claims)
    return client.request(method, ROOT + path, headers=headers, content=b"{}")


def test_a_key_may_do_what_it_was_given(guarded: httpx.Client, keys: Keys) -> None:
    views = {name: ask(guarded, key, "GET", "/accounts").status_code for name, key in keys.items()}
    assert views == {"trader": 200, "viewer": 200, "ed-mover": 200, "nobody": 403}
    orders = {name: ask(guarded, key, "POST", "/orders").status_code for name, key in keys.items()}
    # The body is none: whoever may trade is told so, the others are not even read.
    assert orders == {"trader": 400, "viewer": 403, "ed-mover": 403, "nobody": 403}
    cancels = {name: ask(guarded, key, "POST", "/orders/batch_cancel").status_code for name, key in keys.items()}
    assert cancels == orders


def test_a_missing_permission_is_told_in_coinbases_words(guarded: httpx.Client, keys: Keys) -> None:
    answer = ask(guarded, keys["viewer"], "POST", "/orders")
    assert (answer.status_code, answer.json()) == (403, SCOPES)


def test_a_bad_token_is_told_in_coinbases_words(guarded: httpx.Client) -> None:
    answer = guarded.get(f"{ROOT}/accounts", headers={"Authorization": "Bearer x.y.z"})
    assert (answer.status_code, answer.text) == (401, "Unauthorized")
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Basic x",
        "Bearer x",
        "Bearer a.b",
        "Bearer ....",
        "Bearer \xe9.\xe9.\xe9",
        f"Bearer {'x' * 9000}",
    ],
)
def test_what_is_no_token_is_a_bad_one(guarded: httpx.Client, header: str) -> None:
    answer = guarded.get(f"{ROOT}/accounts", headers=[(b"Authorization", header.encode("latin-1"))])
    assert (answer.status_code, answer.text) == (401, "Unauthorized")


@pytest.mark.parametrize("kid", [None, 7, ["trader"], {"trader": 1}, "", "nobody there"])
def test_a_token_without_a_known_keys_name_is_a_bad_one(guarded: httpx.Client, keys: Keys, kid: object) -> None:
    token = keys["trader"].header("GET", f"{ROOT}/accounts")["Authorization"].removeprefix("Bearer ")
    head = (
        base64.urlsafe_b64encode(json.dumps({"alg": "ES256", "typ": "JWT", "kid": kid}).encode()).rstrip(b"=").decode()
    )
    forged = f"Bearer {head}.{token.partition('.')[2]}"
    assert guarded.get(f"{ROOT}/accounts", headers={"Authorization": forged}).status_code == 401


@pytest.mark.parametrize(
    ("name", "permitted"),
    [("trader", (True, True, False)), ("viewer", (True, False, False)), ("ed-mover", (True, False, True))],
)
def test_a_key_tells_its_permissions(
    guarded: httpx.Client, keys: Keys, name: str, permitted: tuple[bool, bool, bool]
) -> None:
    record = ask(guarded, keys[name], "GET", "/key_permissions").json()
    assert (record["can_view"], record["can_trade"], record["can_transfer"]) == permitted
    assert (record["portfolio_type"], len(record["portfolio_uuid"])) == ("DEFAULT", 36)


@pytest.mark.parametrize("name", ["trader", "ed-mover"])
def test_a_token_lives_two_minutes_at_most(guarded: httpx.Client, keys: Keys, name: str) -> None:
    now = int(time.time())

    def status(**claims: object) -> int:
        return ask(guarded, keys[name], "GET", "/accounts", **claims).status_code

    assert status(nbf=now - 10, exp=now + 120) == 200  # dated back for a clock that runs ahead
    assert status(nbf=now - 20, exp=now + 120) == 401
    assert status(nbf=now, exp=now + 30 * 365 * 86_400) == 401
    assert status(nbf=0, exp=now + 60) == 401
    assert status(nbf=now, exp=float("inf")) == 401
    assert status(nbf=[now], exp=now + 60) == 401
    assert status(nbf=now, exp="soon") == 401


def test_a_token_is_for_its_own_key(guarded: httpx.Client, keys: Keys) -> None:
    assert ask(guarded, keys["viewer"], "GET", "/accounts", sub="trader").status_code == 401


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"aud": ["retail_rest_api_proxy"], "iss": "coinbase-cloud"}, 200),
        ({"aud": ["cdp_service"], "uri": None, "uris": [f"GET api.coinbase.com{ROOT}/accounts"]}, 200),
        ({"uri": None}, 401),
        ({"uri": 7}, 401),
        ({"uri": None, "uris": []}, 401),
        ({"uri": None, "uris": "GET"}, 401),
        ({"iss": "me"}, 401),
    ],
)
def test_both_ways_of_naming_the_request_are_taken(
    guarded: httpx.Client, keys: Keys, claims: dict[str, object], status: int
) -> None:
    assert ask(guarded, keys["ed-mover"], "GET", "/accounts", **claims).status_code == status


def test_without_a_key_everybody_has_the_permissions_that_are_given(simulate: Simulate) -> None:
    with simulate("--key-permissions", "view") as client:
        assert client.get(f"{ROOT}/accounts").status_code == 200
        assert client.post(f"{ROOT}/orders", content=b"{}").json() == SCOPES
        assert client.get(f"{ROOT}/key_permissions").json()["can_trade"] is False


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "keys.json"),
        ("[]", "a list of keys"),
        ("{}", "a list of keys"),
        ('[{"name": "a"}]', "each key is an object"),
        ('[{"name": "a", "public_key_file": "a.pem", "more": 1}]', "each key is an object"),
        ('[{"name": "", "public_key_file": "good.pem"}]', "texts"),
        ('[{"name": "a", "public_key_file": "none.pem"}]', "none.pem"),
        ('[{"name": "a", "public_key_file": "bad.pem"}]', "no public key"),
        ('[{"name": "a", "public_key_file": "good.pem", "permissions": "view"}]', "is a list"),
        ('[{"name": "a", "public_key_file": "good.pem", "permissions": ["fly"]}]', "view, trade, transfer"),
        ('[{"name": "a", "public_key_file": "good.pem"}, {"name": "a", "public_key_file": "good.pem"}]', "same name"),
    ],
)
def test_a_keys_file_that_cannot_be_used_is_named(tmp_path: Path, keys: Keys, text: str, said: str) -> None:
    (tmp_path / "good.pem").write_bytes(keys["viewer"].file.read_bytes())
    (tmp_path / "bad.pem").write_text("no key")
    path = tmp_path / "keys.json"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"keys\.json") as refused:
        parse_arguments(["--keys-file", str(path)])
    assert said in str(refused.value)


def test_keys_on_the_command_line_have_one_name_each(keys: Keys, keys_file: Path) -> None:
    arguments = ["--key-name", "viewer", "--public-key-file", str(keys["viewer"].file), "--keys-file", str(keys_file)]
    with pytest.raises(BadInput, match="has a key of this name"):
        parse_arguments(arguments)
    with pytest.raises(BadInput, match="view, trade, transfer"):
        parse_arguments(["--key-permissions", "view,fly"])
