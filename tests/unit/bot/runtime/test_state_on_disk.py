"""State file, lock and trade log: what a crash, a full disk or a hand can do to them."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cbbot.domain.instrument import BTC_USD
from cbbot.errors import UnsafeStart
from cbbot.kernel.advance import Closed
from cbbot.kernel.lot import Lot
from cbbot.runtime.lock import lock_folder
from cbbot.runtime.store import CorruptState, StateStore, read_generation
from cbbot.runtime.trade_log import TradeLog
from cbbot.trader.trader_state import Trade

FIRST, SECOND, THIRD = ({"n": number, "float": 0.1 + number} for number in (1, 2, 3))


@pytest.fixture
def store(tmp_path: Path) -> StateStore:
    return StateStore(tmp_path / "bot_state.json")


def test_what_is_saved_is_loaded_and_the_generation_before_it_is_kept(store: StateStore) -> None:
    assert store.load().body is None
    store.save(FIRST)
    store.save(SECOND)
    assert store.load().body == SECOND
    assert store.load().warning is None
    assert read_generation(store.previous) == FIRST
    assert store.path.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in store.path.parent.iterdir()) == ["bot_state.json", "bot_state.json.prev"]


@pytest.mark.parametrize("damage", [lambda raw: raw[:-20], lambda _: b"", lambda raw: raw.replace(b'"n":2', b'"n":9')])
def test_a_torn_or_altered_file_falls_back_with_a_warning_and_is_set_aside(store: StateStore, damage: Any) -> None:
    store.save(FIRST)
    store.save(SECOND)
    store.path.write_bytes(damage(store.path.read_bytes()))
    loaded = store.load()
    assert loaded.body == FIRST
    assert loaded.warning is not None
    assert "bot_state.json.prev" in loaded.warning
    store.save(THIRD)
    # The good generation is still the previous one, not the corrupt file.
    assert store.load().body == THIRD
    assert read_generation(store.previous) == FIRST
    assert store.path.with_name("bot_state.json.corrupt").exists()


def of_epoch(epoch: int, **changed: Any) -> dict[str, Any]:
    return {"epoch": epoch, "lots": [], **changed}


@pytest.mark.parametrize("epoch", [b"9", b"4", b"null", b'"5"', b"5.5"])
def test_an_epoch_before_the_body_that_is_not_the_bodys_is_an_alteration(store: StateStore, epoch: bytes) -> None:
    store.save(of_epoch(5, n=1))
    store.save(of_epoch(5, n=2))
    raw = store.path.read_bytes()
    assert raw.count(b'"epoch":5') == 2
    store.path.write_bytes(raw.replace(b'"epoch":5', b'"epoch":' + epoch, 1))
    with pytest.raises(CorruptState, match=r"before its body and 5 in it: it was altered"):
        read_generation(store.path)
    assert store.load().body == of_epoch(5, n=1)


def test_a_file_without_an_epoch_before_its_body_is_read(store: StateStore) -> None:
    """As an older cbbot wrote it."""
    store.save(of_epoch(5))
    raw = store.path.read_bytes()
    store.path.write_bytes(raw.replace(b'"epoch":5,', b"", 1))
    assert read_generation(store.path) == of_epoch(5)


@pytest.mark.parametrize("epoch", [b'"epoch":7,', b"", b'"epoch":9,', b'"epoch":5,'])
def test_a_generation_is_replaced_unless_its_body_is_of_a_newer_epoch(store: StateStore, epoch: bytes) -> None:
    """Whatever stands before the body: that is not what the checksum is of."""
    store.save(of_epoch(7))
    store.path.write_bytes(store.path.read_bytes().replace(b'"epoch":7,', epoch, 1))
    before = store.path.read_bytes()
    with pytest.raises(OSError, match="epoch 7, newer than 6"):
        store.save(of_epoch(6), epoch=6)
    assert store.path.read_bytes() == before
    store.save(of_epoch(7, n=1), epoch=7)
    assert read_generation(store.path) == of_epoch(7, n=1)


def test_two_bad_generations_are_a_refusal_and_never_a_fresh_start(store: StateStore) -> None:
    store.save(FIRST)
    store.save(SECOND)
    for path in (store.path, store.previous):
        path.write_bytes(b"{")
    with pytest.raises(UnsafeStart, match=r"could forget open lots.*Restore"):
        store.load()
    store.previous.unlink()
    with pytest.raises(UnsafeStart, match="no previous generation"):
        store.load()


class _Killed(Exception):
    """The process ends here."""


@pytest.mark.parametrize("step", range(1, 5))
def test_a_kill_at_any_step_of_a_save_leaves_a_sound_generation_under_its_own_name(
    store: StateStore, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save(FIRST)
    store.save(SECOND)
    steps = 0

    def killed_before(call: Callable[..., Any]) -> Callable[..., Any]:
        def perhaps(*args: Any) -> Any:
            nonlocal steps
            steps += 1
            if steps == step:
                raise _Killed
            return call(*args)

        return perhaps

    monkeypatch.setattr(os, "link", killed_before(os.link))
    monkeypatch.setattr(Path, "replace", killed_before(Path.replace))
    with contextlib.suppress(_Killed):
        store.save(THIRD)
    assert steps == min(step, 3)
    monkeypatch.undo()
    loaded = store.load()
    assert loaded.body == (SECOND if step <= 3 else THIRD)
    assert loaded.warning is None
    # What a kill has left is in the way of nothing.
    store.save(FIRST)
    store.save(SECOND)
    assert (store.load().body, read_generation(store.previous)) == (SECOND, FIRST)
    assert sorted(path.name for path in store.path.parent.iterdir()) == ["bot_state.json", "bot_state.json.prev"]


def test_a_link_that_a_kill_has_left_is_in_the_way_of_nothing(store: StateStore) -> None:
    store.save(FIRST)
    os.link(store.path, store.path.with_name("bot_state.json.prev.link"))
    store.save(SECOND)
    assert (store.load().body, read_generation(store.previous)) == (SECOND, FIRST)


def test_on_a_file_system_without_links_the_previous_generation_is_kept_all_the_same(
    store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", none)
    store.save(FIRST)
    store.save(SECOND)
    assert (store.load().body, read_generation(store.previous)) == (SECOND, FIRST)
    kept = store.set_aside("version-1")
    store.save(THIRD)
    assert read_generation(kept) == SECOND


def test_without_its_newest_name_the_previous_generation_is_taken(store: StateStore) -> None:
    store.save(FIRST)
    store.save(SECOND)
    store.path.replace(store.previous)
    loaded = store.load()
    assert loaded.body == SECOND
    assert loaded.warning is not None


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        '{"version":1,"checksum":"x","body":{"a":' + "[" * 900 + "]" * 900 + "}}",
        '{"version":1,"checksum":"x","body":{"a":NaN}}',
        '{"version":1,"checksum":"x","body":{"a":-Infinity}}',
        '{"version":1,"checksum":"x","body":{"a":1e999}}',
        '{"version":1,"checksum":"x","body":{"a":' + "9" * 5_000 + "}}",
        '{"version":1,"checksum":"x","body":{"a":"\\ud800"}}',
    ],
)
def test_json_that_no_save_writes_falls_back_to_the_previous_generation(store: StateStore, text: str) -> None:
    store.save(FIRST)
    store.save(SECOND)
    store.path.write_text(text)
    assert store.load().body == FIRST


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_failed_save_leaves_the_last_one_readable(
    store: StateStore, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save(FIRST)

    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="No space left"):
        store.save(SECOND)
    monkeypatch.undo()
    assert store.load().body == FIRST
    store.save(SECOND)
    assert store.load().body == SECOND


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"version": 1}',
        '{"version": 2, "checksum": "x", "body": {}}',
        '{"version": 1, "checksum": "x", "body": {}}',
    ],
)
def test_what_is_no_state_of_ours_is_recognised(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x"
    path.write_text(text)
    with pytest.raises(CorruptState, match=str(path)):
        read_generation(path)


def test_a_save_is_synced_before_it_has_its_name_and_the_folder_after_both_names(
    store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save(FIRST)
    made: list[str] = []
    fsync, replace_file = os.fsync, Path.replace

    def syncing(descriptor: int) -> None:
        made.append(f"sync {Path(f'/proc/self/fd/{descriptor}').resolve().name}")
        fsync(descriptor)

    def replacing(self: Path, target: Path) -> Path:
        made.append(f"name {target.name}")
        return replace_file(self, target)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(Path, "replace", replacing)
    store.save(SECOND)
    folder = store.path.parent.name
    names = ["name bot_state.json.prev", "name bot_state.json"]
    assert made == ["sync bot_state.json.tmp", *names, f"sync {folder}"]
    made.clear()
    store.set_aside("kept")
    assert made == ["name bot_state.json.kept", f"sync {folder}"]


def test_a_state_of_another_time_is_kept_when_it_is_set_aside(store: StateStore) -> None:
    store.save(FIRST)
    kept = store.set_aside("paper-BTC-USD-7")
    store.save(SECOND)
    store.save(THIRD)
    assert kept.name == "bot_state.json.paper-BTC-USD-7"
    assert read_generation(kept) == FIRST


def test_the_folder_has_one_writer(tmp_path: Path) -> None:
    with lock_folder(tmp_path / "new"), pytest.raises(UnsafeStart, match=rf"process {os.getpid()}"):
        lock_folder(tmp_path / "new")
    with lock_folder(tmp_path / "new"):
        pass


def test_a_lock_file_left_behind_by_a_killed_process_does_not_lock(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("process 1\n")
    with lock_folder(tmp_path), (tmp_path / ".lock").open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnsafeStart, match="STATE_FILE"):
        lock_folder(tmp_path / "file" / "folder")


def trade(number: int) -> Trade:
    lot = Lot(number, 1, True, True, 1_000, 5_000_000, 100, 500_000_000, 7, 1.0, 2.0, False, 0.0, 0.0)
    return Trade(number, Closed(lot, 2_000, 5_100_000, 510_000_000, 8, 9_999_985, 3))


def test_the_trade_log_serves_pages_newest_first(tmp_path: Path) -> None:
    trade_log = TradeLog(tmp_path / "trades.jsonl")
    assert trade_log.page(10) == []
    trade_log.append(BTC_USD, [trade(n) for n in range(1, 31)])
    trade_log.append(BTC_USD, [trade(n) for n in range(20, 41)])
    assert [row.number for row in trade_log.page(3)] == [40, 39, 38]
    assert [row.number for row in trade_log.page(3, before=31)] == [30, 29, 28]
    assert [row.number for row in trade_log.page(5, before=3)] == [2, 1]
    row = trade_log.page(1)[0]
    assert Decimal(row.net_pnl) == BTC_USD.money(9_999_985)
    assert row.exit_reason == "take_profit"
    again = TradeLog(tmp_path / "trades.jsonl")
    assert (again.last_number, again.page(40)) == (40, trade_log.page(40))


def test_every_page_of_a_long_trade_log_is_right_though_few_places_are_remembered(tmp_path: Path) -> None:
    trade_log = TradeLog(tmp_path / "trades.jsonl")
    numbers = [n for n in range(1, 400) if n % 50 != 7]
    for start in range(0, len(numbers), 33):
        trade_log.append(BTC_USD, [trade(n) for n in numbers[start : start + 33]])
    for opened in (trade_log, TradeLog(tmp_path / "trades.jsonl")):
        for limit in (0, 1, 2, 63, 64, 65, 1000):
            for before in (None, 1, 2, 7, 57, 64, 65, 66, 128, 200, 399, 400, 9999):
                expected = [n for n in reversed(numbers) if before is None or n < before][:limit]
                assert [row.number for row in opened.page(limit, before)] == expected, (limit, before)


def test_a_line_that_was_cut_short_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "trades.jsonl"
    trade_log = TradeLog(path)
    trade_log.append(BTC_USD, [trade(1), trade(2)])
    path.write_bytes(path.read_bytes()[:-30])
    again = TradeLog(path)
    assert again.last_number == 1
    again.append(BTC_USD, [trade(1), trade(2), trade(3)])
    assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == [1, 2, 3]
    assert [row.number for row in again.page(9)] == [3, 2, 1]


def test_trades_with_the_same_lot_number_are_distinguished_by_their_own(tmp_path: Path) -> None:
    trade_log = TradeLog(tmp_path / "trades.jsonl")
    part = trade(1)
    trade_log.append(BTC_USD, [part, replace(part, number=2)])
    assert [(row.number, row.lot) for row in trade_log.page(9)] == [(2, 1), (1, 1)]
