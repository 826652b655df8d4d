"""The forms in which people have an API key, brought to one. Pure; no message repeats what it was given.

Coinbase's portal hands a key out as a JSON file: ``name`` (in newer ones ``id``) and ``privateKey``, a PEM for ECDSA or
base64 for Ed25519. On the way into a setting the file or a part of it is put in quotes, gets CRLF, a byte order mark,
line breaks written as ``\\n``, or spaces in their place.
"""

from __future__ import annotations

import json
import re
import textwrap
from typing import Any, Final

from cbbot.contract.text_setting import bare
from cbbot.errors import BadInput

__all__ = ["names_in", "pem_or_base64"]

_WRITTEN_BREAK: Final = re.compile(r"\\+[rn]")
_ESCAPED_QUOTE: Final = re.compile(r"\\+([\"'/])")
_PEM: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----(.*?)-----END \1-----", re.DOTALL)
_PEM_LINE: Final = 64
_PATH_OF_A_NAME: Final = "organizations/"


def names_in(text: str) -> tuple[str, ...]:
    """What the key is called by the portal's file in ``text``, the name to sign with first; none for any other form.

    Raises:
        BadInput: ``text`` begins like the file, and cannot be read.
    """
    file = _portal_file(bare(text)) or {}
    name, key_id = (bare(value) if isinstance(value := file.get(field), str) else "" for field in ("name", "id"))
    # Beside an id, what is no path is a nickname.
    ordered = (name, key_id) if name.startswith(_PATH_OF_A_NAME) else (key_id, name)
    return tuple(found for found in ordered if found)


def pem_or_base64(text: str) -> str:
    """The private key alone: a PEM with line breaks where they belong, or base64 without white space.

    Raises:
        BadInput: there is none.
    """
    held = bare(text)
    file = _portal_file(held)
    if file is not None:
        inside = file.get("privateKey")
        if not isinstance(inside, str) or not inside.strip():
            raise BadInput("the JSON has no privateKey: the file that Coinbase's portal hands out has one")
        held = bare(inside)
    plain = _WRITTEN_BREAK.sub("\n", held)
    if "-----BEGIN" not in plain:
        return "".join(plain.split())
    found = _PEM.search(plain)
    if found is None:
        raise BadInput("the PEM cannot be read: it has no private key from its BEGIN line to its END line")
    label, body = found.groups()
    lines = textwrap.wrap("".join(body.split()), _PEM_LINE, break_on_hyphens=False)
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def _portal_file(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    # As it is; then without the escapes that printing or quoting the file as a whole has added, however often.
    for reading in (text, _ESCAPED_QUOTE.sub(r"\1", _WRITTEN_BREAK.sub("\n", text))):
        try:
            # Not strict: a line break inside of a value is how some shells print the file.
            value = json.loads(reading, strict=False)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    raise BadInput("it begins like the JSON file of Coinbase's portal, but is no JSON: it was cut or changed")
