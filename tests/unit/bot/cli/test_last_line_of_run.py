"""The last line of a ``cbbot run`` that is refused or fails: of its log, or for the person at the terminal."""

from __future__ import annotations

import json
import sys

import pytest

from cbbot.cli import dispatch
from cbbot.cli.dispatch import main
from cbbot.errors import BadInput, UnsafeStart

OURS = "a mistake in cbbot: ZeroDivisionError: ours"


def line_of(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(
    ("error", "code", "event", "reason"),
    [
        (BadInput("a\nb"), 2, "refused", "a b"),
        (UnsafeStart("no"), 3, "refused", "no"),
        (OSError("no"), 1, "failed", "no"),
        (
            ZeroDivisionError("ours"),
            1,
            "failed",
            f"{OURS}; CBBOT_TRACEBACK=1 shows where",
        ),
    ],
)
def test_the_last_line_of_run_is_one_of_its_log_where_nobody_sits_at_a_terminal(
    error: Exception,
    code: int,
    event: str,
    reason: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing() -> None:
        raise error

    monkeypatch.setattr(dispatch, "_loaded", lambda *_: failing)
    assert main(["run"]) == code
    line = json.loads(line_of(capsys))
    assert list(line) == ["ts", "level", "logger", "event", "reason", "exit_code"]
    assert (line["level"], line["event"], line["reason"], line["exit_code"]) == ("error", event, reason, code)
    monkeypatch.setenv("CBBOT_TRACEBACK", "1")
    main(["run"])
    assert "Traceback" in json.loads(line_of(capsys))["exception"]
    monkeypatch.delenv("CBBOT_TRACEBACK")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    main(["run"])
    assert line_of(capsys) == f"cbbot: {reason}"
