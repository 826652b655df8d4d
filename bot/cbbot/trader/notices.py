"""The notices of a trader: what a person, the log and the event stream get."""

from __future__ import annotations

from cbbot.domain.order import Execution
from cbbot.kernel.account import Account, equity
from cbbot.kernel.advance import Closed
from cbbot.kernel.codes import EXITS, SIGNALS
from cbbot.kernel.lot import Lot
from cbbot.kernel.model import Fit
from cbbot.trader.commands import Notify
from cbbot.trader.intent import Intent
from cbbot.trader.rules import Rules
from cbbot.trader.trader_state import Decision

__all__ = [
    "breaker",
    "decided",
    "dust",
    "entries_refused",
    "entries_taken",
    "exit_refused",
    "exit_taken",
    "exited",
    "fill",
    "flow",
    "gap",
    "halt",
    "history",
    "order",
    "pause",
    "placed",
    "reconciled",
    "refit",
    "short",
]


def placed(rules: Rules, intent: Intent, price: int) -> Notify:
    return order(rules, intent, "sent", f"at about {rules.instrument.price_text(price)}")


def order(rules: Rules, intent: Intent, outcome: str, detail: str) -> Notify:
    fields = {
        "outcome": outcome,
        "client_order_id": intent.client_order_id,
        "purpose": intent.purpose.value,
        "lot": intent.lot,
        "side": intent.side.value,
        "base_size": rules.instrument.base_text(intent.base),
        "detail": detail,
    }
    if intent.reason:
        fields["reason"] = intent.reason
    return Notify("order", fields)


def fill(rules: Rules, intent: Intent, execution: Execution, fee: int) -> Notify:
    instrument = rules.instrument
    return Notify(
        "fill",
        {
            "client_order_id": intent.client_order_id,
            "order_id": execution.order_id,
            "lot": intent.lot,
            "side": intent.side.value,
            "price": instrument.price_text(execution.price),
            "base_size": instrument.base_text(execution.base),
            "value": instrument.money_text(execution.value),
            "fee": instrument.money_text(fee),
        },
    )


def dust(rules: Rules, lot: Lot) -> Notify:
    return Notify(
        "exit",
        {
            "lot": lot.id,
            "reason": "dust",
            "base_size": rules.instrument.base_text(lot.base),
            "detail": "worth less than the venue takes: kept as dust, leaves with the next exit",
        },
    )


def exited(rules: Rules, number: int, closed: Closed, account: Account) -> Notify:
    instrument = rules.instrument
    return Notify(
        "exit",
        {
            "trade": number,
            "lot": closed.lot.id,
            "reason": EXITS[closed.reason],
            "price": instrument.price_text(closed.close_ticks),
            "base_size": instrument.base_text(closed.lot.base),
            "net_pnl": instrument.money_text(closed.net_pnl),
            "equity": instrument.money_text(equity(account)),
        },
    )


def decided(rules: Rules, decision: Decision) -> Notify:
    return Notify(
        "step",
        {
            "signal": SIGNALS[decision.signal],
            "p_up": decision.p_up,
            "price": rules.instrument.price_text(decision.price),
            "reason": decision.reason,
        },
    )


def refit(model: Fit | None) -> Notify:
    if model is None:
        return Notify("refit", {"rows": 0, "detail": "not enough candles to fit"})
    return Notify("refit", {"rows": model.rows, "weights": list(model.weights), "bias": model.bias})


def breaker(rules: Rules, account: Account) -> Notify:
    limit = rules.instrument.money_text(account.loss_limit)
    return Notify("breaker", {"detail": f"the day has lost {limit} or more: no entries until the next UTC day"})


def flow(rules: Rules, amount: int) -> Notify:
    """Money that came or went by other hands."""
    money = f"{rules.instrument.money_text(abs(amount))} {rules.instrument.quote_currency}"
    moved = f"{money} {'came into' if amount > 0 else 'left'} the account by other hands"
    return Notify("sync", {"detail": f"{moved}: no profit and no loss, the day's figures begin with it"})


def pause(detail: str) -> Notify:
    return Notify("pause", {"detail": detail})


def exit_refused(lot: int, code: str, message: str) -> Notify:
    return _refusal(f"the exit of lot {lot} is refused: {code} ({message}); it is tried on, and entries stop", lot=lot)


def exit_taken(lot: int, why: str) -> Notify:
    return _refusal(f"the exit of lot {lot} is no longer refused: {why}", lot=lot)


def entries_refused(code: str, message: str) -> Notify:
    return _refusal(f"an entry is refused: {code} ({message}); the next waits")


def entries_taken() -> Notify:
    return _refusal("entries are no longer refused: one was filled")


def _refusal(detail: str, **fields: object) -> Notify:
    return Notify("refusal", {**fields, "detail": detail})


def short(rules: Rules, lots: tuple[int, ...], missing: int, by: str) -> Notify:
    named = ", ".join(str(lot) for lot in lots)
    return pause(
        f"the account holds {rules.instrument.base_text(missing)} less base than the lots; short: lot {named}. "
        f"What is there is sold; entries paused by {by}"
    )


def halt(reason: str) -> Notify:
    return Notify("halt", {"detail": reason})


def reconciled() -> Notify:
    return Notify("sync", {"detail": "every order of an earlier run is accounted for"})


def history(candles: int, continued: bool, gaps: int, missing: int) -> Notify:
    """``gaps``: how often the venue has no candle; ``missing``: how many candles those are."""
    detail = "indicators go on where they stopped" if continued else "indicators worked out from the history"
    return Notify("sync", {"candles": candles, "gaps": gaps, "missing": missing, "detail": detail})


def gap(after: int, before: int, missing: int) -> Notify:
    """The venue has no candles between two open times (UNIX seconds)."""
    return Notify("sync", {"gaps": 1, "missing": missing, "after": after, "before": before, "detail": "a gap"})
