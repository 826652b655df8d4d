"""The arithmetic of trading: pure functions of numbers.

Live trading calls them one candle or tick at a time, a backtest in a loop. No Decimal, no dict, no
object, only NamedTuples of numbers and sequences of numbers, so that research can compile them.
Money is an integer count of ledger units, a price an integer count of ticks, a size of base units
(see ``cbbot.domain.instrument``); levels and indicators are float64.
"""
