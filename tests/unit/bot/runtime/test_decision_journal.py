"""The journal of decisions: bounded, thinned, whole after a crash, and told again by ``cbbot why``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from cbbot.cli.dispatch import main
from cbbot.contract.bot_api import DecisionRow
from cbbot.domain.timestamps import epoch_ms, rfc3339
from cbbot.runtime.decision_journal import DecisionJournal, journal_of
from cbbot.web.bot_app import create_app

GATES = [
    {"gate": "signal", "passed": True, "figures": "buy: probability of a rise 0.6100"},
    {"gate": "adverse_gate", "passed": False, "figures": "price 100.00; at 98.5 or below it adds"},
]


def decision(at_ms: int, reason: str, signal: str = "buy") -> tuple[str, dict[str, Any]]:
    row = DecisionRow.model_validate(
        {
            "at": rfc3339(at_ms), "price": "100.00", "signal": signal, "p_up": 0.61, "fast": 99.0, "slow": 98.0,
            "reason": reason, "gates": [] if reason == "entered" else GATES,
        }
    )  # fmt: skip
    return "decision", row.model_dump()


def order(lot: int, name: str) -> tuple[str, dict[str, Any]]:
    return "order", {"outcome": "sent", "client_order_id": name, "lot": lot, "detail": ""}


def heard(journal: DecisionJournal, *events: tuple[str, dict[str, Any]]) -> None:
    async def source() -> AsyncIterator[tuple[str, Mapping[str, object]]]:
        for event in events:
            yield event

    asyncio.run(journal.run(source()))


def story(journal: DecisionJournal) -> None:
    """A minute of denials, an entry with its order, and the exit."""
    heard(
        journal,
        *(decision(1_000 * second, "adverse_gate") for second in range(61)),
        decision(61_000, "entered"),
        order(3, "bot-1-7"),
        ("fill", {"lot": 3, "price": "100.00", "client_order_id": "bot-1-7"}),
        ("status", {"open_lots": 1}),
        decision(62_000, "flat", "flat"),
        ("tick", {"price": "101.00", "at_ms": 63_000}),
        ("exit", {"lot": 3, "reason": "take_profit", "net_pnl": "0.9"}),
    )


def test_decisions_alike_are_kept_once_a_minute_and_what_followed_stands_with_them(tmp_path: Path) -> None:
    journal = DecisionJournal(tmp_path / "decisions.jsonl")
    story(journal)
    rows = journal.page(10)
    assert [(row.at[17:], row.reason, row.times) for row in rows] == [
        ("02Z", "flat", 1), ("01Z", "entered", 1), ("00Z", "adverse_gate", 60), ("00Z", "adverse_gate", 1),
    ]  # fmt: skip
    assert [event.event for event in rows[1].followed] == ["order", "fill"]
    assert [(event.at, event.fields["lot"]) for event in rows[0].followed] == [("1970-01-01T00:01:03Z", 3)]
    assert rows[2].gates[1].figures.startswith("price 100.00")
    assert [row.reason for row in journal.page(1, before_ms=62_000)] == ["entered"]


def test_it_stays_within_its_bound_and_keeps_the_newest(tmp_path: Path) -> None:
    journal = DecisionJournal(tmp_path / "decisions.jsonl", most_bytes=20_000)
    heard(journal, *(decision(1_000 * number, "entered") for number in range(400)))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 20_000
    times = [row.at for row in journal.page(400)]
    assert times[0] == rfc3339(399_000)
    assert times == [rfc3339(1_000 * (399 - back)) for back in range(len(times))]
    assert len(times) > 40


def test_a_line_that_a_crash_cut_short_hides_no_other(tmp_path: Path) -> None:
    journal = DecisionJournal(tmp_path / "decisions.jsonl")
    story(journal)
    whole = journal.page(10)
    with journal.path.open("ab") as file:
        file.write(b'{"at_ms":5\n[]\n{"at_ms":1,"decision":{}}\n{"at_ms":9,"decis')
    assert journal.page(10) == whole
    again = DecisionJournal(tmp_path / "decisions.jsonl")
    heard(again, decision(90_000, "entered"))
    assert again.page(1)[0].at == rfc3339(90_000)
    assert again.page(10)[1:] == whole


def test_a_disk_that_takes_nothing_is_said_once_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = DecisionJournal(tmp_path / "no" / "decisions.jsonl")
    heard(journal, decision(1_000, "entered"), decision(2_000, "entered"))
    (tmp_path / "no").mkdir()
    heard(journal, decision(3_000, "entered"))
    assert [record.getMessage() for record in caplog.records] == ["journal"]
    assert [row.at for row in journal.page(5)] == [rfc3339(3_000)]


@pytest.mark.parametrize(
    ("options", "told", "lines"),
    [
        (["--order", "bot-1-7"], "entered: an order was placed", 4),
        (["--lot", "3"], "exit: lot 3, reason take_profit, net_pnl 0.9", 5),
        (["--at", "1970-01-01T00:00:30Z"], "DENIED  adverse_gate        price 100.00; at 98.5", 4),
        (["--last", "1"], "flat at 100.00", 4),
    ],
)
def test_why_tells_of_an_order_a_lot_a_time_and_the_newest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], told: str, lines: int
) -> None:
    story(journal_of(tmp_path / "bot_state.json"))
    assert main(["why", str(tmp_path), *options]) == 0
    out = capsys.readouterr().out
    assert told in out
    assert len(out.splitlines()) >= lines - 1


def test_why_fits_the_terminal_that_there_is_and_breaks_no_line_of_a_pipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    story(journal_of(tmp_path / "bot_state.json"))
    monkeypatch.delenv("COLUMNS", raising=False)
    assert main(["why", str(tmp_path), "--last", "9"]) == 0
    whole = capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["why", str(tmp_path), "--last", "9"]) == 0
    narrow = capsys.readouterr().out
    assert max(map(len, whole.splitlines())) > 60 >= max(map(len, narrow.splitlines()))
    assert narrow.split() == whole.split()


def test_why_says_when_there_is_nothing_and_what_cannot_be_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["why", str(tmp_path / "bot_state.json")]) == 2
    story(journal_of(tmp_path / "bot_state.json"))
    # Beside it there is a journal, of another state perhaps.
    assert main(["why", str(tmp_path / "bot-7-3")]) == 2
    assert main(["why", str(tmp_path), "--lot", "9"]) == 1
    assert main(["why", str(tmp_path), "--lot", "9", "--last", "1"]) == 2
    assert main(["why", str(tmp_path), "--at", "noon"]) == 2
    assert main(["why", "--url", "http://127.0.0.1:1"]) == 1
    said = capsys.readouterr().err.splitlines()
    expected = (
        "there is no such file",
        "bot-7-3: there is no such file",
        "no such decision",
        "use one of them",
        "with its zone",
        "is it a bot's address?",
    )
    assert all(words in line for words, line in zip(expected, said, strict=True)), said


def test_why_as_json_is_a_line_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    story(journal_of(tmp_path / "bot_state.json"))
    assert main(["why", str(tmp_path), "--last", "2", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["reason"] for row in rows] == ["entered", "flat"]


def test_page_by_page_no_decision_is_missed_and_none_comes_twice(tmp_path: Path) -> None:
    journal = DecisionJournal(tmp_path / "decisions.jsonl")
    # Up to three at one time; and an event after each.
    times = [1_000 * (number // 3) for number in range(25)]
    for number, at_ms in enumerate(times):
        heard(journal, decision(at_ms, "entered"), order(number, f"bot-1-{number}"))
    whole = journal.page(100)
    assert [row.followed[0].fields["lot"] for row in whole] == list(range(24, -1, -1))
    for size in range(1, 8):
        found: list[DecisionRow] = []
        before_ms = None
        while rows := journal.page(size, before_ms):
            found += rows
            before_ms = epoch_ms(rows[-1].at)
        assert found == whole, size


def test_of_a_long_journal_a_page_reads_what_is_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = DecisionJournal(tmp_path / "decisions.jsonl")
    heard(journal, *(event for number in range(300) for event in (decision(number, "entered"), order(number, "x"))))
    read = 0

    def counted(line: bytes) -> Any:
        nonlocal read
        read += 1
        return loads(line)

    loads = json.loads
    monkeypatch.setattr("cbbot.runtime.decision_journal.json.loads", counted)
    assert [row.at for row in journal.page(2, before_ms=100)] == [rfc3339(99), rfc3339(98)]
    assert read == 4


def test_decisions_before_a_time_come_from_the_journal(tmp_path: Path) -> None:
    journal = journal_of(tmp_path / "bot_state.json")
    story(journal)
    bot: Any = None
    app = create_app(bot, None, "0", journal.page)

    async def asked(**params: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bot") as client:
            return await client.get("/decisions", params=params)

    rows = asyncio.run(asked(before="1970-01-01T00:01:02Z", limit="1")).json()
    assert [(row["reason"], len(row["followed"])) for row in rows] == [("entered", 2)]
    refused = asyncio.run(asked(before="noon"))
    assert (refused.status_code, "RFC 3339" in refused.json()["error"]["message"]) == (422, True)
