"""The children's JSON lines become one readable line each, and nothing in them reaches the terminal raw."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from cbbot_operator.local.child_log_lines import LogBuffer, LogLine, parse_line, styled

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def line(**fields: object) -> LogLine:
    return parse_line("bot", json.dumps(fields), AT)


def test_a_json_line_shows_its_event_and_its_fields() -> None:
    read = line(ts="2026-01-01T00:00:00Z", level="info", logger="cbbot.trader", event="exit", lot=3, net_pnl="0.12")
    assert read.text == "exit lot=3 net_pnl=0.12"
    assert str(read) == "03:04:05 bot       exit lot=3 net_pnl=0.12"
    assert not read.loud


def test_warnings_and_errors_are_loud_and_coloured() -> None:
    for level, colour in (("warning", "yellow"), ("error", "red"), ("critical", "bold red")):
        read = line(level=level, event="halt")
        assert read.loud
        assert level.upper() in str(read)
        assert any(span.style == colour for span in styled(read).spans)
    assert not any(span.style == "red" for span in styled(line(level="info", event="x")).spans)


def test_a_traceback_shows_its_last_line_and_keeps_the_rest() -> None:
    read = line(level="error", event="failed", exception="Traceback:\n  somewhere\nValueError: no")
    assert read.text == "failed ValueError: no"
    assert "somewhere" in read.detail


def test_what_is_no_json_object_stays_as_it_is() -> None:
    for raw in ("plain words", "{not json", "[1, 2]", '{"no": "event"}', '"text"'):
        assert parse_line("bot", raw, AT).text == raw


def test_control_characters_never_reach_the_terminal() -> None:
    for raw in ("\x1b[2Jgone\x07", json.dumps({"event": "\x1b]0;title\x07", "level": "info"})):
        read = parse_line("bot", raw, AT)
        assert "\x1b" not in str(read)
        assert "\x07" not in str(read)
        assert "\x1b" not in styled(read).plain


def test_a_flood_is_bounded() -> None:
    buffer = LogBuffer()
    for number in range(2000):
        buffer.hear("bot", f"line {number}")
    assert len(buffer.newest(5000)) == 500
    assert buffer.newest(1)[0].text == "line 1999"
    assert len(parse_line("bot", "x" * 100_000, AT).text) == 2000


def test_figures_are_short_and_vectors_left_out() -> None:
    assert line(level="info", event="refit", rows=42, weights=[0.1, 0.2], bias=-0.0248378491931).text == (
        "refit rows=42 bias=-0.02484"
    )


def test_the_ids_of_orders_are_shown_where_something_is_wrong() -> None:
    assert line(level="info", event="fill", client_order_id="a-1", order_id="b", lot=1).text == "fill lot=1"
    assert line(level="warning", event="order", client_order_id="a-1").text == "order client_order_id=a-1"


def test_routine_in_a_row_is_kept_once_and_trades_always() -> None:
    lines: list[LogLine] = []
    buffer = LogBuffer(lines.append)
    for event in ("refit", "refit", "exit", "exit", "refit", "refit"):
        buffer.hear("bot", json.dumps({"level": "info", "event": event}))
    buffer.hear("bot", json.dumps({"level": "warning", "event": "refit"}))
    assert [(one.level, one.text) for one in lines] == [
        ("info", "refit"),
        ("info", "exit"),
        ("info", "exit"),
        ("info", "refit"),
        ("warning", "refit"),
    ]


def test_debugging_and_the_web_server_s_own_talk_are_left_out() -> None:
    lines: list[LogLine] = []
    buffer = LogBuffer(lines.append)
    buffer.hear("bot", json.dumps({"level": "debug", "event": "tick"}))
    buffer.hear("bridge", json.dumps({"level": "info", "logger": "uvicorn.error", "event": "Started"}))
    buffer.hear("bridge", json.dumps({"level": "error", "logger": "uvicorn.error", "event": "broken"}))
    buffer.hear("bot", "")
    buffer.say("warning", "ours")
    assert [one.text for one in lines] == ["broken", "ours"]
    assert [one.text for one in buffer.newest(9, "up")] == ["ours"]
