"""Whatever is sent as an order is taken or refused with a reason: nothing else comes out of it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from cbbot.venue.order_kinds import OrderKind
from cbbot.venue.refusals import OrderRefused
from cbbot.venue.venue_order import OrderRequest
from exchange_cases import CENT, Market, bracket, legs, limit, market, stop
from exercised import lacking

NO_NUMBERS = ["", " 1", "+1", "1e2", "NaN", "-1", "0", "0.000000001", "9" * 60, "1_0", "１", "100.001"]
NO_TEXTS: list[object] = [None, 5, 0.1, True, [], {}]
odd = st.sampled_from([*NO_NUMBERS, *NO_TEXTS])
prices = st.sampled_from(["95", "99.5", "100", "100.01", "105"])
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "base_size": st.sampled_from(["0.02", "0.5", "1", "3", "3500"]),
    "quote_size": st.sampled_from(["1", "20", "2000"]),
    "limit_price": prices,
    "stop_price": prices,
    "stop_trigger_price": prices,
    "stop_direction": st.sampled_from(["STOP_DIRECTION_STOP_UP", "STOP_DIRECTION_STOP_DOWN"]),
    "end_time": st.sampled_from(["2030-01-01T00:00:00Z", "2030-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"]),
    "post_only": st.booleans(),
}
FIELDS_OF = {
    kind.key: ["base_size"]
    + ([] if kind.is_market else ["limit_price"])
    + (["stop_price", "stop_direction"] if kind.is_stop_limit else [])
    + (["stop_trigger_price"] if kind.is_bracket else [])
    + (["end_time"] if kind.is_dated else [])
    for kind in OrderKind
}
MET: Counter[str] = Counter()


@st.composite
def requests(draw: st.DrawFn) -> OrderRequest:
    key = draw(st.sampled_from([*FIELDS_OF, "market_market_fok"]))
    more = draw(st.sets(st.sampled_from(sorted(FIELDS)), max_size=2)) if draw(st.booleans()) else set()
    names = sorted(more.union(FIELDS_OF.get(key, [])))
    fields: Any = {name: draw(FIELDS[name] if draw(st.integers(0, 9)) else odd) for name in names}
    drawn: Any = {"limit_price": draw(prices | odd), "stop_trigger_price": draw(prices | odd)}
    brackets: list[Any] = [None, None, None, {"trigger_bracket_gtc": drawn}, {"trigger_bracket_gtc": []}, [], "x"]
    attached = draw(st.sampled_from(brackets))
    return OrderRequest("a", "BTC-USD", draw(st.sampled_from(["BUY", "SELL", "SELL", "HOLD"])), {key: fields}, attached)


END = "2030-01-01T00:00:00Z"


# What is drawn is mostly refused: of these each is taken.
@example(market("a", "BUY", quote_size="20"))
@example(stop("a", "SELL", 2 * CENT, 9_900, 9_800, up=False))
@example(stop("a", "BUY", 2 * CENT, 10_100, 10_200, up=True, end_time=END))
@example(bracket("a", 2 * CENT, 10_500, 9_500))
@example(bracket("a", 2 * CENT, 10_500, 9_500, end_time=END))
@example(limit("a", "BUY", 2 * CENT, 10_001, attached=legs(10_500, 9_500)))
@example(limit("a", "BUY", 2 * CENT, 10_001, "sor_limit_ioc"))
@example(limit("a", "BUY", 2 * CENT, 10_001, "limit_limit_fok"))
@example(limit("a", "BUY", 2 * CENT, 10_001, "limit_limit_gtd", end_time=END))
@settings(max_examples=400, deadline=None)
@given(requests())
def check_input(request: OrderRequest) -> None:
    case = Market()
    preview = case.exchange.preview(request, case.now_ms)
    try:
        order = case.place(request)
    except OrderRefused as refused:
        MET["refused"] += 1
        reason = refused.shown_in_preview
        assert list(case.exchange.orders(case.now_ms)) == []
        assert case.wallet("USD") == (1000, 0)
    else:
        MET[order.kind.name] += 1
        reason = ""
    assert preview.errors == ((reason,) if reason else ())
    case.print(9_000, 10**8)
    case.print(11_000, 10**8)


def test_an_order_is_taken_or_refused_and_its_preview_knows_which() -> None:
    MET.clear()
    check_input()
    assert lacking(MET, {kind.name: 1 for kind in OrderKind} | {"refused": 100}) == {}
