"""What the trader knows of the market: history, closed candles, the forming candle, ticks."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Final

from cbbot.domain.candle import Candle
from cbbot.domain.last_trade import UNTOLD, LastTrade
from cbbot.kernel.indicators import Reading, commit, empty, features, peek, read
from cbbot.trader.rules import Rules
from cbbot.trader.trader_state import Anchor, Market

__all__ = ["accepts", "committed", "current", "forming", "gaps", "nudged", "with_history"]

ANCHOR_EVERY: Final = 500
# In percent, and compared as integers: a tick exactly 5 % away is not more than 5 % away.
_OUTLIER_PCT: Final = 5
_CONFIRMS_PCT: Final = 1


def with_history(rules: Rules, market: Market, candles: tuple[Candle, ...]) -> tuple[Market, bool]:
    """The market after the venue's history, and whether a saved state was continued bit for bit.

    A saved state is continued when its oldest anchor and newest candle are in the history and
    replaying between them gives the state again; otherwise everything is worked out anew.
    """
    last_price = _newest_close(candles) or market.last_price
    if market.anchors:
        continued = _replayed(rules, market, candles)
        if continued is not None:
            return replace(continued, last_price=last_price), True
    fresh = committed(rules, Market(indicators=empty(rules.params.ma_slow)), *candles)
    return replace(fresh, last_price=last_price), False


def _newest_close(candles: tuple[Candle, ...]) -> int:
    """The price that ticks are measured by at first; 0 without candles.

    The close before the newest where they are far apart: one trade far off may have closed a candle.
    """
    closes = [candle.close for candle in candles[-2:]]
    if len(closes) == 2 and _far(closes[1], closes[0]):
        return closes[0]
    return closes[-1] if closes else 0


def _replayed(rules: Rules, market: Market, candles: tuple[Candle, ...]) -> Market | None:
    oldest = market.anchors[0]
    replay = Market(indicators=oldest.indicators, last_start=oldest.start, anchors=(oldest,))
    known = [candle for candle in candles if oldest.start < candle.start <= market.last_start]
    replay = committed(rules, replay, *known)
    if replay.last_start != market.last_start or (known and replay.indicators != market.indicators):
        return None
    return committed(rules, replay, *(candle for candle in candles if candle.start > market.last_start))


def gaps(rules: Rules, candles: tuple[Candle, ...]) -> tuple[int, int]:
    """How often the venue has no candle between two that it has, and how many candles those are."""
    seconds = rules.candle_ms // 1000
    holes = [
        (later.start - earlier.start) // seconds - 1
        for earlier, later in pairwise(candles)
        if later.start - earlier.start > seconds
    ]
    return len(holes), sum(holes)


def committed(rules: Rules, market: Market, *candles: Candle) -> Market:
    """The market with more closed candles, oldest first. One that is not newer than the last is ignored."""
    params, indicators, last_start = rules.params, market.indicators, market.last_start
    rows: list[tuple[float, ...]] = []
    closes: list[int] = []
    anchors = market.anchors
    for candle in candles:
        if candle.start <= last_start and indicators.rows > 0:
            continue
        anchors = anchors or (Anchor(candle.start - rules.candle_ms // 1000, indicators),)
        indicators, last_start = commit(indicators, candle), candle.start
        rows.append(features(read(indicators, params.ma_fast, params.ma_slow), params.extended))
        closes.append(candle.close)
        if indicators.rows - anchors[-1].indicators.rows >= ANCHOR_EVERY:
            anchors = (*anchors, Anchor(candle.start, indicators))
    if not rows:
        return market
    window = market.window.appended(rows, closes, rules.settings.max_history_candles)
    forming_now = market.forming
    return replace(
        market,
        indicators=indicators,
        last_start=last_start,
        anchors=_needed(anchors, indicators.rows - len(window)),
        window=window,
        forming=forming_now if forming_now is not None and forming_now.start > last_start else None,
        last_price=market.last_price or closes[0],
    )


def _needed(anchors: tuple[Anchor, ...], first_row: int) -> tuple[Anchor, ...]:
    """Without the anchors that no row of the training window is replayed from any more."""
    while len(anchors) > 1 and anchors[1].indicators.rows <= first_row:
        anchors = anchors[1:]
    return anchors


def accepts(market: Market, price: int, trade: LastTrade) -> tuple[Market, bool]:
    """Whether a tick may move anything. A jump is set aside until another trade near it confirms it.

    The same trade read again confirms nothing and leaves the market as it is.
    """
    last = market.last_price
    if last == 0 or not _far(price, last):
        return (replace(market, outlier=0, outlier_trade=UNTOLD) if market.outlier else market), True
    if market.outlier:
        near = abs(price - market.outlier) * 100 <= market.outlier * _CONFIRMS_PCT
        if near and trade.is_another(market.outlier_trade):
            return replace(market, outlier=0, outlier_trade=UNTOLD), True
        if price == market.outlier:
            # The first that was told of it counts: what comes later may be another trade than that.
            known = market.outlier_trade if market.outlier_trade != UNTOLD else trade
            return (market if known == market.outlier_trade else replace(market, outlier_trade=known)), False
    return replace(market, outlier=price, outlier_trade=trade), False


def _far(price: int, last: int) -> bool:
    return abs(price - last) * 100 > last * _OUTLIER_PCT


def nudged(rules: Rules, market: Market, at_ms: int, price: int) -> Market:
    """The market after an accepted tick: the forming candle takes it in."""
    old = market.forming
    if old is None:
        seconds = rules.candle_ms // 1000
        start = max(at_ms // rules.candle_ms * seconds, market.last_start + seconds)
        candle = Candle(start, price, price, price, price, 0)
    else:
        candle = old._replace(high=max(old.high, price), low=min(old.low, price), close=price)
    return replace(market, forming=candle, last_price=price)


def forming(market: Market, candle: Candle) -> Market:
    """The market with the venue's candle in progress, which our own ticks may have outrun."""
    if candle.start <= market.last_start:
        return market
    ours = market.forming
    if ours is not None and ours.start == candle.start:
        candle = candle._replace(high=max(candle.high, ours.high), low=min(candle.low, ours.low), close=ours.close)
    return replace(market, forming=candle)


def current(rules: Rules, market: Market, ticking: bool) -> tuple[Reading, int]:
    """The reading a decision is made on and the candles behind it, the forming one counted on ticks."""
    fast, slow = rules.params.ma_fast, rules.params.ma_slow
    if ticking and market.forming is not None:
        return peek(market.indicators, market.forming, fast, slow), market.indicators.rows + 1
    return read(market.indicators, fast, slow), market.indicators.rows
