"""An outage is one line when it begins and one when it ends, however often a thing fails in between."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest

from cbbot_bridge.outage_log import OutageLog, OutageLogs

LOG = logging.getLogger("test.outage")


def said(caplog: pytest.LogCaptureFixture, logger: str = "test.outage") -> list[tuple[str, dict[str, Any]]]:
    return [(each.message, each.__dict__["fields"]) for each in caplog.records if each.name == logger]


@pytest.fixture(autouse=True)
def all_levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def test_each_outage_is_told_at_its_beginning_and_at_its_end(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    outage = OutageLog(LOG, "cannot read", lambda: now)
    for _ in range(2):
        outage.worked()
        for _ in range(100):
            outage.failed({"reason": "down"})
            now += 1.0
        outage.worked()
        outage.worked()
    over = ("works again", {"what": "cannot read", "failures": 100, "seconds": 100.0})
    assert said(caplog) == [("cannot read", {"reason": "down"}), over] * 2


def test_what_fails_every_other_second_is_a_line_and_its_end_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    outages = OutageLogs(LOG, "cannot poll", lambda: now)
    for _ in range(300):
        for product in ("a", "b"):
            outages.failed(product, {}, product_id=product)
        now += 1.0
        for product in ("a", "b"):
            outages.worked(product)
        now += 1.0
    lines = [(words, fields.get("outages_since", 0)) for words, fields in said(caplog) if fields["product_id"] == "a"]
    assert lines == [("cannot poll", 0), ("works again", 0), *[("cannot poll", 29), ("works again", 0)] * 9]


def test_an_outage_that_begins_soon_after_another_and_lasts_is_said(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    outage = OutageLog(LOG, "cannot read", lambda: now)
    outage.failed({})
    outage.worked()
    for _ in range(90):
        now += 1.0
        outage.failed({})
    outage.worked()
    assert [words for words, _ in said(caplog)] == ["cannot read", "works again"] * 2
    assert said(caplog)[-1][1]["failures"] == 90


def test_things_fail_by_themselves_and_one_that_is_forgotten_is_not_said_to_work(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outages = OutageLogs(LOG, "cannot poll")
    for name in ("a", "b", "a", "b"):
        outages.failed(name, {}, product_id=name)
    outages.forget("b")
    outages.worked("b")
    outages.worked("a")
    assert [(words, fields["product_id"]) for words, fields in said(caplog)] == [
        ("cannot poll", "a"), ("cannot poll", "b"), ("works again", "a"),
    ]  # fmt: skip


@pytest.mark.anyio
async def test_ten_minutes_without_the_venue_are_a_line_for_a_price_and_one_for_the_time(
    make_bridge: Any, coinbase: Any, caplog: pytest.LogCaptureFixture
) -> None:
    bridge = make_bridge()
    coinbase.on("GET", "/market/products/BTC-USD/ticker", httpx.Response(503))
    coinbase.on("GET", "/time", httpx.Response(503))
    for _ in range(30):
        await bridge.poller.poll("BTC-USD")
        await bridge.timekeeper.try_sample()
    lines = [each for each in caplog.records if each.name.startswith("cbbot_bridge")]
    assert sorted(each.message for each in lines) == ["cannot poll a price", "cannot read the venue's time"]
    assert (bridge.poller.failures, bridge.timekeeper.failures) == (30, 30)
