"""Clients of the exchange that nobody here wrote, driven by tests; every answer that they get is checked."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from contract.wire_table import Endpoint, Misshapen, check_answer, check_frame
from prerequisites import clients_python
from simulation.served import surroundings
from started_processes import start

__all__ = ["DrivenClients", "Key", "RefusedByClient", "driven"]

_DRIVER: Final = Path(__file__).with_name("venue_client.py")
# What comes at all comes at once; a heartbeat takes a second, ccxt waits between requests.
_PATIENCE_SECONDS: Final = 15.0


class RefusedByClient(Exception):
    """The client raised; the names of its error's classes and its text."""


class Key:
    """An API key as a client has it."""

    def __init__(self, name: str, secret: str) -> None:
        self.name = name
        self.secret = secret


class _Methods:
    """The methods of one client; each answers with plain documents."""

    def __init__(self, clients: DrivenClients, name: str) -> None:
        self._clients = clients
        self._name = name

    def __getattr__(self, method: str) -> Any:
        return lambda *positional, **named: self._clients.result(
            self._clients.begin(self._name, method, *positional, **named)
        )


class DrivenClients:
    """The clients of one process, and what they were answered.

    ``rest``, ``market``, ``user`` (the SDK's) or ``exchange`` (ccxt's) have the clients' own methods. Each answer and
    each message is checked when it is read; ``endpoints`` and ``channels`` are those that were.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._begun = 0
        self._done: dict[int, dict[str, Any]] = {}
        self._frames: deque[dict[str, Any]] = deque()
        self._sequences: dict[str, int] = {}
        self.endpoints: set[Endpoint] = set()
        self.channels: set[str] = set()
        self.rest = _Methods(self, "rest")
        self.market = _Methods(self, "market")
        self.user = _Methods(self, "user")
        self.exchange = _Methods(self, "exchange")
        self._reader = threading.Thread(target=self._pass_on, daemon=True)
        self._reader.start()

    def _pass_on(self) -> None:
        """Lines as they come, and "" at their end: a queue can be waited for with a limit, a pipe cannot."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def begin(self, client: str, method: str, *positional: Any, **named: Any) -> int:
        """Call a method and do not wait; the number of the call for :meth:`result`."""
        self._begun += 1
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([self._begun, client, method, positional, named]) + "\n")
        self._process.stdin.flush()
        return self._begun

    def result(self, number: int) -> Any:
        """What the client made of a call.

        Raises:
            RefusedByClient: it raised.
            Misshapen: it was answered with something that Coinbase does not send.
        """
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while number not in self._done:
            self._read(deadline, f"call {number} is not answered")
        told = self._done.pop(number)
        if "error" in told:
            raise RefusedByClient(f"{' '.join(told['error'])}: {told['text']}")
        return told["answer"]

    def frame(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next message that is wanted, as it came; those before it are passed over."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        passed: list[str] = []
        while True:
            while not self._frames:
                self._read(deadline, f"no such message, only of {passed}")
            frame = self._frames.popleft()
            if wanted(frame):
                return frame
            passed.append(frame.get("channel", "an error"))

    def of_channel(self, channel: str) -> dict[str, Any]:
        """The next message of a channel."""
        return self.frame(lambda frame: frame.get("channel") == channel)

    def pass_over(self) -> None:
        """Leave the messages so far behind, as a test does with those of the one before."""
        self._frames.clear()

    def end(self) -> None:
        """Kill the process if it still runs, and read its output to the end."""
        self._process.kill()
        self._reader.join(_PATIENCE_SECONDS)

    def read_the_rest(self) -> None:
        """Check what came and no test has asked for; the process has ended."""
        while line := self._lines.get(timeout=_PATIENCE_SECONDS):
            self._take_in(line)

    def _read(self, deadline: float, missing: str) -> None:
        """Take in the next line; a failure that says what is missing when there is none in time."""
        try:
            line = self._lines.get(timeout=max(deadline - time.monotonic(), 0))
        except queue.Empty:
            raise AssertionError(f"{missing} after {_PATIENCE_SECONDS:g} s") from None
        assert line, f"the clients' process ended with {self._process.wait(30)}; {missing}"
        self._take_in(line)

    def _take_in(self, line: str) -> None:
        told = json.loads(line)
        if "answered" in told:
            self.endpoints.add(check_answer(*told["answered"]))
        elif "frame" in told:
            self._take(told["frame"], told["by"])
        else:
            self._done[told["number"]] = told

    def _take(self, frame: dict[str, Any], by: str) -> None:
        check_frame(frame)
        if "channel" in frame:
            self.channels.add(frame["channel"])
            number, last = frame["sequence_num"], self._sequences.get(by, -1)
            # A new connection counts from 0 again.
            if number not in (0, last + 1):
                raise Misshapen(f"channel {frame['channel']}: found sequence_num {number} after {last}")
            self._sequences[by] = number
        self._frames.append(frame)


@contextmanager
def driven(kind: str, address: str, key: Key | None) -> Iterator[DrivenClients]:
    """A process with clients at an address: ``sdk``, ``ccxt`` or ``pro``."""
    environment = surroundings(**({} if key is None else {"KEY_NAME": key.name, "KEY_SECRET": key.secret}))
    environment.pop("PYTHONPATH", None)  # another environment: nothing of this one
    command = [str(clients_python()), str(_DRIVER), kind, address]
    with start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdin is not None
        clients = DrivenClients(process)
        try:
            yield clients
            process.stdin.close()
            assert process.wait(30) == 0, "it ends when its input does"
            clients.read_the_rest()
        finally:
            clients.end()
