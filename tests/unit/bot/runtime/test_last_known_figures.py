"""What a bot answers before it has heard the venue: what its state was last saved with, and nothing made up."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from cbbot.runtime.store import read_generation

_LIVE = {"DRY_RUN": "false", "MAX_ORDER_USD": "50", "MAX_EXPOSURE_USD": "500"}
FIGURES = {
    "bot_equity_usd", "bot_equity_marked_usd", "bot_unrealized_pnl_usd", "bot_daily_pnl_usd", "bot_exposure_usd",
    "bot_open_lots", "bot_breaker_tripped", "bot_entries_paused", "bot_halted", "bot_refused_exits",
    "bot_entries_refused", "bot_short_lots", "bot_pending_orders", "bot_given_up_orders", "bot_unknown_orders",
    "bot_contradicted_orders",
    "bot_last_price", "bot_vol_risk_factor", "bot_ma_fast", "bot_ma_slow", "bot_model_fitted", "bot_model_age_seconds",
    "bot_epoch", "bot_price_age_seconds", "bot_decision_age_seconds", "bot_last_save_timestamp_seconds",
    "bot_clock_offset_seconds",
}  # fmt: skip


def _broken(bridge: Any) -> None:
    bridge.broken["/exchange/filters"] = lambda _: httpx.Response(503, json={"error": {"code": "x", "message": "no"}})


async def _restarted_without_a_bridge(make_rig: Any, bridge: Any, folder: Path, change: Callable[[Any], None]) -> Any:
    """A bot that has been ready, whose saved state was changed, started again five seconds ago at a broken bridge."""
    rig = make_rig(bridge, folder)
    await rig.until(lambda: rig.bot.readiness[0])
    await rig.stop()
    document = read_generation(rig.store.path)
    change(document)
    rig.store.save(document)
    _broken(bridge)
    again = make_rig(bridge, folder)
    await asyncio.sleep(5)
    return again


def test_until_the_bridge_answers_the_figures_are_those_of_the_state_and_say_of_when(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = make_rig(bridge, tmp_path)
        await rig.until(lambda: len(rig.bot.lots() or ()) >= 2 and len(rig.bot.trades(10, None)) >= 2)
        assert rig.bot.status().as_of is None
        await rig.bot.pause_entries("hand")
        await rig.stop()
        before, lots, trades = rig.bot.status(), rig.bot.lots(), rig.bot.trades(10, None)
        os.utime(rig.store.path, (1_000_000_000, 1_000_000_000))
        # As if it had died between the state's save and the log's.
        log = tmp_path / "trades.jsonl"
        log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))
        _broken(bridge)
        again = make_rig(bridge, tmp_path)
        await asyncio.sleep(5)
        now = again.bot.status()
        assert (now.ready, now.phase, now.as_of) == (False, "starting", "2001-09-09T01:46:40Z")
        assert now.last_save_at == now.as_of
        same = {
            "epoch", "equity_usd", "daily_pnl_usd", "exposure_usd", "open_lots", "pending_orders", "given_up_orders",
            "last_price", "breaker_tripped", "model",
        }  # fmt: skip
        assert now.model_dump(include=same) == before.model_dump(include=same)
        assert (now.equity_marked_usd, now.unrealized_pnl_usd, now.price_age_seconds) == (None, None, None)
        assert (now.entries.allowed, now.entries.paused_by) == (False, ["hand"])
        marked = {"unrealized_pnl"}
        assert [lot.model_dump(exclude=marked) for lot in again.bot.lots()] == [
            lot.model_dump(exclude=marked) for lot in lots
        ]
        assert {lot.unrealized_pnl for lot in again.bot.lots()} == {None}
        assert again.bot.trades(10, None) == trades
        assert again.bot.trades(1, trades[0].number) == trades[1:2]
        exposed = again.exposed()
        assert exposed["bot_open_lots"] == len(lots)
        assert exposed["bot_equity_usd"] == float(before.equity_usd)
        assert (exposed["bot_entries_paused"], exposed["bot_ready"]) == (1, 0)
        assert exposed["bot_epoch"] == before.epoch
        assert math.isnan(exposed["bot_equity_marked_usd"])
        bridge.broken.clear()
        await again.until(lambda: again.bot.readiness[0])
        assert again.bot.status().as_of is None
        assert again.exposed()["bot_equity_marked_usd"] > 0
        await again.stop()

    virtually(main)


@pytest.mark.parametrize("live", [False, True])
def test_a_first_start_knows_no_figures_and_on_paper_that_it_has_no_lots(
    live: bool, make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()
    _broken(bridge)

    async def main() -> None:
        rig = make_rig(bridge, tmp_path, **(_LIVE if live else {}))
        await asyncio.sleep(5)
        status, lots = rig.bot.status(), None if live else 0
        assert (status.open_lots, status.pending_orders, status.given_up_orders) == (lots, lots, lots)
        assert (rig.bot.lots(), rig.bot.trades(5, None)) == ((None, None) if live else ([], []))
        assert status.breaker_tripped is (None if live else False)
        money = ("equity_usd", "equity_marked_usd", "daily_pnl_usd", "unrealized_pnl_usd", "exposure_usd")
        unknown = (*money, "epoch", "clock_offset_ms")
        assert status.model_dump(include={*unknown, "as_of"}) == dict.fromkeys((*unknown, "as_of"))
        made_up = {name: value for name, value in rig.exposed().items() if name in FIGURES and not math.isnan(value)}
        assert made_up == {}
        await rig.stop()

    virtually(main)


def test_a_state_that_makes_no_sense_is_not_shown_as_nothing_open(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        again = await _restarted_without_a_bridge(
            make_rig, bridge, tmp_path, lambda document: document["account"].pop("realised")
        )
        status = again.bot.status()
        assert (status.open_lots, status.pending_orders, status.equity_usd) == (None, None, None)
        assert status.breaker_tripped is None
        assert math.isnan(again.exposed()["bot_open_lots"])
        await again.stop()

    virtually(main)


def test_a_state_that_is_halted_says_so_before_the_bridge_answers(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        again = await _restarted_without_a_bridge(
            make_rig, bridge, tmp_path, lambda document: document.update(halted="an id used twice")
        )
        assert again.bot.status().reason.endswith("(the state is halted: an id used twice)")
        assert again.exposed()["bot_halted"] == 1
        await again.stop()

    virtually(main)
