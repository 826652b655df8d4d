"""Bridge and exchange in one process and one thread, on the event loop's clock: for the simulated world.

The bridge is the real one, from its HTTP application to its client of Coinbase; the exchange is the simulator's
application. Between them, and before the bridge, lies a network of drawn latencies that fails on demand. Nothing here
reads a real clock or draws a number that the seed does not say.
"""

from cbbot_bridge.in_memory.in_memory_exchange import exchange_side

__all__ = ["exchange_side"]
