from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from cbbot.errors import Retryable
from cbbot_operator.task_group import run_until
from unit.operator.memory_cluster import Run


async def forever() -> None:
    await asyncio.Event().wait()


async def fail(words: str) -> None:
    raise Retryable(words)


def complaints_of(scenario: Coroutine[Any, Any, None]) -> list[dict[str, Any]]:
    """What asyncio says of tasks that nobody looked at."""
    said: list[dict[str, Any]] = []

    async def watched() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
        await asyncio.wait_for(scenario, 10)
        gc.collect()

    asyncio.run(watched())
    return said


def test_of_several_that_fail_at_once_one_is_raised_and_the_others_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        with pytest.raises(Retryable, match="first"):
            await run_until(asyncio.Event(), fail("first"), forever(), fail("second"))

    assert complaints_of(scenario()) == []
    assert [record.getMessage() for record in caplog.records] == ["second"]


def test_what_fails_while_it_is_ended_is_never_left_unretrieved() -> None:
    async def fails_at_the_end() -> None:
        try:
            await forever()
        finally:
            raise Retryable("while ending")

    async def scenario() -> None:
        stop = asyncio.Event()
        stop.set()
        with pytest.raises(Retryable, match="while ending"):
            await run_until(stop, fails_at_the_end(), fails_at_the_end(), forever())

    assert complaints_of(scenario()) == []


def test_what_stops_itself_is_given_the_time_while_the_others_are_ended(run: Run) -> None:
    ended: list[str] = []

    async def scenario() -> None:
        stop, other_ended = asyncio.Event(), asyncio.Event()

        async def other() -> None:
            try:
                await forever()
            finally:
                ended.append("other")
                other_ended.set()

        async def itself(over: asyncio.Event) -> None:
            await over.wait()
            await other_ended.wait()
            ended.append("itself")

        asyncio.get_running_loop().call_soon(stop.set)
        await run_until(stop, other(), stops_itself=itself)

    run(scenario())
    assert ended == ["other", "itself"]


def test_what_does_not_end_is_left_behind_and_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("cbbot_operator.task_group._CANCEL_SECONDS", 0.05)

    async def scenario() -> None:
        let_go = asyncio.Event()

        async def stubborn() -> None:
            while not let_go.is_set():
                try:
                    await let_go.wait()
                except asyncio.CancelledError:
                    continue

        stop = asyncio.Event()
        asyncio.get_running_loop().call_soon(stop.set)
        began = time.monotonic()
        await run_until(stop, stubborn())
        assert time.monotonic() - began < 5
        let_go.set()

    run(scenario())
    assert "does not end" in caplog.text
