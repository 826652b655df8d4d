"""Resuming from the state of an earlier run: whose it is, and whether this run may trade on it."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from cbbot.contract.settings import Settings
from cbbot.domain.decimals import plain
from cbbot.errors import UnsafeStart
from cbbot.runtime.store import StateStore
from cbbot.runtime.trade_log_lines import TradesOfState
from cbbot.trader.codec import Decoded, decode, decode_identity, rules_as_written
from cbbot.trader.rules import Rules
from cbbot.trader.state_checks import check_document
from cbbot.trader.state_fields import BadState
from cbbot.trader.state_versions import VERSION, brought_up_to_date
from cbbot.trader.trader_state import Identity, TraderState, new_state
from cbbot.views.last_known import trades_of

__all__ = [
    "Document",
    "check_identity",
    "earlier_document",
    "equity_warning",
    "identity_of",
    "resumed_state",
    "state_trades",
]

Document = dict[str, Any]


def identity_of(settings: Settings, venue: str, document: Document | None) -> Identity:
    """Who this run trades as. The id comes from BOT_ID, else from the state, else it is made up once."""
    saved = decode_identity(document).bot_id if document is not None else ""
    bot_id = settings.bot_id or saved or f"bot-{secrets.token_hex(4)}"
    return Identity(bot_id, settings.product_id, settings.mode, venue)


def belongs(document: Document, identity: Identity) -> bool:
    """Whether the state is of the same product, mode and venue."""
    return replace(decode_identity(document), bot_id=identity.bot_id) == identity


def check_identity(document: Document, identity: Identity, state_file: str) -> None:
    """Refuses a state with something open that is not this run's.

    Raises:
        UnsafeStart: lots or orders of another product, mode or venue are open.
    """
    if belongs(document, identity):
        return
    # An order whose absence was believed may be filled still.
    lots, intents = len(document["lots"]), len(document["intents"]) + len(document["given_up"])
    if not lots and not intents:
        return
    saved = decode_identity(document)
    was = f"PRODUCT_ID={saved.product_id} DRY_RUN={str(saved.mode == 'paper').lower()} at {saved.venue}"
    now = f"PRODUCT_ID={identity.product_id} DRY_RUN={str(identity.mode == 'paper').lower()} at {identity.venue}"
    raise UnsafeStart(
        f"{state_file} holds {lots} open lots and {intents} open orders of {was}; this start is {now}. "
        "Start once more as before and close them (POST /control/flatten), or give this start a STATE_FILE of its own"
    )


def earlier_document(store: StateStore, settings: Settings, venue: str) -> tuple[Document | None, list[str]]:
    """The document of an earlier run, in this cbbot's version, if this run may go on with it; and warnings.

    Raises:
        UnsafeStart: no generation can be read, the state makes no sense, or something is open that is not this run's.
    """
    loaded = store.load()
    warnings = [loaded.warning] if loaded.warning else []
    if loaded.body is None:
        return None, warnings
    try:
        document = brought_up_to_date(loaded.body)
        check_document(document)
    except BadState as error:
        raise _senseless(error, str(store.path)) from error
    identity = identity_of(settings, venue, document)
    check_identity(document, identity, str(store.path))
    if not belongs(document, identity):
        kept = store.set_aside(f"{document['mode']}-{document['product_id']}-{document['epoch']}")
        warnings.append(f"the state was of another product, mode or venue: begun anew, the old one is kept as {kept}")
    elif document is not loaded.body:
        warnings.append(_keep_older(store, loaded.body["version"]))
    return document, warnings


def _keep_older(store: StateStore, version: int) -> str:
    """Keeps the state as the older cbbot wrote it, so that one can go back; a sentence on it."""
    brought = f"the state was of version {version} and is brought to version {VERSION}"
    try:
        return f"{brought}; as it was it is kept as {store.set_aside(f'version-{version}')}"
    except OSError as error:
        # Open lots are watched all the same: a full disk must not keep the bot from its exits.
        return f"{brought}; as it was it could not be kept: {error.strerror or error}; every save tries again"


def state_trades(document: Document | None) -> TradesOfState:
    """What the trade log is held against; without a document there has been no trade."""
    if document is None:
        return TradesOfState()
    return TradesOfState(int(document["trade_count"]), trades_of(document))


def resumed_state(rules: Rules, identity: Identity, document: Document | None, lowest_epoch: int) -> Decoded:
    """The state to begin with, in an epoch above the state's own and not below ``lowest_epoch``.

    And what of the document could not be used.

    A state of another product, mode or venue without anything open gives a fresh start that goes
    on counting orders and trades; a pause by hand stays. What this account has was never looked at.

    Raises:
        UnsafeStart: the state says what cannot be.
    """
    if document is None:
        return Decoded(new_state(rules, identity, lowest_epoch), ())
    try:
        saved, warnings = decode(rules if belongs(document, identity) else rules_as_written(document), document)
    except BadState as error:
        raise _senseless(error, "the state") from error
    epoch = max(saved.epoch + 1, lowest_epoch)
    if belongs(document, identity):
        return Decoded(replace(saved, identity=identity, epoch=epoch), warnings)
    continued = replace(
        new_state(rules, identity, epoch),
        sequence=saved.sequence,
        trade_count=saved.trade_count,
        paused_by=saved.paused_by,
        startup=saved.startup,
    )
    return Decoded(continued, ())


def _senseless(error: BadState, state: str) -> UnsafeStart:
    return UnsafeStart(
        f"{state} is sound as a file but cannot be traded on: {error}. Trading without it could forget open lots; "
        "restore a backup, or run the version of cbbot that wrote it"
    )


def equity_warning(rules: Rules, state: TraderState) -> str | None:
    """A sentence when USD_EQUITY was changed after the first start."""
    saved = rules.instrument.money(state.account.start_equity)
    if saved == rules.settings.usd_equity:
        return None
    return (
        f"USD_EQUITY={plain(rules.settings.usd_equity)} is not what the state began with ({plain(saved.normalize())}); "
        "the state's counts, USD_EQUITY matters only to a state that is new"
    )
