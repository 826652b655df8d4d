"""What a person reads in Slack, and that Slack, whatever it does, holds nothing up and learns no secret."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from cbbot.process.json_logs import configure_logs
from cbbot.runtime.notice_wording import wording
from cbbot.runtime.notify import SlackNotices
from cbbot.views.bot_metrics import BotMetrics
from full_disk import full

WEBHOOK: Final = "https://hooks.slack.example/services/T0/B0/very-secret"
OPENED: Final = {
    "client_order_id": "b-1-1", "order_id": "o", "lot": 3, "side": "BUY", "price": "60000.00",
    "base_size": "0.00030000", "value": "18.0000000000", "fee": "0.0900000000",
}  # fmt: skip
CLOSED: Final = {
    "trade": 7, "lot": 3, "reason": "take_profit", "price": "60100.00", "base_size": "0.0003",
    "net_pnl": "0.0120000000", "equity": "1000.0120000000",
}  # fmt: skip
ORDER: Final = {
    "outcome": "unknown", "client_order_id": "b-1-2", "lot": 4, "side": "SELL", "base_size": "0.0100", "detail": "504",
}  # fmt: skip


class Slack:
    """Answers in turn, with 200 at the end; ``texts`` and ``times`` are what came, and when."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.texts: list[str] = []
        self.times: list[float] = []
        self._answers = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.texts.append(json.loads(request.content)["text"])
        self.times.append(asyncio.get_running_loop().time())
        answer = self._answers.pop(0) if self._answers else httpx.Response(200)
        if isinstance(answer, Exception):
            raise answer
        return answer


Speaking = Callable[[SlackNotices], Any]


async def heard(slack: Slack, speak: Speaking, seconds: float = 200) -> BotMetrics:
    """The metrics after ``seconds`` of a loop whose time is virtual."""
    metrics = BotMetrics()
    notices = SlackNotices(WEBHOOK, "btc (live BTC-USD)", metrics, httpx.MockTransport(slack))
    running = asyncio.create_task(notices.run())
    speak(notices)
    await asyncio.sleep(seconds)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return metrics


def dropped(metrics: BotMetrics) -> float | None:
    return metrics.registry.get_sample_value("bot_notices_dropped_total")


@pytest.fixture(autouse=True)
def _quiet_again() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.mark.parametrize(
    ("event", "fields", "words"),
    [
        ("fill", OPENED, ":large_blue_circle: Lot 3 opened: bought 0.0003 at 60000.00 for 18.00, 0.0900 fee"),
        (
            "exit",
            CLOSED,
            ":large_green_circle: Lot 3 closed by take profit at 60100.00: won 0.0120, equity 1000.01",
        ),
        (
            "exit",
            CLOSED | {"net_pnl": "-2.5", "reason": "stop_loss"},
            ":large_orange_circle: Lot 3 closed by stop loss at 60100.00: lost 2.50, equity 1000.01",
        ),
        ("exit", {"lot": 3, "reason": "dust", "detail": "worth less"}, ":white_circle: Lot 3 is worth less"),
        ("breaker", {"detail": "the day has lost 20 or more"}, ":octagonal_sign: Breaker: the day has lost 20 or more"),
        ("halt", {"detail": "why"}, ":rotating_light: Halted: why"),
        ("error", {"detail": "the state cannot be saved"}, ":rotating_light: Trouble: the state cannot be saved"),
        ("recovered", {"detail": "it is saved"}, ":white_check_mark: Over: it is saved"),
        ("refusal", {"lot": 3, "detail": "the exit of lot 3"}, ":warning: Refused: the exit of lot 3"),
        ("pause", {"detail": "by hand"}, ":double_vertical_bar: Pause: by hand"),
        (
            "order",
            ORDER,
            ":warning: Order SELL 0.01 for lot 4 (b-1-2): nobody knows whether it was placed. 504",
        ),
        ("start", {"version": "1.0"}, ":arrow_forward: Started, version 1.0"),
        ("stop", {"open_lots": 0}, ":black_square_for_stop: Stopped with no open lots"),
        ("stop", {"open_lots": 2}, ":black_square_for_stop: Stopped with 2 open lots, whose exits nobody watches now"),
        ("stop", {"open_lots": None}, ":black_square_for_stop: Stopped before it knew of its lots"),
        # A refused order's refusal says it; an order that was sent is told by its fill.
        ("order", ORDER | {"outcome": "refused"}, None),
        ("order", ORDER | {"outcome": "sent"}, None),
        ("refit", {}, None),
        ("step", {"signal": "buy"}, None),
    ],
)
def test_a_person_reads(event: str, fields: dict[str, object], words: str | None) -> None:
    assert wording(event, fields) == words


def test_what_the_exchange_wrote_calls_nobody_together() -> None:
    said = wording("refusal", {"detail": "<!channel> & <https://evil.example|click>"})
    assert said == ":warning: Refused: &lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;"


