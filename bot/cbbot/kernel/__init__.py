"""The arithmetic of trading: pure functions of numbers, in the subset that numba compiles.

Live trading calls them one candle or tick at a time, a backtest in a loop, research compiles
them. No Decimal, no dict, no object: NamedTuples of numbers and sequences of numbers. Money is
an integer count of ledger units, a price an integer count of ticks, a size of base units (see
``cbbot.domain.instrument``); levels and indicators are float64.
"""
