"""Candle files of every form, for backtests, backfills and the simulator: one table of columns, one set of rules.

Leans on domain and errors alone, and needs neither numpy nor, but for Parquet and Feather, Arrow.
"""
