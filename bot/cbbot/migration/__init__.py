"""The Go bot's files (``bot.env``, ``bridge.env``, its state) as a TradingBot and what it needs. Pure."""
