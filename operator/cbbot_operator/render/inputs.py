"""What rendering needs besides the spec."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cbbot.contract.spec_reader import read_spec
from cbbot.contract.tradingbot import TradingBotSpec
from cbbot_operator.inherited import Inherited
from cbbot_operator.keys import Key, Names, labels
from cbbot_operator.kinds import KINDS
from cbbot_operator.observed import Tokens, slack_secret
from cbbot_operator.ownership import owner_marks

__all__ = ["Inputs", "annotate", "defaults_in"]

_WITHOUT_RESTART: Any = {"entries": True, "suspend": True, "monitoring": True, "bot": {"imagePolicy"}}
_DEFAULTS = hashlib.sha256(read_spec({"product": {"id": "BTC-USD"}}).model_dump_json().encode()).hexdigest()[:12]
_INSTANCE = "app.kubernetes.io/instance"
# Argo CD takes what has its label and no owner for a part of an application, and deletes what git does not have.
_KEPT_BY_ARGO_CD = {
    "argocd.argoproj.io/sync-options": "Prune=false",
    "argocd.argoproj.io/compare-options": "IgnoreExtraneous",
}


def defaults_in(asked: str) -> str:
    """Which defaults the operator has that made a fingerprint of what was asked for."""
    return asked.partition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """One TradingBot as rendering sees it.

    ``secrets`` are digests of the values of the Secrets the spec names: only a hash of them is rendered.
    ``key_fingerprint`` is that of the API key which the bridge is to run with, empty when it has none.
    ``namespace_uid`` tells two clusters apart that have namespace and name in common.
    """

    key: Key
    uid: str
    spec: TradingBotSpec
    tokens: Tokens
    secrets: Mapping[str, Mapping[str, bytes] | None]
    namespace_uid: str
    key_fingerprint: str = ""
    bot_image: str
    bridge_image: str
    image_pull_secrets: tuple[str, ...] = ()
    inherited: Inherited = field(default_factory=Inherited)
    operator_namespace: str = ""
    monitors_known: bool = False
    namespaces_named: bool = True
    access_mode: str | None = None
    """Of the state's claim, where it is another than the spec's."""
    updated_at: str = ""
    """Since when pods that the operator replaced of itself have not proven themselves."""

    @property
    def names(self) -> Names:
        return Names(self.key.name)

    @property
    def bot_id(self) -> str:
        """Who orders: the same for a TradingBot deleted and made again, another in every cluster."""
        digest = hashlib.sha256(f"{self.namespace_uid}/{self.key.name}".encode()).hexdigest()
        return f"{self.key.name}-{digest[:12]}"

    @property
    def simulated(self) -> bool:
        return self.spec.exchange.venue == "Simulator"

    @property
    def guarded(self) -> bool:
        """Whether a deletion waits for the lots: then nothing that trades may go before the TradingBot does."""
        return self.spec.mode == "Live" and self.spec.deletionPolicy != "Orphan"

    @property
    def asked(self) -> str:
        """A fingerprint of what people asked of the pods: while it stays, a change of them is the operator's own.

        What a person left to its default is not in it, for a newer operator may have more fields. Nor is what reaches
        a bot without a restart. The API server writes defaults into what it stores, so that fingerprints of operators
        with other defaults cannot be compared: which ones they are stands before it.
        """
        spec = self.spec.model_dump(mode="json", exclude_defaults=True, exclude=_WITHOUT_RESTART)
        return f"{_DEFAULTS}.{self.settings_hash(spec | {'key': self.key_fingerprint}, slack_secret(self.spec))}"

    def head(self, kind: str, name: str, component: str, *, owned: bool = True) -> dict[str, Any]:
        """What every child begins with: kind, name, labels and, unless it is to outlive the TradingBot, whose it is."""
        metadata: dict[str, Any] = {
            "name": name,
            "namespace": self.key.namespace,
            "labels": labels(self.key.name, component),
        }
        if owned:
            metadata |= owner_marks(self.key.name, self.uid, guarded=self.guarded)
        if "ownerReferences" not in metadata:
            del metadata["labels"][_INSTANCE]
            metadata["annotations"] = metadata.get("annotations", {}) | _KEPT_BY_ARGO_CD
        return {**KINDS[kind].head(), "metadata": metadata}

    def settings_hash(self, settings: Mapping[str, Any], *secrets: str | None) -> str:
        """A fingerprint of what a pod reads at its start: when it changes, the pod is replaced."""
        contents: dict[str, Any] = {"settings": dict(settings), "tokens": [self.tokens.bridge, self.tokens.control]}
        for name in secrets:
            if name is not None:
                values = self.secrets.get(name) or {}
                contents[f"secret/{name}"] = {key: values[key].hex() for key in sorted(values)}
        return hashlib.sha256(json.dumps(contents, sort_keys=True, default=str).encode()).hexdigest()[:32]


def annotate(obj: dict[str, Any], annotations: Mapping[str, str]) -> dict[str, Any]:
    """The object with these annotations besides those that it has."""
    obj["metadata"]["annotations"] = obj["metadata"].get("annotations", {}) | dict(annotations)
    return obj
