"""Coinbase's orders over REST: records, and the answers to placing, canceling, editing, previews and listings."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from contract.wire_values import (
    ABSENT,
    CancelFailure,
    Count,
    DecimalOrEmpty,
    DecimalText,
    EditFailure,
    Liquidity,
    Moment,
    NewOrderFailure,
    OrderKind,
    OrderState,
    PreviewFailure,
    ProductKind,
    RejectReason,
    Shape,
    Side,
    TimeInForce,
    Trigger,
)

__all__ = [
    "CancelAnswer",
    "CommissionDetail",
    "CreateAnswer",
    "EditAnswer",
    "EditPreviewAnswer",
    "FillsAnswer",
    "OlderFillsAnswer",
    "OlderOrderAnswer",
    "OlderOrdersAnswer",
    "OrderAnswer",
    "OrdersAnswer",
    "PreviewAnswer",
]


class MarketIoc(Shape):
    quote_size: DecimalText = ABSENT
    base_size: DecimalText = ABSENT
    rfq_disabled: bool = ABSENT
    rfq_enabled: bool = ABSENT
    reduce_only: bool = ABSENT


class Limit(Shape):
    """IOC and FOK have no more than this."""

    quote_size: DecimalText = ABSENT
    base_size: DecimalText = ABSENT
    limit_price: DecimalText
    rfq_disabled: bool = ABSENT
    reduce_only: bool = ABSENT


class RestingLimit(Limit):
    post_only: bool


class DatedLimit(RestingLimit):
    end_time: Moment


class StopLimit(Shape):
    base_size: DecimalText
    limit_price: DecimalText
    stop_price: DecimalText
    stop_direction: Literal["STOP_DIRECTION_STOP_UP", "STOP_DIRECTION_STOP_DOWN"]
    reduce_only: bool = ABSENT


class DatedStopLimit(StopLimit):
    end_time: Moment


class Bracket(Shape):
    """``base_size`` is left out of an attached one."""

    base_size: DecimalText = ABSENT
    limit_price: DecimalText
    stop_trigger_price: DecimalText


class DatedBracket(Bracket):
    end_time: Moment


class Configuration(Shape):
    """Exactly one of its fields is there."""

    market_market_ioc: MarketIoc = ABSENT
    sor_limit_ioc: Limit = ABSENT
    limit_limit_gtc: RestingLimit = ABSENT
    limit_limit_gtd: DatedLimit = ABSENT
    limit_limit_fok: Limit = ABSENT
    stop_limit_stop_limit_gtc: StopLimit = ABSENT
    stop_limit_stop_limit_gtd: DatedStopLimit = ABSENT
    trigger_bracket_gtc: Bracket = ABSENT
    trigger_bracket_gtd: DatedBracket = ABSENT

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"exactly one kind of order, not {sorted(self.model_fields_set)}")
        return self


class CommissionDetail(Shape):
    total_commission: DecimalOrEmpty
    gst_commission: DecimalOrEmpty = ABSENT
    withholding_commission: DecimalOrEmpty = ABSENT
    client_commission: DecimalOrEmpty = ABSENT
    venue_commission: DecimalOrEmpty = ABSENT
    regulatory_commission: DecimalOrEmpty = ABSENT
    clearing_commission: DecimalOrEmpty = ABSENT


class Edit(Shape):
    """An entry of an order's ``edit_history``."""

    price: DecimalText
    size: DecimalText
    replace_accept_timestamp: Moment
    stop_price: DecimalOrEmpty = ABSENT


class PendingReplace(Edit):
    """An edit that has been asked for and not accepted yet."""

    replace_accept_timestamp: Moment | None = ABSENT  # type: ignore[assignment]  # there is none yet


class Order(Shape):
    order_id: str
    product_id: str
    user_id: str
    order_configuration: Configuration
    side: Side
    client_order_id: str
    status: OrderState
    time_in_force: TimeInForce
    created_time: Moment
    completion_percentage: DecimalText
    filled_size: DecimalText
    average_filled_price: DecimalText
    fee: DecimalOrEmpty
    number_of_fills: Count
    filled_value: DecimalText
    pending_cancel: bool
    size_in_quote: bool
    total_fees: DecimalText
    size_inclusive_of_fees: bool
    total_value_after_fees: DecimalText
    trigger_status: Trigger
    order_type: OrderKind
    reject_reason: RejectReason
    settled: bool
    product_type: ProductKind
    reject_message: str
    cancel_message: str
    order_placement_source: Literal["UNKNOWN_PLACEMENT_SOURCE", "RETAIL_SIMPLE", "RETAIL_ADVANCED"]
    outstanding_hold_amount: DecimalText
    is_liquidation: bool
    last_fill_time: Moment | None
    edit_history: list[Edit]
    leverage: DecimalOrEmpty
    margin_type: Literal["UNKNOWN_MARGIN_TYPE", "CROSS", "ISOLATED"]
    retail_portfolio_id: str
    originating_order_id: str
    attached_order_id: str
    attached_order_configuration: Configuration | None
    current_pending_replace: PendingReplace | None
    commission_detail_total: CommissionDetail | None
    workable_size: DecimalOrEmpty
    workable_size_completion_pct: DecimalOrEmpty
    last_update_time: Moment


class OlderOrder(Order):
    """As of 2024, in the recorded answers: without what came since, and with "" for two of its enums."""

    reject_reason: RejectReason | Literal[""]  # type: ignore[assignment]  # wider than today's
    margin_type: Literal["", "UNKNOWN_MARGIN_TYPE", "CROSS", "ISOLATED"]  # type: ignore[assignment]  # likewise
    edit_history: list[Edit] = ABSENT
    attached_order_configuration: Configuration | None = ABSENT
    current_pending_replace: PendingReplace | None = ABSENT
    commission_detail_total: CommissionDetail | None = ABSENT
    workable_size: DecimalOrEmpty = ABSENT
    workable_size_completion_pct: DecimalOrEmpty = ABSENT
    last_update_time: Moment = ABSENT


