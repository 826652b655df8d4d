"""Structured logs on stderr: one JSON object a line in a pod, colours on a terminal.

Bot, bridge, simulator and operator write the same keys, so that one query reads them all. Fields are
passed as ``extra={"fields": {...}}``; the message is the event's name. Nothing else of a record leaves
the process, so a secret gets into a log only if somebody puts it into a field, or a library into an error whose
traceback is logged: what is known to be secret is taken out of every line.
"""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, TextIO

from cbbot.process.queued_logs import QueuedLines
from cbbot.process.redaction import redacted

__all__ = ["JsonLines", "TerminalLines", "configure_logs", "json_line", "logs_are_queued"]

_COLOURS: Final = {logging.DEBUG: "2", logging.INFO: "36", logging.WARNING: "33", logging.ERROR: "31"}
# These write addresses of requests, and an address may be a secret (a webhook).
_TALKATIVE: Final = ("httpx", "httpcore", "uvicorn", "websockets", "asyncio")


class JsonLines(logging.Formatter):
    """``{"ts", "level", "logger", "event", ...fields}``, and ``exception`` with a traceback's text.

    ``ts`` is RFC 3339 in UTC with milliseconds, ``level`` in lower case. A field never replaces one of these.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _event(record),
        }
        line |= {name: value for name, value in _fields(record).items() if name not in line}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class TerminalLines(logging.Formatter):
    """``12:37:00 exit      lot=3 net_pnl=0.12`` in the level's colour."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        colour = _COLOURS.get(record.levelno, "31")
        text = f"\x1b[2m{at}\x1b[0m \x1b[{colour}m{_event(record):<10}\x1b[0m {fields}".rstrip()
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class _WithoutSecrets(logging.Formatter):
    """Another formatter's text without ``secrets``, in the form that JSON gives them too, and without tokens."""

    def __init__(self, formatter: logging.Formatter, secrets: Iterable[str]) -> None:
        super().__init__()
        self._formatter = formatter
        self._secrets = {form for secret in secrets for form in (secret, json.dumps(secret)[1:-1])}

    def format(self, record: logging.LogRecord) -> str:
        text = self._formatter.format(record)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return redacted(text)


def configure_logs(
    level: str = "info", stream: TextIO | None = None, *, talkative: Iterable[str] = (), secrets: Iterable[str] = ()
) -> None:
    """Sends all logs of this process to ``stream`` (stderr), and nowhere else.

    ``talkative`` names more libraries of which only warnings are kept; at level debug they are kept whole. ``secrets``
    stand in no line. Whoever logs never waits for a stream that has a descriptor.
    """
    # None where the process was started without one.
    target = stream or sys.stderr or io.StringIO()
    handler = QueuedLines(target) if _has_descriptor(target) else logging.StreamHandler(target)
    handler.setFormatter(_WithoutSecrets(TerminalLines() if target.isatty() else JsonLines(), secrets))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in talkative:
        logging.getLogger(name).setLevel(logging.DEBUG if level.lower() == "debug" else logging.WARNING)


def logs_are_queued() -> bool:
    """Whether this process logs without waiting for who reads it."""
    return any(isinstance(handler, QueuedLines) for handler in logging.getLogger().handlers)


def _has_descriptor(stream: TextIO) -> bool:
    try:
        stream.fileno()
    except OSError:
        return False
    return True


def json_line(logger: str, event: str, fields: dict[str, object], error: BaseException | None = None) -> str:
    """One line as :class:`JsonLines` makes it, of level error: for a process that ends before its logs are set up."""
    raised = (type(error), error, error.__traceback__) if error is not None else None
    record = logging.LogRecord(logger, logging.ERROR, "", 0, event, None, raised)
    record.fields = fields
    return JsonLines().format(record)


def _event(record: logging.LogRecord) -> str:
    """The message without the line end that some libraries put there."""
    return record.getMessage().rstrip("\r\n")


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields = getattr(record, "fields", None)
    return fields if isinstance(fields, dict) else {}
