"""JWTs are what Coinbase documents, with either kind of key, and never say more than they must."""

from __future__ import annotations

import base64

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.types import Options

from cbbot.errors import BadInput
from cbbot_bridge.coinbase.signing import Signer, load_private_key

NOW = 1_795_368_120.7
NAME = "organizations/o/apiKeys/k"


def pem(key: ec.EllipticCurvePrivateKey | Ed25519PrivateKey | rsa.RSAPrivateKey, *, sec1: bool = False) -> str:
    kind = serialization.PrivateFormat.TraditionalOpenSSL if sec1 else serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()).decode()


def claims_of(text: str, token: str) -> dict[str, object]:
    key = load_private_key(text)
    # The token's own times are checked below; PyJWT would compare them with today's clock.
    options: Options = {"verify_exp": False, "verify_nbf": False}
    claims: dict[str, object] = jwt.decode(
        token, key.public_key(), algorithms=["ES256", "EdDSA"], options=options, issuer="cdp"
    )
    return claims


EC = ec.generate_private_key(ec.SECP256R1())
ED = Ed25519PrivateKey.generate()
ED_RAW = ED.private_bytes_raw()
ED_BOTH = ED_RAW + ED.public_key().public_bytes_raw()


@pytest.mark.parametrize(
    ("text", "algorithm"),
    [
        pytest.param(pem(EC, sec1=True), "ES256", id="SEC1 PEM"),
        pytest.param(pem(EC), "ES256", id="PKCS8 PEM"),
        pytest.param(pem(EC, sec1=True).replace("\n", "\\n"), "ES256", id="PEM with literal backslash n"),
        pytest.param('"' + pem(EC).strip().replace("\n", "\\n") + '"', "ES256", id="quoted, as in an env file"),
        pytest.param(pem(ED), "EdDSA", id="Ed25519 PEM"),
        pytest.param(base64.b64encode(ED_BOTH).decode(), "EdDSA", id="Ed25519 base64, 64 bytes"),
        pytest.param(base64.b64encode(ED_RAW).decode(), "EdDSA", id="Ed25519 base64, 32 bytes"),
    ],
)
def test_a_rest_token_verifies_and_names_method_host_and_path(text: str, algorithm: str) -> None:
    token = Signer(NAME, load_private_key(text)).rest_token(
        "GET", "api.coinbase.com", "/api/v3/brokerage/accounts", NOW
    )
    header = jwt.get_unverified_header(token)
    assert header["alg"] == algorithm
    assert header["kid"] == NAME
    assert header["typ"] == "JWT"
    assert len(header["nonce"]) == 64
    assert claims_of(text, token) == {
        "sub": NAME,
        "iss": "cdp",
        "nbf": 1_795_368_110,
        "exp": 1_795_368_240,
        "uri": "GET api.coinbase.com/api/v3/brokerage/accounts",
    }


def test_a_websocket_token_names_no_uri() -> None:
    token = Signer(NAME, EC).websocket_token(NOW)
    assert "uri" not in claims_of(pem(EC), token)


def test_two_tokens_for_the_same_request_differ() -> None:
    signer = Signer(NAME, EC)
    assert signer.websocket_token(NOW) != signer.websocket_token(NOW)


def test_another_key_does_not_verify_the_token() -> None:
    token = Signer(NAME, EC).websocket_token(NOW)
    with pytest.raises(jwt.InvalidSignatureError):
        claims_of(pem(ec.generate_private_key(ec.SECP256R1())), token)


SECRET_BYTES = base64.b64encode(b"s3cret-bytes-not-a-key").decode()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("no key at all!", "neither a PEM nor base64"),
        (SECRET_BYTES, "32 or 64 bytes, this one has 22"),
        (base64.b64encode(ED_RAW + bytes(32)).decode(), "do not belong together"),
        ("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----", "cannot be read"),
        (pem(ec.generate_private_key(ec.SECP384R1())), "neither a P-256"),
        (pem(rsa.generate_private_key(65537, 2048)), "neither a P-256"),
    ],
    ids=["words", "bytes", "halves", "damaged", "P-384", "RSA"],  # the keys differ from process to process
)
def test_an_unusable_key_is_refused_without_repeating_it(text: str, complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint) as caught:
        load_private_key(text)
    assert text not in str(caught.value)
    assert caught.value.__cause__ is None
