"""The operator's Lease: who leads, and the proof that our watches still deliver.

The leader renews it every ten seconds and expects each renewal back as a watch event. A watch that
died silently is noticed that way though the process lives.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from cbbot.errors import Refused, Retryable
from cbbot_operator.cluster import Cluster
from cbbot_operator.keys import WATCH_LABEL
from cbbot_operator.kinds import KINDS

__all__ = ["Lease", "LostLease"]

_LOG = logging.getLogger(__name__)
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
_DURATION = timedelta(seconds=30)
_ECHO_BOUND = timedelta(minutes=3)


class LostLease(Retryable):
    """Someone else leads now, or we could not say that we do for too long: stop at once."""


class Lease:
    """A ``coordination.k8s.io`` Lease, held by at most one operator."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        name: str,
        identity: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        renew_seconds: float = 10.0,
    ) -> None:
        self.name = name
        self.leading = False
        self._cluster = cluster
        self._namespace = namespace
        self._identity = identity
        self._now = now
        self._renew_seconds = renew_seconds
        self._echoed_at = now()
        self._held: dict[str, Any] | None = None

    def echoed(self) -> None:
        """Our renewal came back through the watch."""
        self._echoed_at = self._now()

    @property
    def watches_live(self) -> bool:
        """False when the leader has seen none of its renewals for three minutes."""
        return not self.leading or self._now() - self._echoed_at < _ECHO_BOUND

    async def acquire(self) -> None:
        """Wait until we lead."""
        logged = False
        while not await self._try():
            if not logged:
                _LOG.info("waiting for the Lease %s/%s", self._namespace, self.name)
                logged = True
            await asyncio.sleep(self._renew_seconds / 2)
        self.leading = True
        self._echoed_at = self._now()

    async def keep(self) -> None:
        """Renew for ever.

        Raises:
            LostLease: the lead is gone.
        """
        renewed_at = self._now()
        while True:
            await asyncio.sleep(self._renew_seconds)
            if await self._try():
                renewed_at = self._now()
            elif self._now() - renewed_at > _DURATION * 2 / 3:
                self.leading = False
                raise LostLease(f"the Lease {self._namespace}/{self.name} could not be renewed")

    async def release(self) -> None:
        """Let the next operator lead at once instead of after the Lease's duration."""
        if self.leading and self._held is not None:
            self.leading = False
            self._held["spec"]["holderIdentity"] = ""
            try:
                await self._cluster.replace(self._held)
            except (Refused, Retryable) as error:
                _LOG.warning("the Lease was not released: %s", error)

    async def _try(self) -> bool:
        try:
            present = await self._cluster.get("Lease", self._namespace, self.name)
            if present is None:
                self._held = await self._cluster.create(self._lease({}))
            elif not self._is_free(present.get("spec") or {}):
                return False
            else:
                self._held = await self._cluster.replace(self._lease(present["metadata"]))
        except (Refused, Retryable) as error:
            _LOG.warning("the Lease was not renewed: %s", error)
            return False
        return True

    def _is_free(self, spec: dict[str, Any]) -> bool:
        holder = spec.get("holderIdentity")
        if not holder or holder == self._identity:
            return True
        try:
            renewed = datetime.strptime(spec.get("renewTime", ""), _TIME).replace(tzinfo=UTC)
        except ValueError:
            return True
        return self._now() - renewed > timedelta(seconds=int(spec.get("leaseDurationSeconds", 0)))

    def _lease(self, present: dict[str, Any]) -> dict[str, Any]:
        metadata: dict[str, Any] = {
            "name": self.name,
            "namespace": self._namespace,
            "labels": {**present.get("labels", {}), WATCH_LABEL: "true"},
        }
        if "resourceVersion" in present:
            metadata["resourceVersion"] = present["resourceVersion"]
        return {
            **KINDS["Lease"].head(),
            "metadata": metadata,
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": int(_DURATION.total_seconds()),
                "renewTime": self._now().strftime(_TIME),
            },
        }
