"""A trade log that something else has written to, or that is of another state: no line of it is ever lost."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from cbbot.contract.bot_api import NumberedTrade
from cbbot.domain.instrument import BTC_USD
from cbbot.kernel.advance import Closed
from cbbot.kernel.lot import Lot
from cbbot.runtime.trade_log import TradeLog
from cbbot.runtime.trade_log_lines import TradesOfState
from cbbot.trader.trader_state import Trade
from cbbot.views.json_rows import trade_row
from full_disk import full


def trade(number: int, closed_ms: int = 2_000) -> Trade:
    lot = Lot(number, 1, True, True, 1_000, 5_000_000, 100, 500_000_000, 7, 1.0, 2.0, False, 0.0, 0.0)
    return Trade(number, Closed(lot, closed_ms, 5_100_000, 510_000_000, 8, 9_999_985, 3))


def state_of(count: int, closed_ms: int = 2_000) -> TradesOfState:
    """A state that has counted so many trades, and keeps the newest fifty."""
    kept = [trade(number, closed_ms) for number in range(max(1, count - 49), count + 1)]
    rows = [NumberedTrade(number=t.number, **trade_row(BTC_USD, t.closed).model_dump()) for t in kept]
    return TradesOfState(count, tuple(rows))


def numbers(path: Path) -> list[int]:
    return [json.loads(line)["number"] for line in path.read_text().splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log with the trades 1 to 1000."""
    at = tmp_path / "trades.jsonl"
    TradeLog(at).append(BTC_USD, [trade(number) for number in range(1, 1001)])
    return at


def spoiled(path: Path, line: int, content: bytes) -> bytes:
    lines = path.read_bytes().splitlines(keepends=True)
    lines[line] = content
    path.write_bytes(b"".join(lines))
    return path.read_bytes()


@pytest.mark.parametrize("bad", [b"\xff\n", b"\n", b"{}\n", b"\x00" * 300 + b"\n", b'{"number":7}\n', b"null\n"])
def test_a_bad_line_costs_no_other_line_and_is_kept_and_said(path: Path, bad: bytes) -> None:
    before = spoiled(path, 150, bad)
    log = TradeLog(path, state_of(1000))
    assert log.last_number == 1000
    log.append(BTC_USD, [trade(1000), trade(1001)])
    assert numbers(path) == [*range(1, 151), *range(152, 1002)]
    aside = path.with_name("trades.jsonl.aside-1")
    assert aside.read_bytes() == before
    assert len(log.warnings) == 1
    assert "line 151 is no trade" in log.warnings[0]
    assert aside.name in log.warnings[0]
    assert [row.number for row in log.page(2)] == [1001, 1000]
    assert TradeLog(path, state_of(1001)).warnings == []


def test_a_fresh_state_beside_an_old_log_writes_its_trades_from_one(path: Path) -> None:
    before = path.read_bytes()
    log = TradeLog(path, state_of(0))
    assert "trade 1 is in the log, the state counts 0" in log.warnings[0]
    assert log.page(5) == []
    log.append(BTC_USD, [trade(1, 9_000)])
    assert numbers(path) == [1]
    assert path.with_name("trades.jsonl.aside-1").read_bytes() == before


def test_a_restored_state_goes_on_with_the_trades_that_it_knows(path: Path) -> None:
    before = path.read_bytes()
    log = TradeLog(path, state_of(600))
    assert log.last_number == 600
    log.append(BTC_USD, [trade(601, 9_000)])
    assert numbers(path) == [*range(1, 602)]
    assert path.with_name("trades.jsonl.aside-1").read_bytes() == before
    again = TradeLog(path, state_of(601, 9_000))
    assert path.with_name("trades.jsonl.aside-2").exists(), "that is yet another state's"
    assert again.warnings


def test_another_states_trades_under_the_same_numbers_are_not_taken_for_its_own(path: Path) -> None:
    log = TradeLog(path, state_of(1000, 5_000))
    assert "is another one in the log than in the state" in log.warnings[0]
    log.append(BTC_USD, [trade(number, 5_000) for number in range(951, 1002)])
    assert log.page(1)[0].closed_at == "1970-01-01T00:00:05Z"


