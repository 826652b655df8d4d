"""The ports on which the processes listen unless told otherwise, and on which they do in a cluster."""

from __future__ import annotations

from typing import Final

__all__ = ["BOT_PORT", "BRIDGE_METRICS_PORT", "BRIDGE_PORT", "OPERATOR_PORT", "SIMULATOR_PORT"]

BOT_PORT: Final = 8080
BRIDGE_PORT: Final = 8787
BRIDGE_METRICS_PORT: Final = 9787
"""In a cluster: whoever may scrape a bridge cannot reach the port that takes orders."""
SIMULATOR_PORT: Final = 8788
OPERATOR_PORT: Final = 8080
