"""Zooming, moving and choosing on the backtest's page, as people do it with mouse and keyboard."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, FloatRect, Page, expect

from backtest_page import LINES, PHONE, SHOWN, opened, shown_range


def chart_box(page: Page) -> FloatRect:
    """Where the price's chart takes the pointer."""
    box = page.locator("#chart .nsewdrag").first.bounding_box()
    assert box is not None
    return box


def drag_over_chart(page: Page, start: float, end: float) -> None:
    """With the mouse, along the middle, between two fractions of the chart's width."""
    box = chart_box(page)
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * start, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end, middle, steps=5)
    page.mouse.up()


def test_dragging_over_the_chart_zooms_it(browser: Browser, written: Path) -> None:
    with opened(browser, written / "demo.html") as page:
        before = shown_range(page)
        drag_over_chart(page, 0.4, 0.6)
        page.wait_for_function("before => document.getElementById('chart').data[0].x.length < before", arg=600)
        after = shown_range(page)
        assert before[0] < after[0] < after[1] < before[1]


def test_the_wheel_zooms_where_the_pointer_is(browser: Browser, written: Path) -> None:
    with opened(browser, written / "demo.html") as page:
        before = shown_range(page)
        box = chart_box(page)
        page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] / 2)
        page.mouse.wheel(0, -300)
        page.wait_for_function("() => document.getElementById('chart').data[0].x.length < 1700")
        after = shown_range(page)
        at = before[0] + (before[1] - before[0]) * 0.25
        assert (at - after[0]) / (after[1] - after[0]) == pytest.approx(0.25, abs=0.02)
        assert after[1] - after[0] < before[1] - before[0]


def test_dragging_moves_the_chart_once_that_is_chosen(browser: Browser, written: Path) -> None:
    with opened(browser, written / "demo.html") as page:
        page.click("#nearer")
        page.click("#pan")
        assert page.get_attribute("#pan", "aria-pressed") == "true"
        before = shown_range(page)
        drag_over_chart(page, 0.6, 0.5)
        page.wait_for_function(f"before => ({SHOWN})()[0] !== before", arg=before[0])
        after = shown_range(page)
        assert after[1] - after[0] == pytest.approx(before[1] - before[0])
        assert (after[0] - before[0]) / (before[1] - before[0]) == pytest.approx(0.1, abs=0.02)


def test_arrow_keys_move_and_stop_at_the_ends(browser: Browser, written: Path) -> None:
    with opened(browser, written / "demo.html") as page:
        whole = shown_range(page)
        page.locator("#chart").press("+")
        near = shown_range(page)
        width = near[1] - near[0]
        assert width == pytest.approx((whole[1] - whole[0]) / 2, rel=1e-3)
        page.locator("#chart").press("ArrowRight")
        assert shown_range(page) == pytest.approx([near[0] + width / 4, near[1] + width / 4], rel=1e-12)
        for _ in range(3):
            page.locator("#chart").press("ArrowRight")
        assert shown_range(page) == pytest.approx([whole[1] - width, whole[1]], rel=1e-12)


def test_a_phone_has_buttons_to_zoom_and_to_move(browser: Browser, written: Path) -> None:
    with opened(browser, written / "demo.html", **PHONE) as page:
        whole = shown_range(page)
        page.locator("#nearer").tap()
        near = shown_range(page)
        width = near[1] - near[0]
        assert width == pytest.approx((whole[1] - whole[0]) / 2, rel=1e-3)
        page.locator("#later").tap()
        assert shown_range(page) == pytest.approx([whole[1] - width, whole[1]], rel=1e-12)
        page.locator("#earlier").tap()
        page.locator("#earlier").tap()
        assert shown_range(page) == pytest.approx([whole[0], whole[0] + width], rel=1e-12)


def test_what_the_legend_switched_off_stays_off(browser: Browser, written: Path) -> None:
    drawn = "() => document.getElementById('chart')._fullData.filter(t => t.visible === true).map(t => t.name)"
    with opened(browser, written / "demo.html") as page:
        assert {"MA 10", "price"} <= set(page.evaluate(drawn))
        for name in ("MA 10", "price"):
            page.locator("#chart .legend .traces", has_text=name).locator(".legendtoggle").first.click()
            page.wait_for_function(f"name => !({drawn})().includes(name)", arg=name)
        # Nearer, the price is candles, and a chosen trade puts lines between the others.
        for selector in ("#nearer", "#trades tr[data-index]:nth-of-type(6)", "#scales", "#whole"):
            page.click(selector)
            left = set(page.evaluate(drawn))
            assert not {"MA 10", "price"} & left
            assert {"MA 30", "equity", "drawdown", "BUY entry"} <= left


def test_equity_has_a_scale_of_its_own_until_both_share_one(browser: Browser, written: Path) -> None:
    with opened(browser, written / "demo.html") as page:
        assert (page.evaluate(LINES, "equity")["yaxis"], page.evaluate(LINES, "buy and hold")["yaxis"]) == ("y2", "y5")
        assert page.locator("#chart .y5title").count() == 1
        page.click("#scales")
        assert page.get_attribute("#scales", "aria-pressed") == "false"
        assert page.evaluate(LINES, "buy and hold")["yaxis"] == "y2"
        assert page.locator("#chart .y5title").count() == 0


def test_a_window_that_changes_its_size_is_filled_without_an_error(browser: Browser, written: Path) -> None:
    width = "() => document.getElementById('chart')._fullLayout.width"
    with opened(browser, written / "demo.html") as page:
        before = page.evaluate(width)
        page.set_viewport_size({"width": 1000, "height": 900})
        page.wait_for_function(f"before => ({width})() < before - 200", arg=before)
        page.set_viewport_size({"width": 600, "height": 900})
        page.wait_for_function(f"() => ({width})() < 600")
        expect(page.locator("#chart .scatterlayer .trace .js-line")).to_have_count(7)
