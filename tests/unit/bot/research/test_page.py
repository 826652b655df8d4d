"""The page of a backtest: what it embeds, how it is thinned, and that nothing in it can run but our scripts."""

from __future__ import annotations

import base64
import builtins
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from cbbot.errors import CbbotError
from cbbot.research.backtest_report import marked_equity
from cbbot.research.effective_settings import effective
from cbbot.research.page import page
from cbbot.research.page.plot_series import content, kept_steps

KINDS = {"i4": "<i4", "f4": "<f4", "f8": "<f8"}


class Scripts(HTMLParser):
    """The scripts of a page, with their attributes, as a browser would find them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[dict[str, str | None], str]] = []
        self._attributes: dict[str, str | None] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self._attributes = dict(attributes)
            self.found.append((self._attributes, ""))

    def handle_data(self, text: str) -> None:
        if self._attributes is not None:
            self.found[-1] = (self._attributes, self.found[-1][1] + text)

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._attributes = None


@pytest.fixture(scope="module")
def made(demo: Any) -> str:
    return page(demo.document, demo.result, demo.candles, "candles.csv")


def unpacked(column: dict[str, str]) -> Any:
    return np.frombuffer(base64.b64decode(column["data"]), dtype=KINDS[column["kind"]])


def test_the_same_run_gives_the_same_bytes(demo: Any, made: str) -> None:
    assert page(demo.document, demo.result, demo.candles, "candles.csv") == made


def test_the_page_holds_the_runs_numbers(demo: Any, made: str) -> None:
    scripts = Scripts(made).found
    assert [attributes.get("type") for attributes, _ in scripts] == ["application/json", None, None]
    drawn = json.loads(scripts[0][1])
    closes = unpacked(drawn["columns"]["close"])
    assert closes.tolist() == demo.result.closes.tolist()
    equity = drawn["start"] + unpacked(drawn["columns"]["equity"]).astype(float)
    assert np.allclose(equity, marked_equity(demo.result) * 1e-10, rtol=0, atol=1e-4)
    assert drawn["trades"]["net_pnl"] == [trade["net_pnl"] for trade in demo.document["trades"]]
    first = demo.span.first
    fast = demo.candles.close[first - 9 : first + 1].mean()
    assert unpacked(drawn["columns"]["fast"])[0] + closes[0] == pytest.approx(fast, abs=0.01)
    assert unpacked(drawn["columns"]["drawdown"]).min() == pytest.approx(
        -demo.document["summary"]["max_drawdown_pct"], rel=1e-5
    )
    assert drawn["origin"] == demo.result.times[0]
    assert (drawn["origin"] + unpacked(drawn["columns"]["time"]).astype(np.int64) * 60_000).tolist() == (
        demo.result.times.tolist()
    )


def test_no_script_runs_but_the_two_that_the_policy_names(made: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', made)
    assert policy is not None
    _, library, ours = (text for _, text in Scripts(made).found)
    for script in (library, ours):
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy[1]
    assert "default-src 'none'" in policy[1]
    directive = next(part for part in policy[1].split("; ") if part.startswith("script-src"))
    assert "unsafe" not in directive
    assert "http" not in policy[1]


def test_names_and_settings_are_text_and_nothing_else(demo: Any) -> None:
    bad = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&\"'"
    document = demo.document | {
        "product_id": bad,
        "settings": demo.document["settings"] | {"GRANULARITY": bad, bad: "1"},
        "warnings": [bad],
        "version": bad,
    }
    text = page(document, demo.result, demo.candles, bad)
    scripts = Scripts(text).found
    assert len(scripts) == 3
    assert json.loads(scripts[0][1])["product"] == bad
    assert "<img" not in text.replace(scripts[1][1], "")
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in text


def test_every_figure_setting_and_denial_is_readable_without_a_script(demo: Any, made: str) -> None:
    for key, value in effective(demo.document["settings"]).items():
        assert f"<td>{key}</td><td>{value}</td>" in made
    for reason, count in demo.document["denials"].items():
        assert f"<dt>denied: {reason}</dt><dd>{count:,}</dd>" in made
    assert "<dt>Sharpe</dt>" in made
    assert "Steps on closes, not on ticks" in made


def test_a_setting_of_the_process_is_not_shown(demo: Any, made: str) -> None:
    assert "STATE_FILE" in demo.document["settings"]
    assert [key for key in ("STATE_FILE", "PORT", "BRIDGE_URL", "DRY_RUN") if f"<td>{key}</td>" in made] == []


def test_version_and_warnings_are_shown(demo: Any, made: str) -> None:
    assert f"Made by cbbot {demo.document['version']}." in made
    assert "<h2>Warnings</h2>" not in made
    warned = page(demo.document | {"warnings": ["a take < the fees"]}, demo.result, demo.candles, "candles.csv")
    assert "<h2>Warnings</h2>\n<ul><li>a take &lt; the fees</li></ul>" in warned


def test_months_stand_under_their_names_and_years_at_the_end(demo: Any) -> None:
    months = [
        {"period": "2017-12", "return_pct": 1.0}, {"period": "2018-01", "return_pct": -0.5},
        {"period": "2018-12", "return_pct": 0.001},
    ]  # fmt: skip
    years = [{"period": "2017", "return_pct": 1.0}, {"period": "2018", "return_pct": -0.499}]
    document = demo.document | {"monthly_returns": months, "yearly_returns": years}
    text = page(document, demo.result, demo.candles, "candles.csv")
    empty = "<td></td>"
    assert f"<tr><th scope=row>2017</th>{empty * 11}<td class=gain>+1.00</td><td class=gain>+1.00</td></tr>" in text
    assert (
        f"<tr><th scope=row>2018</th><td class=loss>-0.50</td>{empty * 10}<td>+0.00</td><td class=loss>-0.50</td></tr>"
    ) in text


def test_a_run_of_a_day_says_what_its_page_cannot_tell(made: str) -> None:
    assert "Sharpe and volatility of 30 days are told for a run of 30 days or more." in made
    assert "No growth a year (CAGR), and so no Calmar: the run is 1.2 days long; it takes 30." in made


def test_checks_that_were_made_are_shown(demo: Any, made: str) -> None:
    assert "id=checks" not in made
    looked = {"steps": 10, "points": 5, "decisions": 5, "cuts": 5, "difference": "at <noon>: rsi"}
    checks = {"lookahead": looked, "warmup": {"steps": 500, "agree_from": 400}}
    text = page(demo.document | {"checks": checks}, demo.result, demo.candles, "candles.csv")
    assert "5 of 10 steps decided again: at &lt;noon&gt;: rsi." in text
    assert "400 candles of history are enough" in text
    sound = {"lookahead": looked | {"difference": None}, "warmup": {"steps": 500, "agree_from": None}}
    text = page(demo.document | {"checks": sound}, demo.result, demo.candles, "candles.csv")
    assert "decided again: no difference." in text
    assert "no history tried is enough" in text


@pytest.mark.parametrize(
    ("key", "value", "drawn"),
    [
        ("profit_factor", 0.9, '<dd class="loss">0.90'), ("profit_factor", 1.1, '<dd class="gain">1.10'),
        ("profit_factor", None, "<dd>-"), ("total_return_pct", -1.0, '<dd class="loss">-1.00 %'),
        ("max_drawdown_pct", 1.0, "<dd>1.00 %"),
    ],
)  # fmt: skip
def test_a_tile_is_green_for_what_earns(demo: Any, key: str, value: Any, drawn: str) -> None:
    document = demo.document | {"summary": demo.document["summary"] | {key: value}}
    assert drawn in page(document, demo.result, demo.candles, "candles.csv")


def test_a_short_run_keeps_every_step(demo: Any) -> None:
    assert kept_steps(demo.result, marked_equity(demo.result)).tolist() == list(range(1750))


@pytest.mark.parametrize("most", [40, 100, 777])
def test_a_long_run_keeps_extremes_ends_and_every_step_of_a_trade(demo: Any, most: int) -> None:
    equity = marked_equity(demo.result)
    kept = kept_steps(demo.result, equity, most)
    assert kept[0] == 0
    assert kept[-1] == 1749
    assert len(kept) < most + 2 * len(demo.result.tally.closed) + 16
    width = -(-1750 * 4 // most)
    for line in (demo.result.closes, equity):
        for start in range(0, 1750, width):
            inside = kept[(kept >= start) & (kept < start + width)]
            part = line[start : start + width]
            assert (line[inside].min(), line[inside].max()) == (part.min(), part.max())
    times = set(demo.result.times[kept].tolist())
    assert {c.closed_ms for c in demo.result.tally.closed} <= times
    assert {c.lot.opened_ms for c in demo.result.tally.closed} <= times


def test_a_thinned_page_says_so(demo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_steps, "__defaults__", (100,))
    kept = content(demo.document, demo.result, demo.candles)["kept"]
    assert kept < 250
    text = page(demo.document, demo.result, demo.candles, "candles.csv")
    assert f"The file keeps {kept} of 1,750 steps" in text


def test_prices_beyond_thirty_two_bits_are_kept(demo: Any) -> None:
    columns = type(demo.candles)(
        *(column * (10**6 if i in (1, 2, 3, 4) else 1) for i, column in enumerate(demo.candles))
    )
    closes = demo.result.closes * 10**6
    drawn = content(demo.document, replace(demo.result, closes=closes), columns)
    assert drawn["columns"]["close"]["kind"] == "f8"
    assert unpacked(drawn["columns"]["close"]).tolist() == closes.tolist()


def test_without_plotly_the_error_says_what_to_install(demo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("plotly"):
            raise ModuleNotFoundError(name)
        return original(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(CbbotError, match=r"pip install 'cbbot\[research\]'"):
        page(demo.document, demo.result, demo.candles, "candles.csv")
