"""Whether messages of a connection were lost or came again, by the numbers they carry. Pure.

A number that jumped, or a count that began anew, costs one message at most: two in a row are believed,
whatever number came before.
"""

from __future__ import annotations

from enum import Enum, auto

__all__ = ["Arrival", "HeartbeatCount", "MessageCount"]


class Arrival(Enum):
    """How a message stands to those before it."""

    IN_ORDER = auto()
    REPEAT = auto()
    """It came before, or after its turn."""
    AFTER_LOSS = auto()
    """Messages before it are missing, or the count went elsewhere: what was lost is not known."""


class MessageCount:
    """``sequence_num`` of one connection: rises by 1 with every message of any channel."""

    def __init__(self) -> None:
        self._expected: int | None = None
        self._behind: int | None = None

    @property
    def expected(self) -> int | None:
        return self._expected

    def arrived(self, sequence: int | None) -> Arrival:
        """Counts a message; one without a number is taken as it comes."""
        if sequence is None:
            return Arrival.IN_ORDER
        expected, behind = self._expected, self._behind
        if expected is not None and sequence < expected and (behind is None or sequence != behind + 1):
            self._behind = sequence
            return Arrival.REPEAT
        # Two in a row that are behind: the count is where they are, whatever number came before.
        self._expected, self._behind = sequence + 1, None
        return Arrival.IN_ORDER if expected in (None, sequence) else Arrival.AFTER_LOSS


class HeartbeatCount:
    """``heartbeat_counter`` of one connection: a jump means that heartbeats, and likely others, were lost."""

    def __init__(self) -> None:
        self._latest: int | None = None

    def missed(self, beat: int | None) -> bool:
        """Counts a heartbeat; whether some before it are missing."""
        if beat is None:
            return False
        latest, self._latest = self._latest, beat
        return latest is not None and beat > latest + 1
