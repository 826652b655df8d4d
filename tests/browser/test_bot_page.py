"""The bot's page in a real browser: what it shows, how soon, and who may steer with it."""

from __future__ import annotations

import re
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from browser.opened_page import DESKTOP, opened
from browser.page_bot import TOKEN, PageBot, served
from cbbot.web import bot_page

pytestmark = pytest.mark.usefixtures("chart_library")

PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 800},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}


@pytest.fixture
def bot() -> PageBot:
    return PageBot()


def figure(page: Page, name: str) -> Any:
    return page.locator(f"[data-figure={name}] data")


def test_the_figures_are_those_of_the_status(browser: Browser, bot: PageBot) -> None:
    with served(bot) as url, opened(browser, url) as page:
        status = httpx.get(f"{url}/status", trust_env=False).json()
        for name in ("last_price", "equity_usd", "equity_marked_usd", "daily_pnl_usd", "unrealized_pnl_usd"):
            assert figure(page, name).get_attribute("value") == status[name]
            shown = figure(page, name).inner_text().replace(",", "").replace("+", "")
            assert float(shown) == pytest.approx(float(status[name]), abs=5e-5), name
        assert figure(page, "open_lots").inner_text() == str(status["open_lots"])
        assert figure(page, "breaker_tripped").inner_text() == "armed"
        assert page.locator("#lots tr").count() == 2
        assert page.locator("#title").inner_text() == "demo · BTC-USD · paper · Simulator"


def test_the_chart_has_candles_marks_levels_and_the_gate(browser: Browser, bot: PageBot) -> None:
    with served(bot) as url, opened(browser, url) as page:
        chart = page.locator("#chart")
        expect(chart.locator("canvas").first).to_be_visible()
        # Three trades opened and closed, two lots opened; a take and a stop of each lot.
        expect(chart).to_have_attribute("data-marks", "8")
        expect(chart).to_have_attribute("data-levels", "4")
        expect(chart).to_have_attribute("data-gate", "80")
        page.locator("[data-layer=levels]").uncheck()
        expect(chart).to_have_attribute("data-levels", "0")
        page.locator("[data-layer=marks]").uncheck()
        expect(chart).to_have_attribute("data-marks", "0")


def test_the_newest_candle_stays_in_view(browser: Browser, bot: PageBot) -> None:
    with served(bot) as url, opened(browser, url) as page:
        chart = page.locator("#chart")
        expect(chart).to_have_attribute("data-gate", "80")
        for more, ahead in ((1, 0), (20, 3), (2, 0), (45, 1)):
            bot.steps += more
            bot.averages_ahead = ahead
            bot.tick("27111.00")
            expect(chart).to_have_attribute("data-newest", bot.candles(1)[0].start)
            expect(chart).to_have_attribute("data-beyond", "0")
        # Who looks at something older goes on looking at it.
        page.locator("#chart").focus()
        for _ in range(8):
            page.keyboard.press("ArrowLeft")
        bot.steps += 3
        bot.tick("27112.00")
        expect(chart).to_have_attribute("data-newest", bot.candles(1)[0].start)
        expect(chart).not_to_have_attribute("data-beyond", "0")


def test_a_tick_is_seen_within_two_seconds(browser: Browser, bot: PageBot) -> None:
    with served(bot) as url, opened(browser, url) as page:
        bot.tick("27123.45")
        expect(figure(page, "last_price")).to_have_text("27,123.45", timeout=2000)
        assert page.title() == "27,123.45 BTC-USD – demo"


def test_the_age_of_the_price_grows_by_itself(browser: Browser, bot: PageBot) -> None:
    bot.figures["price_age_seconds"] = 7.0
    with served(bot) as url, opened(browser, url) as page:
        expect(figure(page, "price_age_seconds")).to_have_text(re.compile(r"^([89]\.\d|\d\d) s$"))


def test_why_nothing_happens_is_counted_and_said_in_words(browser: Browser, bot: PageBot) -> None:
    with served(bot) as url, opened(browser, url) as page:
        expect(page.locator("#gates tr").first).to_contain_text("flat: no signal")
        assert page.locator("#gates tr").all_inner_texts()[2].endswith("\t7")
        assert "26,865.00 or lower" in page.inner_text("#gates-now")
        bot.decide("buy", "adverse_gate")
        row = page.locator("#decisions tr").first
        expect(row).to_contain_text("the price has not moved far enough against the last entry")
        expect(page.locator("#gates tr").nth(2)).to_contain_text("8")


