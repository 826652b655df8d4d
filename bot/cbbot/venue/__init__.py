"""A pure model of the exchange: the caller passes the time and what is traded, nothing is read or drawn here.

The *tape* (:mod:`~cbbot.venue.tape`) plays candles as prints. The *exchange* (:mod:`~cbbot.venue.exchange`) is given
them one by one and takes orders:

- :mod:`~cbbot.venue.order_kinds`, :mod:`~cbbot.venue.order_checks`, :mod:`~cbbot.venue.price_checks`: what is asked
  for, and whether it is refused;
- :mod:`~cbbot.venue.venue_market`: the book around the last print (:mod:`~cbbot.venue.order_book`), our queues in it
  (:mod:`~cbbot.venue.resting_book`) and the stops that wait (:mod:`~cbbot.venue.stop_triggers`);
- :mod:`~cbbot.venue.order_matching`: orders meet the market; :mod:`~cbbot.venue.amendments`: cancels and edits;
- :mod:`~cbbot.venue.order_ledger`: orders, fills, holds (:mod:`~cbbot.venue.holds`) and what changed
  (:mod:`~cbbot.venue.order_feed`); :mod:`~cbbot.venue.matching` is the arithmetic of one fill;
- :mod:`~cbbot.venue.records`, :mod:`~cbbot.venue.answer_records`: all of it in Coinbase's words;
  :mod:`~cbbot.venue.snapshot`: as JSON, to go on from.

The bridge's simulator serves this exchange; the paper broker (:mod:`cbbot.brokers.paper`) does not use it: it fills
with the kernel's arithmetic, as a backtest does.
"""
