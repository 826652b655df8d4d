"""Faults of the WebSocket on demand: what happens to the next messages, or to every connection at once. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cbbot.errors import BadInput
from cbbot_bridge.simulator.stream_requests import CHANNELS

__all__ = ["AT_ONCE", "STREAM_FAULTS", "PendingStreamFaults", "StreamFault", "foreign_snapshot", "parse_stream_fault"]

Message = dict[str, Any]

_FAR_FUTURE: Final = "2099-01-01T00:00:00.000Z"
_TICKERS: Final = ("ticker", "ticker_batch")
# Of the channels whose messages come under another name than is subscribed to.
_INCOMING: Final = {"level2": "l2_data"}
_UPDATE_BYTES: Final = 100
_LONGEST_SECONDS: Final = 3600
_MOST_MEGABYTES: Final = 256
_MOST_TIMES: Final = 1_000_000


@dataclass(slots=True)
class StreamFault:
    """A fault of the next ``times`` messages of a ``channel`` ("" for any); which fields count depends on the kind.

    ``by`` is how far a sequence number jumps, ``ticker`` what a bad ticker has instead of the good one's fields,
    ``seconds`` how long a silence lasts, ``megabytes`` how large a foreign snapshot is.
    """

    kind: str
    channel: str = ""
    times: int = 1
    by: int = 10**15
    ticker: Mapping[str, object] = field(default_factory=lambda: {"price": "NaN"})
    seconds: float = 30.0
    megabytes: int = 20


def _lost(_message: Message, _fault: StreamFault) -> list[Message]:
    return []


def _repeated(message: Message, _fault: StreamFault) -> list[Message]:
    return [message, message]


def _jumped(message: Message, fault: StreamFault) -> list[Message]:
    return [message | {"sequence_num": message["sequence_num"] + fault.by}]


def _future(message: Message, _fault: StreamFault) -> list[Message]:
    return [message | {"timestamp": _FAR_FUTURE}]


def _with_a_bad_ticker(message: Message, fault: StreamFault) -> list[Message]:
    first, *others = message["events"]
    bad = {**first["tickers"][0], **fault.ticker}
    return [message | {"events": [first | {"tickers": [bad, *first["tickers"]]}, *others]}]


_CHANGES: Final[Mapping[str, Callable[[Message, StreamFault], list[Message]]]] = {
    "lose": _lost,
    "repeat": _repeated,
    "sequence_jump": _jumped,
    "future_tick": _future,
    "bad_ticker": _with_a_bad_ticker,
}
_REORDER: Final = "reorder"
AT_ONCE: Final = ("silence", "foreign_snapshot")
"""Kinds that happen to every connection there is, without waiting for a message."""
STREAM_FAULTS: Final = (*_CHANGES, _REORDER, *AT_ONCE)


def parse_stream_fault(values: Mapping[str, object]) -> StreamFault:
    """A fault from JSON fields.

    Raises:
        BadInput: an unknown field, or a value that is none; the message names it.
    """
    kinds = {"kind": str, "channel": str, "times": int, "by": int, "ticker": dict, "megabytes": int}
    for name, value in values.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        sound = number if name == "seconds" else type(value) is kinds.get(name)
        if not sound:
            known = ", ".join([*kinds, "seconds"])
            raise BadInput(f"stream fault: {name}={value!r} is not a field of one; known are {known}")
    fault = StreamFault(**{"kind": "", **values})  # type: ignore[arg-type]  # every field was checked above
    _check(fault)
    if fault.kind in ("future_tick", "bad_ticker") and not fault.channel:
        fault.channel = "ticker"
    return fault


def _check(fault: StreamFault) -> None:
    if fault.kind not in STREAM_FAULTS:
        raise BadInput(f"stream fault: kind is one of {', '.join(STREAM_FAULTS)}")
    wanted = _TICKERS if fault.kind in ("future_tick", "bad_ticker") else CHANNELS
    if fault.channel and fault.channel not in wanted:
        raise BadInput(f"stream fault: channel is one of {', '.join(wanted)}")
    for name, value, most in (
        ("times", fault.times, _MOST_TIMES),
        ("seconds", fault.seconds, _LONGEST_SECONDS),
        ("megabytes", fault.megabytes, _MOST_MEGABYTES),
    ):
        if not 0 < value <= most:
            raise BadInput(f"stream fault: {name} is above 0, at most {most}")


class PendingStreamFaults:
    """The faults that are still to happen, in the order they were asked for."""

    def __init__(self) -> None:
        self._faults: list[StreamFault] = []

    def __len__(self) -> int:
        return len(self._faults)

    def add(self, fault: StreamFault) -> None:
        """One more."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Everything works again."""
        self._faults.clear()

    def sent_instead(self, message: Message, kept: list[Message]) -> list[Message]:
        """What a connection gets instead of a message. ``kept`` is what it is to get after its next one."""
        fault = self._taken(message["channel"])
        if fault is not None and fault.kind == _REORDER:
            kept.append(message)
            return []
        sent = [message] if fault is None else _CHANGES[fault.kind](message, fault)
        sent += kept
        kept.clear()
        return sent

    def _taken(self, channel: str) -> StreamFault | None:
        for fault in self._faults:
            if fault.channel and _INCOMING.get(fault.channel, fault.channel) != channel:
                continue
            fault.times -= 1
            if fault.times == 0:
                self._faults.remove(fault)
            return fault
        return None


def foreign_snapshot(megabytes: int) -> list[Message]:
    """Events of a level2 snapshot that nobody has asked for, of about so many bytes."""
    return [{"type": "snapshot", "product_id": "FOREIGN-USD", "updates": list(_updates(megabytes))}]


def _updates(megabytes: int) -> Iterator[dict[str, str]]:
    for number in range(megabytes * 1_000_000 // _UPDATE_BYTES):
        yield {
            "side": "bid" if number % 2 else "offer",
            "event_time": "1970-01-01T00:00:00Z",
            "price_level": f"{number + 1}.00",
            "new_quantity": "0.00000001",
        }
