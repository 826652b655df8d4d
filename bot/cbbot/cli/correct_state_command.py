"""``cbbot state adopt`` and ``cbbot state write-off``: a person says what the account and a state disagree about.

The bot must be stopped. Without ``--apply`` nothing is written.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from cbbot.cli.exits import DONE
from cbbot.cli.sources import gathered
from cbbot.cli.state_command import FileArgument, state_path
from cbbot.contract.settings import load
from cbbot.contract.settings_reading import Problems
from cbbot.domain.decimals import parse_decimal, whole_units
from cbbot.errors import BadInput
from cbbot.process.durable_files import keep_aside
from cbbot.process.path_options import named_path
from cbbot.runtime.lock import lock_folder
from cbbot.runtime.store import StateStore
from cbbot.trader.codec import decode, encode, rules_as_written
from cbbot.trader.corrections import explained, with_lot, without_lot
from cbbot.trader.rules import Rules, build_rules
from cbbot.trader.state_checks import check_document
from cbbot.trader.state_versions import brought_up_to_date
from cbbot.trader.trader_state import TraderState

__all__ = ["adopt", "write_off"]

# The rest is memory of candles, in terms of settings that a file does not tell.
_CHANGED = ("account", "lots", "refused_exits", "paused_by", "unexplained", "flattening")

Apply = Annotated[bool, typer.Option("--apply", help="Write it. Without this, only say what would change.")]


def write_off(
    file: FileArgument = None,
    lot: Annotated[list[int] | None, typer.Option("--lot", metavar="N", help="A lot that is gone. Repeatable.")] = None,
    apply: Apply = False,
) -> int:
    """Take lots whose base has left the account by hand out of a state: no trade, no profit and no loss."""
    if not lot:
        raise BadInput("--lot is missing: which lot is gone? cbbot state show lists them")

    def change(rules: Rules, state: TraderState) -> TraderState:
        for each in lot:
            state = without_lot(rules, state, each)
        return explained(state)

    return _corrected(state_path(file), rules_as_written, change, apply=apply)


def adopt(
    file: FileArgument = None,
    base: Annotated[str | None, typer.Option("--base", metavar="SIZE", help="Base that becomes a lot.")] = None,
    price: Annotated[str | None, typer.Option("--price", metavar="PRICE", help="What it was bought at.")] = None,
    env: Annotated[
        Path | None,
        typer.Option("--env", parser=named_path, metavar="FILE", help="The bot's settings, for the lot's levels."),
    ] = None,
    apply: Apply = False,
) -> int:
    """End the pause for orders that a start could not explain; with --base and --price, as a lot of their own."""
    if (base is None) != (price is None):
        raise BadInput("--base and --price go together")
    problems = Problems()
    values, _ = gathered(env, (), os.environ, problems)
    problems.raise_found()

    def rules_of(document: dict[str, object]) -> Rules:
        return build_rules(load(values), rules_as_written(document).instrument)

    def change(rules: Rules, state: TraderState) -> TraderState:
        if base is None or price is None:
            return explained(state)
        instrument = rules.instrument
        size = _whole("--base", base, instrument.base_increment)
        ticks = _whole("--price", price, instrument.price_increment)
        return explained(with_lot(rules, state, size, ticks, int(time.time() * 1000)))

    return _corrected(state_path(file), rules_of, change, apply=apply)


def _whole(option: str, text: str, increment: Decimal) -> int:
    units = whole_units(parse_decimal(text), increment)
    if units is None:
        raise BadInput(f"{option} {text}: no whole number of the venue's increment, {increment:f}")
    return units


def _corrected(
    path: Path,
    rules_of: Callable[[dict[str, object]], Rules],
    change: Callable[[Rules, TraderState], TraderState],
    *,
    apply: bool,
) -> int:
    # Whoever trades on the state would write over what is changed here.
    with lock_folder(path.parent):
        store = StateStore(path)
        loaded = store.load()
        if loaded.body is None:
            raise BadInput(f"{path}: there is no such file")
        document = brought_up_to_date(loaded.body)
        rules = rules_of(document)
        before = decode(rules, document).state
        after = change(rules, before)
        encoded = encode(rules, after)
        changed = document | {name: encoded[name] for name in _CHANGED}
        check_document(changed)
        for line in _differences(rules, before, after):
            typer.echo(line)
        if apply and after != before:
            kept = keep_aside(path if path.exists() else store.previous)
            store.save(changed)
            typer.echo(f"written to {path}; as it was it is kept as {kept}")
        elif not apply:
            typer.echo("nothing was written: --apply does")
    return DONE


def _differences(rules: Rules, before: TraderState, after: TraderState) -> list[str]:
    text = rules.instrument.base_text
    gone = [f"lot {lot.id} of {text(lot.base)} leaves" for lot in before.lots if lot.id not in _ids(after)]
    come = [
        f"lot {lot.id} of {text(lot.base)} bought at {rules.instrument.price_text(lot.open_ticks)} joins, "
        f"stop {lot.stop:g}, take {lot.take:g}"
        for lot in after.lots
        if lot.id not in _ids(before)
    ]
    pauses = sorted(before.paused_by - after.paused_by)
    ended = [f"entries no longer paused by {', '.join(pauses)}"] if pauses else []
    return [*gone, *come, *ended] or ["nothing changes"]


def _ids(state: TraderState) -> set[int]:
    return {lot.id for lot in state.lots}
