"""An API key is understood in every form in which people have it, and never repeated when it is not."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from cbbot.contract.bridge_settings_table import BRIDGE_TOKEN
from cbbot.contract.settings_reading import BadSettings, read_secret
from cbbot.errors import BadInput
from cbbot_bridge.bridge_settings import load_settings
from cbbot_bridge.coinbase.api_key_text import names_in, pem_or_base64
from cbbot_bridge.coinbase.signing import load_private_key

NAME = "organizations/0c7a/apiKeys/6f1e"
NOW = 1_795_368_120.7
EC = ec.generate_private_key(ec.SECP256R1())
ED = Ed25519PrivateKey.generate()
PUBLIC = {"ec": EC.public_key(), "ed": ED.public_key()}


def pem(key: ec.EllipticCurvePrivateKey | Ed25519PrivateKey, kind: serialization.PrivateFormat) -> str:
    return key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()).decode()


SEC1 = pem(EC, serialization.PrivateFormat.TraditionalOpenSSL)
PARAMETERS = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
SEED = ED.private_bytes_raw()
KEYS = {
    "ec SEC1": SEC1,
    "ec PKCS8": pem(EC, serialization.PrivateFormat.PKCS8),
    "ec with its parameters before it": PARAMETERS + SEC1,
    "ed PKCS8": pem(ED, serialization.PrivateFormat.PKCS8),
    "ed 32 bytes": base64.b64encode(SEED).decode(),
    "ed 64 bytes": base64.b64encode(SEED + ED.public_key().public_bytes_raw()).decode(),
}


def portal(private_key: str, **names: str) -> str:
    return json.dumps({**names, "principal": "x", "privateKey": private_key}, indent=2)


def same(text: str) -> str:
    return text


# How a key lies in its text, how its line breaks got there, and what was put around all of it.
HOLDERS: dict[str, Callable[[str], str]] = {
    "alone": same,
    "in the portal's file": lambda key: portal(key, name=NAME),
    "in a file with an id": lambda key: portal(key, id=NAME.rpartition("/")[2]),
    "in a file on one line": lambda key: json.dumps({"name": NAME, "privateKey": key}),
}
BREAKS: dict[str, Callable[[str], str]] = {
    "as they are": same,
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "CR": lambda text: text.replace("\n", "\r"),
    "written \\n": lambda text: text.replace("\n", "\\n"),
    "written \\r\\n": lambda text: text.replace("\n", "\\r\\n"),
    "spaces": lambda text: text.replace("\n", " "),
}
WRAPPINGS: dict[str, Callable[[str], str]] = {
    "nothing": same,
    "double quotes": lambda text: f'"{text}"',
    "single quotes": lambda text: f"'{text}'",
    "both quotes": lambda text: f"'\"{text}\"'",
    "white space": lambda text: f" \t{text}\r\n\n",
    "quotes and white space": lambda text: f' "{text}\n" \n',
    "a byte order mark": lambda text: f"\ufeff{text}\r\n",
    "a JSON string": json.dumps,
}


def forms() -> st.SearchStrategy[tuple[str, str, str, str, str]]:
    texts = (KEYS, BREAKS, HOLDERS, BREAKS, WRAPPINGS)
    return st.tuples(*(st.sampled_from(sorted(choices)) for choices in texts))


def written(key: str, breaks: str, holder: str, outer_breaks: str, wrapping: str) -> str:
    return WRAPPINGS[wrapping](BREAKS[outer_breaks](HOLDERS[holder](BREAKS[breaks](KEYS[key]))))


@given(forms())
def test_every_form_gives_the_key_and_its_name(form: tuple[str, str, str, str, str]) -> None:
    key, _, holder, _, _ = form
    text = written(*form)
    loaded = load_private_key(text)
    assert loaded.public_key() == PUBLIC[key[:2]]
    given_name = {} if "file" in holder else {"COINBASE_API_KEY_NAME": NAME}
    signer = load_settings({"COINBASE_API_PRIVATE_KEY": text, **given_name}).signer
    assert signer is not None
    token = signer.websocket_token(NOW)
    header = jwt.get_unverified_header(token)
    assert header["alg"] == ("ES256" if key.startswith("ec") else "EdDSA")
    assert header["kid"] in (NAME, NAME.rpartition("/")[2])


@given(forms(), st.data())
def test_a_form_with_a_defect_is_refused_in_one_line_that_repeats_nothing(
    form: tuple[str, str, str, str, str], data: Any
) -> None:
    text = written(*form)
    at = data.draw(st.integers(0, len(text) - 1))
    damaged = data.draw(st.sampled_from([text[:at], text[:at] + "\u00e9" + text[at + 1 :], text[at:]]))
    complaint = ""
    try:
        load_settings({"COINBASE_API_PRIVATE_KEY": damaged, "COINBASE_API_KEY_NAME": NAME})
    except BadSettings as error:
        complaint = str(error)
    assert "\n" not in complaint
    assert not any(run in complaint for run in re.findall(r"[A-Za-z0-9+/=]{12,}", pem_or_base64(KEYS[form[0]])[27:-27]))


@pytest.mark.parametrize("key", sorted(KEYS))
def test_a_file_of_the_portal_serves_as_the_setting_that_names_a_file(key: str, tmp_path: Path) -> None:
    path = tmp_path / "cdp_api_key.json"
    path.write_text(portal(KEYS[key], name=NAME))
    signer = load_settings({"COINBASE_API_PRIVATE_KEY_FILE": str(path)}).signer
    assert signer is not None
    assert jwt.get_unverified_header(signer.websocket_token(NOW))["kid"] == NAME


@pytest.mark.parametrize("wrapped", [f'"{NAME}"', f"'{NAME}'", f" {NAME}\r\n", f"\ufeff{NAME}", f"'\"{NAME}\"'"])
def test_quotes_around_a_name_are_no_part_of_it(wrapped: str, tmp_path: Path) -> None:
    path = tmp_path / "name"
    path.write_text(wrapped)
    for given_name in ({"COINBASE_API_KEY_NAME": wrapped}, {"COINBASE_API_KEY_NAME_FILE": str(path)}):
        signer = load_settings({"COINBASE_API_PRIVATE_KEY": SEC1, **given_name}).signer
        assert signer is not None
        assert jwt.get_unverified_header(signer.websocket_token(NOW))["kid"] == NAME


@pytest.mark.parametrize("wrapped", ['"{}"', "'{}'", "{}\r\n", "\ufeff{}\n", ' "{}"\n'])
def test_bridge_and_bot_read_the_same_token(wrapped: str, tmp_path: Path) -> None:
    token = "0123456789abcdef"
    path = tmp_path / "token"
    path.write_text(wrapped.format(token))
    bridge = load_settings({"BRIDGE_TOKEN": wrapped.format(token)}).token
    assert bridge == load_settings({"BRIDGE_TOKEN_FILE": str(path)}).token == token
    assert read_secret(BRIDGE_TOKEN, str(path), "BRIDGE_TOKEN_FILE") == token


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ({"name": NAME}, (NAME,)),
        ({"id": "6f1e"}, ("6f1e",)),
        ({"name": NAME, "id": "6f1e"}, (NAME, "6f1e")),
        ({"name": "my trading key", "id": "6f1e"}, ("6f1e", "my trading key")),
        ({}, ()),
    ],
)
def test_the_name_to_sign_with_comes_first(names: dict[str, str], found: tuple[str, ...]) -> None:
    assert names_in(portal(SEC1, **names)) == found


@pytest.mark.parametrize("same_key", [NAME, "6f1e"])
def test_a_name_that_is_given_beside_the_file_is_the_one_to_sign_with(same_key: str) -> None:
    settings = {"COINBASE_API_KEY_NAME": same_key, "COINBASE_API_PRIVATE_KEY": portal(SEC1, name=NAME)}
    signer = load_settings(settings).signer
    assert signer is not None
    assert jwt.get_unverified_header(signer.websocket_token(NOW))["kid"] == same_key


def test_a_name_that_contradicts_the_file_is_refused() -> None:
    settings = {"COINBASE_API_KEY_NAME": "s3cret-other", "COINBASE_API_PRIVATE_KEY": portal(SEC1, name=NAME)}
    with pytest.raises(
        BadSettings, match=r"^COINBASE_API_KEY_NAME='\*\*\*' is not accepted: the name in the JSON file"
    ):
        load_settings(settings)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (json.dumps({"name": NAME}), "the JSON has no privateKey"),
        (json.dumps({"name": NAME, "privateKey": ["s3cret"]}), "the JSON has no privateKey"),
        (portal(SEC1, name=NAME)[:-40], "begins like the JSON file of Coinbase's portal, but is no JSON"),
        ("{" * 5000, "begins like the JSON file"),
        (SEC1[:100], "no private key from its BEGIN line to its END line"),
        (SEC1.replace("PRIVATE KEY-----\n", "PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n", 1), "cannot be read"),
    ],
    ids=["no key", "a list", "cut", "nested", "cut PEM", "encrypted"],
)
def test_a_text_that_holds_no_key_says_what_is_missing(text: str, complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint) as caught:
        load_private_key(text)
    assert "s3cret" not in str(caught.value)


def test_a_private_key_in_the_place_of_the_name_is_not_shown() -> None:
    with pytest.raises(BadSettings) as caught:
        load_settings({"COINBASE_API_KEY_NAME": SEC1, "COINBASE_API_PRIVATE_KEY": NAME})
    assert SEC1.splitlines()[1] not in str(caught.value)