def test_what_can_not_be_set_aside_is_not_written_over(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = spoiled(path, 150, b"\xff\n")

    with monkeypatch.context() as disk:
        disk.setattr(os, "link", full)
        disk.setattr(os, "write", full)
        log = TradeLog(path, state_of(1000))
        assert "No space left" in log.warnings[0]
        assert log.behind(1000)
        assert [row.number for row in log.page(1)] == [150]
        with pytest.raises(OSError, match="No space left"):
            log.append(BTC_USD, [trade(1001)])
        assert path.read_bytes() == before
    said = log.append(BTC_USD, [trade(1000), trade(1001)])
    assert "aside-1" in said[0]
    assert numbers(path) == [*range(1, 151), *range(152, 1002)]


def test_what_somebody_else_writes_while_the_bot_runs_is_kept(path: Path) -> None:
    log = TradeLog(path, state_of(1000))
    with path.open("ab") as file:
        file.write(b"# a remark\n")
    said = log.append(BTC_USD, [trade(1000), trade(1001)])
    assert "line 1001 is no trade" in said[0]
    assert b"# a remark" in path.with_name("trades.jsonl.aside-1").read_bytes()
    assert numbers(path) == [*range(1, 1002)]


@pytest.mark.parametrize("gone", ["moved", "emptied"])
def test_a_log_that_is_rotated_away_begins_again_without_holes(path: Path, gone: str) -> None:
    log = TradeLog(path, state_of(1000))
    if gone == "moved":
        path.rename(path.with_name("yesterday"))
    else:
        path.write_bytes(b"")
    log.append(BTC_USD, [trade(1000), trade(1001)])
    assert numbers(path) == [1000, 1001]
    assert [row.number for row in log.page(5)] == [1001, 1000]


def test_a_write_that_ends_half_way_is_made_again_and_nothing_is_set_aside(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = TradeLog(path, state_of(1000))
    real = Path.open

    class Torn:
        """A file on a disk that fills in the middle of a write."""

        def __init__(self, file: Any) -> None:
            self._file = file

        def __enter__(self) -> Torn:
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

        def truncate(self, size: int) -> int:
            return int(self._file.truncate(size))

        def write(self, content: bytes) -> int:
            self._file.write(content[:40])
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(Path, "open", lambda self, mode: Torn(real(self, mode)) if mode == "ab" else real(self, mode))
        with pytest.raises(OSError, match="No space left"):
            log.append(BTC_USD, [trade(1001)])
    assert log.append(BTC_USD, [trade(1001)]) == []
    assert numbers(path) == [*range(1, 1002)]
    assert [each.name for each in path.parent.iterdir()] == ["trades.jsonl"]


def test_a_line_cut_short_that_the_state_can_not_write_again_is_kept(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])
    cut = path.read_bytes()
    assert TradeLog(path, state_of(1000)).warnings == []
    path.write_bytes(cut)
    log = TradeLog(path, state_of(2000))
    assert "line 1000 is no trade" in log.warnings[0]
    assert path.with_name("trades.jsonl.aside-1").read_bytes() == cut
    assert "trades 1000 to 1950 are neither in it nor in the state" in log.warnings[1]


def test_a_kill_between_keeping_it_and_writing_anew_keeps_it_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoiled(path, 150, b"\xff\n")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as process:
        process.setattr("cbbot.runtime.trade_log.replace_durably", killed)
        with pytest.raises(KeyboardInterrupt):
            TradeLog(path, state_of(1000))
    TradeLog(path, state_of(1000))
    assert sorted(each.name for each in path.parent.iterdir()) == ["trades.jsonl", "trades.jsonl.aside-1"]


def test_a_fresh_start_beside_an_old_log_says_so_and_lists_only_its_own_trades(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path
) -> None:
    bridge = fake_bridge()

    async def main() -> None:
        rig = make_rig(bridge, tmp_path)
        await rig.until(lambda: len(rig.bot.trades(10, None)) >= 2)
        await rig.stop()
        old = numbers(tmp_path / "trades.jsonl")
        for generation in (rig.store.path, rig.store.previous):
            generation.unlink()
        again = make_rig(bridge, tmp_path)
        assert again.bot.trades(10, None) == []
        await again.until(lambda: len(again.bot.trades(10, None)) >= 2)
        await again.stop()
        assert numbers(tmp_path / "trades.jsonl")[:2] == [1, 2]
        assert numbers(tmp_path / "trades.jsonl.aside-1") == old

    virtually(main)


def test_trades_that_could_not_be_appended_are_written_within_seconds_without_another_trade(
    make_rig: Any, virtually: Any, fake_bridge: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        rig = make_rig(fake_bridge(), tmp_path)
        await rig.until(lambda: rig.bot.state is not None and rig.bot.state.reconciled)
        append = rig.trade_log.append
        rig.trade_log.append = full
        await rig.until(lambda: bool(rig.bot.state.trades))
        await rig.bot.flatten()
        await rig.until(lambda: not rig.bot.state.lots and not rig.bot.state.intents)
        count = rig.bot.state.trade_count
        await asyncio.sleep(60)
        assert not (tmp_path / "trades.jsonl").exists()
        rig.trade_log.append = append
        await asyncio.sleep(7)
        assert numbers(tmp_path / "trades.jsonl") == list(range(1, count + 1))
        await rig.stop()

    virtually(main)
    assert sum(record.message == "trades not written" for record in caplog.records) == 1
