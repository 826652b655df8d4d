"""A cluster and bots in memory, as the operator's protocols want them, and what their fixtures are typed as."""

from __future__ import annotations

import asyncio
import base64
import copy
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol, TypeVar

from cbbot.contract.bot_api import BotStatus
from cbbot.contract.spec_reader import read_spec
from cbbot.errors import Refused, Retryable
from cbbot_operator.cluster import Conflict, Page
from cbbot_operator.judgement import condition
from cbbot_operator.keys import Key
from cbbot_operator.observed import Observed, Report
from unit.operator.applied_fields import managed, merge_applied, remove_unsent

__all__ = [
    "API_KEYS",
    "KEY",
    "LIVE",
    "PAPER",
    "Clock",
    "Hear",
    "Look",
    "MakeStatus",
    "MemoryBots",
    "MemoryCluster",
    "MonotonicClock",
    "Observe",
    "Run",
    "bot_status_with",
    "observed_of",
    "reason",
    "run_to_the_end",
]

T = TypeVar("T")
START: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY: Final = Key("trading", "btc")

Observe = Callable[..., Observed]
MakeStatus = Callable[..., BotStatus]
Look = Callable[[], None]
Hear = Callable[..., None]


class Run(Protocol):
    """Runs a coroutine to its end."""

    def __call__(self, coroutine: Awaitable[T]) -> T: ...


def run_to_the_end(coroutine: Awaitable[T]) -> T:
    """Ten seconds are plenty for anything in memory."""
    return asyncio.run(asyncio.wait_for(coroutine, 10))


