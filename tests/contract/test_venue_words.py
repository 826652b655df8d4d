"""Every word that the model of the exchange may answer with is Coinbase's, whether or not a client has met it."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from cbbot.venue.amend_refusals import CancelFailure, EditFailure, EditRefusal
from cbbot.venue.order_kinds import OrderKind
from cbbot.venue.product import Gate
from cbbot.venue.refusals import OrderRefused, Reason
from cbbot.venue.venue_order import OrderStatus, TriggerStatus
from contract import wire_values
from contract.wire_markets import Product
from contract.wire_orders import Configuration


@pytest.mark.parametrize("reason", Reason)
def test_a_refusal_is_said_in_words_of_its_enumerations(reason: Reason) -> None:
    refused = OrderRefused(reason)
    assert refused.code in get_args(wire_values.NewOrderFailure)
    assert refused.new_order_reason in get_args(wire_values.NewOrderFailure)
    assert refused.preview_reason in get_args(wire_values.PreviewFailure)
    assert refused.shown_in_preview in get_args(wire_values.PreviewFailure)


@pytest.mark.parametrize(
    ("words", "enumeration"),
    [
        (CancelFailure, wire_values.CancelFailure),
        (EditFailure, wire_values.EditFailure),
        (OrderStatus, wire_values.OrderState),
        (TriggerStatus, wire_values.Trigger),
        ([EditRefusal(EditFailure.UNKNOWN).preview], wire_values.PreviewFailure),
        ([kind.order_type for kind in OrderKind], wire_values.OrderKind),
        ([kind.time_in_force for kind in OrderKind], wire_values.TimeInForce),
    ],
    ids=["cancels", "edits", "states", "triggers", "edit previews", "order types", "times in force"],
)
def test_words_are_of_coinbases_enumeration(words: Any, enumeration: Any) -> None:
    assert set(map(str, words)) - set(get_args(enumeration)) == set()
    assert list(words)


def test_kinds_of_orders_and_gates_are_coinbases_fields() -> None:
    assert {kind.key for kind in OrderKind} <= set(Configuration.model_fields)
    assert set(map(str, Gate)) <= set(Product.model_fields)
