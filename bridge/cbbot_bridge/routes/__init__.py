"""The endpoints of bridge.md, by what they need: nothing, market data, an account, an order."""
