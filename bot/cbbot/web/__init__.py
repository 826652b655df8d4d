"""The bot's HTTP server: what it answers, and who may steer it."""
