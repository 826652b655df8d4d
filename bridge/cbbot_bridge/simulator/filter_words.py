"""Words of Coinbase's that filters of several endpoints take; those that begin with UNKNOWN stand for no filter."""

from __future__ import annotations

from typing import Final

__all__ = ["CONTRACT_EXPIRIES", "PRODUCT_TYPES"]

PRODUCT_TYPES: Final = frozenset({"UNKNOWN_PRODUCT_TYPE", "SPOT", "FUTURE"})
CONTRACT_EXPIRIES: Final = frozenset({"UNKNOWN_CONTRACT_EXPIRY_TYPE", "EXPIRING", "PERPETUAL"})