def test_the_breaker_refusals_and_warnings_are_said(browser: Browser, bot: PageBot) -> None:
    with served(bot) as url, opened(browser, url) as page:
        expect(page.locator("#problems")).to_be_hidden()
        since = bot.now()
        exits = [{"lot": 4, "since": since, "code": "INSUFFICIENT_FUND", "message": "<b>no base</b>", "tries": 3}]
        bot.figures |= {
            "breaker_tripped": True, "warnings": ["a stop of 0 never stops"],
            "entries": {"allowed": False, "paused_by": []}, "refused": {"exits": exits, "entries": None},
        }  # fmt: skip
        bot.happen("breaker", detail="the day has lost 30 or more")
        expect(figure(page, "breaker_tripped")).to_have_text("TRIPPED")
        expect(figure(page, "entries")).to_have_text("stopped by the breaker")
        for text in ("The exit of lot 4 is refused", "<b>no base</b>", "a stop of 0 never stops", "daily loss limit"):
            expect(page.locator("#problems")).to_contain_text(text)
        expect(page.locator("#events tr").first).to_contain_text("the day has lost 30 or more")


def test_pausing_needs_the_token(browser: Browser, bot: PageBot) -> None:
    with served(bot) as url, opened(browser, url) as page:
        expect(page.locator("#steer-state")).to_contain_text("Read only")
        for name in ("pause", "resume", "flatten"):
            expect(page.locator(f"#{name}")).to_be_disabled()
        page.get_by_label("Control token").fill("wrong")
        page.keyboard.press("Enter")
        expect(page.locator("#steer-answer")).to_have_text("That is not the control token.")
        expect(page.locator("#pause")).to_be_disabled()
        page.get_by_label("Control token").fill(TOKEN)
        page.keyboard.press("Enter")
        page.click("#pause")
        expect(figure(page, "entries")).to_have_text("paused by hand")
        assert bot.figures["entries"]["paused_by"] == ["hand"]
        page.reload()
        page.click("#resume")
        expect(figure(page, "entries")).to_have_text("allowed")
        page.click("#forget")
        expect(page.locator("#pause")).to_be_disabled()


def test_all_lots_are_closed_only_after_a_second_yes(browser: Browser, bot: PageBot) -> None:
    with served(bot, token=None) as url, opened(browser, url) as page:
        expect(page.locator("#steer-state")).to_have_text("You may steer this bot.")
        page.click("#flatten")
        expect(page.locator("#flatten-text")).to_contain_text("All 2 open lots")
        page.keyboard.press("Escape")
        expect(page.locator("#flatten-dialog")).to_be_hidden()
        page.click("#flatten")
        # What a hasty Enter meets keeps the lots.
        page.keyboard.press("Enter")
        expect(page.locator("#flatten-dialog")).to_be_hidden()
        assert bot.flattened == 0
        page.click("#flatten")
        page.click("#flatten-yes")
        expect(figure(page, "open_lots")).to_have_text("0")
        expect(page.locator("#lots")).to_have_text("No lot is open.")
        assert bot.flattened == 1


def test_a_restart_of_the_bot_is_lived_through(browser: Browser, bot: PageBot) -> None:
    with served(bot) as url, opened(browser, url, may_lose=True) as page:
        port = int(url.rpartition(":")[2])
        again = PageBot(trades=5)
        again.figures["last_price"] = "26500.00"
        bot.happen("tick", price="27001.00", at_ms=0)
        expect(page.locator("html")).to_have_attribute("data-heard", "status")
        bot.stop()
        expect(page.locator("#connection")).to_contain_text("no connection to the bot since")
        with served(again, port=port):
            expect(page.locator("#connection")).to_have_text("live", timeout=15_000)
            expect(figure(page, "last_price")).to_have_text("26,500.00")
            expect(page.locator("#trades-said")).to_contain_text("5 trades")


