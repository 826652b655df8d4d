"""cbbot: the trading bot, its contract with the bridge and the operator, and its research tools."""

__version__ = "0.1.0"
