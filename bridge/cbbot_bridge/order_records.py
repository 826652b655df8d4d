"""One log line and one count for what became of each request that concerns an order."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from cbbot.errors import Refused, Retryable
from cbbot_bridge.bridge_metrics import BridgeMetrics

__all__ = ["Action", "cancel_action", "edit_action", "place_action", "record_turned_away"]

_LOG: Final = logging.getLogger(__name__)
_EITHER_SIDE: Final = "-"
# Every POST is an order; DELETE and PATCH change one.
_ABOUT_ORDERS: Final = ("POST", "DELETE", "PATCH")


def record_turned_away(method: str, path: str, code: str, reason: str) -> None:
    """The line of a request about an order that did not come as far as an :class:`Action`."""
    if method in _ABOUT_ORDERS:
        fields = {"request": f"{method} {path}", "code": code, "reason": reason}
        _LOG.warning("request refused", extra={"fields": fields})


@dataclass(frozen=True, slots=True)
class Action:
    """``kind`` and ``side`` are the metric's labels, ``done`` and ``not_sent`` two of its outcomes."""

    kind: str
    side: str
    noun: str
    done: str
    not_sent: str
    fields: Mapping[str, Any]

    @contextmanager
    def recorded(self, metrics: BridgeMetrics) -> Iterator[dict[str, Any]]:
        """Around the request. What the block puts into the given dict stands in the line of a success."""
        outcome, level, reason, found = "unknown", logging.ERROR, dict[str, Any](), dict[str, Any]()
        try:
            yield found
            outcome, level = self.done, logging.INFO
        except Refused as error:
            outcome, level, reason = "refused", logging.WARNING, {"code": error.code, "reason": str(error)}
            raise
        except Retryable as error:
            outcome, level, reason = self.not_sent, logging.WARNING, {"reason": str(error)}
            raise
        except BaseException as error:
            reason = {"code": getattr(error, "code", type(error).__name__), "reason": str(error)}
            raise
        finally:
            metrics.order(self.kind, self.side, outcome)
            words = f"{self.noun} {'outcome unknown' if outcome == 'unknown' else outcome.replace('_', ' ')}"
            _LOG.log(level, words, extra={"fields": {**self.fields, **reason, **found}})


def place_action(kind: str, side: str, client_order_id: str, product_id: str) -> Action:
    fields = {"client_order_id": client_order_id, "product_id": product_id, "kind": kind, "side": side}
    return Action(kind, side, "order", "placed", "not_placed", fields)


def cancel_action(order_id: str) -> Action:
    return Action("cancel", _EITHER_SIDE, "cancel", "canceled", "not_sent", {"order_id": order_id})


def edit_action(order_id: str) -> Action:
    return Action("edit", _EITHER_SIDE, "edit", "edited", "not_sent", {"order_id": order_id})
