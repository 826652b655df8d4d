"""The trader's state as a JSON document, and back.

Money, prices and sizes are plain decimal text, so that a person can read the file and a venue
that changes an increment does not change what we own. Indicators and model are only memory of candles: where
they do not fit (other increments, other candles, another cbbot's fields) they are dropped, to be worked out anew.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeVar

from cbbot.domain.decimals import parse_decimal
from cbbot.domain.instrument import Instrument
from cbbot.domain.order import Side
from cbbot.errors import BadInput
from cbbot.kernel.account import Account
from cbbot.kernel.advance import Closed
from cbbot.kernel.codes import BUY, EXITS, SELL
from cbbot.kernel.indicators import Indicators, empty
from cbbot.kernel.lot import Lot
from cbbot.kernel.model import Fit
from cbbot.trader.intent import Intent, Progress, Purpose
from cbbot.trader.rules import Rules
from cbbot.trader.state_versions import VERSION, BadState, brought_up_to_date
from cbbot.trader.trader_state import Anchor, Dust, Identity, Market, Trade, TraderState

__all__ = ["BadState", "Decoded", "decode", "decode_identity", "encode"]

Document = dict[str, Any]
T = TypeVar("T")


class Decoded(NamedTuple):
    """A state, and sentences for a person on what of the document could not be used."""

    state: TraderState
    warnings: tuple[str, ...]


def encode(rules: Rules, state: TraderState) -> Document:
    """All of the state that must survive, as JSON values."""
    instrument = rules.instrument
    identity = state.identity
    return {
        "version": VERSION,
        "bot_id": identity.bot_id,
        "product_id": identity.product_id,
        "mode": identity.mode,
        "venue": identity.venue,
        "epoch": state.epoch,
        "sequence": state.sequence,
        "account": _account_out(instrument, state.account),
        "lots": [_lot_out(instrument, lot) for lot in state.lots],
        "intents": [_intent_out(instrument, intent) for intent in state.intents],
        "dust": _dust_out(instrument, state.dust),
        "short_dust": _dust_out(instrument, state.short_dust),
        "trades": [_trade_out(instrument, trade) for trade in state.trades],
        "trade_count": state.trade_count,
        "model": state.model._asdict() if state.model else None,
        "last_fit_ms": state.last_fit_ms,
        "paused_by": sorted(state.paused_by),
        "flattening": state.flattening,
        "halted": state.halted,
        "last_price": instrument.price_text(state.market.last_price),
        "market": {
            "price_increment": str(instrument.price_increment),
            "base_increment": str(instrument.base_increment),
            "candle_seconds": rules.candle_ms // 1000,
            "last_start": state.market.last_start,
            "indicators": state.market.indicators._asdict(),
            "anchors": [{"start": a.start, "indicators": a.indicators._asdict()} for a in state.market.anchors],
        },
    }


def decode_identity(document: Document) -> Identity:
    """Whose state it is; for a refusal to start, before anything else is read.

    Raises:
        BadState: not a state document of a version we know.
    """
    return _reading(lambda: _identity(brought_up_to_date(document)))


def decode(rules: Rules, document: Document) -> Decoded:
    """The state of a document that :func:`encode` of this or an older cbbot made.

    Raises:
        BadState: a field is missing or nonsense; the message names what could not be read.
    """
    return _reading(lambda: _decoded(rules, brought_up_to_date(document)))


def _reading(read: Callable[[], T]) -> T:
    try:
        return read()
    except KeyError as error:
        raise BadState(f"the state has no field {error}") from error
    except (TypeError, ValueError, BadInput) as error:
        raise BadState(f"the state cannot be read: {error}") from error


def _identity(document: Document) -> Identity:
    return Identity(document["bot_id"], document["product_id"], document["mode"], document["venue"])


def _decoded(rules: Rules, document: Document) -> Decoded:
    instrument = rules.instrument
    last_price = instrument.ticks(parse_decimal(document["last_price"]))
    market, market_warning = _market_in(rules, document["market"], last_price)
    model, model_warning = _model_in(rules, document)
    state = TraderState(
        identity=_identity(document),
        epoch=int(document["epoch"]),
        sequence=int(document["sequence"]),
        account=_account_in(instrument, document["account"]),
        market=market,
        lots=tuple(_lot_in(instrument, lot) for lot in document["lots"]),
        intents=tuple(_intent_in(instrument, intent) for intent in document["intents"]),
        model=model,
        last_fit_ms=int(document["last_fit_ms"]) if _same_candles(rules, document["market"]) else -1,
        paused_by=frozenset(document["paused_by"]),
        flattening=bool(document["flattening"]),
        halted=str(document["halted"]),
        dust=_dust_in(instrument, document["dust"]),
        short_dust=_dust_in(instrument, document["short_dust"]),
        trades=tuple(_trade_in(instrument, trade) for trade in document["trades"]),
        trade_count=int(document["trade_count"]),
    )
    return Decoded(state, tuple(warning for warning in (market_warning, model_warning) if warning))


_ACCOUNT_MONEY: Final = (
    "start_equity",
    "realised",
    "day_realised",
    "day_equity",
    "day_marked",
    "loss_limit",
    "cost_sum",
    "fee_sum",
)


def _account_out(instrument: Instrument, account: Account) -> Document:
    out = account._asdict()
    for name in _ACCOUNT_MONEY:
        out[name] = instrument.money_text(out[name])
    out["last_entry_ticks"] = instrument.price_text(account.last_entry_ticks)
    out["base_sum"] = instrument.base_text(account.base_sum)
    return out


def _account_in(instrument: Instrument, document: Document) -> Account:
    values = {name: document[name] for name in Account._fields}
    for name in _ACCOUNT_MONEY:
        values[name] = _money(instrument, values[name])
    values["last_entry_ticks"] = instrument.ticks(parse_decimal(values["last_entry_ticks"]))
    values["base_sum"] = _base(instrument, values["base_sum"])
    return Account(**values)


def _dust_out(instrument: Instrument, dust: Dust) -> Document:
    return {
        "base": instrument.base_text(dust.base),
        "cost": instrument.money_text(dust.cost),
        "entry_fee": instrument.money_text(dust.entry_fee),
    }


def _dust_in(instrument: Instrument, document: Document) -> Dust:
    return Dust(
        _base(instrument, document["base"]),
        _money(instrument, document["cost"]),
        _money(instrument, document["entry_fee"]),
    )


def _lot_out(instrument: Instrument, lot: Lot) -> Document:
    return lot._asdict() | {
        "side": _side_name(lot.side),
        "open_ticks": instrument.price_text(lot.open_ticks),
        "base": instrument.base_text(lot.base),
        "cost": instrument.money_text(lot.cost),
        "entry_fee": instrument.money_text(lot.entry_fee),
    }


def _lot_in(instrument: Instrument, document: Document) -> Lot:
    values = {name: document[name] for name in Lot._fields}
    values["side"] = BUY if Side(values["side"]) is Side.BUY else SELL
    values["open_ticks"] = instrument.ticks(parse_decimal(values["open_ticks"]))
    values["base"] = _base(instrument, values["base"])
    values["cost"] = _money(instrument, values["cost"])
    values["entry_fee"] = _money(instrument, values["entry_fee"])
    return Lot(**values)


def _intent_out(instrument: Instrument, intent: Intent) -> Document:
    return {
        "client_order_id": intent.client_order_id,
        "purpose": intent.purpose.value,
        "lot": intent.lot,
        "side": intent.side.value,
        "base": instrument.base_text(intent.base),
        "quote": instrument.quote_text(intent.quote_units),
        "reason": intent.reason,
        "created_ms": intent.created_ms,
        "progress": intent.progress.value,
        "order_id": intent.order_id,
    }


def _intent_in(instrument: Instrument, document: Document) -> Intent:
    return Intent(
        client_order_id=document["client_order_id"],
        purpose=Purpose(document["purpose"]),
        lot=int(document["lot"]),
        side=Side(document["side"]),
        base=_base(instrument, document["base"]),
        quote_units=_exactly(parse_decimal(document["quote"]) / instrument.quote_increment),
        reason=document["reason"],
        created_ms=int(document["created_ms"]),
        progress=Progress(document["progress"]),
        order_id=document["order_id"],
    )


def _trade_out(instrument: Instrument, trade: Trade) -> Document:
    closed = trade.closed
    return {
        "number": trade.number,
        "lot": _lot_out(instrument, closed.lot),
        "closed_ms": closed.closed_ms,
        "close_price": instrument.price_text(closed.close_ticks),
        "proceeds": instrument.money_text(closed.proceeds),
        "exit_fee": instrument.money_text(closed.exit_fee),
        "net_pnl": instrument.money_text(closed.net_pnl),
        "reason": EXITS[closed.reason],
    }


def _trade_in(instrument: Instrument, document: Document) -> Trade:
    closed = Closed(
        lot=_lot_in(instrument, document["lot"]),
        closed_ms=int(document["closed_ms"]),
        close_ticks=instrument.ticks(parse_decimal(document["close_price"])),
        proceeds=_money(instrument, document["proceeds"]),
        exit_fee=_money(instrument, document["exit_fee"]),
        net_pnl=_money(instrument, document["net_pnl"]),
        reason=EXITS.index(document["reason"]),
    )
    return Trade(int(document["number"]), closed)


def _same_candles(rules: Rules, market: Document) -> bool:
    """Whether the state is of candles of this length; one of an older cbbot may not say, and is taken to be."""
    return market["candle_seconds"] in (None, rules.candle_ms // 1000)


def _market_in(rules: Rules, document: Document, last_price: int) -> tuple[Market, str]:
    """The market, and a warning when its indicators are not such as this cbbot keeps."""
    instrument = rules.instrument
    fresh = empty(rules.params.ma_slow)
    without = Market(indicators=fresh, last_price=last_price)
    increments = (document["price_increment"], document["base_increment"])
    same = increments == (str(instrument.price_increment), str(instrument.base_increment))
    if not same or not _same_candles(rules, document):
        return without, ""
    try:
        indicators = _indicators_in(document["indicators"])
        anchors = tuple(Anchor(int(a["start"]), _indicators_in(a["indicators"])) for a in document["anchors"])
    except (KeyError, TypeError, ValueError) as error:
        return without, (
            f"the state's indicators are another cbbot's ({error}): they are worked out anew from the venue's candles"
        )
    if indicators.reach != fresh.reach:
        return without, ""
    return Market(indicators, int(document["last_start"]), anchors, last_price=last_price), ""


def _indicators_in(document: Document) -> Indicators:
    """Raises KeyError, TypeError or ValueError for anything but the fields of :class:`Indicators`."""
    unknown = document.keys() - set(Indicators._fields)
    missing = set(Indicators._fields) - document.keys()
    if unknown or missing:
        named = [f"without {name}" for name in sorted(missing)] + [f"with {name}" for name in sorted(unknown)]
        raise ValueError(", ".join(named))
    values = dict(document)
    for name in ("closes", "flows", "volumes"):
        values[name] = tuple(int(v) for v in values[name])
    for name in ("rows", "reach"):
        values[name] = int(values[name])
    for name in ("gain", "loss", "true_range", "ema_fast", "ema_slow", "ema_signal"):
        values[name] = float(values[name])
    return Indicators(**values)


def _model_in(rules: Rules, document: Document) -> tuple[Fit | None, str]:
    """The model in force, and a warning when it is not such as this cbbot fits."""
    model = document["model"]
    # Candles of another length say nothing of the model fitted on these.
    if model is None or not _same_candles(rules, document["market"]):
        return None, ""
    try:
        return _fit_in(model), ""
    except (KeyError, TypeError, ValueError) as error:
        return None, f"the state's model is another cbbot's ({error}): a new one is fitted on the venue's candles"


def _fit_in(document: Document) -> Fit:
    """Raises KeyError, TypeError or ValueError for anything but the fields of :class:`Fit`."""
    weights, mean, std = (tuple(float(v) for v in document[name]) for name in ("weights", "mean", "std"))
    if not len(weights) == len(mean) == len(std):
        raise ValueError("weights, mean and std differ in length")
    return Fit(weights, float(document["bias"]), mean, std, int(document["rows"]))


def _side_name(side: int) -> str:
    return Side.BUY.value if side == BUY else Side.SELL.value


def _exactly(units: Decimal) -> int:
    whole = int(units)
    if whole != units:
        raise BadState("an amount is no whole number of the venue's increments, which have become coarser")
    return whole


def _money(instrument: Instrument, text: str) -> int:
    return _exactly(parse_decimal(text) / instrument.ledger_increment)


def _base(instrument: Instrument, text: str) -> int:
    return _exactly(parse_decimal(text) / instrument.base_increment)
