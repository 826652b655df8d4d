"""What the requests and answers of the bridge are made of: headers, kinds of text, and the three kinds of object.

The epoch is learnt from requests that carry a valid token only, so a bot sends its token with every
request, market data included.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from cbbot.domain.instrument import PRODUCT_ID

__all__ = [
    "BOT_EPOCH_HEADER",
    "BOT_ID_HEADER",
    "BOT_INSTANCE_HEADER",
    "DIGITS_ONLY",
    "BotEpoch",
    "BotId",
    "BotInstance",
    "BridgeAnswer",
    "BridgeRequest",
    "ClientOrderId",
    "DecimalText",
    "PositiveDecimalText",
    "ProductId",
    "UpstreamObject",
    "VenueMs",
]

BOT_ID_HEADER = "X-Bot-Id"
BOT_EPOCH_HEADER = "X-Bot-Epoch"
BOT_INSTANCE_HEADER = "X-Bot-Instance"

_DIGITS = re.compile("[0-9]{1,19}")


def _digits(value: object) -> object:
    """Python reads 5_0, +50 and 50.0 as fifty too; in a header or a query nobody means them."""
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        raise ValueError("must be digits only, at most 19")
    return value


DIGITS_ONLY = BeforeValidator(_digits)
"""For a whole number that comes as text. Last in an ``Annotated``, or the bounds before it are not in the document."""

DecimalText = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$", max_length=80)]
"""Plain decimal notation: no exponent, no leading plus, no spaces."""

PositiveDecimalText = Annotated[
    str, Field(pattern=r"^(0*[1-9][0-9]*(\.[0-9]+)?|0+\.[0-9]*[1-9][0-9]*)$", max_length=40)
]
"""As ``DecimalText``, and above zero."""

ProductId = Annotated[str, Field(pattern=f"^{PRODUCT_ID}$")]
ClientOrderId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,128}$")]
BotId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$")]
BotEpoch = Annotated[int, Field(ge=0, le=2**63 - 1), DIGITS_ONLY]
"""Rises with every start of a bot (docs/trading.md, section 4)."""
BotInstance = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
"""Made anew by every process: two that came to the same epoch differ in it."""

VenueMs = Annotated[int, Field(strict=True, ge=0, le=4_102_444_800_000)]
"""A moment on the venue's clock, as ``GET /time`` tells it: milliseconds since 1970, 2100 at the latest."""


class BridgeAnswer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class UpstreamObject(BaseModel):
    """Coinbase's own object: the fields the project relies on, the rest passed on untouched."""

    model_config = ConfigDict(frozen=True, extra="allow")


class BridgeRequest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