def test_a_burst_is_one_message_with_a_line_each(virtually: Any) -> None:
    slack = Slack()

    async def main() -> None:
        def speak(notices: SlackNotices) -> None:
            for lot in range(30):
                notices("fill", OPENED | {"lot": lot})

        assert dropped(await heard(slack, speak)) == 0

    virtually(main)
    lines = [line for text in slack.texts for line in text.splitlines()]
    assert [f"*btc (live BTC-USD)* {wording('fill', OPENED | {'lot': lot})}" for lot in range(30)] == lines
    assert len(slack.texts) == 2
    assert slack.times[1] - slack.times[0] >= 1, "Slack takes a message a second"


def test_what_is_too_much_is_counted_and_said(virtually: Any) -> None:
    slack = Slack()

    async def main() -> None:
        def speak(notices: SlackNotices) -> None:
            for lot in range(130):
                notices("fill", OPENED | {"lot": lot})

        assert dropped(await heard(slack, speak)) == 30

    virtually(main)
    assert slack.texts[0].splitlines()[-1] == "*btc (live BTC-USD)* and 30 more, which are in the log"
    assert sum(text.count("opened") for text in slack.texts) == 100


def test_a_429_is_waited_out_and_the_message_sent_again(virtually: Any) -> None:
    slack = Slack(httpx.Response(429, headers={"Retry-After": "7"}))

    async def main() -> None:
        assert dropped(await heard(slack, lambda notices: notices("fill", OPENED))) == 0

    virtually(main)
    assert slack.texts[0] == slack.texts[1]
    assert 7 <= slack.times[1] - slack.times[0] < 8


@pytest.mark.parametrize("asked", ["100000", "soon", "", "-1"])
def test_a_429_that_asks_for_nonsense_is_waited_out_within_reason(asked: str, virtually: Any) -> None:
    slack = Slack(*(httpx.Response(429, headers={"Retry-After": asked}) for _ in range(3)))

    async def main() -> None:
        assert dropped(await heard(slack, lambda notices: notices("fill", OPENED))) == 1

    virtually(main)
    assert len(slack.texts) == 3
    assert slack.times[-1] - slack.times[0] <= 120


def test_failures_are_counted_and_the_address_stands_in_no_log(virtually: Any) -> None:
    stream = io.StringIO()
    configure_logs("debug", stream)
    slack = Slack(httpx.Response(404), httpx.ConnectError(f"cannot reach {WEBHOOK}"))

    async def main() -> None:
        async def spaced(notices: SlackNotices) -> None:
            for lot in (1, 2, 3):
                notices("fill", OPENED | {"lot": lot})
                await asyncio.sleep(10)

        speaking: list[asyncio.Task[None]] = []
        metrics = await heard(slack, lambda notices: speaking.append(asyncio.create_task(spaced(notices))))
        assert dropped(metrics) == 2

    virtually(main)
    assert len(slack.texts) == 3
    assert stream.getvalue().count("notice not sent") == 2
    assert "refused with 404" in stream.getvalue()
    assert "very-secret" not in stream.getvalue()


def test_a_token_in_what_is_said_does_not_leave(virtually: Any) -> None:
    slack = Slack()

    async def main() -> None:
        detail = "upstream said: Authorization: Bearer abcdef0123456789"
        await heard(slack, lambda notices: notices("error", {"detail": detail}))

    virtually(main)
    assert "abcdef0123456789" not in slack.texts[0]


def test_trouble_with_the_disk_is_said_when_it_begins_and_when_it_is_over(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        rig = make_rig(fake_bridge(), tmp_path)
        await rig.until(lambda: rig.bot.readiness[0])
        monkeypatch.setattr(os, "write", full)
        await rig.until(lambda: rig.exposed()["bot_save_failures_total"] > 5)
        assert rig.exposed()["bot_state_unsaved"] == 1
        monkeypatch.undo()
        await rig.until(lambda: rig.exposed()["bot_state_unsaved"] == 0)
        await asyncio.sleep(5)
        trouble = [(event, fields["detail"]) for event, fields in rig.said if event in ("error", "recovered")]
        assert [event for event, _ in trouble] == ["error", "recovered"]
        assert {detail for _, detail in trouble} == {"the state cannot be saved: [Errno 28] No space left on device"}
        await rig.stop()

    virtually(main)


async def _holds_nothing_up() -> None:
    accepted = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    metrics = BotMetrics()
    notices = SlackNotices(f"http://127.0.0.1:{port}/very-secret", "btc", metrics)
    running = asyncio.create_task(notices.run())
    loop = asyncio.get_running_loop()
    began = loop.time()
    for lot in range(300):
        notices("fill", OPENED | {"lot": lot})
    assert loop.time() - began < 1, "it waits for nothing"
    await asyncio.wait_for(accepted.wait(), 10)
    began = loop.time()
    await notices.drained(0.2)
    assert 0.1 < loop.time() - began < 3, "a stop waits so long and no longer"
    assert dropped(metrics) == 200
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    server.close()


def test_a_slack_that_hangs_holds_nothing_up() -> None:
    asyncio.run(_holds_nothing_up())
