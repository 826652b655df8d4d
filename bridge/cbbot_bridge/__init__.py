"""The bridge: the only process that holds exchange keys."""
