"""What crosses processes: the settings table, the TradingBot resource, the HTTP shapes of bot and bridge."""
