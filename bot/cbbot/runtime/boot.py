"""From a bridge that may not be there yet to a trader with history: asked again until it is known."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeVar

from cbbot.brokers.bridge_client import BridgeClient, Unavailable
from cbbot.contract.advice import warnings as advice
from cbbot.contract.bridge_errors import BridgeErrorCode
from cbbot.domain.candle import Candle
from cbbot.domain.decimals import plain
from cbbot.domain.instrument import Instrument
from cbbot.errors import BadInput, Refused, Retryable, UnsafeStart
from cbbot.runtime.bridge_clock import LiveClock
from cbbot.runtime.bridge_market import BridgeMarket
from cbbot.runtime.history import load_history
from cbbot.runtime.machine_time import MachineMs, machine_ms
from cbbot.runtime.resume import equity_warning, resumed_state
from cbbot.runtime.status_answer import About
from cbbot.trader.rules import Rules, build_rules
from cbbot.trader.trader_state import Identity, TraderState
from cbbot.views.bot_metrics import BotMetrics

__all__ = ["Begun", "Boot", "superseded"]

_LOG = logging.getLogger(__name__)
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 5.0
_SAID_AGAIN_SECONDS: Final = 60.0

# Without these a live trader can do nothing; anything else may pass while exits are still possible.
_NO_ACCESS: Final = (
    BridgeErrorCode.BAD_TOKEN,
    BridgeErrorCode.NO_TOKEN_CONFIGURED,
    BridgeErrorCode.NO_CREDENTIALS,
    BridgeErrorCode.UPSTREAM_UNAUTHORIZED,
)

_UNKNOWN_FEES: Final = "the venue's own fee rate could not be read; the next start asks again"

_Answer = TypeVar("_Answer")


class Begun(NamedTuple):
    """All that trading starts from."""

    rules: Rules
    state: TraderState
    market: BridgeMarket
    clock: LiveClock


class Boot:
    """``waits_for`` says, in words, what the start is waiting for; ``moved_at`` is when it last asked."""

    def __init__(
        self,
        about: About,
        client: BridgeClient,
        metrics: BotMetrics,
        document: dict[str, Any] | None,
        identity: Identity,
        now_ms: MachineMs = machine_ms,
    ) -> None:
        self._about = about
        self._client = client
        self._metrics = metrics
        self._document = document
        self._identity = identity
        self._machine_ms = now_ms
        self._epoch = 0
        self.waits_for = "the bridge"
        self.moved_at = asyncio.get_running_loop().time()

    async def begin(self) -> Begun:
        """Instrument, clock, state and warnings.

        Raises:
            BadInput: the venue does not trade the product, or its amounts cannot be counted exactly.
            UnsafeStart: the state must not be traded on.
        """
        settings = self._about.settings
        # What can be said without the venue is said at once; what the venue's fees say comes later.
        self._warn(advice(settings) if settings.dry_run else [], *self._about.warnings)
        market = BridgeMarket(self._client, settings.product_id)
        instrument = await self._asked("the product's increments", lambda: self._instrument(market))
        loop_time = asyncio.get_running_loop().time
        clock = LiveClock(market.venue_ms, loop_time, lambda _: self._metrics.clock_jumps.inc(), self._machine_ms)
        await self._asked("the venue's clock", clock.synchronise)
        rules = build_rules(settings, instrument)
        seen = await self._newest_epoch(market) if rules.live else 0
        # Not lower than any that was used: a backup may be old, and the clock behind.
        state, unusable = resumed_state(rules, self._identity, self._document, max(self._machine_ms(), seen + 1))
        self._client.identify(state.identity.bot_id, state.epoch)
        self._epoch = state.epoch
        self._warn([*unusable, *await self._venue_warnings(rules, state, market)])
        return Begun(rules, state, market, clock)

    async def history(self, begun: Begun) -> tuple[Candle, ...]:
        """The candles the trader begins with."""
        settings, anchors = begun.rules.settings, begun.state.market.anchors
        back_to = anchors[0].start if anchors else 0

        async def load() -> tuple[tuple[Candle, ...], int]:
            return await load_history(
                begun.market,
                begun.rules.instrument,
                begun.clock,
                settings.granularity,
                settings.candle_seconds,
                settings.max_history_candles,
                back_to,
            )

        candles, bad = await self._asked("the venue's candles", load)
        if bad:
            self._metrics.bad_candles.inc(bad)
        self.waits_for = ""
        return candles

    async def _instrument(self, market: BridgeMarket) -> Instrument:
        try:
            return await market.instrument()
        except Refused as error:
            if error.code != BridgeErrorCode.NOT_FOUND:
                raise
            message = f"PRODUCT_ID={self._about.settings.product_id}: the venue has no such product"
            raise BadInput(message) from error

    async def _newest_epoch(self, market: BridgeMarket) -> int:
        return await self._asked("access to the account", lambda: market.newest_epoch(self._identity.bot_id))

    async def _venue_warnings(self, rules: Rules, state: TraderState, market: BridgeMarket) -> list[str]:
        """Warnings that only the venue and the state could cause."""
        changed = equity_warning(rules, state)
        found = [changed] if changed else []
        if not rules.live:
            return found
        taker = await self._asked("access to the account", lambda: _taker_rate(market))
        if taker is None:
            found.append(f"{_UNKNOWN_FEES}: FEE_RATE_PCT={plain(rules.settings.fee_rate_pct)} is assumed until then")
        return [*advice(rules.settings, taker), *found]

    def _warn(self, new: list[str], *known: str) -> None:
        """Every warning once in the log, and for as long as the process runs in the status."""
        self._about.warnings += new
        for warning in (*known, *new):
            _LOG.warning("setting", extra={"fields": {"detail": warning}})

    async def _asked(self, what: str, ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """The answer, however long the bridge takes to be there."""
        pause = _FIRST_PAUSE_SECONDS
        self.waits_for = what
        said_at: float | None = None
        while True:
            now = self.moved_at = asyncio.get_running_loop().time()
            try:
                answer = await ask()
                # What was asked for may have gone without an answer that only the account has.
                self._check_epoch()
                return answer
            except (Retryable, Refused) as error:
                self._check_epoch(error)
                if said_at is None or now - said_at >= _SAID_AGAIN_SECONDS:
                    said_at = now
                    _LOG.warning("waiting", extra={"fields": {"for": what, "reason": str(error), **self._where(error)}})
                self.waits_for = f"{what}: {error}"
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def _where(self, error: Retryable | Refused) -> dict[str, str]:
        """Where the bridge was looked for and what to do, if nothing answers there."""
        if isinstance(error, Refused | Unavailable):
            return {}
        address = self._about.settings.bridge_url
        what = (
            f"is a bridge at {address} (BRIDGE_URL)? cbbot bridge starts one; cbbot up starts bridge and bot together"
        )
        return {"detail": what}

    def _check_epoch(self, error: Exception | None = None) -> None:
        if self._client.superseded:
            raise superseded(self._identity.bot_id, self._epoch) from error


def superseded(bot_id: str, epoch: int) -> UnsafeStart:
    """Why a bot that the bridge has fenced off must not go on."""
    return UnsafeStart(
        f"the bridge knows a newer epoch of {bot_id} than {epoch}: another process trades in this bot's name. "
        "This one has stopped; stop one for good, or set another BOT_ID"
    )


async def _taker_rate(market: BridgeMarket) -> Decimal | None:
    """What a market order costs, in percent; None when it cannot be read now.

    Raises:
        Refused, Unavailable: the account is closed to us; trading live must wait.
    """
    try:
        return await market.taker_rate_pct()
    except (Refused, Unavailable) as error:
        if error.code in _NO_ACCESS:
            raise
        reason = str(error)
    except Retryable as error:
        reason = str(error)
    _LOG.warning("fees not known", extra={"fields": {"reason": reason}})
    return None
