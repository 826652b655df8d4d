"""The state of cbbot's Go predecessor, as a state of ours. Pure.

::

    {"EquityUSD": 1012.5, "DailyStart": "2024-05-01T00:00:00Z", "DailyPnL": 12.5,
     "Lots": [{"OpenPrice": ..., "Side": "BUY", "SizeBase": ..., "Stop": ..., "Take": ..., "OpenTime": "...",
               "EntryFee": ..., "TrailActive": false, "TrailPeak": 0, "TrailStop": 0}], ...}

Its amounts are float64 as JSON; they are read as the decimals that they were written with. Its model is left behind: a
new one is fitted on the venue's candles.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from cbbot.domain.decimals import nearest_units, parse_decimal
from cbbot.errors import BadInput
from cbbot.kernel.account import booked_open, opening_account
from cbbot.kernel.codes import BUY, SELL
from cbbot.kernel.levels import runner_take, scalp_take, stop, to_price
from cbbot.kernel.lot import Lot
from cbbot.kernel.money import fee_up
from cbbot.kernel.params import DAY_MS
from cbbot.trader.rules import Rules
from cbbot.trader.state_fields import BadState
from cbbot.trader.trader_state import Identity, TraderState, new_state

__all__ = ["Migrated", "is_predecessors", "migrated"]

_READ: Final = frozenset({"EquityUSD", "DailyStart", "DailyPnL", "Lots"})
_LEFT_BEHIND: Final = frozenset({"Model", "MdlExt", "WalkForwardMin", "LastFit"})
_SIDES: Final = {"BUY": BUY, "SELL": SELL}
_LARGEST: Final = Decimal(10) ** 15
# A size of the venue's increments that went through float64 is this close to it.
_FLOAT_NOISE: Final = Decimal("1e-12")

Document = dict[str, Any]


class Migrated(NamedTuple):
    """A state, and sentences for a person on what was not taken as it stood."""

    state: TraderState
    warnings: tuple[str, ...]


def is_predecessors(document: object) -> bool:
    """Whether it looks like a state of the Go bot's."""
    return isinstance(document, dict) and "EquityUSD" in document and "Lots" in document


def migrated(rules: Rules, identity: Identity, document: Document, epoch: int) -> Migrated:
    """A state with the lots, equity and day of a Go bot's. ``document`` is its JSON, numbers as Decimal or int.

    ``epoch`` is the time now, in milliseconds.

    Raises:
        BadState: a field is missing or nonsense; the message names it. No lot is ever left out.
    """
    if not is_predecessors(document):
        raise BadState("this is no state of the Go bot: it has no EquityUSD and Lots")
    instrument, warnings = rules.instrument, _unknown(document)
    worth = _amount(document, "EquityUSD", "")
    if worth < 0:
        raise BadState(
            f"EquityUSD is {worth}, below 0: nothing could be traded on it. Set it in a copy of the file to what the "
            "account is worth"
        )
    equity = instrument.ledger_down(worth)
    day_realised = nearest_units(_amount(document, "DailyPnL", "", 0), instrument.ledger_increment)
    day = max(_past_ms(document, "DailyStart", "", epoch), -1) // DAY_MS
    day_equity = equity - day_realised
    account = opening_account(day_equity)._replace(
        realised=day_realised,
        day=day,
        day_realised=day_realised,
        day_equity=day_equity,
        day_marked=day_equity,
        loss_limit=fee_up(max(day_equity, 0), rules.params.max_daily_loss_rate),
    )
    lots = _lots(rules, document, epoch, warnings)
    for lot in lots:
        account = booked_open(account, lot)
    return Migrated(replace(new_state(rules, identity, epoch), account=account, lots=lots), tuple(warnings))


def _unknown(document: Document) -> list[str]:
    unknown = sorted(set(document) - _READ - _LEFT_BEHIND)
    return [f"fields that are not known are left behind: {', '.join(unknown)}"] if unknown else []


def _lots(rules: Rules, document: Document, now_ms: int, warnings: list[str]) -> tuple[Lot, ...]:
    """Oldest first. The runner is the one that trails, else the oldest, as in the Go bot."""
    # What Go writes for no lots is null.
    found = [] if document["Lots"] is None else document["Lots"]
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise BadState("Lots is no list of objects")
    # Two of the same moment stay in the order of the file.
    order = sorted(range(len(found)), key=lambda at: _time_ms(found[at], "OpenTime", f"Lots[{at}]."))
    trailing = [at for at in order if _trails(found[at], f"Lots[{at}].")]
    runner = (trailing or order or [-1])[0]
    warnings += [
        f"Lots[{at}].TrailStop {found[at].get('TrailStop')} is left out: one lot trails, Lots[{runner}]"
        for at in trailing[1:]
    ]
    lots = tuple(
        _lot(rules, found[at], f"Lots[{at}].", number, now_ms, warnings, runner=at == runner)
        for number, at in enumerate(order, 1)
    )
    if len({lot.side for lot in lots}) > 1:
        raise BadState("Lots has BUY and SELL lots at once: close those of one side with the Go bot first")
    return lots


