"""Annotations, labels and the finalizer that cbbot knows: who writes each, on what, and what it means."""

from __future__ import annotations

from typing import Final, NamedTuple

from cbbot_operator.access_mode import ASKED_MODE
from cbbot_operator.keys import (
    ASKED,
    DEFAULT_IMAGE,
    FINALIZER,
    FORCE_DELETE,
    KEY_FINGERPRINT,
    NAME_LABEL,
    RECONCILE,
    SETTINGS_HASH,
    TEMPLATE,
    UPDATED_AT,
    WATCH_LABEL,
)

__all__ = ["MARKS", "Mark"]


class Mark(NamedTuple):
    """``by_person``: a person writes it; else it is the operator's, and only to be read."""

    name: str
    kind: str
    of: str
    meaning: str
    by_person: bool = False


MARKS: Final = (
    Mark(
        RECONCILE,
        "annotation",
        "TradingBot",
        "`disabled`: the operator changes nothing and asks nobody until it is removed",
        by_person=True,
    ),
    Mark(
        FORCE_DELETE, "annotation", "TradingBot", "`true`: a deletion lets it go whatever lots are open", by_person=True
    ),
    Mark(
        WATCH_LABEL,
        "label",
        "Secret",
        "`true`: a change of the Secret is noticed at once, not at the next resync",
        by_person=True,
    ),
    Mark(
        FINALIZER, "finalizer", "TradingBot", "of a Live one: it is deleted only once its lots are known to be closed"
    ),
    Mark(NAME_LABEL, "label", "every child", "the TradingBot that it belongs to"),
    Mark(SETTINGS_HASH, "annotation", "pods of the bot", "a digest of its settings: pods are replaced when it changes"),
    Mark(KEY_FINGERPRINT, "annotation", "Deployment of the bridge", "which API key its pods were made with"),
    Mark(ASKED, "annotation", "Deployment", "a digest of what the spec asks for"),
    Mark(TEMPLATE, "annotation", "Deployment", "a digest of the pods that the operator makes of it"),
    Mark(DEFAULT_IMAGE, "annotation", "Deployment", "the image of a bot whose spec names none"),
    Mark(UPDATED_AT, "annotation", "Deployment", "when a newer operator last replaced the pods"),
    Mark(
        ASKED_MODE,
        "annotation",
        "PersistentVolumeClaim",
        "the access mode that was asked for, where the cluster was too old for it",
    ),
    Mark("cbbot.io/owner-uid", "annotation", "children without an owner reference", "the uid of their TradingBot"),
    Mark("cbbot.io/mode", "annotation", "ConfigMap of the settings", "the mode that the bot was started with"),
    Mark("cbbot.io/venue", "annotation", "ConfigMap of the settings", "the venue that the bot was started with"),
    Mark("cbbot.io/state-claim", "annotation", "ConfigMap of the settings", "the claim that the bot was started with"),
)
