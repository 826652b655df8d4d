"""A pure model of the exchange: the caller passes the time and the market, nothing is read or drawn here.

Two halves that meet only in the caller: the *market* (:mod:`~cbbot.venue.tape` plays candles as prints,
:mod:`~cbbot.venue.order_book` shows the book around the last print) and the *accounts*
(:mod:`~cbbot.venue.exchange` takes orders against a book, keeps balances, orders and fills).
:mod:`~cbbot.venue.matching` is the arithmetic of one fill. The bridge's simulator serves this exchange; the
paper broker (:mod:`cbbot.brokers.paper`) does not use it: it fills with the kernel's arithmetic, as a backtest does.
"""
