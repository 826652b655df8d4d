"""What ends and is begun anew without the process being so: the lead, and kopf's watches."""

from __future__ import annotations

import asyncio
import contextlib
import math

import pytest
from prometheus_client import REGISTRY

from cbbot.errors import Retryable
from cbbot_operator.bounded_end import run_to_bounded_end
from cbbot_operator.kopf_tasks import run_again
from cbbot_operator.lease import LostLease
from cbbot_operator.operating import lead_again
from cbbot_operator.operator_metrics import LEADING
from cbbot_operator.task_group import NeverEnding, run_until
from unit.operator.memory_cluster import Run


def test_a_lead_that_is_lost_is_waited_for_and_led_again(run: Run) -> None:
    async def scenario() -> list[str]:
        stop, done = asyncio.Event(), list[str]()

        async def wait() -> None:
            done.append("wait")

        async def lead() -> None:
            done.append("lead")
            if done.count("lead") < 3:
                raise (LostLease, Retryable)[done.count("lead") - 1]("no answer")
            stop.set()

        await lead_again(stop, wait, lead)
        return done

    assert run(scenario()) == ["wait", "lead"] * 3


def test_one_that_waits_for_the_lead_says_that_it_does_not_lead(run: Run) -> None:
    said = list[float | None]()

    async def scenario() -> None:
        stop = asyncio.Event()

        async def wait() -> None:
            said.append(REGISTRY.get_sample_value("cbbot_operator_leading"))

        async def lead() -> None:
            LEADING.set(1)
            if len(said) == 2:
                stop.set()
            raise Retryable("no answer")

        LEADING.set(math.nan)
        await lead_again(stop, wait, lead)

    run(scenario())
    assert said == [0, 0]


def test_what_else_ends_a_lead_ends_the_process(run: Run) -> None:
    async def wait() -> None:
        pass

    async def lead() -> None:
        raise ValueError("ours")

    with pytest.raises(ValueError, match="ours"):
        run(lead_again(asyncio.Event(), wait, lead))


def test_a_lead_whose_work_cannot_be_ended_is_not_led_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cbbot_operator.task_group._CANCEL_SECONDS", 0.05)

    async def scenario() -> None:
        released = asyncio.Event()

        async def stubborn() -> None:
            while not released.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await released.wait()

        async def lost() -> None:
            raise LostLease("no answer")

        try:
            await run_until(asyncio.Event(), lost(), stubborn())
        finally:
            released.set()

    with pytest.raises(NeverEnding, match="no answer"):
        run(scenario())


def test_watches_that_end_are_opened_anew_until_told_to_stop(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> int:
        stop, runs = asyncio.Event(), 0

        async def watch() -> None:
            nonlocal runs
            runs += 1
            if runs == 1:
                raise RuntimeError("Error in the watch-stream")
            if runs == 3:
                stop.set()

        await run_again(stop, watch, 0.001)
        return runs

    assert run(scenario()) == 3
    assert "the watches have ended: RuntimeError: Error in the watch-stream" in caplog.text


def test_what_cannot_be_ended_does_not_keep_the_process(caplog: pytest.LogCaptureFixture) -> None:
    async def stubborn() -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    async def main() -> None:
        left.append(asyncio.create_task(stubborn(), name="stubborn"))
        await asyncio.sleep(0)

    left: list[asyncio.Task[None]] = []
    run_to_bounded_end(main(), 0.05)
    assert "stubborn does not end" in caplog.text
    left[0].get_coro().close()  # it would be told of as destroyed