def _lot(
    rules: Rules, fields: Document, path: str, number: int, now_ms: int, warnings: list[str], *, runner: bool
) -> Lot:
    instrument, params = rules.instrument, rules.params
    side = _SIDES.get(str(fields.get("Side", "")).upper(), 0)
    if not side:
        raise BadState(f"{path}Side is {fields.get('Side')!r}, neither BUY nor SELL")
    price, size = _amount(fields, "OpenPrice", path), _amount(fields, "SizeBase", path)
    ticks, base = instrument.ticks(price), instrument.base_units(size + _FLOAT_NOISE)
    if ticks <= 0 or base <= 0:
        raise BadState(f"{path}OpenPrice or SizeBase is below the venue's increment")
    cut = size - instrument.base_increment * base
    if cut > _FLOAT_NOISE:
        warnings.append(
            f"{path}SizeBase is {size:f}, no multiple of {instrument.base_increment:f}: "
            f"the rest, {cut:f}, belongs to no lot"
        )
    opened_ms = _past_ms(fields, "OpenTime", path, now_ms)
    if opened_ms < 0:
        raise BadState(f"{path}OpenTime is not known. Set it in a copy of the file to when the lot was opened")
    exact = to_price(params, ticks)
    take = runner_take(params, side, exact) if runner else scalp_take(params, side, exact, max(number - 2, 0))
    trailing = runner and _trails(fields, path)
    peak, trail_stop = _trail(fields, path, side) if trailing else (0.0, 0.0)
    return Lot(
        id=number,
        side=side,
        runner=runner,
        opened_as_runner=runner,
        opened_ms=opened_ms,
        open_ticks=ticks,
        base=base,
        cost=nearest_units(price * instrument.base_increment * base, instrument.ledger_increment),
        entry_fee=instrument.ledger_up(max(_amount(fields, "EntryFee", path, 0), Decimal())),
        stop=_level(fields, "Stop", path, -side, exact, stop(params, side, exact), warnings),
        take=_level(fields, "Take", path, side, exact, take, warnings),
        trailing=trailing,
        peak=peak,
        trail_stop=trail_stop,
    )


def _trails(fields: Document, path: str) -> bool:
    active = fields.get("TrailActive")
    if active is not None and not isinstance(active, bool):
        raise BadState(f"{path}TrailActive is {active!r}, neither true nor false")
    return bool(active)


def _trail(fields: Document, path: str, side: int) -> tuple[float, float]:
    """Peak and stop. A stop beyond its peak would close the lot at once."""
    peak, trail_stop = float(_amount(fields, "TrailPeak", path)), float(_amount(fields, "TrailStop", path))
    if min(peak, trail_stop) <= 0 or side * (peak - trail_stop) < 0:
        raise BadState(
            f"{path}TrailStop is {trail_stop:g} at a TrailPeak of {peak:g}, which is no trail. Correct it in a copy of "
            "the file, or set TrailActive to false there: the trail begins anew"
        )
    return peak, trail_stop


def _level(
    fields: Document, name: str, path: str, away: int, price: float, by_settings: float, warnings: list[str]
) -> float:
    """The level of the file; one that is missing, or on the wrong side of the price, is set by the settings."""
    given = float(_amount(fields, name, path, 0))
    if given > 0 and away * (given - price) > 0:
        return given
    warnings.append(f"{path}{name} is {given:g} at an open price of {price:g}: set to {by_settings:g} by the settings")
    return by_settings


def _amount(fields: Document, name: str, path: str, default: int | None = None) -> Decimal:
    value = fields.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise BadState(f"{path}{name} is no number")
    try:
        amount = parse_decimal(str(value))
    except BadInput as error:
        raise BadState(f"{path}{name}: {error}") from error
    if abs(amount) > _LARGEST:
        raise BadState(f"{path}{name} is {amount}, no number of sensible size")
    return amount


def _past_ms(fields: Document, name: str, path: str, now_ms: int) -> int:
    """A time that is over, or nearly, since clocks differ: spacing, decay and the day count from it."""
    at_ms = _time_ms(fields, name, path)
    if at_ms > now_ms + DAY_MS:
        raise BadState(
            f"{path}{name} is {fields.get(name)}, in the future: a clock was wrong. Set it in a copy of the file to "
            "when it was, or close the lots with the Go bot"
        )
    return at_ms


def _time_ms(fields: Document, name: str, path: str) -> int:
    """Milliseconds since the epoch; -1 for Go's zero time, or none."""
    value = fields.get(name)
    if value is None:
        return -1
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise BadState(f"{path}{name} is {value!r}, no time") from error
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return -1 if at.year <= 1 else int(at.timestamp() * 1000)
