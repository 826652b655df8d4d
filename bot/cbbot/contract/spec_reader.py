"""Reads the spec of a TradingBot's manifest, judged as the cluster would."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from cbbot.contract.tradingbot import TradingBotSpec
from cbbot.contract.tradingbot_constraints import violations
from cbbot.contract.violation import BadTradingBot, quoted_numbers, unusable_text, violations_of

__all__ = ["read_spec"]


def read_spec(document: Mapping[str, Any]) -> TradingBotSpec:
    """The spec of a manifest (the mapping below ``spec:``), judged as the cluster would.

    Nulls are absent fields, as to the API server. Numbers in quotes are refused, as there.

    Raises:
        BadTradingBot: with every violation found, each naming field, value and what is accepted.
    """
    given = _without_nulls(document)
    found = quoted_numbers(given)
    try:
        # JSON mode, strict: text is text and numbers are numbers, as in the API server.
        spec = TradingBotSpec.model_validate_json(json.dumps(given, default=str), strict=True)
    except ValidationError as error:
        refused = violations_of(error)
        named = {violation.path for violation in refused}
        raise BadTradingBot([*(one for one in found if one.path not in named), *refused]) from error
    found += [*unusable_text(spec), *violations(spec)]
    if found:
        raise BadTradingBot(found)
    return spec


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
