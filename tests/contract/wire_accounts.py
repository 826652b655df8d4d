"""Coinbase's accounts, portfolios, fees and permissions over REST, errors, and what clients still ask of its v2."""

from __future__ import annotations

from typing import Any, Literal

from contract.wire_values import ABSENT, DecimalOrEmpty, DecimalText, Moment, Shape

__all__ = [
    "AccountAnswer",
    "AccountsAnswer",
    "BreakdownAnswer",
    "ErrorAnswer",
    "MovedFundsAnswer",
    "Nothing",
    "OlderAccountsAnswer",
    "PermissionsAnswer",
    "PortfolioAnswer",
    "PortfoliosAnswer",
    "RateLimitAnswer",
    "SummaryAnswer",
    "V2AccountAnswer",
    "V2AccountsAnswer",
    "V2CurrenciesAnswer",
    "V2PriceAnswer",
    "V2RatesAnswer",
]


class Amount(Shape):
    value: DecimalText
    currency: str


class Account(Shape):
    uuid: str
    name: str
    currency: str
    available_balance: Amount
    default: bool
    active: bool
    created_at: Moment
    updated_at: Moment
    deleted_at: Moment | None
    type: Literal["ACCOUNT_TYPE_CRYPTO", "ACCOUNT_TYPE_FIAT", "ACCOUNT_TYPE_VAULT"]
    ready: bool
    hold: Amount
    retail_portfolio_id: str
    platform: Literal["ACCOUNT_PLATFORM_UNSPECIFIED", "ACCOUNT_PLATFORM_CONSUMER"]


class AccountAnswer(Shape):
    account: Account


class AccountsAnswer(Shape):
    accounts: list[Account]
    has_next: bool
    cursor: str
    size: int


class OlderAccount(Account):
    """As the examples of Coinbase's reference and the recorded answers have it: short types, no platform."""

    type: Literal["CRYPTO", "FIAT"]  # type: ignore[assignment]  # other words than today's
    platform: Literal["ACCOUNT_PLATFORM_CONSUMER"] = ABSENT


class OlderAccountsAnswer(Shape):
    accounts: list[OlderAccount]
    has_next: bool
    cursor: str
    size: int


class Portfolio(Shape):
    name: str
    uuid: str
    type: Literal["DEFAULT", "CONSUMER", "INTX"]
    deleted: bool


class PortfoliosAnswer(Shape):
    portfolios: list[Portfolio]


class PortfolioAnswer(Shape):
    portfolio: Portfolio


class MovedFundsAnswer(Shape):
    source_portfolio_uuid: str
    target_portfolio_uuid: str


class PortfolioBalances(Shape):
    total_balance: Amount
    total_futures_balance: Amount
    total_cash_equivalent_balance: Amount
    total_crypto_balance: Amount
    futures_unrealized_pnl: Amount = ABSENT
    perp_unrealized_pnl: Amount = ABSENT
    total_equities_balance: Amount = ABSENT


class SpotPosition(Shape):
    """Its amounts are JSON numbers."""

    asset: str
    account_uuid: str
    total_balance_fiat: float
    total_balance_crypto: float
    available_to_trade_fiat: float
    allocation: float
    cost_basis: Amount
    asset_img_url: str
    is_cash: bool
    one_day_change: float = ABSENT
    average_entry_price: Amount = ABSENT
    asset_uuid: str = ABSENT
    available_to_trade_crypto: float = ABSENT
    unrealized_pnl: float = ABSENT
    available_to_transfer_fiat: float = ABSENT
    available_to_transfer_crypto: float = ABSENT
    available_to_send_fiat: float = ABSENT
    available_to_send_crypto: float = ABSENT
    asset_color: str = ABSENT
    account_type: str = ABSENT
    funding_pnl: Amount = ABSENT


class Breakdown(Shape):
    portfolio: Portfolio
    portfolio_balances: PortfolioBalances
    spot_positions: list[SpotPosition]
    perp_positions: list[Any]
    futures_positions: list[Any]
    equity_positions: list[Any] = ABSENT


class BreakdownAnswer(Shape):
    breakdown: Breakdown


class FeeTier(Shape):
    pricing_tier: str
    taker_fee_rate: DecimalText
    maker_fee_rate: DecimalText
    aop_from: DecimalOrEmpty
    aop_to: DecimalOrEmpty
    volume_types_and_range: list[Any] = ABSENT
    usd_from: DecimalOrEmpty = ABSENT
    usd_to: DecimalOrEmpty = ABSENT


class SummaryAnswer(Shape):
    """The sums are JSON numbers, the rates text."""

    total_volume: float
    total_fees: float
    fee_tier: FeeTier
    margin_rate: dict[str, Any] | None
    goods_and_services_tax: dict[str, Any] | None
    advanced_trade_only_volume: float
    advanced_trade_only_fees: float
    coinbase_pro_volume: float
    coinbase_pro_fees: float
    total_balance: DecimalOrEmpty
    volume_breakdown: list[Any]
    has_cost_plus_commission: bool
    has_promo_fee: bool = ABSENT


class PermissionsAnswer(Shape):
    can_view: bool
    can_trade: bool
    can_transfer: bool
    portfolio_uuid: str
    portfolio_type: Literal["UNDEFINED", "DEFAULT", "CONSUMER", "INTX"]


class Nothing(Shape):
    """An object without fields."""


class ErrorAnswer(Shape):
    error: Literal[
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "FAILED_PRECONDITION",
        "UNIMPLEMENTED",
        "INTERNAL",
        "unknown",
    ]
    message: str
    error_details: str


class RateLimitError(Shape):
    id: Literal["rate_limit_exceeded"]
    message: str


class RateLimitAnswer(Shape):
    errors: list[RateLimitError]


class V2Currency(Shape):
    code: str
    name: str
    type: Literal["fiat", "crypto"] = ABSENT
    exponent: int = ABSENT
    color: str = ABSENT
    sort_index: int = ABSENT
    asset_id: str = ABSENT
    address_regex: str = ABSENT


class V2Amount(Shape):
    amount: DecimalText
    currency: str


class V2Account(Shape):
    id: str
    name: str
    primary: bool
    type: Literal["wallet", "fiat", "vault"]
    currency: V2Currency
    balance: V2Amount
    created_at: Moment | None
    updated_at: Moment | None
    resource: Literal["account"]
    resource_path: str
    allow_deposits: bool = ABSENT
    allow_withdrawals: bool = ABSENT


class V2Pages(Shape):
    ending_before: str | None
    starting_after: str | None
    previous_ending_before: str | None
    next_starting_after: str | None
    limit: int
    order: Literal["asc", "desc"]
    previous_uri: str | None
    next_uri: str | None


class V2AccountAnswer(Shape):
    data: V2Account


class V2AccountsAnswer(Shape):
    pagination: V2Pages
    data: list[V2Account]


class V2CurrenciesAnswer(Shape):
    """Clients only need it to be there; what a currency has differs from fiat to crypto."""

    data: list[dict[str, Any]]


class V2Price(Shape):
    amount: DecimalText
    base: str
    currency: str


class V2PriceAnswer(Shape):
    data: V2Price


class V2Rates(Shape):
    currency: str
    rates: dict[str, DecimalText]


class V2RatesAnswer(Shape):
    data: V2Rates
