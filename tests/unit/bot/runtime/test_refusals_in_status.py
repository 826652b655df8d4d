"""What the venue refuses, as people, scrapers and the operator see it."""

from __future__ import annotations

from cbbot.contract.bot_api import BotStatus, Refused
from cbbot.runtime.status_answer import About, Moment, status_of
from cbbot.trader.codec import encode
from cbbot.views.bot_metrics import BotMetrics
from cbbot.views.last_known import FIRST_START, last_known
from unit.bot.trader.live_trader_harness import LiveTraderHarness


def status(trader: LiveTraderHarness, problem: str = "") -> BotStatus:
    about = About(trader.rules.settings, "demo", "", "test", "0", 0)
    moment = Moment(trader.rules, trader.state, trader.state.decision, "", "", problem, 0.1, None, 0, FIRST_START)
    return status_of(about, moment)


def refused_exit() -> LiveTraderHarness:
    trader = LiveTraderHarness()
    trader.buy("100", "0.2")
    (exit_,) = trader.tick("95")
    trader.refuse(exit_, "limit_only")
    return trader


def gauges(trader: LiveTraderHarness) -> dict[str, float]:
    metrics = BotMetrics()
    metrics.observe(trader.rules, trader.state)
    lines = [line for line in metrics.exposition().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_nothing_refused_is_null() -> None:
    trader = LiveTraderHarness()
    assert status(trader).refused is None
    assert gauges(trader)["bot_refused_exits"] == 0


def test_a_refused_exit_stands_in_the_status_with_phase_and_reason() -> None:
    answer = status(refused_exit())
    assert answer.refused is not None
    (exit_,) = answer.refused.exits
    assert (exit_.lot, exit_.since, exit_.code, exit_.message, exit_.tries, exit_.short) == (
        1, "2023-11-14T22:14:02.021Z", "limit_only", "no", 1, False,
    )  # fmt: skip
    assert (answer.phase, answer.ready, answer.entries.allowed) == ("paused", True, False)
    assert answer.reason == f"the exit of lot 1 is refused since {exit_.since}: limit_only"


def test_a_problem_of_the_disk_does_not_hide_a_refused_exit() -> None:
    answer = status(refused_exit(), "the state cannot be saved")
    assert answer.reason.startswith("the exit of lot 1 is refused")
    assert answer.reason.endswith("; the state cannot be saved")


def test_refused_entries_stand_in_the_status_with_until_when_they_wait() -> None:
    trader = LiveTraderHarness()
    trader.balances()
    (entry,) = trader.tick("100")
    trader.refuse(entry, "limit_only")
    answer = status(trader)
    assert answer.refused is not None
    assert answer.refused.entries is not None
    assert answer.refused.entries.until == "2023-11-14T22:14:03.011Z"
    assert (answer.phase, answer.entries.allowed) == ("trading", False)
    assert answer.reason.startswith("entries are refused since 2023-11-14T22:14:01.011Z: limit_only")
    assert gauges(trader)["bot_entries_refused"] == 1


def test_refusals_are_gauges() -> None:
    assert gauges(refused_exit())["bot_refused_exits"] == 1
    assert gauges(refused_exit())["bot_short_lots"] == 0


def test_before_the_bridge_answers_the_saved_refusal_is_shown() -> None:
    trader = refused_exit()
    known = last_known(encode(trader.rules, trader.state), 0, ours=True)
    assert known.refused is not None
    assert known.refused.exits_in_words.startswith("the exit of lot 1 is refused since 2023-11-14T22:14:02.021Z")
    metrics = BotMetrics()
    metrics.observe_last_known(known)
    assert b"bot_refused_exits 1.0" in metrics.exposition()


def test_a_status_of_an_older_bot_has_no_refusals() -> None:
    older = status(LiveTraderHarness()).model_dump(exclude={"refused"})
    assert BotStatus.model_validate(older).refused is None
    assert Refused().exits_in_words == ""
