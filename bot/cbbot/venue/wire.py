"""Decimals as Coinbase writes them: without trailing zeros."""

from __future__ import annotations

from decimal import Decimal

from cbbot.domain.decimals import plain

__all__ = ["decimal_text"]


def decimal_text(value: Decimal) -> str:
    """Plain notation without trailing zeros: ``66312.4``, ``0``."""
    text = plain(value)
    return text.rstrip("0").rstrip(".") if "." in text else text
