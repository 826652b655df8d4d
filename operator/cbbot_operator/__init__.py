"""The operator: makes what a TradingBot asks for exist in a cluster, or on one machine."""
