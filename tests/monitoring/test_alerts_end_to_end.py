"""What goes wrong with a bot that trades reaches a person: Prometheus sees it, Alertmanager words it, Slack gets it.

The rules are the repository's with shortened durations; each test brings one thing about and ends it.
"""

from __future__ import annotations

import re
from typing import Any, Final

import pytest

from monitoring.watched_world import WatchedWorld

pytestmark = [pytest.mark.anyio, pytest.mark.processes, pytest.mark.slow]

SINCE: Final = re.compile(r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")
LIMIT_ONLY: Final[dict[str, Any]] = {"gates": {"BTC-USD": ["limit_only"]}}
OPEN: Final[dict[str, Any]] = {"gates": {"BTC-USD": []}}


async def hears(world: WatchedWorld, alert: str, title: str, color: str) -> None:
    """The alert fires for the bot, and a person can read it."""
    labels = await world.stack.until_firing(alert)
    assert (labels["namespace"], labels["tradingbot"]) == ("local", "btc")
    said = await world.delivered(title)
    assert said["color"] == color
    assert f"*{alert}* in local" in said["text"]
    assert SINCE.search(said["text"])
    assert f"docs/runbooks/{'bridge' if 'Bridge' in alert else 'bot'}-alerts.md#{alert.lower()}" in said["text"]
    assert "<no value>" not in said["title"] + said["text"]


async def test_a_bot_that_is_well_alerts_nobody(world: WatchedWorld) -> None:
    await world.stack.until('bot_trades_total{result="win"} > 0', "a trade")
    await world.stack.until("cbbot_operator_leading == 1", "an operator that leads")
    assert await world.stack.firing() <= {"CbbotNoLeader", "CbbotTradingBotNotReady"}, "these are of the operators"


async def test_an_exit_that_is_refused_and_then_goes_out(world: WatchedWorld) -> None:
    await world.parts.until(lambda status: status["open_lots"] > 0, "a lot")
    await world.parts.adjust(**LIMIT_ONLY)
    await hears(world, "CbbotExitRefused", ":red_circle: The bot btc cannot close", "danger")
    await world.parts.adjust(**OPEN)
    await world.delivered(":white_check_mark: Over: The bot btc cannot close")


async def test_orders_that_are_refused(world: WatchedWorld) -> None:
    (await world.parts.control("flatten")).raise_for_status()
    await world.parts.until(lambda status: not status["open_lots"] and not status["pending_orders"], "flat")
    await world.parts.adjust(**LIMIT_ONLY)
    (await world.parts.control("resume")).raise_for_status()
    await hears(world, "CbbotOrdersRefused", ":large_orange_circle: Orders of btc are refused", "warning")
    await world.parts.adjust(**OPEN)
    await world.parts.until(lambda status: status["open_lots"] > 0, "a lot")


async def test_an_order_whose_outcome_is_unknown(world: WatchedWorld) -> None:
    every = {"times": 1_000_000}
    await world.parts.adjust("faults", path="/orders/historical/batch", status=500, **every)
    await world.parts.adjust("faults", method="POST", path="/orders", cut=True, after_effect=True, **every)
    await hears(world, "CbbotOutcomeUnknown", ":red_circle: The fate of", "danger")
    await world.parts.no_faults()
    await world.delivered(":white_check_mark: Over: The fate of")


async def test_ticks_that_stop_with_the_bridge(world: WatchedWorld) -> None:
    await world.parts.kill_bridge()
    await hears(world, "CbbotBridgeDown", ":red_circle: The bridge of btc does not answer", "danger")
    await hears(world, "CbbotTicksStopped", ":red_circle: The bot btc gets no fresh prices", "danger")
    await world.parts.start_bridge()
    await world.delivered(":white_check_mark: Over: The bot btc gets no fresh prices")


async def test_equity_that_drops(world: WatchedWorld) -> None:
    await world.parts.adjust(balances={"USD": "5000"})
    await hears(world, "CbbotEquityDropped", ":large_orange_circle: The equity of btc has dropped$", "warning")


async def test_a_breaker_that_trips(world: WatchedWorld) -> None:
    usual = dict(world.parts.settings)
    await world.parts.stop_bot()
    # The limit of a day that has begun stays: another bot, which begins one.
    world.parts.settings |= {"BOT_ID": "eth", "STATE_FILE": str(world.parts.folder / "eth" / "bot_state.json")}
    world.parts.settings["MAX_DAILY_LOSS_PCT"] = "0.0001"
    await world.parts.start_bot()
    try:
        await hears(
            world, "CbbotBreakerTripped", ":large_orange_circle: The daily breaker of btc has tripped", "warning"
        )
    finally:
        await world.parts.stop_bot()
        world.parts.settings = usual
        await world.parts.start_bot()
    await world.parts.ready()


async def test_a_bot_that_is_stopped(world: WatchedWorld) -> None:
    await world.parts.stop_bot()
    await hears(world, "CbbotBotDown", ":red_circle: The bot btc does not answer", "danger")
    await world.parts.start_bot()
    await world.delivered(":white_check_mark: Over: The bot btc does not answer")


@pytest.mark.parametrize(
    ("alert", "title", "place"),
    [
        ("CbbotNoLeader", ":red_circle: No operator in lonely leads$", "lonely"),
        ("CbbotTradingBotNotReady", r":large_orange_circle: 1 TradingBots \(.*\) are not ready: InvalidSpec$", "local"),
    ],
)
async def test_operators_that_cannot_do_their_work(world: WatchedWorld, alert: str, title: str, place: str) -> None:
    labels = await world.stack.until_firing(alert)
    assert labels["namespace"] == place
    said = await world.delivered(title)
    assert f"docs/runbooks/operator-alerts.md#{alert.lower()}" in said["text"]
