"""What settings must not say against each other: one table for environment, TradingBot and CRD.

A constraint names its fields once. ``holds`` gets their values, ``cel`` and ``message`` name
them by position, so that one line becomes the check of a bot's environment (``MA_FAST=30 must
be below MA_SLOW=20``), the check of a TradingBot and the API server's validation
(``spec.strategy.maFast must be below spec.strategy.maSlow``). The operator asks again what CEL
has said, so an API server that drops the validations loses no safety.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cbbot.contract.bridge_settings_table import API_KEY_PAIR
from cbbot.contract.runtime_env import RUNTIME_SETTINGS
from cbbot.contract.settings_table import BY_FIELD, BY_KEY

__all__ = [
    "CONSTRAINTS",
    "RESERVED_PREFIXES",
    "UNIQUE",
    "Constraint",
    "Unique",
    "broken_by_settings",
    "is_free",
    "seconds_of",
]

RESERVED_PREFIXES: Final = ("COINBASE_", "BRIDGE_")
# Settings, and who the bot is; how loud it logs is left to the person.
_RESERVED_NAMES: Final = (*BY_KEY, *(setting.key for setting in RUNTIME_SETTINGS if setting.key != "BOT_LOG_LEVEL"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """One constraint.

    ``fields`` are paths below ``spec``; the first is where a violation is shown. Those of the settings
    table come to ``holds`` as the table parses them (``mode`` as DRY_RUN), the others as the spec
    has them. ``at`` is the schema node that carries the validation: a path below ``spec``, "" for
    ``spec`` itself, ``x[]`` for each item of a list, whose fields are then judged one by one. It is
    never a section with ``default: {}``: the API server judges such a default before the fields
    inside have theirs. ``only_live``: nothing that a backtest need ask.
    """

    name: str
    fields: tuple[str, ...]
    holds: Callable[..., bool]
    cel: str
    message: str
    at: str = ""
    only_live: bool = False

    @property
    def among_settings(self) -> bool:
        """Whether the bot's environment alone can be judged."""
        return all(path in BY_FIELD for path in self.fields)

    @property
    def validation(self) -> str:
        """The CEL expression for the node at ``at``."""
        inside = f"{self.at}." if self.at else ""
        return self.cel.format(*(f"self.{path.removeprefix(inside)}" for path in self.fields))

    @property
    def spec_message(self) -> str:
        """What is wrong, in the fields of a TradingBot."""
        return self.message.format(*("mode is Live" if path == "mode" else f"spec.{path}" for path in self.fields))

    def settings_message(self, values: Mapping[str, Any]) -> str:
        """What is wrong, in environment keys with their values; ``values`` by key."""
        return self.message.format(*(_assigned(path, values) for path in self.fields))


def _assigned(path: str, values: Mapping[str, Any]) -> str:
    setting = BY_FIELD[path]
    value = values[setting.key]
    return setting.key if value is None else f"{setting.key}={setting.text(value)}"


def seconds_of(duration: str) -> int:
    """A duration (``90s``, ``2m``) in seconds."""
    return int(duration[:-1]) * (60 if duration.endswith("m") else 1)


def is_free(name: str) -> bool:
    """Whether an environment variable of that name may stand beside the settings: it is none itself."""
    return name not in _RESERVED_NAMES and not name.startswith(RESERVED_PREFIXES)


_FREE_CEL = (
    "!({0} in ["
    + ", ".join(f"'{key}'" for key in _RESERVED_NAMES)
    + "])"
    + "".join(f" && !{{0}}.startsWith('{prefix}')" for prefix in RESERVED_PREFIXES)
)


def _free_environment(process: str) -> Constraint:
    return Constraint(
        name=f"{process}-environment-is-free",
        at=f"{process}.env[]",
        fields=(f"{process}.env[].name",),
        holds=is_free,
        cel=_FREE_CEL,
        message="names of settings, COINBASE_* and BRIDGE_* cannot be set through env: use the field of spec that "
        "stands for it",
    )


CONSTRAINTS: Final[tuple[Constraint, ...]] = (
    Constraint(
        name="live-has-keys",
        fields=("exchange.credentialsSecretRef", "mode", "exchange.venue"),
        holds=lambda secret, paper, venue: paper or venue == "Simulator" or secret is not None,
        cel="{1} != 'Live' || {2} == 'Simulator' || has({0})",
        message=f"{{0}} must be set when {{1}}: name a Secret with {' and '.join(API_KEY_PAIR)}, or use mode Paper or "
        "venue Simulator",
        only_live=True,
    ),
    Constraint(
        name="live-caps-an-order",
        fields=("risk.maxOrderUSD", "mode"),
        holds=lambda cap, paper: paper or cap is not None,
        cel="{1} != 'Live' || has({0})",
        message="{0} must be set when {1}: it caps what one entry can cost",
        only_live=True,
    ),
    Constraint(
        name="live-caps-the-exposure",
        fields=("risk.maxExposureUSD", "mode"),
        holds=lambda cap, paper: paper or cap is not None,
        cel="{1} != 'Live' || has({0})",
        message="{0} must be set when {1}: it caps what all open lots together can cost",
        only_live=True,
    ),
    Constraint(
        name="fast-average-below-slow",
        fields=("strategy.maFast", "strategy.maSlow"),
        holds=lambda fast, slow: fast < slow,
        cel="{0} < {1}",
        message="{0} must be below {1}",
    ),
    Constraint(
        name="lowered-take-profit-below-take-profit",
        fields=("scalp.tpDecay.minPct", "exits.takeProfitPct", "scalp.tpDecay.enabled"),
        holds=lambda floor, take, lowered: not lowered or floor <= take,
        cel="!{2} || {0} <= {1}",
        message="{0} (the floor of the lowered take profit) must not be above {1}",
    ),
    Constraint(
        name="decayed-gate-below-gate",
        fields=("pyramiding.decayMinPct", "pyramiding.minAdversePct", "pyramiding.decayLambda"),
        holds=lambda floor, gate, decay: decay <= 0 or floor <= gate,
        cel="{2} <= 0.0 || {0} <= {1}",
        message="{0} (the floor of the decayed gate) must not be above {1} while {2} lets it decay; 0 turns the decay "
        "off",
    ),
    Constraint(
        name="scrape-ends-before-the-next",
        fields=("monitoring.serviceMonitor.scrapeTimeout", "monitoring.serviceMonitor.interval"),
        holds=lambda patience, interval: seconds_of(patience) <= seconds_of(interval),
        cel="duration({0}) <= duration({1})",
        message="{0} must not be above {1}",
    ),
    _free_environment("bot"),
    _free_environment("bridge"),
)


@dataclass(frozen=True, slots=True)
class Unique:
    """A list whose items differ: by ``key``, or as a whole. The schema says so by ``x-kubernetes-list-type``."""

    path: str
    key: str | None
    message: str


UNIQUE: Final = (
    Unique("bot.env", "name", "a variable is given twice"),
    Unique("bridge.env", "name", "a variable is given twice"),
    Unique("exchange.websocket.products", None, "a product is given twice"),
)


def broken_by_settings(values: Mapping[str, Any], *, only_live: bool = False) -> list[str]:
    """What parsed settings (by key) say against each other; a key that is missing is not judged.

    ``only_live`` asks for what only a live trader needs, and for nothing else.
    """
    found = []
    for constraint in CONSTRAINTS:
        if not constraint.among_settings or constraint.only_live != only_live:
            continue
        keys = [BY_FIELD[path].key for path in constraint.fields]
        if all(key in values for key in keys) and not constraint.holds(*(values[key] for key in keys)):
            found.append(constraint.settings_message(values))
    return found
