"""A TradingBot on one machine: the same manifest and settings as in a cluster, run as processes (``cbbot up``)."""
