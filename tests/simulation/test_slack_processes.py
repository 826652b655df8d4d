"""A bot as a process tells Slack what it does, in words; a Slack that hangs keeps it from nothing, an end included."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from monitoring.slack_receiver import slack_receiver
from simulation.trading_processes import TradingProcesses, trading

pytestmark = [pytest.mark.anyio, pytest.mark.processes, pytest.mark.slow]

WHO = r"^\*btc \(live BTC-USD\)\* "
SAID = [
    r":arrow_forward: Started, version \d",
    r":large_blue_circle: Lot \d+ opened: bought 0\.\d+ at \d+\.\d\d for \d+\.\d\d, 0\.\d{4} fee$",
    r":large_(green|orange)_circle: Lot \d+ closed by [a-z ]+ at \d+\.\d\d: (won|lost) 0\.\d{4}, equity \d+\.\d\d$",
    r":warning: Refused: ",
    r":black_square_for_stop: Stopped with (no|\d+) open lots",
]


async def open_and_close(parts: TradingProcesses) -> None:
    await parts.counted('bot_trades_total{result="win"}', 1)
    await parts.adjust(gates={"BTC-USD": ["limit_only"]})
    await parts.until(lambda status: status["refused"] is not None, "a refusal")
    await parts.adjust(gates={"BTC-USD": []})


async def test_people_hear_of_the_start_of_lots_of_refusals_and_of_the_end(tmp_path: Path) -> None:
    with slack_receiver() as slack:
        async with trading(tmp_path, settings={"SLACK_WEBHOOK": slack.url}) as parts:
            await open_and_close(parts)
            assert await parts.stop_bot() == 0
            log = parts.log("bot").read_text()
    lines = [line for message in slack.messages for line in message["text"].splitlines()]
    assert [line for line in lines if not re.search(WHO, line)] == []
    assert [pattern for pattern in SAID if not any(re.search(WHO + pattern, line) for line in lines)] == []
    assert re.search(WHO + SAID[0], lines[0])
    assert re.search(WHO + SAID[-1], lines[-1])
    assert "very-secret" not in log + "".join(lines)


async def test_a_slack_that_hangs_keeps_a_bot_from_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hung:
        url = f"http://127.0.0.1:{hung.getsockname()[1]}/very-secret"
        async with trading(tmp_path, settings={"SLACK_WEBHOOK": url}) as parts:
            await parts.counted('bot_trades_total{result="win"}', 1)
            await parts.counted("bot_notices_dropped_total", 1)
            assert await parts.stop_bot() == 0
            assert "very-secret" not in parts.log("bot").read_text()
