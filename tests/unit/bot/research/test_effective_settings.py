"""Which settings a page leaves out: those that change nothing of a result, and only those that exist."""

from __future__ import annotations

from typing import Any

from cbbot.contract.settings import load
from cbbot.contract.settings_table import BY_KEY
from cbbot.domain.instrument import BTC_USD
from cbbot.research.backtest import run
from cbbot.research.backtest_report import as_document
from cbbot.research.effective_settings import WITHOUT_EFFECT, effective
from cbbot.trader.rules import build_rules

OTHERS = {
    "USE_TICK_PRICE": "false", "TICK_INTERVAL_SEC": "7", "CANDLE_RESYNC_SEC": "7", "USE_LIVE_EQUITY": "true",
    "BACKTEST_SLEEP_MS": "7", "STATE_FILE": "/x", "PORT": "7", "BRIDGE_URL": "http://x",
    "SLACK_WEBHOOK": "http://x/y", "SLACK_WEBHOOK_FILE": "/x", "BRIDGE_TOKEN": "sixteen-or-more-x",
    "BRIDGE_TOKEN_FILE": "/x", "CONTROL_TOKEN_FILE": "/x", "BOT_ID": "x",
}  # fmt: skip


def test_every_one_of_them_is_a_setting_and_tried() -> None:
    assert set(BY_KEY) >= WITHOUT_EFFECT
    # A backtest is on paper whatever DRY_RUN says.
    assert set(OTHERS) == WITHOUT_EFFECT - {"DRY_RUN"}


def test_what_is_no_field_of_a_trading_bot_is_of_the_process_and_left_out() -> None:
    assert [key for key, setting in BY_KEY.items() if setting.field is None and key not in WITHOUT_EFFECT] == []


def test_none_of_them_changes_the_result(demo: Any) -> None:
    settings = load(demo.document["settings"] | OTHERS)
    again = as_document(run(build_rules(settings, BTC_USD), demo.candles, demo.span))
    added = {"mae_pct", "mfe_pct"}
    assert again["trades"] == [
        {key: value for key, value in row.items() if key not in added} for row in demo.document["trades"]
    ]
    assert again["summary"] == demo.document["summary"]
    assert again["denials"] == demo.document["denials"]
    assert effective(again["settings"]) == effective(demo.document["settings"])
    assert again["settings"] != demo.document["settings"]
