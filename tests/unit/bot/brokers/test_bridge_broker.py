"""The three outcomes of an order, and what is never concluded from an answer."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from cbbot.brokers.bridge_broker import BridgeBroker
from cbbot.brokers.bridge_client import BridgeClient
from cbbot.brokers.order_answers import contradiction, execution_of
from cbbot.contract.bridge_orders import OrderState
from cbbot.domain.instrument import BTC_USD
from cbbot.domain.order import Side
from cbbot.errors import BadInput, Refused, Retryable
from cbbot.trader.events import (
    OrderAbsent,
    OrderAccepted,
    OrderContradicts,
    OrderFilled,
    OrderRefused,
    OrderUnknown,
)
from cbbot.trader.intent import Intent, Progress, Purpose

NOW = 1_757_400_000_000
ENTRY = Intent("bot-7-1", Purpose.ENTRY, 1, Side.BUY, 45_000, 5_000, "", NOW)
EXIT = Intent("bot-7-2", Purpose.EXIT, 1, Side.SELL, 45_000, 0, "take_profit", NOW)
STATE = {
    "order_id": "v-1", "client_order_id": "bot-7-1", "product_id": "BTC-USD", "side": "BUY", "status": "FILLED",
    "created_time": "2025-09-09T06:40:00Z", "quote_size": "50", "filled_size": "0.00044555",
    "average_filled_price": "111111.115", "filled_value": "49.50555528825", "commission_total_usd": "0.44554999759425",
    "settled": True, "fills_agree": True,
}  # fmt: skip
SOLD = STATE | {"client_order_id": "bot-7-2", "side": "SELL", "quote_size": None, "base_size": "0.00045"}
PLACED = {"success": True, "order_id": "v-1", "client_order_id": "bot-7-1"}
Answer = httpx.Response | Exception


def error(status: int, code: str, outcome: str | None = None) -> httpx.Response:
    body: dict[str, Any] = {"error": {"code": code, "message": "because"}}
    return httpx.Response(status, json=body | ({"outcome": outcome} if outcome else {}))


def not_found(*, complete: bool) -> httpx.Response:
    search = {"since": "x", "until": "y", "looked_back_seconds": 60, "pages": 1, "orders_seen": 0, "complete": complete}
    return httpx.Response(404, json={"error": {"code": "not_found", "message": "no"}, "search": search})


class Talk:
    """Scripted answers by method and path; the last one of a path is repeated."""

    def __init__(self, **script: list[Answer]) -> None:
        self.script = {
            "POST": script.pop("post", []),
            "ORDER": script.pop("order", []),
            "SEARCH": script.pop("search", []),
        }
        self.asked: list[httpx.Request] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        kind = "POST" if request.method == "POST" else "SEARCH" if request.url.path == "/order" else "ORDER"
        answers = self.script[kind]
        said = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(said, Exception):
            raise said
        return httpx.Response(said.status_code, content=said.content)


@pytest.fixture
def events_of(virtually: Any) -> Callable[..., list[Any]]:
    """The events of one call, and how long it took."""

    def tell(talk: Talk, intent: Intent, call: str = "place", until: float = math.inf) -> list[Any]:
        async def main() -> list[Any]:
            client = BridgeClient("http://bridge", "secret", httpx.MockTransport(talk.answer))
            client.identify("bot", 7)
            broker = BridgeBroker(client, BTC_USD, lambda: NOW)
            answers = broker.place(intent, 0, NOW, until) if call == "place" else broker.look_up(intent, NOW)
            events = [event async for event in answers]
            await client.aclose()
            return events

        found: list[Any] = virtually(main)
        return found

    return tell


def test_an_entry_spends_quote_and_everything_else_is_sized_in_base(events_of: Any) -> None:
    talk = Talk(post=[httpx.Response(200, json=PLACED)], order=[httpx.Response(200, json=STATE)])
    accepted, filled = events_of(talk, ENTRY)
    assert accepted == OrderAccepted(NOW, "bot-7-1", "v-1")
    assert isinstance(filled, OrderFilled)
    assert json.loads(talk.asked[0].content) == {
        "client_order_id": "bot-7-1", "product_id": "BTC-USD", "side": "BUY", "quote_size": "50.00",
    }  # fmt: skip
    assert [talk.asked[0].headers[name] for name in ("X-Bot-Id", "X-Bot-Epoch")] == ["bot", "7"]
    assert talk.asked[1].headers["Authorization"] == "Bearer secret"
    talk = Talk(
        post=[httpx.Response(200, json=PLACED | {"client_order_id": "bot-7-2"})], order=[httpx.Response(200, json=SOLD)]
    )
    assert isinstance(events_of(talk, EXIT)[1], OrderFilled)
    assert json.loads(talk.asked[0].content)["base_size"] == "0.00045000"


def test_totals_are_the_venues_rounded_once_and_against_us() -> None:
    bought = execution_of(BTC_USD, OrderState.model_validate(STATE))
    # 49.50555528825 and 0.44554999759425 USD in units of 1e-10, both up.
    assert (bought.base, bought.value, bought.commission) == (44_555, 495_055_552_883, 4_455_499_976)
    assert bought.price == 11_111_112  # 111111.115, half even
    sold = execution_of(BTC_USD, OrderState.model_validate(SOLD))
    assert (sold.value, sold.commission) == (495_055_552_882, 4_455_499_976)
    without = execution_of(BTC_USD, OrderState.model_validate(STATE | {"commission_total_usd": None}))
    assert without.commission is None
    nothing = STATE | {"status": "CANCELLED", "filled_size": "0", "filled_value": "0", "average_filled_price": "0"}
    assert execution_of(BTC_USD, OrderState.model_validate(nothing)).base == 0
    guessed = execution_of(BTC_USD, OrderState.model_validate(STATE | {"average_filled_price": "0"}))
    assert guessed.price == 11_111_111
    with pytest.raises(BadInput, match="v-1"):
        execution_of(BTC_USD, OrderState.model_validate(STATE | {"filled_value": "0"}))


def test_a_canceled_order_that_was_partly_filled_is_a_fill(events_of: Any) -> None:
    partly = STATE | {"status": "CANCELLED", "filled_size": "0.0001", "filled_value": "11.11"}
    talk = Talk(post=[httpx.Response(200, json=PLACED)], order=[httpx.Response(200, json=partly)])
    filled = events_of(talk, ENTRY)[1]
    assert (filled.execution.base, filled.execution.value) == (10_000, 111_100_000_000)


@pytest.mark.parametrize("code", ["INSUFFICIENT_FUND", "stale_epoch", "invalid_input", "bad_token"])
def test_a_4xx_with_the_bridges_explanation_is_a_refusal(events_of: Any, code: str) -> None:
    talk = Talk(post=[error(409, code)])
    assert events_of(talk, ENTRY) == [OrderRefused(NOW, "bot-7-1", code, "because")]
    assert len(talk.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        error(504, "upstream_timeout", "unknown"),
        error(502, "upstream_error"),
        httpx.Response(500, text="oops"),
        httpx.Response(404, text="<html>a proxy's</html>"),
        httpx.Response(200, text="not json"),
        httpx.Response(200, json={"success": False}),
        httpx.Response(302, text=""),
        httpx.ReadTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("closed"),
        httpx.WriteError("broken pipe"),
    ],
)
def test_whatever_is_not_certain_is_unknown_and_never_sent_again(events_of: Any, answer: Answer) -> None:
    talk = Talk(post=[answer])
    (event,) = events_of(talk, ENTRY)
    assert isinstance(event, OrderUnknown)
    assert len(talk.asked) == 1


@pytest.mark.parametrize("answer", [error(503, "rate_limited", "not_placed"), httpx.ConnectError("nobody there")])
def test_what_never_left_is_sent_again_under_the_same_id_and_then_given_up(events_of: Any, answer: Answer) -> None:
    talk = Talk(post=[answer, httpx.Response(200, json=PLACED)], order=[httpx.Response(200, json=STATE)])
    assert isinstance(events_of(talk, ENTRY)[-1], OrderFilled)
    assert talk.asked[0].content == talk.asked[1].content
    talk = Talk(post=[answer])
    (event,) = events_of(talk, ENTRY)
    assert isinstance(event, OrderRefused)
    assert len(talk.asked) == 4


def test_it_follows_the_order_until_it_is_over_and_its_fills_are_all_there(events_of: Any) -> None:
    talk = Talk(
        post=[httpx.Response(200, json=PLACED)],
        order=[
            error(404, "not_found"),
            httpx.ReadTimeout("slow"),
            httpx.Response(200, json=STATE | {"status": "PENDING", "filled_size": "0", "settled": False}),
            httpx.Response(200, json=STATE | {"settled": False, "fills_agree": False, "filled_size": "0.0001"}),
            httpx.Response(200, json=STATE),
        ],
    )
    accepted, filled = events_of(talk, ENTRY)
    assert isinstance(accepted, OrderAccepted)
    assert filled.execution.base == 44_555
    assert len(talk.asked) == 6


@pytest.mark.parametrize(("status", "settled"), [("FILLED", True), ("CANCELLED", False)])
def test_fills_are_waited_for_whatever_settled_says(events_of: Any, status: str, settled: bool) -> None:
    lagging = STATE | {"status": status, "settled": settled, "fills_agree": False, "commission_total_usd": None}
    agreeing = STATE | {"status": status, "settled": settled}
    talk = Talk(
        post=[httpx.Response(200, json=PLACED)],
        order=[httpx.Response(200, json=lagging), httpx.Response(200, json=agreeing)],
    )
    filled = events_of(talk, ENTRY)[1]
    assert filled.execution.commission == 4_455_499_976


def test_an_id_that_stands_for_another_order_is_no_refusal(events_of: Any) -> None:
    talk = Talk(post=[error(409, "id_in_use")])
    assert events_of(talk, ENTRY) == [OrderContradicts(NOW, "bot-7-1", "because")]
    assert len(talk.asked) == 1


def test_a_look_may_take_longer_than_other_reads(events_of: Any) -> None:
    talk = Talk(search=[not_found(complete=True)], order=[error(404, "not_found")])
    events_of(talk, replace(ENTRY, order_id="v-1"), "look_up")
    short, long = (request.extensions["timeout"]["read"] for request in talk.asked)
    assert (short, long) == (10.0, 30.0)


NOTHING = {"filled_size": "0", "filled_value": "0", "average_filled_price": "0", "commission_total_usd": "0"}


@pytest.mark.parametrize("call", ["place", "look_up"])
def test_filled_with_nothing_is_no_end_however_often_it_is_told(events_of: Any, call: str) -> None:
    empty = httpx.Response(200, json=STATE | NOTHING)
    talk = Talk(post=[httpx.Response(200, json=PLACED)], order=[empty], search=[empty])
    accepted, unknown = events_of(talk, ENTRY, call)
    assert isinstance(accepted, OrderAccepted)
    assert isinstance(unknown, OrderUnknown)


@pytest.mark.parametrize("call", ["place", "look_up"])
def test_what_was_filled_and_shows_nothing_at_first_is_booked_with_its_fills(events_of: Any, call: str) -> None:
    empty = httpx.Response(200, json=STATE | NOTHING)
    talk = Talk(
        post=[httpx.Response(200, json=PLACED)], search=[empty], order=[empty, empty, httpx.Response(200, json=STATE)]
    )
    assert events_of(talk, ENTRY, call)[1].execution.base == 44_555


@pytest.mark.parametrize("status", ["CANCELLED", "EXPIRED", "FAILED"])
@pytest.mark.parametrize("call", ["place", "look_up"])
def test_an_order_that_ended_without_a_fill_is_over_after_its_fills_had_time_to_come(
    events_of: Any, status: str, call: str
) -> None:
    empty = httpx.Response(200, json=STATE | NOTHING | {"status": status, "settled": False})
    late = httpx.Response(200, json=STATE | {"status": status, "settled": False})
    script: dict[str, list[Answer]] = {"post": [httpx.Response(200, json=PLACED)], "search": [empty]}
    assert events_of(Talk(order=[empty, empty, late], **script), ENTRY, call)[1].execution.base == 44_555
    talk = Talk(order=[empty], **script)
    assert events_of(talk, ENTRY, call)[1].execution.base == 0
    assert len(talk.asked) > 5


def test_fills_that_never_agree_are_believed_in_the_end(events_of: Any) -> None:
    lagging = STATE | {"settled": False, "fills_agree": False}
    talk = Talk(post=[httpx.Response(200, json=PLACED)], order=[httpx.Response(200, json=lagging)])
    assert isinstance(events_of(talk, ENTRY)[1], OrderFilled)
    assert len(talk.asked) > 5


def test_an_order_whose_end_is_not_reported_becomes_unknown(events_of: Any) -> None:
    talk = Talk(post=[httpx.Response(200, json=PLACED)], order=[error(404, "not_found")])
    accepted, unknown = events_of(talk, ENTRY)
    assert isinstance(accepted, OrderAccepted)
    assert isinstance(unknown, OrderUnknown)


@pytest.mark.parametrize(
    ("wrong", "detail"),
    [
        ({"product_id": "ETH-USD"}, "ETH-USD"),
        ({"side": "SELL"}, "SELL"),
        ({"quote_size": "51"}, "51"),
        ({"created_time": "2025-09-07T06:40:00Z"}, "before we wished"),
        ({"client_order_id": "other"}, "other"),
    ],
)
def test_an_order_that_is_not_ours_contradicts(events_of: Any, wrong: dict[str, str], detail: str) -> None:
    talk = Talk(search=[httpx.Response(200, json=STATE | wrong)])
    (event,) = events_of(talk, ENTRY, "look_up")
    assert isinstance(event, OrderContradicts)
    assert detail in event.detail


def test_our_own_orders_do_not_contradict() -> None:
    assert contradiction(BTC_USD, ENTRY, OrderState.model_validate(STATE)) is None
    assert contradiction(BTC_USD, EXIT, OrderState.model_validate(SOLD)) is None
    assert contradiction(BTC_USD, ENTRY, OrderState.model_validate(STATE | {"created_time": "?"})) is None


def test_a_look_with_a_clock_set_back_further_than_it_reaches_is_not_complete(events_of: Any) -> None:
    later = replace(ENTRY, created_ms=NOW + 2 * 86_400_000)
    (absent,) = events_of(Talk(search=[not_found(complete=True)]), later, "look_up")
    assert (isinstance(absent, OrderAbsent), absent.complete) == (True, False)


@pytest.mark.parametrize("hours", [-1, 1, 23])
def test_an_order_written_down_under_another_time_is_ours_when_the_clock_was_set(events_of: Any, hours: int) -> None:
    wished = replace(ENTRY, created_ms=NOW + hours * 3_600_000)
    events = events_of(Talk(search=[httpx.Response(200, json=STATE)]), wished, "look_up")
    assert [type(event) for event in events] == [OrderAccepted, OrderFilled]


@pytest.mark.parametrize("complete", [True, False])
def test_absence_says_how_completely_was_looked(events_of: Any, complete: bool) -> None:
    talk = Talk(search=[not_found(complete=complete)])
    assert events_of(talk, ENTRY, "look_up") == [OrderAbsent(NOW, "bot-7-1", complete=complete)]
    assert dict(talk.asked[0].url.params) == {
        "client_order_id": "bot-7-1", "product_id": "BTC-USD", "since": str(NOW // 1000 - 86_400),
    }  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        error(404, "not_found"), error(409, "stale_epoch"), error(401, "bad_token"), error(503, "x"),
        httpx.Response(404, text="a proxy's"), httpx.Response(200, text="?"), httpx.Response(200, json=[]),
        httpx.ConnectError("nobody"), httpx.ReadTimeout("slow"),
    ],
)  # fmt: skip
def test_could_not_ask_is_never_does_not_exist(events_of: Any, answer: Answer) -> None:
    (event,) = events_of(Talk(search=[answer]), ENTRY, "look_up")
    assert isinstance(event, OrderUnknown)


def test_a_known_order_is_asked_for_by_its_id_and_then_by_ours(events_of: Any) -> None:
    known = replace(ENTRY, order_id="v-1")
    talk = Talk(order=[error(404, "not_found"), httpx.Response(200, json=STATE)], search=[not_found(complete=True)])
    assert isinstance(events_of(talk, known, "look_up")[0], OrderAbsent)
    talk = Talk(order=[httpx.Response(200, json=STATE | {"status": "OPEN"}), httpx.Response(200, json=STATE)])
    accepted, filled = events_of(talk, known, "look_up")
    assert isinstance(accepted, OrderAccepted)
    assert isinstance(filled, OrderFilled)
    assert {request.url.path for request in talk.asked} == {"/order/v-1"}


def test_reads_tell_refusals_from_passing_faults(virtually: Any) -> None:
    answers = iter(
        [error(400, "invalid_input"), error(503, "x"), httpx.Response(403, text="?"), httpx.Response(200, text="?")]
    )

    async def main() -> None:
        client = BridgeClient("http://bridge", None, httpx.MockTransport(lambda _: next(answers)))
        with pytest.raises(Refused) as refused:
            await client.get("/price")
        assert refused.value.code == "invalid_input"
        for _ in range(3):
            with pytest.raises(Retryable):
                await client.get("/price")
        assert not client.superseded
        await client.aclose()

    virtually(main)


def test_a_stale_epoch_is_noticed_on_any_request(virtually: Any) -> None:
    async def main() -> None:
        client = BridgeClient("http://bridge", None, httpx.MockTransport(lambda _: error(409, "stale_epoch")))
        with pytest.raises(Refused):
            await client.get("/price")
        assert client.superseded
        await client.aclose()

    virtually(main)


def test_an_entry_that_has_waited_too_long_is_not_sent(events_of: Any) -> None:
    talk = Talk(post=[httpx.Response(200, json=PLACED)])
    (refused,) = events_of(talk, ENTRY, until=-0.001)
    assert (type(refused), refused.code, talk.asked) == (OrderRefused, "too_late", [])


def test_an_entry_that_cannot_be_sent_for_long_is_not_sent_later(events_of: Any) -> None:
    talk = Talk(post=[httpx.ConnectError("no route")])
    (refused,) = events_of(talk, ENTRY, until=0.6)
    assert (type(refused), refused.code) == (OrderRefused, "bridge_unreachable")
    assert len(talk.asked) == 2


@pytest.mark.parametrize(
    "answer",
    [error(400, "INSUFFICIENT_FUND"), error(409, "stale_epoch"), error(401, "bad_token"), httpx.ConnectError("no")],
)
def test_of_an_order_in_doubt_no_refusal_says_that_it_does_not_exist(events_of: Any, answer: Answer) -> None:
    (unknown,) = events_of(Talk(post=[answer]), replace(ENTRY, progress=Progress.UNKNOWN))
    assert (type(unknown), unknown.may_have_left) == (OrderUnknown, False)


def test_an_order_in_doubt_that_the_venue_has_is_followed_to_its_end(events_of: Any) -> None:
    talk = Talk(post=[httpx.Response(200, json=PLACED)], order=[httpx.Response(200, json=STATE)])
    accepted, filled = events_of(talk, replace(ENTRY, progress=Progress.UNKNOWN))
    assert (type(accepted), type(filled)) == (OrderAccepted, OrderFilled)


def test_only_a_request_that_may_have_left_begins_the_wait_for_absence_anew(events_of: Any) -> None:
    (timed_out,) = events_of(Talk(post=[httpx.ReadTimeout("slow")]), ENTRY)
    (not_asked,) = events_of(Talk(search=[error(503, "no_credentials")]), ENTRY, "look_up")
    assert (timed_out.may_have_left, not_asked.may_have_left) == (True, False)
