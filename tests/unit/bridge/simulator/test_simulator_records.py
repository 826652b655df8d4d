"""Orders and fills in the simulator's files: added, never written anew; whole after whatever happens to a write."""

from __future__ import annotations

import asyncio
import itertools
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cbbot.errors import BadInput
from cbbot.venue.order_json import order_json
from cbbot.venue.venue_order import OrderRequest
from cbbot_bridge.simulator import state_file
from cbbot_bridge.simulator.command_line import parse_arguments
from cbbot_bridge.simulator.record_file import RecordLines, add_durably, read_records
from cbbot_bridge.simulator.state_file import StateFile, read_state
from cbbot_bridge.simulator.world import World, build_world


def world_at(path: Path, candles: Path) -> World:
    settings = parse_arguments(["--speed", "0", "--csv", str(candles), "--balance", "BTC=1", "--state", str(path)])
    return build_world(settings, read_state(path))


def place(world: World, name: str, price: str = "90000", side: str = "BUY") -> str:
    fields: dict[str, object] = {"base_size": "0.001", "limit_price": price, "post_only": True}
    request = OrderRequest(name, "BTC-USD", side, {"limit_limit_gtc": fields})
    return world.exchange.place(request, world.now_ms()).order.order_id


def everything(world: World) -> dict[str, Any]:
    now_ms = world.now_ms()
    state = world.state()
    return {
        "orders": [order_json(order) for order in world.exchange.orders(now_ms)],
        "fills": len(list(world.exchange.fills(now_ms))),
        "state": {name: state[name] for name in ("portfolios", "markets", "unposted", "changes")},
    }


def save(file: StateFile) -> None:
    asyncio.run(file.save())


def test_the_newest_line_of_an_order_counts_and_what_lies_beyond_the_end_does_not(tmp_path: Path) -> None:
    path = tmp_path / "records"
    first = RecordLines([{"order_id": "a", "n": 1}, {"order_id": "b", "n": 1}], [{"entry_id": "x"}]).content
    second = RecordLines([{"order_id": "a", "n": 2}], [{"entry_id": "y"}]).content
    add_durably(path, first, 0)
    add_durably(path, second, len(first))
    whole = {
        "orders": [{"order_id": "a", "n": 2}, {"order_id": "b", "n": 1}],
        "fills": [{"entry_id": "x"}, {"entry_id": "y"}],
    }
    assert read_records(path, len(first + second)) == whole
    assert read_records(path, len(first))["orders"][0]["n"] == 1
    with path.open("ab") as file:
        file.write(b'{"order": {"order_id": "a", "n"')
    assert read_records(path, len(first + second)) == whole
    add_durably(path, second, len(first))
    assert path.stat().st_size == len(first + second)


@pytest.mark.parametrize("until", [None, -1, "5", 10_000, 3])
def test_records_that_are_not_what_was_written_are_refused(tmp_path: Path, until: object) -> None:
    path = tmp_path / "records"
    add_durably(path, RecordLines([{"order_id": "a"}], []).content, 0)
    with pytest.raises(BadInput, match="records"):
        read_records(path, until)


def test_a_save_adds_what_has_changed_and_no_more(tmp_path: Path, candle_csv: Path) -> None:
    path = tmp_path / "state.json"
    world = world_at(path, candle_csv)
    file = StateFile(world, path)
    sizes = [0]
    for number in range(50):
        place(world, str(number))
        save(file)
        sizes.append((tmp_path / "state.json.records").stat().st_size)
    grown = [after - before for before, after in itertools.pairwise(sizes)]
    assert max(grown) - min(grown) < 10
    assert everything(world_at(path, candle_csv)) == everything(world)


def test_a_write_that_fails_is_made_up_for_by_the_next(
    tmp_path: Path, candle_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.json"
    world = world_at(path, candle_csv)
    file = StateFile(world, path)
    place(world, "a")
    save(file)
    saved = everything(world)

    def fails(*_given: object) -> None:
        raise OSError(28, "No space left on device")

    for writer in ("add_durably", "replace_durably"):
        with monkeypatch.context() as broken:
            broken.setattr(state_file, writer, fails)
            place(world, writer)
            with pytest.raises(OSError, match="No space"):
                save(file)
        assert everything(world_at(path, candle_csv)) == saved
    save(file)
    assert everything(world_at(path, candle_csv)) == everything(world)


def test_a_later_process_goes_on_recording_where_the_first_stopped(tmp_path: Path, candle_csv: Path) -> None:
    path = tmp_path / "state.json"
    world = world_at(path, candle_csv)
    order_id = place(world, "a", price="100078")
    save(StateFile(world, path))
    for candles in (1, 2):
        world = world_at(path, candle_csv)
        file = StateFile(world, path)
        world.clock.advance_to(world.now_ms() + candles * 60_000)
        place(world, f"after {candles}", price="150000", side="SELL")
        save(file)
    order = world.exchange.order(order_id, world.now_ms())
    assert order is not None
    assert order.base * Decimal("0.00000001") == Decimal("0.001")
    again = world_at(path, candle_csv)
    assert everything(again) == everything(world)
    lines = (tmp_path / "state.json.records").read_text(encoding="utf-8").splitlines()
    assert sum("fill" in json.loads(line) for line in lines) == 1