class OrderAnswer(Shape):
    order: Order


class OlderOrderAnswer(Shape):
    order: OlderOrder


class OrdersAnswer(Shape):
    orders: list[Order]
    sequence: Literal["0"]
    has_next: bool
    cursor: str
    proof_token_required: bool = ABSENT


class OlderOrdersAnswer(Shape):
    orders: list[OlderOrder]
    sequence: Literal["0"]
    has_next: bool
    cursor: str


class Fill(Shape):
    entry_id: str
    trade_id: str
    order_id: str
    trade_time: Moment
    trade_type: Literal["FILL", "REVERSAL", "CORRECTION", "SYNTHETIC"]
    price: DecimalText
    size: DecimalText
    commission: DecimalText
    product_id: str
    sequence_timestamp: Moment
    liquidity_indicator: Liquidity
    size_in_quote: bool
    user_id: str
    side: Side
    retail_portfolio_id: str
    fill_source: Literal["FILL_SOURCE_UNKNOWN", "FILL_SOURCE_CLOB", "FILL_SOURCE_RFQ"] = Field(alias="fillSource")
    commission_detail_total: CommissionDetail | None


class OlderFill(Fill):
    """As of 2024, in the recorded answers."""

    fill_source: Literal["FILL_SOURCE_UNKNOWN", "FILL_SOURCE_CLOB"] = Field(alias="fillSource", default=ABSENT)
    commission_detail_total: CommissionDetail | None = ABSENT


class FillsAnswer(Shape):
    """No ``has_next`` here: an empty cursor is the end."""

    fills: list[Fill]
    cursor: str
    proof_token_required: bool = ABSENT


class OlderFillsAnswer(Shape):
    fills: list[OlderFill]
    cursor: str


class CreateSuccess(Shape):
    order_id: str
    product_id: str
    side: Side
    client_order_id: str
    attached_order_id: str = ABSENT


class CreateFailure(Shape):
    """``error`` and ``preview_failure_reason`` are deprecated, and still what clients read first."""

    error: NewOrderFailure | PreviewFailure
    message: str
    error_details: str
    preview_failure_reason: PreviewFailure
    new_order_failure_reason: NewOrderFailure


class Placed(Shape):
    success: Literal[True]
    success_response: CreateSuccess
    order_configuration: Configuration | None


class NotPlaced(Shape):
    """The configuration is the request's own, sound or not."""

    success: Literal[False]
    error_response: CreateFailure
    order_configuration: dict[str, Any] | None


CreateAnswer = Annotated[Placed | NotPlaced, Field(discriminator="success")]


class CancelResult(Shape):
    """The reason of a success is ``UNKNOWN_CANCEL_FAILURE_REASON``."""

    success: bool
    failure_reason: CancelFailure
    order_id: str

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.success != (self.failure_reason == "UNKNOWN_CANCEL_FAILURE_REASON"):
            raise ValueError(f"success {self.success} with the reason {self.failure_reason}")
        return self


class CancelAnswer(Shape):
    results: list[CancelResult]


class EditError(Shape):
    edit_failure_reason: EditFailure = ABSENT
    preview_failure_reason: PreviewFailure = ABSENT

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("edit_failure_reason or preview_failure_reason is there")
        return self


class EditSuccess(Shape):
    order_id: str


class EditAnswer(Shape):
    success: bool
    errors: list[EditError]
    success_response: EditSuccess = ABSENT

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.success == bool(self.errors):
            raise ValueError(f"success {self.success} with {len(self.errors)} errors")
        return self


class EditPreviewAnswer(Shape):
    errors: list[EditError]
    slippage: DecimalOrEmpty
    order_total: DecimalOrEmpty
    commission_total: DecimalOrEmpty
    quote_size: DecimalOrEmpty
    base_size: DecimalOrEmpty
    best_bid: DecimalOrEmpty
    best_ask: DecimalOrEmpty
    average_filled_price: DecimalOrEmpty
    order_margin_total: DecimalOrEmpty = ABSENT
    commission_detail_total: CommissionDetail | None = ABSENT
    pnl_configuration: dict[str, Any] | None = ABSENT


class PreviewAnswer(Shape):
    """``errs`` is empty when the order would be taken. Sizes are JSON numbers in Coinbase's own example."""

    order_total: DecimalOrEmpty
    commission_total: DecimalOrEmpty
    errs: list[PreviewFailure]
    warning: list[Literal["UNKNOWN", "BIG_ORDER", "SMALL_ORDER"]]
    quote_size: DecimalOrEmpty | float
    base_size: DecimalOrEmpty | float
    best_bid: DecimalOrEmpty
    best_ask: DecimalOrEmpty
    is_max: bool
    order_margin_total: DecimalOrEmpty = ABSENT
    leverage: DecimalOrEmpty = ABSENT
    long_leverage: DecimalOrEmpty = ABSENT
    short_leverage: DecimalOrEmpty = ABSENT
    max_leverage: DecimalOrEmpty = ABSENT
    slippage: DecimalOrEmpty = ABSENT
    preview_id: str = ABSENT
    current_liquidation_buffer: DecimalOrEmpty = ABSENT
    projected_liquidation_buffer: DecimalOrEmpty = ABSENT
    est_average_filled_price: DecimalOrEmpty = ABSENT
    commission_detail_total: CommissionDetail | None = ABSENT
    pnl_configuration: dict[str, Any] | None = ABSENT
    margin_ratio_data: dict[str, Any] | None = ABSENT
    twap_bucket_metadata: dict[str, Any] | None = ABSENT
