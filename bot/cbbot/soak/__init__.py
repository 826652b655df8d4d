"""A simulated world around the real bot: one thread, one simulated clock, every fault from a seed."""
