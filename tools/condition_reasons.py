"""What each condition of a TradingBot says, and what each of its reasons means to a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

__all__ = ["CONDITIONS", "REASONS", "Reason"]

CONDITIONS: Final[Mapping[str, str]] = {
    "Ready": "the bot manages its lots; the reason is `Trading` only while it may open others too",
    "Progressing": "pods of the newest spec are not there yet",
    "Degraded": "somebody should look",
    "CredentialsValid": "the bridge has proven the API key, or none is needed",
    "StorageBound": "the volume of the state is there",
    "MonitoringReady": "ServiceMonitors are made; whether a Prometheus selects them only its targets tell",
    "EntriesAllowed": "new lots may be opened",
    "PositionsOpen": "lots are open",
}
"""When each is True."""


class Reason(NamedTuple):
    """``conditions`` that carry it; ``action`` is empty where nobody needs to do anything."""

    conditions: tuple[str, ...]
    meaning: str
    action: str = ""


_HELD: Final = ("Ready", "Degraded")
_KEYS: Final = ("Ready", "Degraded", "CredentialsValid")
_MOUNTED: Final = "the Secret with the API key, or with the Slack webhook, "

REASONS: Final[Mapping[str, Reason]] = {
    "Trading": Reason(("Ready",), "the bot manages its lots and may open others"),
    "Starting": Reason(("Ready",), "the bot has just started"),
    "Reconciling": Reason(("Ready",), "the bot compares its lots with the account's orders"),
    "Suspended": Reason(
        ("Ready", "Progressing"), "`spec.suspend` is true: no pods run, state and tokens are kept, and nothing sells"
    ),
    "BridgeNotReady": Reason(
        ("Ready",), "the bridge's pod is not ready; the message has its trouble", "read the message, then its log"
    ),
    "BotNotReady": Reason(
        ("Ready", "EntriesAllowed", "PositionsOpen"),
        "the bot's pod is not ready, or the bot waits for something that the message names",
        "read the message; state.md has what a start waits for",
    ),
    "NotAskedYet": Reason(("Ready",), "the pods are ready; the bot's status has not been read yet"),
    "StatusUnreadable": Reason(
        ("Ready",), "the pods are ready, but the bot's status cannot be read", "see whether a network policy is between"
    ),
    "Halted": Reason(
        _HELD,
        "an order under the bot's name is not what the bot wrote down; nothing is bought or sold",
        "look at the account, then resume",
    ),
    "ExitRefused": Reason(
        ("Ready", "Degraded", "EntriesAllowed"),
        "the venue does not take the exit of a lot; it is tried on, and nothing is bought",
        "read the reason that the venue gives; sell by hand if you must, then write the lot off",
    ),
    "ReconcileDisabled": Reason(
        ("Ready", "Degraded", "PositionsOpen"),
        "the annotation `cbbot.io/reconcile=disabled` keeps the operator's hands off",
        "remove the annotation",
    ),
    "InvalidSpec": Reason(
        (*_HELD, "CredentialsValid"),
        "the spec cannot be used; pods go on as they were",
        "correct the field that the message names",
    ),
    "NameTaken": Reason(
        _HELD,
        "an object with a child's name exists and was not made for this TradingBot",
        "rename one of them, or delete that object",
    ),
    "ProductChanged": Reason(
        _HELD,
        "`product.id` cannot change: the state's lots are of that product",
        "put it back, and make another TradingBot",
    ),
    "VolumeChanged": Reason(_HELD, "the volume cannot become what the spec says", "put the field back"),
    "LotsOpen": Reason(
        (*_HELD, "PositionsOpen"),
        "lots are open; under Ready and Degraded: mode, venue or volume would change under them",
        "where it holds back: put the field back, and change it when the bot is flat",
    ),
    "ClaimMissing": Reason(
        (*_HELD, "StorageBound"),
        "the claim of the state volume does not exist",
        "make the claim that `state.existingClaim` names; otherwise wait",
    ),
    "ClaimInUse": Reason(_HELD, "the claim is the state of another TradingBot", "name another claim"),
    "SecretMissing": Reason(
        (*_HELD, "CredentialsValid"), f"{_MOUNTED}does not exist", "make it with the key that is named"
    ),
    "SecretIncomplete": Reason((*_HELD, "CredentialsValid"), f"{_MOUNTED}lacks a key", "add the key that is named"),
    "ReconcileFailed": Reason(_HELD, "the API server did not take an object", "read the message; it is tried again"),
    "RollingOut": Reason(("Progressing",), "pods are started or replaced"),
    "RolledOut": Reason(("Progressing",), "the pods are those of the newest spec"),
    "UpdateWaits": Reason(("Progressing",), "a newer operator would replace the pods, and waits for this bot's turn"),
    "HeldBack": Reason(("Progressing", "MonitoringReady"), "something holds all of it back; `Ready` says what"),
    "BridgeFailing": Reason(
        ("Degraded",),
        "the bridge's pod fails: image, scheduling, volume, restarts, probes",
        "read the message, then the log",
    ),
    "BotFailing": Reason(("Degraded",), "the bot's pod fails", "read the message, then the log"),
    "AccountShared": Reason(
        ("Degraded",),
        "another bot trades the product with the same API key",
        "give each a key of a portfolio of its own, or another product",
    ),
    "NeverReady": Reason(
        ("Degraded",), "it has not become ready within five minutes, and never was", "read what it waits for"
    ),
    "NotReady": Reason(("Degraded",), "it has not been ready for five minutes", "read what it waits for"),
    "AsExpected": Reason(("Degraded",), "nothing needs a person"),
    "Valid": Reason(
        ("CredentialsValid",), "Coinbase accepts the key; of a new key the old one goes on until it is proven"
    ),
    "NotNeeded": Reason(("CredentialsValid",), "public market data, or the Simulator: no keys are used"),
    "Present": Reason(("CredentialsValid",), "the Secret has both keys; the bridge has not proven them yet"),
    "Invalid": Reason(_KEYS, "Coinbase does not accept the API key", "put a key that works into the Secret"),
    "MayNotTrade": Reason(_KEYS, "the API key may not trade", "give it that permission at Coinbase"),
    "RotationRefused": Reason(
        _KEYS,
        "a new key in the Secret does not work; the old one goes on while its pod lives",
        "put a key that works into the Secret",
    ),
    "Bound": Reason(("StorageBound",), "the volume is there"),
    "Pending": Reason(
        ("StorageBound",),
        "the claim has no volume; the message has what the cluster says of it",
        "see the storage class and quotas",
    ),
    "Lost": Reason(("StorageBound",), "the claim's volume is gone", "restore a backup"),
    "Applied": Reason(("MonitoringReady",), "the ServiceMonitors stand"),
    "Disabled": Reason(("MonitoringReady",), "`spec.monitoring.serviceMonitor.enabled` is false"),
    "ServiceMonitorCRDMissing": Reason(
        ("MonitoringReady",),
        "the cluster has no ServiceMonitors; they are made once it has",
        "install the Prometheus Operator, if you want them",
    ),
    "Allowed": Reason(("EntriesAllowed",), "new lots may be opened"),
    "Paused": Reason(
        ("Ready", "EntriesAllowed"),
        "entries are paused, exits go on; the message says by whom",
        "end each pause where it was begun",
    ),
    "BreakerTripped": Reason(
        ("Ready", "EntriesAllowed"), "the daily loss limit is reached: no entries until the next UTC day"
    ),
    "EntriesRefused": Reason(
        ("Ready", "EntriesAllowed"),
        "the venue refused an entry; it is asked again after a while",
        "read the reason that the venue gives",
    ),
    "BotNotTrading": Reason(("Ready", "EntriesAllowed"), "the bot does not trade; the message has its phase"),
    "NoStatus": Reason(("EntriesAllowed", "PositionsOpen"), "the bot has not been heard"),
    "Flat": Reason(("PositionsOpen",), "no lots are open"),
    "DeletionRefused": Reason(
        ("PositionsOpen",),
        "it is being deleted, lots are open or not known, and the policy is Refuse",
        "make `deletionPolicy` Flatten or Orphan, or annotate it with `cbbot.io/force-delete=true`",
    ),
    "PausingEntries": Reason(
        ("PositionsOpen",), "it is being deleted, no lot is open: it goes once the bot has paused entries"
    ),
    "Flattening": Reason(("PositionsOpen",), "it is being deleted: the bot closes its lots"),
    "FlattenWaits": Reason(("PositionsOpen",), "it is being deleted: the lots are not known; waiting for the bot"),
    "FlattenNeedsBot": Reason(
        ("PositionsOpen",),
        "it is being deleted and suspended: no bot runs that could close the lots",
        "set `suspend` to false",
    ),
    "FlattenNeedsKeys": Reason(
        ("PositionsOpen",),
        "it is being deleted, and without a key that works the bot cannot sell",
        "put a key that works into the Secret",
    ),
    "ForcedDelete": Reason(("PositionsOpen",), "let go because of the annotation `cbbot.io/force-delete`"),
    "NamespaceTerminating": Reason(("PositionsOpen",), "let go: the namespace is being deleted"),
    "DeletionAllowed": Reason(("PositionsOpen",), "let go: paper trading, or `deletionPolicy: Orphan`"),
    "NeverRan": Reason(("PositionsOpen",), "let go: no bot was ever started for it"),
}
"""Every reason that there is, in about the order in which a person meets them."""
