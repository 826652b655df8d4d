"""API keys: who may ask, and for what. A key is bound to one portfolio, as at the exchange."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from cbbot.errors import BadInput

__all__ = ["USUAL_PERMISSIONS", "ApiKey", "Permission", "parse_permissions", "public_key", "read_key_file"]

PublicKey = EllipticCurvePublicKey | Ed25519PublicKey


class Permission(StrEnum):
    """What the portal lets people tick when they make a key."""

    VIEW = "view"
    TRADE = "trade"
    TRANSFER = "transfer"


USUAL_PERMISSIONS: Final = frozenset({Permission.VIEW, Permission.TRADE})
_FIELDS: Final = {"name", "public_key_file", "permissions", "portfolio"}


@dataclass(frozen=True)
class ApiKey:
    """A key. ``portfolio`` is the name of the portfolio it sees, "" the default one."""

    name: str
    public: PublicKey
    permissions: frozenset[Permission] = USUAL_PERMISSIONS
    portfolio: str = ""

    @property
    def algorithm(self) -> str:
        """The one algorithm that its tokens are signed with."""
        return "EdDSA" if isinstance(self.public, Ed25519PublicKey) else "ES256"


def public_key(pem: str) -> PublicKey:
    """The key in a PEM.

    Raises:
        BadInput: the text holds no P-256 or Ed25519 public key.
    """
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadInput(f"--public-key-file: no public key in PEM ({error})") from error
    if isinstance(key, Ed25519PublicKey) or (
        isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)
    ):
        return key
    raise BadInput("--public-key-file: a P-256 or Ed25519 public key is wanted")


def parse_permissions(words: Iterable[str]) -> frozenset[Permission]:
    """Permissions from their names.

    Raises:
        BadInput: a name that is none.
    """
    known = ", ".join(Permission)
    try:
        return frozenset(Permission(word.strip()) for word in words)
    except ValueError as error:
        raise BadInput(f"permissions: {error}; known are {known}") from error


def read_key_file(path: Path) -> tuple[ApiKey, ...]:
    """Keys from a JSON file: a list of ``{"name", "public_key_file", "permissions": [...], "portfolio"}``.

    Raises:
        BadInput: the file is no such list; the message names the file.
    """
    try:
        items = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(items, list) or not items:
            raise BadInput("a list of keys is wanted")
        keys = tuple(_key(item, path.parent) for item in items)
        if len({key.name for key in keys}) < len(keys):
            raise BadInput("two keys have the same name")
    except (OSError, ValueError, BadInput) as error:
        raise BadInput(f"--keys-file {path}: {error}") from error
    return keys


def _key(item: object, folder: Path) -> ApiKey:
    if not isinstance(item, Mapping) or not {"name", "public_key_file"} <= set(item) <= _FIELDS:
        raise BadInput(f"each key is an object of {', '.join(sorted(_FIELDS))}; the last two may be left out")
    name, file, portfolio = item["name"], item["public_key_file"], item.get("portfolio", "")
    permissions = item.get("permissions", list(USUAL_PERMISSIONS))
    if not all(isinstance(text, str) for text in (name, file, portfolio)) or not name:
        raise BadInput("name, public_key_file and portfolio are texts")
    if not isinstance(permissions, list) or not all(isinstance(word, str) for word in permissions):
        raise BadInput('permissions is a list such as ["view", "trade"]')
    pem = (folder / file).read_text(encoding="utf-8")
    return ApiKey(name, public_key(pem), parse_permissions(permissions), portfolio)
