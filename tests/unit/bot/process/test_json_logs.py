"""Log lines: the same keys from every process, and nothing that nobody put there."""

from __future__ import annotations

import io
import json
import logging

import pytest

from cbbot.process.json_logs import TerminalLines, configure_logs


def test_logs_are_json_lines_with_fields_and_a_traceback_in_one_line() -> None:
    stream = io.StringIO()
    configure_logs("info", stream)
    logging.getLogger("x").info("fill", extra={"fields": {"lot": 3, "level": "not ours to change"}})
    try:
        raise ValueError("boom")
    except ValueError:
        logging.getLogger("x").exception("step failed")
    logging.getLogger("x").debug("unseen")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (first["event"], first["lot"], first["level"]) == ("fill", 3, "info")
    assert "ValueError: boom" in second["exception"]
    configure_logs("warning", io.StringIO())


def test_an_event_has_no_line_end() -> None:
    stream = io.StringIO()
    configure_logs("error", stream)
    logging.getLogger("uvicorn.error").error("Exception in ASGI application\n")
    assert json.loads(stream.getvalue())["event"] == "Exception in ASGI application"
    configure_logs("warning", io.StringIO())


def test_on_a_terminal_lines_are_coloured_text() -> None:
    record = logging.LogRecord("x", logging.WARNING, "f", 1, "breaker", None, None)
    record.fields = {"detail": "tripped"}
    text = TerminalLines().format(record)
    assert "\x1b[33mbreaker" in text
    assert text.endswith("detail=tripped")


@pytest.mark.parametrize(("level", "kept"), [("info", []), ("DEBUG", ["handed over"])])
def test_a_talkative_library_is_kept_to_warnings_unless_debugging(level: str, kept: list[str]) -> None:
    stream = io.StringIO()
    configure_logs(level, stream, talkative=["a.library"])
    logging.getLogger("a.library.part").info("handed over")
    logging.getLogger("httpx").info("GET https://hooks.example/secret")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == kept
    configure_logs("warning", io.StringIO())
    logging.getLogger("a.library").setLevel(logging.NOTSET)


@pytest.mark.parametrize("level", ["info", "debug"])
def test_what_is_secret_stands_in_no_line_not_even_in_a_traceback(level: str) -> None:
    stream = io.StringIO()
    token, lines = "planted-token-0123", 'two\nlines with "quotes"'
    jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJrIn0.c2lnbmF0dXJl"
    configure_logs(level, stream, secrets=[token, lines])
    log = logging.getLogger("planted")
    log.warning("to %s", token, extra={"fields": {"lines": lines, "authorization": f"Bearer {jwt}"}})
    try:
        raise ValueError(f"cannot send {token} {lines} {jwt}")
    except ValueError:
        log.exception("a defect")
    written = stream.getvalue()
    assert len([json.loads(line) for line in written.splitlines()]) == 2
    assert written.count("***") >= 6
    for secret in (token, "quotes", "eyJ", "c2lnbmF0dXJl"):
        assert secret not in written
