"""One run: the real bot on its side, an exchange on the other, a plan of what goes wrong, and a judge."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Iterable
from decimal import Decimal
from random import Random
from typing import Final

from cbbot.domain.instrument import BTC_USD
from cbbot.errors import Retryable
from cbbot.soak.armed_faults import ArmedFaults
from cbbot.soak.exchange_side import ExchangeSettings, ExchangeSide, MakeExchangeSide
from cbbot.soak.fault_plan import BOT_CLOCK, BRIDGE_CLOCK, JUMPS, Injection, Plan
from cbbot.soak.happenings import EventLog
from cbbot.soak.judge import Judge
from cbbot.soak.run_result import RunResult
from cbbot.soak.simulated_bot import BOT_SITES, BotLife
from cbbot.soak.simulated_disk import DISK_SITES, SimulatedDisk
from cbbot.soak.simulated_path import path_on
from cbbot.soak.simulated_processes import SimulatedProcess
from cbbot.soak.soaked_settings import FEE_PCT, FOLDER, QUOTE, STATE_NAME, soaked_settings
from cbbot.soak.violated import Violated
from cbbot.soak.virtual_loop import VirtualLoop, WorldEnded
from cbbot.trader.trader_state import TraderState
from cbbot.venue.walk import random_walk
from cbbot.views.bot_metrics import BotMetrics

__all__ = ["OWN_SITES", "World", "run_plan"]

OWN_SITES: Final = {**DISK_SITES, **BOT_SITES}
"""Where the bot's own side may fail, and how."""

_START_MS: Final = 1_780_000_020_000 // 60_000 * 60_000
_HISTORY: Final = 420
# So much a minute that a lot lasts a few minutes.
_STEP_BPS: Final = 60
_OTHER_FOLDER: Final = "/other"
# What a healed world may take until the bot is ready, and until every lot is sold.
_RECOVERY_SECONDS: Final = 900.0
_ASKED_DURING_START: Final = 0.2
_STEPS_A_SECOND: Final = 400


