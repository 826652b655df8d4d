"""A Coinbase Advanced Trade look-alike: REST and WebSocket shells on :mod:`cbbot.venue`.

``python -m cbbot_bridge.simulator`` serves both on one port. Prices are a replay of candles or a
seeded walk on a clock of their own; the books are one customer's. What the real exchange answers
is in the project's notes on Coinbase; where this one differs it says so in an error.
"""
