"""The bridge's endpoints, by what they need: nothing, market data, an account, an order."""