class Clock:
    """Time that moves when told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class MonotonicClock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


class MemoryCluster:
    """Objects by kind, namespace and name; apply merges, as server-side apply does for one manager."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.requests: list[tuple[str, str, str]] = []
        self.monitors = False
        self.namespace_labels: dict[str, str] = {}
        self.kubernetes = (1, 36)
        self.terminating = False
        self.refused: dict[tuple[str, str], str] = {}
        """What the server says no to, by verb and kind."""
        self.unprocessable: dict[tuple[str, str], str] = {}
        """Objects whose changes are refused, by kind and name."""
        self._version = 1000

    def _note(self, verb: str, kind: str, name: str) -> None:
        self.requests.append((verb, kind, name))
        if (verb, kind) in self.refused:
            raise Refused("403", self.refused[verb, kind])
        if verb in ("apply", "patch") and (kind, name) in self.unprocessable:
            raise Refused("422", self.unprocessable[kind, name])

    def _stamp(self, obj: dict[str, Any]) -> dict[str, Any]:
        self._version += 1
        obj["metadata"]["resourceVersion"] = str(self._version)
        return copy.deepcopy(obj)

    def put(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """As a person's kubectl would."""
        stored = copy.deepcopy(dict(obj))
        metadata = stored["metadata"]
        metadata.setdefault("uid", str(uuid.uuid4()))
        metadata.setdefault("generation", 1)
        self.objects[stored["kind"], metadata["namespace"], metadata["name"]] = stored
        return self._stamp(stored)

    def tradingbot(self, spec: Mapping[str, Any], **metadata: Any) -> dict[str, Any]:
        return self.put(
            {
                "kind": "TradingBot",
                "metadata": {"namespace": KEY.namespace, "name": KEY.name, "uid": "tb-uid", **metadata},
                "spec": dict(spec),
            }
        )

    def put_secret(self, name: str, values: Mapping[str, bytes], *, namespace: str = KEY.namespace) -> None:
        data = {key: base64.b64encode(value).decode() for key, value in values.items()}
        self.put({"kind": "Secret", "metadata": {"namespace": namespace, "name": name}, "data": data})

    def one(self, kind: str, name: str) -> dict[str, Any]:
        return self.objects[kind, KEY.namespace, name]

    def edit(self, kind: str, name: str) -> dict[str, Any]:
        """An object to be changed by hand: it has another version from now on."""
        self._version += 1
        obj = self.one(kind, name)
        obj["metadata"]["resourceVersion"] = str(self._version)
        return obj

    def names(self, kind: str) -> list[str]:
        return sorted(name for (of, _, name) in self.objects if of == kind)

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        self._note("get", kind, name)
        return copy.deepcopy(self.objects.get((kind, namespace, name)))

    async def list(self, kind: str, namespace: str | None, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        self._note("list", kind, "")
        return [
            copy.deepcopy(obj)
            for (of, place, _), obj in self.objects.items()
            if of == kind
            and namespace in (None, place)
            and labels.items() <= (obj["metadata"].get("labels") or {}).items()
        ]

    async def namespace(self, name: str) -> dict[str, Any]:
        self._note("get", "Namespace", name)
        metadata = {"name": name, "uid": "namespace-uid", "labels": self.namespace_labels}
        return {"metadata": metadata | ({"deletionTimestamp": "now"} if self.terminating else {})}

    async def serves(self, kind: str) -> bool:
        return self.monitors if kind == "ServiceMonitor" else True

    async def version(self) -> tuple[int, int]:
        self._note("get", "Version", "")
        return self.kubernetes

    async def apply(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        metadata = obj["metadata"]
        self._note("apply", obj["kind"], metadata["name"])
        present = self.objects.get((obj["kind"], metadata["namespace"], metadata["name"]))
        wanted = {**obj, "metadata": {key: value for key, value in metadata.items() if key != "resourceVersion"}}
        if present is None:
            return self.put(managed(wanted, wanted))
        version = present["metadata"]["resourceVersion"]
        if metadata.get("resourceVersion", version) != version:
            raise Conflict("the object has been modified")
        before = copy.deepcopy(present)
        remove_unsent(present, wanted)
        merge_applied(present, wanted)
        managed(present, wanted)
        if present == before:
            return copy.deepcopy(present)
        if present.get("spec") != before.get("spec"):
            present["metadata"]["generation"] += 1
        return self._stamp(present)

    async def create(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        metadata = dict(obj["metadata"])
        metadata.setdefault("name", f"{metadata.pop('generateName', '')}{uuid.uuid4().hex[:6]}")
        self._note("create", obj["kind"], metadata["name"])
        if (obj["kind"], metadata["namespace"], metadata["name"]) in self.objects:
            raise Retryable("exists")
        return self.put({**obj, "metadata": metadata})

    async def replace(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        metadata = obj["metadata"]
        self._note("replace", obj["kind"], metadata["name"])
        present = self.objects[obj["kind"], metadata["namespace"], metadata["name"]]
        if present["metadata"]["resourceVersion"] != metadata.get("resourceVersion"):
            raise Retryable("conflict")
        return self.put(obj)

    async def patch(self, kind: str, namespace: str, name: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        self._note("patch", kind, name)
        present = self.objects[kind, namespace, name]
        wanted = patch.get("metadata", {}).get("resourceVersion", present["metadata"]["resourceVersion"])
        if wanted != present["metadata"]["resourceVersion"]:
            raise Retryable("conflict")
        _merge(present, patch)
        return self._stamp(present)

    async def patch_status(self, kind: str, namespace: str, name: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        self._note("patch_status", kind, name)
        present = self.objects[kind, namespace, name]
        status = present.setdefault("status", {})
        for field, value in patch["status"].items():
            if value is None:
                status.pop(field, None)
            else:
                status[field] = copy.deepcopy(value)
        return self._stamp(present)

    async def page(
        self, kind: str, namespace: str | None, selector: str, limit: int, token: str, *, fields: str = ""
    ) -> Page:
        """Pages of two, whatever the limit: every listing of a test has several."""
        self._note("list", kind, "")
        del limit
        name, _, value = selector.partition("=")
        field, _, wanted = fields.partition("=")
        found = [
            copy.deepcopy(obj)
            for (of, place, _), obj in sorted(self.objects.items())
            if of == kind
            and namespace in (None, place)
            and (not name or (obj["metadata"].get("labels") or {}).get(name) == (value or "true"))
            and (not field or obj[field] == wanted)
        ]
        start = int(token or "0")
        return found[start : start + 2], str(start + 2) if start + 2 < len(found) else ""

    async def delete(self, kind: str, namespace: str, name: str, uid: str, *, foreground: bool = False) -> None:
        self._note("delete", kind, name)
        del foreground
        if self.objects[kind, namespace, name]["metadata"]["uid"] == uid:
            self.unprocessable.pop((kind, name), None)
            del self.objects[kind, namespace, name]

    def roll_out(self) -> None:
        """What the controllers of a cluster do: pods run, the claim is bound."""
        for (kind, _, _), obj in self.objects.items():
            if kind == "Deployment":
                replicas = obj["spec"]["replicas"]
                self._version += 1
                obj["metadata"]["resourceVersion"] = str(self._version)
                obj["status"] = {
                    "observedGeneration": obj["metadata"]["generation"],
                    "availableReplicas": replicas,
                    "updatedReplicas": replicas,
                }
            if kind == "PersistentVolumeClaim":
                obj["status"] = {"phase": "Bound"}


def _merge(into: dict[str, Any], given: Mapping[str, Any]) -> None:
    """What is not mentioned stays, null removes."""
    for field, value in given.items():
        if value is None:
            into.pop(field, None)
        elif isinstance(value, Mapping) and isinstance(into.get(field), dict):
            _merge(into[field], value)
        else:
            into[field] = copy.deepcopy(value)


def reason(cluster: MemoryCluster, kind: str = "Ready") -> str:
    """Of a condition of the TradingBot."""
    return str(condition(cluster.one("TradingBot", KEY.name)["status"], kind)["reason"])


class MemoryBots:
    """Bots that answer what a test puts there."""

    def __init__(self) -> None:
        self.answers: dict[Key, BotStatus | str] = {}
        self.commands: list[tuple[str, str]] = []

    async def status(self, key: Key, now: datetime) -> Report:
        answer = self.answers.get(key, "the bot does not answer: connection refused")
        return Report(now, failure=answer) if isinstance(answer, str) else Report(now, answer)

    async def command(self, key: Key, command: str, token: str, now: datetime) -> Report:
        self.commands.append((command, token))
        return await self.status(key, now)


def bot_status_with(**changes: Any) -> BotStatus:
    return BotStatus.model_validate(
        {
            "bot": "btc",
            "namespace": "trading",
            "product_id": "BTC-USD",
            "mode": "paper",
            "venue": "Coinbase",
            "ready": True,
            "phase": "trading",
            "reason": "",
            "epoch": 3,
            "version": "0.1.0",
            "equity_usd": "1003.4567",
            "equity_marked_usd": "1003.40",
            "daily_pnl_usd": "3.4567",
            "unrealized_pnl_usd": "-0.0567",
            "exposure_usd": "50",
            "open_lots": 2,
            "breaker_tripped": False,
            "entries": {"allowed": True, "paused_by": []},
            "last_price": "112345.67",
            "price_age_seconds": 1.5,
            "last_decision": {"signal": "buy", "p_up": 0.6, "reason": "entered", "at": "2026-01-02T03:04:00Z"},
            "model": {"mode": "baseline", "last_fit_at": None},
            "pending_orders": 0,
            "last_save_at": None,
            "clock_offset_ms": 0,
            "warnings": [],
            "started_at": "2026-01-02T03:00:00Z",
            **changes,
        }
    )


LIVE: dict[str, Any] = {
    "mode": "Live",
    "product": {"id": "BTC-USD"},
    "risk": {"maxOrderUSD": 50, "maxExposureUSD": 500},
    "exchange": {"credentialsSecretRef": {"name": "coinbase"}},
}
PAPER: dict[str, Any] = {"product": {"id": "BTC-USD"}}
API_KEYS = {"COINBASE_API_KEY_NAME": b"name", "COINBASE_API_PRIVATE_KEY": b"secret"}


def observed_of(spec: Mapping[str, Any] | None = None, **changes: Any) -> Observed:
    metadata = {"uid": "tb-uid", "generation": 2, "resourceVersion": "1", **changes.pop("metadata", {})}
    status = changes.pop("status", {})
    given = PAPER if spec is None else spec
    parsed = read_spec(given) if given else None
    return Observed(
        key=KEY,
        resource={"kind": "TradingBot", "metadata": metadata, "spec": given, "status": status},
        spec=parsed,
        **{"children": {}, "namespace_uid": "namespace-uid", "now": START, **changes},
    )
