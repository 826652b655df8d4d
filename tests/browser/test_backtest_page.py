"""The backtest's page in a real browser: it draws, it answers to people, it asks nobody for anything."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from backtest_page import LINES, PHONE, opened, shown_range


@pytest.fixture(scope="module")
def result(written: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((written / "demo.json").read_text())
    assert {trade["exit_reason"] for trade in document["trades"]} == {"take_profit", "stop_loss", "trailing_stop"}
    return document


def marks(page: Page) -> dict[str, int]:
    """How many marks of each kind are really drawn."""
    found: dict[str, int] = page.evaluate(
        """() => {
            const chart = document.getElementById('chart');
            const layers = [...chart.querySelectorAll('.xy .scatterlayer .trace')];
            const drawn = layers.filter(t => t.querySelector('.point'));
            const traces = chart.data.filter(t => t.mode === 'markers' && t.x.length);
            return Object.fromEntries(drawn.map((t, i) => [traces[i].name, t.querySelectorAll('.point').length]));
        }"""
    )
    return found


def by_lot(result: Any) -> list[dict[str, Any]]:
    """The trades in the order in which the table has them."""
    return sorted(result["trades"], key=lambda trade: trade["lot"])


def rows(page: Page) -> list[list[str]]:
    found: list[list[str]] = page.evaluate(
        "() => [...document.querySelectorAll('#trades tr[data-index]')].map(r => [...r.cells].map(c => c.textContent))"
    )
    return found


def test_entries_and_exits_are_all_marked_by_exit_reason(browser: Browser, written: Path, result: Any) -> None:
    reasons = Counter(trade["exit_reason"].replace("_", " ") for trade in result["trades"])
    expected = {"BUY entry": len(result["trades"]), **reasons}
    if result["open_lots"]:
        expected["still open"] = len(result["open_lots"])
    with opened(browser, written / "demo.html") as page:
        assert marks(page) == expected


def test_lines_are_drawn_in_four_charts(browser: Browser, written: Path, result: Any) -> None:
    with opened(browser, written / "demo.html") as page:
        for name, axis in (("price", "y"), ("MA 10", "y"), ("MA 30", "y"), ("equity", "y2"), ("buy and hold", "y5"),
                           ("drawdown", "y3"), ("exposure", "y4")):  # fmt: skip
            trace = page.evaluate(LINES, name)
            assert (trace["yaxis"], len(trace["x"])) == (axis, result["evaluated"])
        assert page.locator("#chart .scatterlayer .trace .js-line").count() == 7
        equity, fall = page.evaluate(LINES, "equity")["y"], page.evaluate(LINES, "drawdown")["y"]
        assert equity[-1] == pytest.approx(float(result["summary"]["equity_end_mtm"]), abs=1e-3)
        assert -min(fall) == pytest.approx(result["summary"]["max_drawdown_pct"], rel=1e-4)
        assert "All 1,750 steps in view are drawn." in page.inner_text("#drawn")


def test_a_mark_tells_lot_size_and_profit(browser: Browser, written: Path, result: Any) -> None:
    trade = next(trade for trade in result["trades"] if trade["exit_reason"] == "stop_loss")
    with opened(browser, written / "demo.html") as page:
        text = page.evaluate(LINES, "stop loss")["text"][0]
        assert f"lot {trade['lot']}, {trade['role']}, BUY {trade['base_size']}" in text
        assert f"{float(trade['net_pnl']):,.2f}"[:4] in text
        where = page.locator("#chart .xy .scatterlayer .trace .point").last.bounding_box()
        assert where is not None
        page.mouse.move(where["x"] + where["width"] / 2, where["y"] + where["height"] / 2)
        page.wait_for_selector("#chart .hoverlayer .hovertext")
        assert "lot" in (page.locator("#chart .hoverlayer").text_content() or "")


def test_the_table_has_every_trade_and_sorts(browser: Browser, written: Path, result: Any) -> None:
    trades = result["trades"]
    with opened(browser, written / "demo.html") as page:
        table = rows(page)
        assert [int(row[0]) for row in table] == sorted(trade["lot"] for trade in trades)
        assert page.inner_text("#shown") == f"{len(trades)} trades"
        head = page.locator("th[data-key=net_pnl]")
        for direction, order in (("ascending", 1), ("descending", -1)):
            head.locator("button").click()
            assert head.get_attribute("aria-sort") == direction
            profits = [float(row[-1].replace(",", "")) for row in rows(page)]
            assert [order * profit for profit in profits] == sorted(order * profit for profit in profits)
        assert page.locator("th[data-key=lot]").get_attribute("aria-sort") == "none"


def test_a_row_shows_its_trade_on_the_chart(browser: Browser, written: Path, result: Any) -> None:
    with opened(browser, written / "demo.html") as page:
        before = shown_range(page)
        row = page.locator("#trades tr[data-index]").nth(4)
        number = int(row.locator("td").first.inner_text())
        row.click()
        trade = next(trade for trade in result["trades"] if trade["lot"] == number)
        held = page.evaluate("t => [Date.parse(t.opened_at), Date.parse(t.closed_at)]", trade)
        from_ms, to_ms = shown_range(page)
        assert before[0] <= from_ms < held[0] < held[1] < to_ms <= before[1]
        assert to_ms - from_ms < (before[1] - before[0]) / 2
        assert row.get_attribute("aria-selected") == "true"
        assert page.evaluate(LINES, "chosen trade")["x"] == held
        page.click("#whole")
        assert shown_range(page) == before
        assert page.locator("tr[aria-selected=true]").count() == 0
        page.locator("#trades tr[data-index]").nth(4).press("Enter")
        assert shown_range(page) == [from_ms, to_ms]


def test_a_short_stretch_is_drawn_as_candles(browser: Browser, written: Path) -> None:
    with opened(browser, written / "demo.html") as page:
        for _ in range(4):
            page.click("#nearer")
        price = page.evaluate(LINES, "price")
        assert price["type"] == "candlestick"
        assert all(
            low <= close <= high for low, close, high in zip(price["low"], price["close"], price["high"], strict=True)
        )
        page.click("#farther")
        page.click("#farther")
        assert page.evaluate(LINES, "price")["type"] == "scatter"


def test_the_chosen_trade_shows_the_levels_it_left_with(browser: Browser, written: Path, result: Any) -> None:
    levels = "name => document.getElementById('chart').data.find(t => t.name === name)?.y"
    with opened(browser, written / "demo.html") as page:
        assert page.locator("#levels").is_hidden()
        for reason, name, side in (
            ("take_profit", "take", 1),
            ("stop_loss", "stop", -1),
            ("trailing_stop", "trail", -1),
        ):
            trade = next(trade for trade in result["trades"] if trade["exit_reason"] == reason)
            row = page.locator("#trades tr[data-index]").nth([t["lot"] for t in by_lot(result)].index(trade["lot"]))
            row.click()
            level, again = page.evaluate(levels, name)
            assert level == again
            # It left at the first close beyond the level.
            assert side * float(trade["close_price"]) >= side * level
            assert page.inner_text("#levels").startswith(f"Lot {trade['lot']} left with stop ")
            assert f"{name} {level:,.2f}" in page.inner_text("#levels")
        page.click("#whole")
        assert page.evaluate(levels, "take") is None
        assert page.locator("#levels").is_hidden()


def test_a_level_far_away_is_told_and_does_not_press_the_prices_flat(browser: Browser, far_stop: Path) -> None:
    with opened(browser, far_stop) as page:
        page.locator("#trades tr[data-index]").first.click()
        stop, take = page.inner_text("#levels").rstrip(".").split(" left with ")[1].split(" take ")
        assert stop.startswith("stop ")
        assert stop.endswith(" (beyond the chart),")
        drawn = page.evaluate("() => document.getElementById('chart').data.map(t => t.name)")
        assert ("stop" in drawn, "take" in drawn) == (False, True)
        lowest, highest = page.evaluate("() => document.getElementById('chart')._fullLayout.yaxis.range")
        assert lowest < float(take.replace(",", "")) < highest
        assert lowest > float(stop.split()[1].replace(",", ""))


def test_the_charts_below_show_the_numbers_of_the_json(browser: Browser, written: Path, result: Any) -> None:
    data = "id => document.getElementById(id).data[0]"
    trades = result["trades"]
    with opened(browser, written / "demo.html") as page:
        spread = result["net_pnl_distribution"]
        assert page.evaluate(data, "distribution")["y"] == spread["trades"]
        assert sum(spread["trades"]) == len(trades)
        for name, key in (("adverse", "mae_pct"), ("favourable", "mfe_pct")):
            marks = page.evaluate(data, name)
            assert sorted(marks["x"]) == pytest.approx(sorted(trade[key] for trade in trades), abs=1e-4)
            assert sorted(marks["y"]) == pytest.approx(sorted(trade["return_pct"] for trade in trades), abs=1e-4)
        for name, key in (("hours", "by_hour"), ("weekdays", "by_weekday")):
            assert page.evaluate(data, name)["y"] == [float(slot["net_pnl_usd"]) for slot in result[key]]
        assert page.evaluate(data, "weekdays")["x"] == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
        assert page.locator("#drawdowns tbody tr").count() == len(result["drawdowns"])
        returns = [float(row[-2].removesuffix(" %")) for row in rows(page)]
        assert returns == pytest.approx([trade["return_pct"] for trade in by_lot(result)], abs=0.00501)


def test_the_net_profit_of_a_trade_is_in_sight_on_a_phone(browser: Browser, written: Path) -> None:
    with opened(browser, written / "demo.html", **(PHONE | {"viewport": {"width": 390, "height": 844}})) as page:
        page.locator("#scroll").scroll_into_view_if_needed()
        for where in ("#trades th[data-key=net_pnl]", "#trades tr[data-index]:nth-of-type(2) td:last-child"):
            box = page.locator(where).bounding_box()
            assert box is not None
            assert 0 < box["x"] < box["x"] + box["width"] <= 390
            # Nothing lies over it.
            assert page.evaluate(
                "([x, y, where]) => document.querySelector(where).contains(document.elementFromPoint(x, y))",
                [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, where],
            )


def test_the_filter_works_on_the_table_and_on_the_chart(browser: Browser, written: Path, result: Any) -> None:
    trades = result["trades"]
    left = [trade for trade in trades if trade["exit_reason"] != "take_profit"]
    with opened(browser, written / "demo.html") as page:
        all_marks = marks(page)
        page.get_by_label("take profit").uncheck()
        assert [int(row[0]) for row in rows(page)] == [trade["lot"] for trade in sorted(left, key=lambda t: t["lot"])]
        assert page.inner_text("#shown") == f"{len(left)} of {len(trades)} trades"
        drawn = marks(page)
        assert "take profit" not in drawn
        assert drawn["BUY entry"] == len(left)
        page.get_by_label("take profit").check()
        assert marks(page) == all_marks


def test_dark_and_light_are_the_readers_choice(browser: Browser, written: Path) -> None:
    ground = "() => getComputedStyle(document.body).backgroundColor"
    ink = "() => document.getElementById('chart')._fullLayout.font.color"
    with opened(browser, written / "demo.html", color_scheme="light") as page:
        light = page.evaluate(ground), page.evaluate(ink)
        page.emulate_media(color_scheme="dark")
        page.wait_for_function(f"light => ({ink})() !== light", arg=light[1])
        switched = page.evaluate(ground), page.evaluate(ink)
    with opened(browser, written / "demo.html", color_scheme="dark") as page:
        dark = page.evaluate(ground), page.evaluate(ink)
    assert dark == switched == ("rgb(15, 18, 22)", "#e6e9ed")
    assert light == ("rgb(244, 245, 247)", "#16191d")


def test_a_phone_shows_all_of_it_without_scrolling_sideways(browser: Browser, written: Path) -> None:
    with opened(browser, written / "demo.html", **PHONE) as page:
        assert page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]") == [360, 360]
        page.locator("summary").click()
        assert page.evaluate("() => document.documentElement.scrollWidth") == 360
        chart = page.locator("#chart .main-svg").first.bounding_box()
        assert chart is not None
        assert 300 < chart["width"] <= 360
        page.locator("#trades tr[data-index]").first.tap()
        page.wait_for_function("() => document.getElementById('chart').data.some(t => t.name === 'chosen trade')")


def test_a_file_name_and_a_setting_that_mean_harm_are_text(browser: Browser, written: Path) -> None:
    with opened(browser, written / "demo.html") as page:
        assert page.evaluate("() => window.harmed") is None
        assert "<script>window.harmed=1<!--.csv" in page.inner_text("header")
        assert page.locator("img").count() == 0


def test_the_policy_stops_what_would_run_or_ask(browser: Browser, written: Path, tmp_path: Path) -> None:
    """Were something to slip through, the browser would refuse it."""
    spoilt = tmp_path / "spoilt.html"
    text = (written / "demo.html").read_text()
    harm = "<script>window.harmed=1</script><img src='https://example.com/x.png' onerror='window.harmed=1'>"
    spoilt.write_text(text.replace("<main>", f"<main>{harm}", 1))
    page = browser.new_page()
    page.goto(spoilt.as_uri())
    page.wait_for_selector("html[data-drawn=yes]")
    assert page.evaluate("() => window.harmed") is None
    page.close()


def assert_extremes_are_drawn(price: dict[str, Any], closes: list[float]) -> None:
    """Near every hundred steps there is a point as high as the highest of them, and one as low as the lowest."""
    near, least = 20, price["x"][0]
    drawn = [(round((x - least) / 60_000), y) for x, y in zip(price["x"], price["y"], strict=True)]
    for first in range(0, len(closes), 100):
        part = closes[first : first + 100]
        around = [y for step, y in drawn if first - near <= step < first + 100 + near]
        assert max(around) >= max(part) - 1e-6
        assert min(around) <= min(part) + 1e-6


def test_a_long_run_is_thinned_and_says_so_and_shows_all_of_it_nearer(browser: Browser, long_run: Path) -> None:
    document = json.loads((long_run / "long.json").read_text())
    trades = document["trades"]
    assert len(trades) > 2000
    with opened(browser, long_run / "long.html") as page:
        price = page.evaluate(LINES, "price")
        assert len(price["x"]) < 4100
        closes = [float(line.split(",")[4]) for line in (long_run / "long.csv").read_text().splitlines()[1:]]
        assert_extremes_are_drawn(price, closes[-document["evaluated"] :])
        said = page.inner_text("#drawn")
        assert f"{len(price['x']):,} of {document['evaluated']:,} steps in view" in said
        drawn = marks(page)
        assert drawn["BUY entry"] == 2000
        assert f"{len(trades) - 2000:,} trades that won or lost less are not marked." in said
        assert len(rows(page)) < 100
        assert page.get_attribute("#trades", "aria-rowcount") == str(len(trades) + 1)
        page.evaluate("() => { const s = document.getElementById('scroll'); s.scrollTop = s.scrollHeight; }")
        last = max(trade["lot"] for trade in trades)
        page.wait_for_function("last => [...document.querySelectorAll('#trades tr[data-index]')].at(-1).cells[0]"
                               ".textContent === String(last)", arg=last)  # fmt: skip
        page.locator("#trades tr[data-index]").last.click()
        assert page.evaluate(LINES, "price")["type"] == "candlestick"
        assert "steps in view are drawn." in page.inner_text("#drawn")
