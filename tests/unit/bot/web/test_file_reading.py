"""Answers from a file whose disk hangs: who asks is told, one thread waits, and the loop goes on."""

from __future__ import annotations

import asyncio
import threading

import pytest

from cbbot.errors import Retryable
from cbbot.web.file_reading import FileReading


def test_a_reading_that_hangs_is_given_up_and_no_other_is_begun_beside_it() -> None:
    answers, begun = threading.Event(), list[int]()

    def hanging() -> int:
        begun.append(threading.get_ident())
        answers.wait()
        return 1

    async def main() -> None:
        reading = FileReading(0.05)
        try:
            for _ in range(3):
                with pytest.raises(Retryable, match="the disk has not answered"):
                    await reading.done(hanging)
            assert len(begun) == 1
            assert begun[0] != threading.get_ident()
        finally:
            answers.set()
        assert await FileReading().done(lambda: 7) == 7

    asyncio.run(main())


def test_what_a_reading_raises_is_raised_and_the_next_one_is_made() -> None:
    def failing() -> int:
        raise OSError("input/output error")

    async def main() -> None:
        reading = FileReading()
        with pytest.raises(OSError, match="input/output"):
            await reading.done(failing)
        assert await reading.done(lambda: 7) == 7

    asyncio.run(main())
