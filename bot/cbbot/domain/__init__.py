"""Values of the trading domain: no I/O, no clock, no randomness."""
