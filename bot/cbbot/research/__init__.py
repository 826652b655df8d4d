"""Research: backtests on the trader's own arithmetic. The only place that may compile it."""
