"""Make one TradingBot so: gather -> validate -> render -> apply -> status.

Level-triggered: what happened does not matter, only what is. Every step may be repeated.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from cbbot.contract.spec_reader import read_spec
from cbbot.contract.tradingbot import KIND
from cbbot.errors import Refused, Retryable
from cbbot_operator import credentials, deletion
from cbbot_operator.access_mode import chosen_mode
from cbbot_operator.children import Children, Put, find_unlabelled, protecting
from cbbot_operator.cluster import Cluster
from cbbot_operator.cluster_facts import ClusterFacts
from cbbot_operator.conditions import Outcome
from cbbot_operator.configuration import Configuration
from cbbot_operator.gather import Gatherer
from cbbot_operator.handing_over import hand_over
from cbbot_operator.keyed_locks import KeyedLocks
from cbbot_operator.keys import FINALIZER, Key, Object
from cbbot_operator.kubernetes_events import changes, event
from cbbot_operator.observed import KeyReport, Observed, Report
from cbbot_operator.policies import first_refusal
from cbbot_operator.reduced import reduce
from cbbot_operator.render import Inputs
from cbbot_operator.resource_status import derive_status, merge_patch, worth_writing
from cbbot_operator.sharing import Sharing, position_of
from cbbot_operator.staged_updates import StagedUpdates, default_image, is_unasked, unproven_since
from cbbot_operator.tokens import tokens_in
from cbbot_operator.wanted import Wanted
from cbbot_operator.warning_events import WarningEvents
from cbbot_operator.watch_cache import WatchCache

__all__ = ["Known", "Reconciler"]

_LOG = logging.getLogger(__name__)
# A spec that cannot be read has at least these children, under the names they would have.
_SMALLEST = read_spec({"product": {"id": "BTC-USD"}})


@dataclass(slots=True)
class Known:
    """What is remembered of a TradingBot between two looks. Losing it costs nothing but a look."""

    seen: Observed
    outcome: Outcome
    warnings: list[str] = field(default_factory=list)
    written_at: datetime | None = None
    unwritten: bool = False
    """The newest status could not be written: whoever looks next tries again, not every poll."""
    put: Put | None = None
    wanted: Wanted | None = None


class Reconciler:
    """Makes TradingBots so. One key is never worked on twice at a time."""

    def __init__(
        self,
        cluster: Cluster,
        configuration: Configuration,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        cache: WatchCache | None = None,
        facts_seconds: float = 0,
    ) -> None:
        self.known: dict[Key, Known] = {}
        self.cache = WatchCache() if cache is None else cache
        self._cluster = cluster
        self._configuration = configuration
        self._now = now
        self._locks: KeyedLocks[Key] = KeyedLocks()
        self._gatherer = Gatherer(
            cluster,
            self.cache,
            ClusterFacts(cluster, facts_seconds),
            WarningEvents(cluster, self.cache, facts_seconds),
        )
        self._children = Children(cluster, self.cache)
        self._sharing = Sharing()
        self._updates = StagedUpdates()

    async def reconcile(self, key: Key) -> None:
        """Look and act once.

        Raises:
            Retryable: it did not work out; the status says why where it can. Come back later.
        """
        async with self._locks.of(key):
            before = self.known.get(key)
            self._updates.begin(key)
            seen = await self._gatherer.gather(key, before.seen if before is not None else None, self._now())
            if seen is None:
                self._forget(key)
                await hand_over(self._cluster, key, await self._gatherer.children(key))
                return
            if deletion.hands_off(seen):
                await self._leave_alone(seen)
                return
            self._sharing.note(key, position_of(seen))
            self._updates.note(seen)
            if seen.deleting and seen.namespace_terminating and await self._let_go(seen):
                return
            wanted = before.wanted if before is not None else None
            if seen.children or seen.deleting or seen.spec is None:
                # Of a new TradingBot nothing is there yet: making its children tells whose names are taken.
                wanted = Wanted.by(self._inputs(seen), wanted)
                seen = await find_unlabelled(self._cluster, seen, wanted.digests)
            if seen.deleting and await self._let_go(seen):
                return
            known = await self._converge(seen, before, wanted)
            known.written_at = before.written_at if before is not None else None
            # What a child's fields were is in the cache; the next look brings it again.
            known.seen = replace(known.seen, states={})
            self.known[key] = known
            await self._write_status(key)
            if known.outcome.failure:
                raise Retryable(known.outcome.failure)

    async def refresh(self, key: Key, report: Report | None, key_report: KeyReport | None = None) -> None:
        """Take in what the bot, and maybe its bridge, said of themselves, without looking at the cluster again."""
        async with self._locks.of(key):
            known = self.known.get(key)
            if known is not None:
                newest = key_report or known.seen.key_report
                known.seen = replace(known.seen, report=report, key_report=newest, now=self._now())
                known.outcome = self._as_it_waits_now(known)
                if not known.unwritten:
                    await self._write_status(key)

    def _as_it_waits_now(self, known: Known) -> Outcome:
        """With what an update waits for now; where that is nothing any more, the next look has it done."""
        if not known.outcome.update:
            return known.outcome
        why = self._updates.why_not(known.seen, self.cache.resources())
        return replace(known.outcome, update=why or known.outcome.update)

    def _forget(self, key: Key) -> None:
        self.known.pop(key, None)
        self._sharing.note(key, None)
        self._updates.forget(key)

    def update_is_due(self, key: Key) -> bool:
        """Whether a look would replace pods that wait for it, or find that replaced ones have proven themselves."""
        known = self.known.get(key)
        if known is None:
            return False
        proven = self._updates.is_unproven(key) and not unproven_since(known.seen)
        return proven or (bool(known.outcome.update) and not self._updates.why_not(known.seen, self.cache.resources()))

    async def _leave_alone(self, seen: Observed) -> None:
        """Hands off: that is said in the status, and a deletion is let go only by force or with its namespace."""
        if seen.deleting and await self._let_go(seen):
            return
        seen = replace(seen, report=None, key_report=None)
        self.known[seen.key] = Known(seen, Outcome(hands_off=True))
        try:
            await self._write_status(seen.key)
        finally:
            self._forget(seen.key)

    async def _let_go(self, seen: Observed) -> bool:
        """Whether there is nothing left to do for a TradingBot that is being deleted."""
        if not deletion.has_finalizer(seen):
            self.known.pop(seen.key, None)
            return True
        verdict = deletion.judge(seen)
        if not verdict.release:
            return False
        await self._tell(seen, [("Normal", verdict.reason, verdict.message)])
        if not seen.namespace_terminating:
            forced = verdict.reason == deletion.FORCED
            await hand_over(self._cluster, seen.key, seen.children, seen.uid, forced=forced)
        await self._set_finalizer(seen, wanted=False)
        self.known.pop(seen.key, None)
        return True

    async def _converge(self, seen: Observed, before: Known | None, known_as_wanted: Wanted | None) -> Known:
        if seen.spec is None:
            return Known(seen, Outcome(invalid=seen.invalid))
        wanted = Wanted.by(self._inputs(seen), known_as_wanted)
        if wanted.invalid:
            return Known(seen, Outcome(invalid=wanted.invalid))
        advice = list(wanted.advice)
        refusal = first_refusal(seen)
        if refusal is not None:
            return await self._protect(seen, wanted, Known(seen, Outcome(refusal=refusal), advice))
        put_before = before.put if before is not None else None
        try:
            if not seen.deleting:
                seen = await self._set_finalizer(seen, wanted=deletion.wants_finalizer(seen))
        except (Refused, Retryable) as error:
            return Known(seen, Outcome(failure=str(error)), advice, put=put_before)
        update = ""
        if is_unasked(seen, wanted):
            update = self._updates.why_not(seen, self.cache.resources())
            if not update:
                wanted = Wanted.by(replace(wanted.inputs, updated_at=self._updates.take(seen)), None)
        now = frozenset(entry for entry in wanted.digests if entry[0] != "Deployment") if update else None
        seen, put = await self._children.put(seen, wanted, put_before, only=now)
        if put.foreign:
            seen = replace(seen, foreign=seen.foreign | put.foreign)
            return Known(seen, Outcome(refusal=first_refusal(seen), failure=put.failure), advice)
        seen = await self._children.prune(seen, wanted, put)
        return Known(seen, Outcome(failure=put.failure, update=update), advice, put=put, wanted=wanted)

    async def _protect(self, seen: Observed, wanted: Wanted, known: Known) -> Known:
        """Put those children that there are and that only take away, though everything else is held back."""
        suspended = seen.spec is not None and seen.spec.suspend
        there = protecting(wanted.digests, suspended=suspended) & seen.children.keys()
        seen, put = await self._children.put(seen, wanted, None, only=there)
        return replace(known, seen=seen, outcome=replace(known.outcome, failure=put.failure))

    def _inputs(self, seen: Observed) -> Inputs:
        spec = seen.spec or _SMALLEST
        return Inputs(
            key=seen.key,
            uid=seen.uid,
            spec=spec,
            tokens=tokens_in(seen),
            secrets=seen.secrets,
            namespace_uid=seen.namespace_uid,
            key_fingerprint=credentials.fingerprint_to_run(seen),
            bot_image=default_image(seen, "bot", self._configuration.bot_image),
            bridge_image=default_image(seen, "bridge", self._configuration.bridge_image),
            updated_at=unproven_since(seen),
            image_pull_secrets=self._configuration.image_pull_secrets,
            inherited=self._configuration.inherited,
            operator_namespace=self._configuration.own_namespace,
            monitors_known=seen.monitors_known,
            namespaces_named=seen.namespaces_named,
            access_mode=chosen_mode(spec.state, seen.claim, single_pod_volumes=seen.single_pod_volumes),
        )

    async def _set_finalizer(self, seen: Observed, *, wanted: bool) -> Observed:
        if deletion.has_finalizer(seen) == wanted:
            return seen
        others = [name for name in seen.metadata.get("finalizers", ()) if name != FINALIZER]
        metadata = {
            "finalizers": [*others, FINALIZER] if wanted else others,
            # Someone else may be changing the list: then this is refused, and tried again.
            "resourceVersion": seen.metadata.get("resourceVersion"),
        }
        return self._taken(seen, await self._cluster.patch(KIND, *seen.key, {"metadata": metadata}))

    def _taken(self, seen: Observed, patched: Object) -> Observed:
        """The TradingBot as the API server has it after a patch of ours."""
        reduced = reduce(KIND, patched)
        self.cache.take(KIND, patched, reduced)
        resource = {part: value for part, value in reduced.obj.items() if part != "spec"}
        written = reduced.obj.get("spec") or {}
        # The same words are kept once; others are for the next look to read.
        return replace(seen, resource=resource, written=written if written == seen.written else seen.written)

    async def _write_status(self, key: Key) -> None:
        known = self.known[key]
        seen = known.seen = replace(known.seen, sharers=self._sharing.others(key))
        status = derive_status(seen, known.outcome, known.warnings)
        if not worth_writing(seen.status, status, known.written_at, seen.now):
            return
        known.unwritten = True
        patched = await self._cluster.patch_status(KIND, *key, merge_patch(seen.status, status))
        known.unwritten = False
        events = changes(seen.status, status)
        known.written_at = seen.now
        known.seen = self._taken(seen, patched)
        await self._tell(seen, events)

    async def _tell(self, seen: Observed, events: list[tuple[str, str, str]]) -> None:
        for level, reason, message in events:
            _LOG.info(message, extra={"fields": {"tradingbot": str(seen.key), "reason": reason}})
            try:
                await self._cluster.create(event(seen, level, reason, message))
            except (Refused, Retryable) as error:
                # The log has it; a TradingBot is not held back for an Event.
                _LOG.warning("an Event was lost: %s", error, extra={"fields": {"tradingbot": str(seen.key)}})
