"""A Coinbase Advanced Trade look-alike: REST and WebSocket shells on :mod:`cbbot.venue`.

``python -m cbbot_bridge.simulator`` serves both on one port. Prices are a replay of candles or a
seeded walk on a clock of their own; the account is one customer's. It answers as the real exchange
does; what it does not imitate it refuses with an error that says so.
"""
