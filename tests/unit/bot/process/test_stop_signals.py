"""Which signals stop a process, and what its exit code says of one."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from cbbot.process.stop_signals import STOP_SIGNALS, heeded_signals, stopped_by


@pytest.fixture
def _handlers_as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_handlers_as_before")
@pytest.mark.parametrize(
    ("ignored", "heeded"),
    [
        ([], {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}),
        ([signal.SIGHUP], {signal.SIGINT, signal.SIGTERM}),  # nohup
        ([signal.SIGINT], {signal.SIGTERM, signal.SIGHUP}),  # the background of a script
        (STOP_SIGNALS, {signal.SIGTERM}),
    ],
)
def test_what_was_ignored_stays_so_but_for_sigterm(ignored: list[signal.Signals], heeded: set[signal.Signals]) -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
    assert set(heeded_signals()) == heeded


def test_the_exit_code_is_that_of_a_shell() -> None:
    assert [stopped_by(number) for number in STOP_SIGNALS] == [130, 143, 129]