def test_it_works_by_keyboard(browser: Browser, bot: PageBot) -> None:
    with served(bot) as url, opened(browser, url) as page:
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        page.locator("#chart").focus()
        for key in ("ArrowLeft", "+", "-", "Home", "End"):
            page.keyboard.press(key)
        page.locator("#trades tr[data-number]").first.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#trades tr.chosen")).to_have_count(1)
        page.locator("th[data-key=net_pnl] button").focus()
        page.keyboard.press("Enter")
        assert page.locator("th[data-key=net_pnl]").get_attribute("aria-sort") == "descending"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it_without_scrolling_sideways(browser: Browser, bot: PageBot, scheme: str) -> None:
    with served(bot) as url, opened(browser, url, color_scheme=scheme, **PHONE) as page:
        assert page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]") == [390, 390]
        head = page.locator("th[data-key=net_pnl]").bounding_box()
        assert head is not None
        assert head["x"] + head["width"] <= 390
        ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
        assert ground == {"light": "rgb(244, 245, 247)", "dark": "rgb(15, 18, 22)"}[scheme]


FINDINGS = """async () => {
    const found = await axe.run(document, { resultTypes: ['violations'] });
    return found.violations.map(each => [each.impact, each.id, each.nodes.map(node => node.html.slice(0, 200))]);
}"""


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(browser: Browser, bot: PageBot, axe: Path, screen: dict[str, Any], scheme: str) -> None:
    bot.figures |= {"warnings": ["a stop of 0 never stops"], "breaker_tripped": True}
    # The page's own policy would keep axe out.
    with served(bot) as url, opened(browser, url, bypass_csp=True, color_scheme=scheme, **screen) as page:
        bot.decide("buy", "spacing")
        expect(page.locator("#decisions tr").first).to_contain_text("too soon")
        page.add_script_tag(path=axe)
        assert page.evaluate("() => axe.version")
        assert page.evaluate(FINDINGS) == []


def test_without_its_library_the_page_says_so_and_shows_the_rest(
    browser: Browser, bot: PageBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = shutil.copytree(
        Path(str(files("cbbot.web") / "page")), tmp_path / "page", ignore=shutil.ignore_patterns("library")
    )
    monkeypatch.setattr(bot_page, "files", lambda _: Path(folder).parent)
    with served(bot) as url, opened(browser, url) as page:
        expect(page.locator("#chart")).to_contain_text("No chart: its library is not installed.")
        expect(page.locator("#credit")).to_be_hidden()
        bot.tick("27123.45")
        expect(figure(page, "last_price")).to_have_text("27,123.45")
        expect(page.locator("#lots tr")).to_have_count(2)
        page.locator("#trades tr[data-number]").first.click()


INTERACTION = """async act => {
    // The least of five: what the machine does beside it is not the page's.
    const run = new Function('return (' + act + ')')(), taken = [];
    for (let at = 0; at < 5; at++) {
        const began = performance.now();
        run(at);
        document.getElementById('trades-scroll').getBoundingClientRect();
        await new Promise(requestAnimationFrame);
        document.body.offsetHeight;
        taken.push(performance.now() - began);
    }
    return Math.min(...taken);
}"""


def test_ten_thousand_trades_answer_within_a_tenth_of_a_second(browser: Browser) -> None:
    many = PageBot(trades=10_000)
    with served(many) as url, opened(browser, url) as page:
        expect(page.locator("#trades-said")).to_contain_text("of 10,000 trades")
        page.click("#trades-all")
        expect(page.locator("#trades-said")).to_contain_text("10,000 trades", timeout=60_000)
        assert page.locator("#trades tbody tr").count() < 60
        acts = {
            "sort": "at => document.querySelector('th[data-key=net_pnl] button').click()",
            "scroll": "at => { document.getElementById('trades-scroll').scrollTop = at * 50000; }",
            "filter": """at => {
                const by = document.getElementById('trades-by');
                by.value = at % 2 ? '' : 'stop_loss';
                by.dispatchEvent(new Event('change'));
            }""",
            "choose": "at => document.querySelectorAll('#trades tr[data-number]')[at].click()",
            "zoom": "at => document.querySelector('[data-view=in]').click()",
        }
        taken = {name: page.evaluate(INTERACTION, act) for name, act in acts.items()}
        print({name: round(ms, 1) for name, ms in taken.items()})
        assert {name: ms for name, ms in taken.items() if ms >= 100} == {}
