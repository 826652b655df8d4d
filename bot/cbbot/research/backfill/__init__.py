"""Candles of a bridge into a file: ``span`` what is wanted, ``descent`` what to ask for, ``journal`` what has come.

Pure are ``grid``, ``rows``, ``span`` and ``descent``; ``source`` talks to the bridge, ``journal`` and ``files``
to the disk, and ``command`` puts them together.
"""
