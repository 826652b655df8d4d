"""The trader's state as a JSON document, and back.

Money, prices and sizes are plain decimal text, so that a person can read the file and a venue
that changes an increment does not change what we own. Indicators and model are only memory of candles: where
they do not fit (other increments, other candles, another cbbot's fields) they are dropped, to be worked out anew.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any, Final, NamedTuple

from cbbot.contract.settings import Settings, load
from cbbot.domain.instrument import Instrument
from cbbot.domain.order import Side
from cbbot.errors import BadInput
from cbbot.kernel.account import Account
from cbbot.kernel.advance import Closed
from cbbot.kernel.codes import BUY, EXITS, SELL
from cbbot.kernel.indicators import empty
from cbbot.kernel.lot import Lot
from cbbot.kernel.model import Fit
from cbbot.trader.intent import Intent, Progress, Purpose
from cbbot.trader.memory_fields import fit_in, indicators_in
from cbbot.trader.rules import Rules, build_rules
from cbbot.trader.state_fields import BadState, Fields
from cbbot.trader.state_versions import VERSION, brought_up_to_date
from cbbot.trader.trader_state import (
    MODES,
    Anchor,
    Dust,
    GivenUp,
    Holdings,
    Identity,
    Market,
    RefusedExit,
    Startup,
    Trade,
    TraderState,
)

__all__ = ["Decoded", "decode", "decode_identity", "encode", "rules_as_written"]

Document = dict[str, Any]


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
        "refused_exits": [_refused_exit_out(refused) for refused in state.refused_exits],
        "halted": state.halted,
        "accounted_ms": state.accounted_ms,
        "unexplained": state.unexplained,
        "expected": _holdings_out(instrument, state.expected),
        "baseline": state.startup.baseline if state.accounting else state.sequence,
        "accounted": list(state.startup.accounted) if state.accounting else [],
        "given_up": [_intent_out(instrument, each.intent) for each in state.given_up],
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
    return _identity_in(Fields(brought_up_to_date(document)))


def decode(rules: Rules, document: Document) -> Decoded:
    """The state of a document that :func:`encode` of this or an older cbbot made.

    Raises:
        BadState: a field is missing or nonsense; the message names it.
    """
    fields = Fields(brought_up_to_date(document))
    instrument = rules.instrument
    market, market_warning = _market_in(rules, fields.part("market"), fields.ticks("last_price", instrument))
    model, model_warning = _model_in(rules, fields)
    last_fit_ms = fields.time_ms("last_fit_ms")
    state = TraderState(
        identity=_identity_in(fields),
        epoch=fields.count("epoch"),
        sequence=fields.count("sequence"),
        account=_account_in(instrument, fields.part("account")),
        market=market,
        lots=tuple(_lot_in(instrument, lot) for lot in fields.parts("lots")),
        intents=tuple(_intent_in(instrument, intent) for intent in fields.parts("intents")),
        model=model,
        last_fit_ms=last_fit_ms if _same_candles(rules, fields.part("market")) else -1,
        paused_by=frozenset(fields.texts("paused_by")),
        flattening=fields.flag("flattening"),
        halted=fields.text("halted"),
        dust=_dust_in(instrument, fields.part("dust")),
        short_dust=_dust_in(instrument, fields.part("short_dust")),
        trades=tuple(_trade_in(instrument, trade) for trade in fields.parts("trades")),
        trade_count=fields.count("trade_count"),
        accounted_ms=fields.time_ms("accounted_ms"),
        unexplained=fields.text("unexplained"),
        expected=_holdings_in(instrument, fields.part("expected")) if fields.holds("expected") else None,
        startup=Startup(fields.count("baseline"), fields.texts("accounted")),
        given_up=tuple(GivenUp(_intent_in(instrument, intent)) for intent in fields.parts("given_up")),
        refused_exits=tuple(_refused_exit_in(refused) for refused in fields.parts("refused_exits")),
    )
    return Decoded(state, tuple(warning for warning in (market_warning, model_warning) if warning))


def rules_as_written(document: Document) -> Rules:
    """Rules that read a document without its venue and settings: on the increments that it was written with.

    Raises:
        BadState: it does not say which.
    """
    fields = Fields(brought_up_to_date(document))
    market = fields.part("market")
    price, base = market.decimal("price_increment"), market.decimal("base_increment")
    try:
        # Every budget is a whole number of ledger units, whatever the quote increment is.
        instrument = Instrument(fields.text("product_id"), price, base, price * base, Decimal())
        return build_rules(_usual_settings(), instrument)
    except (BadInput, ArithmeticError) as error:
        raise BadState(f"the state's product or increments make no sense: {error}") from error


@cache
def _usual_settings() -> Settings:
    return load({})


def _identity_in(fields: Fields) -> Identity:
    mode = fields.one_of("mode", {each: each for each in MODES})
    return Identity(fields.text("bot_id"), fields.text("product_id"), mode, fields.text("venue"))


_SIDES: Final = {Side.BUY.value: BUY, Side.SELL.value: SELL}
_REASONS: Final = {name: code for code, name in enumerate(EXITS)}
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


def _account_in(instrument: Instrument, fields: Fields) -> Account:
    money = {name: fields.units(name, instrument.ledger_increment) for name in _ACCOUNT_MONEY}
    return Account(
        **money,
        day=fields.whole("day", -1, 10**7),
        breaker=fields.flag("breaker"),
        last_add_ms=fields.time_ms("last_add_ms"),
        last_loss_ms=fields.time_ms("last_loss_ms"),
        next_lot=fields.count("next_lot", lowest=1),
        lots=fields.count("lots"),
        side=fields.whole("side", SELL, BUY),
        last_entry_ticks=fields.ticks("last_entry_ticks", instrument),
        base_sum=fields.units("base_sum", instrument.base_increment),
    )


def _dust_out(instrument: Instrument, dust: Dust) -> Document:
    return {
        "base": instrument.base_text(dust.base),
        "cost": instrument.money_text(dust.cost),
        "entry_fee": instrument.money_text(dust.entry_fee),
    }


def _dust_in(instrument: Instrument, fields: Fields) -> Dust:
    return Dust(
        fields.units("base", instrument.base_increment, lowest=0),
        fields.units("cost", instrument.ledger_increment),
        fields.units("entry_fee", instrument.ledger_increment),
    )


def _holdings_out(instrument: Instrument, holdings: Holdings | None) -> Document | None:
    if holdings is None:
        return None
    return {"base": instrument.base_text(holdings.base), "quote": instrument.money_text(holdings.quote)}


def _holdings_in(instrument: Instrument, fields: Fields) -> Holdings:
    return Holdings(fields.units("base", instrument.base_increment), fields.units("quote", instrument.ledger_increment))


def _lot_out(instrument: Instrument, lot: Lot) -> Document:
    return lot._asdict() | {
        "side": _side_name(lot.side),
        "open_ticks": instrument.price_text(lot.open_ticks),
        "base": instrument.base_text(lot.base),
        "cost": instrument.money_text(lot.cost),
        "entry_fee": instrument.money_text(lot.entry_fee),
    }


def _lot_in(instrument: Instrument, fields: Fields) -> Lot:
    return Lot(
        id=fields.count("id", lowest=1),
        side=fields.one_of("side", _SIDES),
        runner=fields.flag("runner"),
        opened_as_runner=fields.flag("opened_as_runner"),
        opened_ms=fields.time_ms("opened_ms"),
        open_ticks=fields.ticks("open_ticks", instrument),
        base=fields.units("base", instrument.base_increment, lowest=1),
        cost=fields.units("cost", instrument.ledger_increment),
        entry_fee=fields.units("entry_fee", instrument.ledger_increment),
        stop=fields.real("stop"),
        take=fields.real("take"),
        trailing=fields.flag("trailing"),
        peak=fields.real("peak"),
        trail_stop=fields.real("trail_stop"),
    )


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


def _intent_in(instrument: Instrument, fields: Fields) -> Intent:
    purpose = fields.one_of("purpose", {each.value: each for each in Purpose})
    return Intent(
        client_order_id=fields.text("client_order_id"),
        purpose=purpose,
        lot=fields.count("lot", lowest=1),
        side=fields.one_of("side", {each.value: each for each in Side}),
        base=fields.units("base", instrument.base_increment, lowest=0),
        quote_units=fields.units("quote", instrument.quote_increment, lowest=0),
        reason=EXITS[fields.one_of("reason", _REASONS)] if purpose is Purpose.EXIT else fields.text("reason"),
        created_ms=fields.time_ms("created_ms"),
        progress=fields.one_of("progress", {each.value: each for each in Progress}),
        order_id=fields.text("order_id"),
    )


def _refused_exit_out(refused: RefusedExit) -> Document:
    return {
        "lot": refused.lot,
        "since_ms": refused.since_ms,
        "code": refused.code,
        "message": refused.message,
        "tries": refused.tries,
        "short": refused.short,
    }


def _refused_exit_in(fields: Fields) -> RefusedExit:
    return RefusedExit(
        lot=fields.count("lot", lowest=1),
        since_ms=fields.time_ms("since_ms"),
        code=fields.text("code"),
        message=fields.text("message"),
        tries=fields.count("tries", lowest=1),
        short=fields.flag("short"),
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


def _trade_in(instrument: Instrument, fields: Fields) -> Trade:
    closed = Closed(
        lot=_lot_in(instrument, fields.part("lot")),
        closed_ms=fields.time_ms("closed_ms"),
        close_ticks=fields.ticks("close_price", instrument),
        proceeds=fields.units("proceeds", instrument.ledger_increment),
        exit_fee=fields.units("exit_fee", instrument.ledger_increment),
        net_pnl=fields.units("net_pnl", instrument.ledger_increment),
        reason=fields.one_of("reason", _REASONS),
    )
    return Trade(fields.count("number", lowest=1), closed)


def _same_candles(rules: Rules, market: Fields) -> bool:
    """Whether the state is of candles of this length; one of an older cbbot may not say, and is taken to be."""
    return not market.holds("candle_seconds") or market.count("candle_seconds") == rules.candle_ms // 1000


def _market_in(rules: Rules, fields: Fields, last_price: int) -> tuple[Market, str]:
    """The market, and a warning when its indicators are not such as this cbbot keeps."""
    instrument = rules.instrument
    fresh = empty(rules.params.ma_slow)
    without = Market(indicators=fresh, last_price=last_price)
    increments = (fields.text("price_increment"), fields.text("base_increment"))
    same = increments == (str(instrument.price_increment), str(instrument.base_increment))
    if not same or not _same_candles(rules, fields):
        return without, ""
    try:
        indicators = indicators_in(fields.part("indicators"))
        anchors = tuple(Anchor(a.start("start"), indicators_in(a.part("indicators"))) for a in fields.parts("anchors"))
        last_start = fields.start("last_start")
    except BadState as error:
        return without, (
            f"the state's indicators are another cbbot's ({error}): they are worked out anew from the venue's candles"
        )
    if indicators.reach != fresh.reach:
        return without, ""
    return Market(indicators, last_start, anchors, last_price=last_price), ""


def _model_in(rules: Rules, fields: Fields) -> tuple[Fit | None, str]:
    """The model in force, and a warning when it is not such as this cbbot fits."""
    # Candles of another length say nothing of the model fitted on these.
    if not fields.holds("model") or not _same_candles(rules, fields.part("market")):
        return None, ""
    try:
        return fit_in(fields.part("model")), ""
    except BadState as error:
        return None, f"the state's model is another cbbot's ({error}): a new one is fitted on the venue's candles"


def _side_name(side: int) -> str:
    return Side.BUY.value if side == BUY else Side.SELL.value
