"""A log whose reader is slow, stuck or gone: whoever logs never waits, and what is missing is counted and said."""

from __future__ import annotations

import fcntl
import io
import json
import logging
import os
import select
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from cbbot.process.json_logs import JsonLines, configure_logs
from cbbot.process.log_metrics import count_dropped_log_lines
from cbbot.process.metric_definitions import MetricSet
from cbbot.process.queued_logs import QueuedLines, dropped_lines


class Pipe:
    """A pipe with a stream at its writing end, which holds ``room`` bytes when nobody reads."""

    def __init__(self) -> None:
        self.reading, writing = os.pipe()
        self.room = fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
        self.stream = os.fdopen(writing, "w", encoding="utf-8")

    def read_until(self, wanted: str) -> list[dict[str, Any]]:
        """Lines until one has the event."""
        text = b""
        while True:
            lines = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith(b"\n")]
            if any(line["event"] == wanted for line in lines):
                return lines
            assert select.select([self.reading], [], [], 30)[0], text[-500:]
            text += os.read(self.reading, 65_536)

    def close(self) -> None:
        self.stream.close()
        os.close(self.reading)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    logger = logging.getLogger("queued")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    yield logger
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()


def handled(log: logging.Logger, stream: Any, **options: int) -> QueuedLines:
    handler = QueuedLines(stream, **options)
    handler.setFormatter(JsonLines())
    log.addHandler(handler)
    return handler


def written(log: logging.Logger, lines: int, *, first: int = 0) -> bool:
    """Whether so many lines were logged, and not waited for, from a thread that may hang."""

    def write() -> None:
        for number in range(first, first + lines):
            log.info("line", extra={"fields": {"number": number}})

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    thread.join(30)
    return not thread.is_alive()


def test_nobody_waits_for_a_reader_that_has_stopped_and_the_gap_is_said_when_it_reads_again(
    pipe: Pipe, log: logging.Logger
) -> None:
    before = dropped_lines()
    handler = handled(log, pipe.stream, most_bytes=10_000)
    assert written(log, 5_000)
    assert handler.dropped > 4_000
    reached = 0
    while reached < 5_000:
        for line in pipe.read_until("log lines dropped"):
            # Whatever the threads did when: each line is there, or counted where it would stand.
            if line["event"] == "line":
                assert line["number"] == reached
            reached += line.get("lines", 1)
    assert reached == 5_000
    assert handler.dropped == dropped_lines() - before
    log.info("end")
    assert [line["event"] for line in pipe.read_until("end")] == ["end"]


def test_a_full_disk_cuts_a_line_short_and_the_next_one_begins_a_new_line(
    tmp_path: Path, log: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, room, write = tmp_path / "log", 130, os.write

    def writing(descriptor: int, data: memoryview) -> int:
        nonlocal room
        taken = min(room, len(data))
        if not taken:
            raise OSError(28, "No space left on device")
        room -= taken
        return write(descriptor, data[:taken])

    monkeypatch.setattr(os, "write", writing)
    with path.open("w") as stream:
        handler = handled(log, stream)
        for number in range(3):
            log.info("line", extra={"fields": {"number": number}})
            handler.flush()
        assert handler.dropped == 2
        room = 10_000
        log.info("line", extra={"fields": {"number": 3}})
        handler.flush()
    whole, torn, said, after = path.read_text().splitlines()
    assert json.loads(whole)["number"] == 0
    assert "number" not in torn
    assert json.loads(after)["number"] == 3
    assert (json.loads(said)["event"], json.loads(said)["lines"]) == ("log lines dropped", 2)


def test_a_reader_that_has_gone_is_no_failure_of_who_logs(log: logging.Logger) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        handler = handled(log, stream)
        log.info("into nothing")
        handler.flush()
        assert handler.dropped == 1


def test_a_descriptor_that_does_not_wait_loses_nothing(pipe: Pipe, log: logging.Logger) -> None:
    os.set_blocking(pipe.stream.fileno(), False)
    handler = handled(log, pipe.stream)
    assert written(log, 1_000)
    log.info("end")
    assert len(pipe.read_until("end")) == 1_001
    assert handler.dropped == 0


def test_what_is_logged_at_the_end_is_written_but_a_stuck_reader_is_not_waited_for_long(
    pipe: Pipe, log: logging.Logger, tmp_path: Path
) -> None:
    with (tmp_path / "log").open("w") as stream:
        handler = handled(log, stream)
        log.info("last words")
        handler.close()
    assert "last words" in (tmp_path / "log").read_text()
    stuck = handled(log, pipe.stream)
    assert written(log, 1_000)
    ending = threading.Thread(target=stuck.close, daemon=True)
    ending.start()
    ending.join(30)
    assert not ending.is_alive()


def test_a_line_that_cannot_be_made_is_told_and_hurts_nobody(pipe: Pipe, log: logging.Logger) -> None:
    handled(log, pipe.stream).handle(logging.LogRecord("x", logging.INFO, "", 0, "%d lots", ("three",), None))
    line = pipe.read_until("log line failed")[0]
    assert line["of"] == "%d lots"
    assert "TypeError" in line["reason"]


def test_the_logs_of_a_process_are_queued_and_what_is_dropped_is_a_metric(pipe: Pipe) -> None:
    configure_logs("info", pipe.stream)
    assert [type(handler) for handler in logging.getLogger().handlers] == [QueuedLines]
    logging.getLogger("x").info("fill")
    assert pipe.read_until("fill")[0]["logger"] == "x"
    logging.getLogger().handlers[0].close()
    registry = CollectorRegistry()
    count_dropped_log_lines(MetricSet(registry), "bot")
    assert f"bot_log_lines_dropped_total {float(dropped_lines())}\n" in generate_latest(registry).decode()
    configure_logs("warning", io.StringIO())
