"""The operator's Lease: who leads, and the proof that events still reach our handlers.

The leader renews it every ten seconds and expects each renewal back as a watch event. All times are measured on our own
monotonic clock, from the moment that we see the Lease change: what another node's clock says, or ours before it was
put right, decides nothing. As client-go does it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from cbbot.errors import Refused, Retryable
from cbbot_operator.cluster import Cluster
from cbbot_operator.keys import WATCH_LABEL
from cbbot_operator.kinds import KINDS

__all__ = ["Lease", "LostLease"]

_LOG = logging.getLogger(__name__)
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
_DURATION_SECONDS = 30
# The leader stops this long after its last renewal began, well before anyone else may begin.
_DEADLINE_SECONDS = 20
_AGAIN_SECONDS = 2
_RELEASE_SECONDS = 3
_ECHO_BOUND_SECONDS = 180


class LostLease(Retryable):
    """Someone else leads now, or we could not say that we do for too long: stop at once."""


class Lease:
    """A ``coordination.k8s.io`` Lease, held by at most one operator. ``clock`` is monotonic, in seconds."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        name: str,
        identity: str,
        clock: Callable[[], float] = time.monotonic,
        renew_seconds: float = 10.0,
    ) -> None:
        self.name = name
        self.leading = False
        self.leader = ""
        """Who leads, as far as we have seen; empty when nobody does."""
        self._cluster = cluster
        self._namespace = namespace
        self._identity = identity
        self._clock = clock
        self._renew_seconds = renew_seconds
        self._echoed_at = clock()
        self._held: dict[str, Any] | None = None
        self._seen: tuple[object, ...] | None = None
        self._seen_at = clock()
        self._renewed_at = clock()

    def echoed(self) -> None:
        """Our renewal came back through the watch."""
        self._echoed_at = self._clock()

    @property
    def watches_live(self) -> bool:
        """False when the leader has seen none of its renewals for three minutes."""
        return not self.leading or self._clock() - self._echoed_at < _ECHO_BOUND_SECONDS

    def holds(self) -> bool:
        """Whether nobody else may lead yet. One that was frozen asks this before it does what it was about to do."""
        return self.leading and self._clock() - self._renewed_at < _DEADLINE_SECONDS

    async def acquire(self) -> None:
        """Wait until we lead."""
        logged = False
        while not await self._try():
            if not logged:
                _LOG.info("waiting for the Lease %s/%s", self._namespace, self.name)
                logged = True
            await asyncio.sleep(self._renew_seconds / 2)
        self.leading = True
        self._echoed_at = self._clock()

    async def keep(self) -> None:
        """Renew for ever.

        Raises:
            LostLease: the lead is gone.
        """
        while True:
            await asyncio.sleep(max(0.0, self._renewed_at + self._renew_seconds - self._clock()))
            try:
                # A request that hangs must not outlast the lead.
                async with asyncio.timeout(max(0.0, self._renewed_at + _DEADLINE_SECONDS - self._clock())):
                    renewed = await self._try()
            except TimeoutError:
                renewed = False
            if renewed:
                continue
            if self.leader not in ("", self._identity) or self._clock() - self._renewed_at >= _DEADLINE_SECONDS:
                self.leading = False
                raise LostLease(f"the Lease {self._namespace}/{self.name} could not be renewed")
            await asyncio.sleep(_AGAIN_SECONDS)

    async def release(self) -> None:
        """Let the next operator lead at once instead of after the Lease's duration."""
        if self.leading and self._held is not None:
            self.leading = False
            self._held["spec"]["holderIdentity"] = ""
            try:
                async with asyncio.timeout(_RELEASE_SECONDS):
                    await self._cluster.replace(self._held)
            except (Refused, Retryable, TimeoutError) as error:
                _LOG.warning("the Lease was not released: %s", error or "no answer")

    async def _try(self) -> bool:
        began_at = self._clock()
        try:
            present = await self._cluster.get("Lease", self._namespace, self.name)
            if present is None:
                self._held = await self._cluster.create(self._lease({}, {}))
            else:
                spec = present.get("spec") or {}
                if not self._is_free(spec):
                    return False
                self._held = await self._cluster.replace(self._lease(present["metadata"], spec))
        except (Refused, Retryable) as error:
            _LOG.warning("the Lease was not renewed: %s", error)
            return False
        self.leader = self._identity
        # Others count from when they see it, which is later.
        self._renewed_at = began_at
        return True

    def _is_free(self, spec: dict[str, Any]) -> bool:
        """Whether we may take it. A holder that has just renewed it has the whole duration, whatever its clock says."""
        record = tuple(spec.get(field) for field in ("holderIdentity", "renewTime", "leaseTransitions"))
        if record != self._seen:
            self._seen, self._seen_at = record, self._clock()
        holder = spec.get("holderIdentity")
        self.leader = str(holder or "")
        if not holder or holder == self._identity:
            return True
        duration = spec.get("leaseDurationSeconds")
        seconds = duration if isinstance(duration, int) and duration > 0 else _DURATION_SECONDS
        if self._clock() - self._seen_at <= seconds:
            return False
        self.leader = ""
        return True

    def _lease(self, metadata: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
        now = datetime.now(UTC).strftime(_TIME)
        head: dict[str, Any] = {
            "name": self.name,
            "namespace": self._namespace,
            "labels": {**metadata.get("labels", {}), WATCH_LABEL: "true"},
        }
        if "resourceVersion" in metadata:
            head["resourceVersion"] = metadata["resourceVersion"]
        ours = spec.get("holderIdentity") == self._identity
        return {
            **KINDS["Lease"].head(),
            "metadata": head,
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": _DURATION_SECONDS,
                "acquireTime": (spec.get("acquireTime") if ours else None) or now,
                "renewTime": now,
                "leaseTransitions": int(spec.get("leaseTransitions") or 0) + (not ours and bool(spec)),
            },
        }
