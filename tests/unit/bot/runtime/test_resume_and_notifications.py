"""Whose state it is; and the stream of events."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from cbbot.contract.settings import Settings, load
from cbbot.domain.instrument import BTC_USD
from cbbot.domain.order import Side
from cbbot.errors import UnsafeStart
from cbbot.kernel.lot import Lot
from cbbot.runtime.notifications import Broadcast
from cbbot.runtime.resume import check_identity, earlier_document, equity_warning, identity_of, resumed_state
from cbbot.runtime.store import StateStore, read_generation
from cbbot.trader.codec import encode
from cbbot.trader.intent import Intent, Purpose
from cbbot.trader.rules import Rules, build_rules
from cbbot.trader.state_versions import VERSION
from cbbot.trader.trader_state import GivenUp, Identity, TraderState, new_state
from full_disk import full

LOT = Lot(1, 1, True, True, 1_000, 5_000_000, 100, 500_000_000, 7, 1.0, 2.0, False, 0.0, 0.0)


@pytest.fixture(autouse=True)
def _quiet_again() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def rules_with(**keys: str) -> Rules:
    return build_rules(load(keys), BTC_USD)


def state(rules: Rules, **changed: Any) -> TraderState:
    fresh = new_state(rules, Identity("bot-1", "BTC-USD", rules.settings.mode, "Simulator"), 100)
    return replace(fresh, sequence=9, trade_count=4, **changed)


def test_another_mode_product_or_venue_with_lots_open_is_refused_with_advice() -> None:
    document = encode(rules_with(), state(rules_with(), lots=(LOT,)))
    for settings, venue in (
        (load({"DRY_RUN": "false"}), "Simulator"),
        (load({"PRODUCT_ID": "ETH-USD"}), "Simulator"),
        (load({}), "Coinbase"),
    ):
        with pytest.raises(UnsafeStart, match=r"1 open lots.*flatten.*STATE_FILE"):
            check_identity(document, identity_of(settings, venue, document), "state.json")
    check_identity(document, identity_of(load({}), "Simulator", document), "state.json")


def test_an_order_that_may_be_carried_out_late_is_open_too() -> None:
    late = GivenUp(Intent("bot-1-100-9", Purpose.ENTRY, 1, Side.BUY, 1, 1, "", 1))
    document = encode(rules_with(DRY_RUN="false"), state(rules_with(DRY_RUN="false"), given_up=(late,)))
    with pytest.raises(UnsafeStart, match="1 open orders"):
        check_identity(document, identity_of(load({}), "Simulator", document), "state.json")


def test_with_nothing_open_another_mode_begins_anew_and_goes_on_counting() -> None:
    document = encode(rules_with(), state(rules_with(), paused_by=frozenset({"hand"})))
    live = rules_with(DRY_RUN="false", USD_EQUITY="70")
    identity = identity_of(live.settings, "Coinbase", document)
    check_identity(document, identity, "state.json")
    begun = resumed_state(live, identity, document, 50).state
    assert (begun.identity.mode, begun.identity.bot_id) == ("live", "bot-1")
    assert (begun.epoch, begun.sequence, begun.trade_count) == (101, 9, 4)
    assert begun.paused_by == {"hand"}
    assert begun.account.start_equity == BTC_USD.ledger_down(live.settings.usd_equity)


def test_the_epoch_rises_by_the_clock_or_by_one() -> None:
    document = encode(rules_with(), state(rules_with()))
    identity = identity_of(load({"BOT_ID": "mine"}), "Simulator", document)
    assert resumed_state(rules_with(), identity, document, 50).state.epoch == 101
    later = resumed_state(rules_with(), identity, document, 5_000).state
    assert (later.epoch, later.identity.bot_id) == (5_000, "mine")
    assert resumed_state(rules_with(), identity, None, 77).state.epoch == 77


def test_a_sound_file_without_sense_is_refused() -> None:
    document = encode(rules_with(), state(rules_with()))
    del document["account"]["realised"]
    with pytest.raises(UnsafeStart, match=r"realised.*backup"):
        resumed_state(rules_with(), identity_of(load({}), "Simulator", document), document, 1)


VERSION_1: Final = Path(__file__).parents[1] / "trader" / "states" / "version-1.json"


def stored_version_1(folder: Path) -> tuple[StateStore, dict[str, Any], Settings]:
    store, document = StateStore(folder / "bot_state.json"), json.loads(VERSION_1.read_text())
    store.save(document)
    return store, document, load({"PRODUCT_ID": document["product_id"]})


def test_a_state_of_an_older_version_is_brought_up_and_kept_as_it_was(tmp_path: Path) -> None:
    store, older, settings = stored_version_1(tmp_path)
    document, warnings = earlier_document(store, settings, older["venue"])
    assert document is not None
    assert document["version"] == VERSION > older["version"]
    assert document["lots"] == older["lots"]
    kept = tmp_path / "bot_state.json.version-1"
    assert warnings == [
        f"the state was of version 1 and is brought to version {VERSION}; as it was it is kept as {kept}"
    ]
    assert read_generation(kept) == older
    store.save(document)
    store.save(document)
    assert read_generation(kept) == older
    assert earlier_document(store, settings, older["venue"]) == (document, [])


def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "write", full)
    monkeypatch.setattr(os, "link", full)


def test_a_full_disk_does_not_keep_the_bot_from_an_older_states_lots_and_the_state_is_kept_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, older, settings = stored_version_1(tmp_path)
    kept = tmp_path / "bot_state.json.version-1"
    full_disk(monkeypatch)
    document, warnings = earlier_document(store, settings, older["venue"])
    assert document is not None
    assert document["lots"]
    assert "could not be kept: No space left on device; every save tries again" in warnings[0]
    with pytest.raises(OSError, match="No space left"):
        store.save(document)
    assert not [path for path in tmp_path.iterdir() if "version-1" in path.name]
    monkeypatch.undo()
    for _ in range(3):
        store.save(document)
    assert read_generation(kept) == older


def test_a_save_does_not_wait_until_the_older_state_can_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, older, settings = stored_version_1(tmp_path)
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(errno.EPERM, "no links here")))
    kept = tmp_path / "bot_state.json.version-1"
    kept.mkdir()
    document, warnings = earlier_document(store, settings, older["venue"])
    assert document is not None
    assert "could not be kept" in warnings[0]
    store.save(document)
    assert read_generation(store.path) == document
    kept.rmdir()
    store.save(document)
    assert read_generation(kept) == older


def test_a_state_of_a_newer_version_is_refused_and_stays(tmp_path: Path) -> None:
    store, older, settings = stored_version_1(tmp_path)
    newer = older | {"version": VERSION + 1}
    store.save(newer)
    with pytest.raises(UnsafeStart, match=r"start the newer cbbot.*the version of cbbot that wrote it"):
        earlier_document(store, settings, older["venue"])
    assert read_generation(store.path) == newer


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"lots": None}, "lots is null, not a list"),
        ({"lots": ["x"]}, r"lots\[0\] is 'x', not an object"),
        ({"lots": []}, "counts 1 lots, there are 0"),
        ({"epoch": 10**30}, "epoch"),
        ({"product_id": 7}, "product_id is 7, not text"),
        ({"bot_id": None}, "bot_id is null"),
        ({"book": 5}, "book is 5, not an object"),
        ({"version": "x"}, "no cbbot wrote"),
        ({"trade_count": 3}, "numbered"),
    ],
)
@pytest.mark.parametrize("product", ["BTC-USD", "ETH-USD"])
def test_a_start_refuses_a_senseless_state_with_advice_whoever_it_is_of(
    changed: dict[str, Any], said: str, product: str, tmp_path: Path
) -> None:
    store, older, _ = stored_version_1(tmp_path)
    store.save(older | changed)
    with pytest.raises(UnsafeStart, match=rf"(?s){said}.*restore a backup"):
        earlier_document(store, load({"PRODUCT_ID": product}), older["venue"])
    assert read_generation(store.path) == older | changed


def test_a_changed_starting_equity_is_mentioned() -> None:
    assert equity_warning(rules_with(), state(rules_with())) is None
    warning = equity_warning(rules_with(USD_EQUITY="2500"), state(rules_with()))
    assert warning is not None
    assert "USD_EQUITY=2500" in warning
    assert "1000" in warning


def test_a_listener_that_sleeps_loses_the_oldest_events(virtually: Any) -> None:
    async def main() -> None:
        broadcast = Broadcast()
        assert not broadcast.has_listeners
        listening = broadcast.listen()
        first = asyncio.ensure_future(anext(listening))
        await asyncio.sleep(0)
        assert broadcast.has_listeners
        for number in range(1_500):
            broadcast.publish("tick", {"n": number})
        assert (await first)[1] in ({"n": 0}, {"n": 500})
        assert (await anext(listening))[1]["n"] >= 500
        await listening.aclose()
        assert not broadcast.has_listeners

    virtually(main)
