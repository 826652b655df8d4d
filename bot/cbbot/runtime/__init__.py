"""The live shell around the trader: clock, feeds, orders, state file, log, notices. One asyncio loop."""
