"""The bridge's errors: cbbot's five kinds, each with a code and the HTTP status it is answered with.

::

    Refused
    ├── RequestRefused        the bridge's own no: token, epoch, gates, sizes, an id in use
    └── UpstreamRefused       Coinbase's no, its reason in ``code``
    Retryable
    ├── NoCredentials         the bridge has no keys
    └── UpstreamUnavailable   Coinbase could not be asked, or its answer made no sense
    OutcomeUnknown
    └── OrderUnknown          an order left and nobody knows what became of it
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot.errors import OutcomeUnknown, Refused, Retryable

__all__ = ["NoCredentials", "OrderUnknown", "RequestRefused", "UpstreamRefused", "UpstreamUnavailable"]


class RequestRefused(Refused):
    """The bridge refuses: nothing was placed or changed for this request.

    ``extra`` stands beside ``error`` in the answer; ``code`` may be Coinbase's reason.
    """

    def __init__(
        self, status: int, code: BridgeErrorCode | str, message: str, extra: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(str(code), message)
        self.status = status
        self.extra = dict(extra or {})


class UpstreamRefused(Refused):
    """Coinbase said a definite no. ``status`` is a 4xx."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code, message)
        self.status = status


class NoCredentials(Retryable):
    """An order or account endpoint was asked and the bridge holds no keys."""

    status = 503
    code = BridgeErrorCode.NO_CREDENTIALS.value

    def __init__(self) -> None:
        super().__init__(
            "the bridge has no API key: set COINBASE_API_KEY_NAME and COINBASE_API_PRIVATE_KEY "
            "(or their *_FILE variants) and restart it"
        )


class UpstreamUnavailable(Retryable):
    """Coinbase could not be asked, or its answer cannot be used; nothing was changed."""

    def __init__(self, status: int, code: BridgeErrorCode, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code.value


class OrderUnknown(OutcomeUnknown):
    """An order was sent and its fate is not known."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
