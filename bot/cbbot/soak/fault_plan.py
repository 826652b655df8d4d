"""What goes wrong in a run: a list made from the seed before the run, which can be kept, shortened and run again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Final

from pydantic import BaseModel, ConfigDict, TypeAdapter

from cbbot.soak.fault_mixes import EVERYTHING, Mix

__all__ = [
    "BOT",
    "BOT_CLOCK",
    "BRIDGE",
    "BRIDGE_CLOCK",
    "DEATHS",
    "EXCHANGE",
    "JUMPS",
    "PEOPLE",
    "SECOND",
    "TIMED",
    "Injection",
    "Plan",
    "made_plan",
    "plan_from",
    "plan_text",
    "with_injections",
]

BOT: Final = "bot"
BRIDGE: Final = "bridge"
EXCHANGE: Final = "exchange"
PEOPLE: Final = "people"
SECOND: Final = "second"
BOT_CLOCK: Final = "bot's clock"
BRIDGE_CLOCK: Final = "bridge's clock"
_GATES: Final = (
    *("halt_product", "disable_product", "delist_product", "limit_only", "cancel_only", "post_only", "view_only"),
    "auction",
)
_REMEDIES: Final[Mapping[str, Mapping[str, str]]] = {
    PEOPLE: {"pause": "resume", "flatten": "resume"},
    EXCHANGE: {**dict.fromkeys(_GATES, "resume_product"), "proof_token_on": "proof_token_off"},
}
_REMEDIED_SECONDS: Final = 60.0
_ORDER_SITES: Final = ("order", "create", "fills", "disk.")
DEATHS: Final = ("bot_killed", "machine_lost_power", "bridge_killed")
"""What can happen to a process wherever it waits for something."""

JUMPS: Final[Mapping[str, float]] = {
    "right": 0.0,
    "hour_ahead": 3600.0,
    "hour_behind": -3600.0,
    "eight_hours_ahead": 8 * 3600.0,
}
"""How far a machine's clock can be set from the right time, in seconds."""

TIMED: Final[Mapping[str, Sequence[str]]] = {
    BOT: ("killed", "lost_power", "sigterm"),
    BRIDGE: ("killed", "away"),
    PEOPLE: ("pause", "resume", "resume", "flatten"),
    SECOND: ("copied_folder", "stale_folder"),
    BOT_CLOCK: tuple(JUMPS),
    BRIDGE_CLOCK: tuple(JUMPS),
}
"""What happens at a time of its own."""


class Injection(BaseModel):
    """One thing that happens from ``at`` (seconds) on: at a time, or when ``site`` is passed once more.

    ``skip`` passes go by unharmed, then ``times`` of them are hit. ``seconds`` and ``share`` are the kind's own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    at: float
    site: str
    kind: str
    skip: int = 0
    times: int = 1
    seconds: float = 0.0
    share: float = 0.0


class Plan(BaseModel):
    """A run: whatever is not in ``injections`` follows from ``seed``."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    seed: int
    hours: float
    injections: tuple[Injection, ...]


_PLAN: Final = TypeAdapter(Plan)


def made_plan(
    seed: int, hours: float, sites: Mapping[str, Sequence[str]], changes: Sequence[str], mix: Mix = EVERYTHING
) -> Plan:
    """The plan of a seed: crashes of the bot, of its machine and of the bridge, people, and a fault at every turn."""
    chance = Random(f"plan {seed}")  # noqa: S311  seeded pseudo-randomness is the point
    pairs = [(site, kind) for site, kinds in (mix.kinds or sites).items() for kind in kinds]
    deaths = [(site, kind) for site in sites for kind in DEATHS]
    # An order is where money can be lost: half of all faults are on its way.
    of_orders = [pair for pair in pairs if any(name in pair[0].lower() for name in _ORDER_SITES)]
    found: list[Injection] = []
    rates = (mix.bot, mix.bridge, mix.people, mix.second, mix.clock, mix.clock)
    for (site, kinds), rate in zip(TIMED.items(), rates, strict=True):
        found += _timed(chance, hours, site, kinds, rate)
    found += _timed(chance, hours, EXCHANGE, mix.changes or changes, mix.exchange)
    for _ in range(int(mix.faults * hours)):
        among = deaths if chance.random() < mix.deaths_share else chance.choice((pairs, of_orders or pairs))
        site, kind = chance.choice(among)
        found.append(
            Injection(
                at=_moment(chance, hours),
                site=site,
                kind=kind,
                skip=chance.choice((0, 0, 0, 1, 2, 5)),
                times=1 if _is_death(kind) else chance.choice((1, 1, 1, 1, 2, 3, 8)),
                seconds=round(chance.choice((0.3, 2.0, 8.0, 20.0, 50.0)) * (0.5 + chance.random()), 3),
                share=round(chance.random(), 3),
            )
        )
    found += [later for each in found for later in _remedy(each)]
    return Plan(seed=seed, hours=hours, injections=tuple(sorted(found, key=lambda each: each.at)))


def _timed(chance: Random, hours: float, site: str, kinds: Sequence[str], per_hour: float) -> list[Injection]:
    return [
        Injection(
            at=_moment(chance, hours),
            site=site,
            kind=chance.choice(kinds),
            # Steps after which a process dies.
            skip=chance.randint(0, 40),
            seconds=round(chance.choice((1.0, 10.0, 60.0, 300.0)) * (0.5 + chance.random()), 3),
            share=round(chance.random(), 3),
        )
        for _ in range(max(1, round(per_hour * hours)) if per_hour and kinds else 0)
    ]


def _is_death(kind: str) -> bool:
    return kind in DEATHS or kind.startswith(("killed_", "power_"))


def _remedy(injection: Injection) -> list[Injection]:
    """What ends it after a while: a run in which nothing trades any more shows little."""
    remedy = _REMEDIES.get(injection.site, {}).get(injection.kind)
    if remedy is None:
        return []
    seconds = min(injection.seconds, _REMEDIED_SECONDS)
    return [Injection(at=round(injection.at + seconds, 3), site=injection.site, kind=remedy)]


def _moment(chance: Random, hours: float) -> float:
    return round(chance.random() * hours * 3600, 3)


def plan_text(plan: Plan) -> str:
    """The plan as JSON, for a file."""
    return _PLAN.dump_json(plan, indent=1, exclude_defaults=True).decode()


def plan_from(text: str | bytes) -> Plan:
    """The plan of a file.

    Raises:
        ValueError: it is none.
    """
    return _PLAN.validate_json(text)


def with_injections(plan: Plan, injections: Iterable[Injection]) -> Plan:
    """The same run with other faults."""
    return plan.model_copy(update={"injections": tuple(injections)})
