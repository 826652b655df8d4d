"""Whose a child is, and what becomes of it when its TradingBot goes. Pure.

The cluster deletes whatever has an owner that is deleted in the foreground, whether that owner still carries a
finalizer or not. So the children of a TradingBot whose deletion waits for its lots have no owner reference: an
annotation says whose they are. They get the reference when it is let go, and the cluster collects them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from cbbot.contract.tradingbot import KIND
from cbbot_operator.keys import FIELD_MANAGER, MANAGED_BY, OWNER_UID, Object, annotated_owner, owner_uids
from cbbot_operator.kinds import KINDS

__all__ = ["Handover", "handovers", "made_for", "owner_marks"]


class Handover(NamedTuple):
    """The merge patch by which one child gets its TradingBot as its owner."""

    kind: str
    name: str
    patch: dict[str, Any]


def owner_marks(name: str, uid: str, *, guarded: bool) -> dict[str, Any]:
    """The metadata that says whose a child is; ``guarded``: it must outlast a deletion in the foreground."""
    if guarded:
        return {"annotations": {OWNER_UID: uid}}
    return {"ownerReferences": [_reference(name, uid)]}


def _reference(name: str, uid: str) -> dict[str, Any]:
    # Nothing here blocks its owner's deletion: with the owner in the foreground, that would only delete it sooner.
    return {**KINDS[KIND].head(), "name": name, "uid": uid, "controller": True}


def made_for(obj: Object, uid: str) -> bool:
    """Whether ``obj`` goes with the TradingBot of that uid: by its owner reference, or by the annotation."""
    return uid in owner_uids(obj) or annotated_owner(obj) == uid


def handovers(name: str, children: Iterable[tuple[str, Object]], uid: str | None = None) -> list[Handover]:
    """What gives the guarded among ``children`` (kind and object) their TradingBot as the owner.

    Of any TradingBot of that ``name`` when ``uid`` is None: the cluster deletes what has an owner that is gone.
    A volume that is retained has no annotation, and so is never handed over.
    """
    found = []
    for kind, child in children:
        owner = annotated_owner(child)
        ours = (child["metadata"].get("labels") or {}).get(MANAGED_BY) == FIELD_MANAGER
        if owner and ours and owner in (uid or owner,) and owner not in owner_uids(child):
            references = [*child["metadata"].get("ownerReferences", ()), _reference(name, owner)]
            metadata = {"ownerReferences": references, "uid": child["metadata"]["uid"]}
            found.append(Handover(kind, child["metadata"]["name"], {"metadata": metadata}))
    return found