class World:
    """Build it with the loop running; then :meth:`run`."""

    def __init__(self, plan: Plan, make: MakeExchangeSide, loop: VirtualLoop, log: EventLog) -> None:
        self.plan = plan
        self.log = log
        self.result = RunResult(plan.seed, plan=plan)
        self.faults = ArmedFaults(log, self._death)
        self._loop = loop
        # The world's own: what is begun by a process dies with it.
        self._context = contextvars.copy_context()
        self._chance = Random(f"world {plan.seed}")  # noqa: S311  seeded pseudo-randomness is the point
        self._settings = soaked_settings(plan.seed)
        self._own_base = self._chance.choice((Decimal(0), Decimal(1)))
        chance = Random(f"prices {plan.seed}")  # noqa: S311  as above
        count = _HISTORY + int(plan.hours * 60) + 240
        first = _START_MS // 1000 - _HISTORY * 60
        candles = tuple(random_walk(chance, count, first, 6_000_000, step_bps=_STEP_BPS))
        exchange = ExchangeSettings(
            seed=plan.seed,
            instrument=BTC_USD,
            start_ms=_START_MS,
            candles=candles,
            # Some people hold base of their own on the account; others trade the bot's alone.
            base=self._own_base,
            quote=QUOTE,
            fee_rate_pct=FEE_PCT,
        )
        self.side: ExchangeSide = make(exchange, self.faults, log)
        self._disk = SimulatedDisk(self.faults, log, self._chance, self._machine_ms, self._lose_power)
        self._folder = FOLDER
        # What was asked of the bot, whether the plan has it or not.
        self._asks: set[tuple[str, str]] = set()
        self.judge = Judge(self._settings, BTC_USD, self.side.books, self._disk, loop.time, self._met)
        self._metrics = BotMetrics()
        self._life: BotLife | None = None
        self._older: BotLife | None = None
        # Done when another life has become the judged one while the one before it goes on.
        self._replaced: asyncio.Future[str] = loop.create_future()
        self._lives = 0
        # How far the machines' clocks are ahead, in seconds: the bot's, from its next start on, the bridge's.
        self._ahead = self._ahead_later = 0.0
        self._away = 0
        self._over = False
        loop.after_step = self._stepped

    async def run(self) -> None:
        """To the end of the plan; then everything heals, and it must all come right.

        Raises:
            Violated: an invariant does not hold.
        """
        self.side.start_bridge()
        living = self._loop.create_task(self._live())
        for injection in self.plan.injections:
            await asyncio.sleep(max(injection.at - self._loop.time(), 0.0))
            self._inject(injection)
        await asyncio.sleep(max(self.plan.hours * 3600 - self._loop.time(), 0.0))
        await self._come_right()
        self._over = True
        living.cancel()

    async def _live(self) -> None:
        """One life of the bot after another."""
        while not self._over:
            self._set_clocks()
            life = self._begun()
            if self._chance.random() < _ASKED_DURING_START:
                delay = self._chance.choice((0.0, 0.01, 0.05, 0.5))
                self._loop.call_later(delay, self._asked, "pause", context=self._context)
                self._loop.call_later(delay + 1.0, self._asked, "resume", context=self._context)
            while not life.ended.done():
                await asyncio.wait({life.ended, self._replaced}, return_when=asyncio.FIRST_COMPLETED)
                life = self._life or life
            words = life.ended.result()
            self._disk.forget_descriptors(life.process)
            self.log.note("bot ended", words=words)
            self.judge.ended(words)
            if words:
                self.result.halts[f"exit: {words[:60]}"] += 1
            await asyncio.sleep(self._chance.choice((0.3, 1.0, 3.0, 10.0)))

    def _begun(self) -> BotLife:
        """A new life, which is the judged one from now on."""
        state_file = f"{self._folder}/{STATE_NAME}"
        self.judge.began(state_file)
        life = self._life = BotLife(
            self._settings,
            path_on(self._disk, state_file),
            self.side.connect(),
            self.faults,
            self._machine_ms,
            self._metrics,
            lambda body: self._posted(body, life, state_file),
            lambda: self._priced(life),
            f"life-{self._lives}",
        )
        self._lives += 1
        self.log.note("bot starts", life=self._lives, folder=self._folder)
        return life

    def _second(self, kind: str) -> None:
        """Somebody starts the bot once more while the first one runs: elsewhere, or as if its folder had no lock."""
        life, before = self._life, self._folder
        if life is None or life.bot is None or not life.process.alive or self._older is not None:
            return
        if kind != "same_folder":
            self._folder = _OTHER_FOLDER if before == FOLDER else FOLDER
        if kind == "copied_folder" or f"{self._folder}/{STATE_NAME}" not in self._disk.names:
            self._disk.copy(before, self._folder)
        self._older = life
        self._loop.create_task(self._superseded(life), context=self._context)
        self._begun()
        replaced, self._replaced = self._replaced, self._loop.create_future()
        replaced.set_result("")

    async def _superseded(self, life: BotLife) -> None:
        """The older of two: it ends by itself, and says why."""
        words = await life.ended
        self._disk.forget_descriptors(life.process)
        self._older = None
        self.log.note("older bot ended", words=words)
        self.judge.ended(words)

    def _priced(self, life: BotLife) -> None:
        if life is self._life:
            self.judge.priced()

    def _posted(self, body: dict[str, str], life: BotLife, state_file: str) -> None:
        self.log.note("order leaves", body=body)
        self.judge.posted(body, life.bot, state_file)

    def _stepped(self, process: SimulatedProcess) -> None:
        life = self._life
        if life is not None and process is life.process and life.bot is not None:
            self.judge.stepped(life.bot)
        if self._loop.steps > _STEPS_A_SECOND * (self._loop.time() + 600):
            raise Violated("the world goes on", f"{self._loop.steps} steps in {self._loop.time():.0f} s")

    def _met(self) -> Iterable[tuple[str, str]]:
        return (*self.faults.hits, *self._asks)

    def _machine_ms(self) -> int:
        return _START_MS + int((self._loop.time() + self._ahead) * 1000)

    def _set_clocks(self) -> None:
        self._ahead = self._ahead_later

    def _set_clock(self, injection: Injection) -> None:
        """Somebody sets a machine's clock: at once, or while no bot runs on it."""
        self.log.note("clock", kind=injection.kind, machine=injection.site)
        seconds = JUMPS[injection.kind]
        if injection.site == BRIDGE_CLOCK:
            self.side.set_clock(seconds)
            return
        self._ahead_later = seconds
        if injection.share < 0.5:
            self._set_clocks()

    def _inject(self, injection: Injection) -> None:
        match injection.site:
            case "bot":
                self.log.note("bot", kind=injection.kind)
                self._hit(injection)
                self._on_bot(injection)
            case "bridge":
                self.log.note("bridge", kind=injection.kind)
                self._hit(injection)
                self._kill_bridge(injection.seconds if injection.kind == "away" else 0.5)
            case "exchange":
                self.log.note("exchange", kind=injection.kind)
                self._hit(injection)
                self.side.change(injection.kind, injection.share)
            case "people":
                self.log.note("people", kind=injection.kind)
                self._hit(injection)
                self._asked(injection.kind)
            case "second":
                self.log.note("second", kind=injection.kind)
                self._hit(injection)
                self._second(injection.kind)
            case site if site in (BOT_CLOCK, BRIDGE_CLOCK):
                self._hit(injection)
                self._set_clock(injection)
            case _:
                self.faults.arm(injection)

    def _hit(self, injection: Injection) -> None:
        self.faults.hits[injection.site, injection.kind] += 1

    def _on_bot(self, injection: Injection) -> None:
        life = self._life
        if life is None or not life.process.alive:
            return
        if injection.kind == "sigterm":
            if life.bot is not None:
                life.bot.stop()
        elif injection.kind == "lost_power":
            self._death("machine_lost_power", injection.skip)
        else:
            self._death("bot_killed", injection.skip)

    def _death(self, kind: str, steps: int) -> None:
        if kind == "bridge_killed":
            self._loop.call_later(0.0, self._kill_bridge, 0.5 + steps, context=self._context)
            return
        life = self._life
        if life is None or not life.process.alive:
            return
        if kind == "machine_lost_power":
            self._lose_power()
            return
        self.result.crashes += 1
        life.process.die_in(steps)

    def _lose_power(self) -> None:
        alive = [each for each in (self._life, self._older) if each is not None and each.process.alive]
        if not alive:
            return
        self.result.crashes += 1
        for life in alive:
            life.process.kill()
        self._disk.lose_power()

    def _kill_bridge(self, away: float) -> None:
        if self._over:
            return
        self.result.bridge_crashes += 1
        self.side.kill_bridge()
        self._away += 1
        self._loop.call_later(away, self._bridge_again, context=self._context)

    def _bridge_again(self) -> None:
        self._away -= 1
        if self._away == 0 and not self._over:
            self.side.start_bridge()

    def _asked(self, what: str) -> None:
        life = self._life
        if life is None or life.bot is None or not life.process.alive:
            return
        bot = life.bot
        self._asks.add(("people", what))
        asks = {"pause": lambda: bot.pause_entries("hand"), "resume": lambda: bot.resume_entries("hand")}
        life.process.spawn(_heard(asks.get(what, bot.flatten)()))

    async def _come_right(self) -> None:
        """Nothing goes wrong any more: the bot must get ready, sell all that it has, and know every figure."""
        self.faults.end()
        self.side.heal()
        self._away = 0
        self.side.start_bridge()
        self.log.note("healed")
        began = self._loop.time()
        asked = 0.0
        while True:
            await asyncio.sleep(1.0)
            life = self._life
            bot = life.bot if life is not None and life.process.alive else None
            state = bot.state if bot is not None else None
            if bot is not None and state is not None and state.reconciled and not state.intents:
                sold = not state.lots or self._short(state)
                settled = sold and not state.given_up and self.judge.logged(state)
                if settled and self._older is None:
                    break
                if self._loop.time() - asked > 30:
                    asked = self._loop.time()
                    self._asked("flatten")
            if self._loop.time() - began > _RECOVERY_SECONDS:
                said = bot.status().reason if bot is not None else "no bot"
                raise Violated("all comes right", f"after {_RECOVERY_SECONDS:.0f} s without a fault: {said}")
        assert bot is not None  # noqa: S101  the loop above ends with one
        assert state is not None  # noqa: S101  as above
        self.judge.check_ledger(state)
        self.judge.check_trades(state)
        if state.halted or state.unexplained:
            self.result.halts[f"words: {(state.halted or state.unexplained)[:60]}"] += 1
        self._check_account()

    def _short(self, state: TraderState) -> bool:
        """Whether somebody took the base of the lots that are left, and the bot says so."""
        said = all(state.refused_exit(lot.id) is not None for lot in state.lots)
        return said and self.side.books().moved_base < 0

    def _check_account(self) -> None:
        books = self.side.books()
        got = sum((each.filled_base if each.side == "BUY" else -each.filled_base) for each in books.orders.values())
        paid = sum(
            (each.filled_quote if each.side == "BUY" else -each.filled_quote) + each.fees
            for each in books.orders.values()
        )
        if books.base != self._own_base + got + books.moved_base or books.quote != QUOTE - paid + books.moved_quote:
            raise Violated("the exchange keeps its books", f"{books.base} base and {books.quote} quote do not add up")

    def result_of(self, violated: Violated | None) -> RunResult:
        """What the run came to."""
        result = self.result
        if violated is not None:
            result.violated, result.detail = violated.invariant, violated.detail
        result.digest, result.lines = self.log.digest, self.log.lines
        result.hours = self._loop.time() / 3600
        result.steps = self._loop.steps
        result.orders = self.judge.orders
        result.hits, result.passes = self.faults.hits, self.faults.passes
        return result


async def _heard(asking: object) -> None:
    """A person's request; "not durable yet" is an answer too."""
    assert asyncio.iscoroutine(asking)  # noqa: S101  a bot's control
    try:
        await asking
    except Retryable:
        return


def run_plan(plan: Plan, make: MakeExchangeSide, *, kept: bool = False) -> RunResult:
    """Runs a plan; the same plan gives the same digest."""
    loop = VirtualLoop()  # type: ignore[abstract]  # sockets, pipes and signals are no part of a world
    log = EventLog(loop.time, kept=kept)
    worlds: list[World] = []

    async def main() -> None:
        worlds.append(World(plan, make, loop, log))
        await worlds[0].run()

    violated: Violated | None = None
    try:
        loop.run_until_complete(main())
    except Violated as error:
        violated = error
    except WorldEnded as error:
        violated = Violated("the world goes on", str(error))
    except Exception as error:
        if not worlds:
            raise
        # One more finding, and no end of a long campaign.
        violated = Violated("a run comes to its end", f"{type(error).__name__}: {error}")
    finally:
        loop.close()
    return worlds[0].result_of(violated)
