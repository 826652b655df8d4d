"""What the fields of a TradingBot may not say against each other, and how a bad one is told.

Every rule stands here once, in two forms that are kept beside each other: CEL for the API
server (``crd.py`` puts it into the schema) and Python for whoever reads a manifest without one.
The operator asks again what CEL has said, so an API server that drops the rules loses no safety.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from cbbot.contract.runtime_env import BOT_HOST, BOT_NAME, BOT_VENUE, POD_NAMESPACE
from cbbot.contract.settings_table import BY_KEY
from cbbot.contract.tradingbot import TradingBotSpec
from cbbot.contract.violation import BadTradingBot, Violation, quoted_numbers, violations_of

__all__ = [
    "RESERVED_PREFIXES",
    "RULES",
    "TRANSITIONS",
    "BadTradingBot",
    "Rule",
    "Transition",
    "Violation",
    "mebibytes",
    "read_spec",
    "transition_violations",
    "violations",
    "violations_of",
]

RESERVED_PREFIXES = ("COINBASE_", "BRIDGE_")
_MEBIBYTES = {"Mi": 1, "Gi": 1024, "Ti": 1024 * 1024}

Offenders = Iterable[tuple[str, object]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One cross-field rule.

    ``at`` is the schema node the CEL rule belongs to, a path below ``spec`` ("" is ``spec``
    itself, ``[]`` an item of a list). It is never a section with ``default: {}``: the API server
    judges such a default before the fields inside have theirs. ``offenders`` yields the path and value of every field
    that breaks the rule; nothing when the rule holds.
    """

    at: str
    cel: str
    message: str
    offenders: Callable[[TradingBotSpec], Offenders]


@dataclass(frozen=True, slots=True)
class Transition:
    """A rule about a change of a TradingBot that exists; ``allows`` gets the old and the new spec."""

    at: str
    path: str
    cel: str
    message: str
    allows: Callable[[TradingBotSpec, TradingBotSpec], bool]
    value: Callable[[TradingBotSpec], object]


def mebibytes(size: str) -> int:
    """A volume's size (``512Mi``, ``1Gi``, ``2Ti``) in Mi."""
    return int(size[:-2]) * _MEBIBYTES[size[-2:]]


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * (60 if duration.endswith("m") else 1)


def _live_without(value: Callable[[TradingBotSpec], object], path: str) -> Callable[[TradingBotSpec], Offenders]:
    def offenders(spec: TradingBotSpec) -> Offenders:
        if spec.mode == "Live" and value(spec) is None:
            yield path, None

    return offenders


def _live_without_keys(spec: TradingBotSpec) -> Offenders:
    exchange = spec.exchange
    if spec.mode == "Live" and exchange.venue != "Simulator" and exchange.credentialsSecretRef is None:
        yield "exchange.credentialsSecretRef", None


def _averages(spec: TradingBotSpec) -> Offenders:
    if spec.strategy.maFast >= spec.strategy.maSlow:
        yield "strategy.maFast", spec.strategy.maFast


def _scalp_floor(spec: TradingBotSpec) -> Offenders:
    decay = spec.scalp.tpDecay
    if decay.enabled and decay.minPct > spec.exits.takeProfitPct:
        yield "scalp.tpDecay.minPct", decay.minPct


def _gate_floor(spec: TradingBotSpec) -> Offenders:
    gate = spec.pyramiding
    if gate.decayLambda > 0 and gate.decayMinPct > gate.minAdversePct:
        yield "pyramiding.decayMinPct", gate.decayMinPct


def _scrape_timeout(spec: TradingBotSpec) -> Offenders:
    monitor = spec.monitoring.serviceMonitor
    if _seconds(monitor.scrapeTimeout) > _seconds(monitor.interval):
        yield "monitoring.serviceMonitor.scrapeTimeout", monitor.scrapeTimeout


# Settings, and who the bot is; how loud it logs is left to the person.
_RESERVED_NAMES = (*BY_KEY, POD_NAMESPACE, BOT_NAME, BOT_VENUE, BOT_HOST)


def _reserved(name: str) -> bool:
    return name in _RESERVED_NAMES or name.startswith(RESERVED_PREFIXES)


def _reserved_env(process: str) -> Callable[[TradingBotSpec], Offenders]:
    def offenders(spec: TradingBotSpec) -> Offenders:
        for index, variable in enumerate(getattr(spec, process).env):
            if _reserved(variable.name):
                yield f"{process}.env[{index}].name", variable.name

    return offenders


def _repeated_env(process: str) -> Callable[[TradingBotSpec], Offenders]:
    def offenders(spec: TradingBotSpec) -> Offenders:
        seen: set[str] = set()
        for index, variable in enumerate(getattr(spec, process).env):
            if variable.name in seen:
                yield f"{process}.env[{index}].name", variable.name
            seen.add(variable.name)

    return offenders


_RESERVED_CEL = (
    "!(self.name in ["
    + ", ".join(f"'{key}'" for key in _RESERVED_NAMES)
    + "])"
    + "".join(f" && !self.name.startsWith('{prefix}')" for prefix in RESERVED_PREFIXES)
)
_RESERVED_MESSAGE = (
    "names of settings, COINBASE_* and BRIDGE_* cannot be set through env: use the field of spec that stands for it"
)
_SIZE_CEL = (
    "int({0}.find('^[0-9]+')) * ({0}.endsWith('Ti') ? 1048576 : ({0}.endsWith('Gi') ? 1024 : 1))"  # Mi, in CEL of 1.25
)

RULES: tuple[Rule, ...] = (
    Rule(
        "",
        "self.mode != 'Live' || self.exchange.venue == 'Simulator' || has(self.exchange.credentialsSecretRef)",
        "spec.exchange.credentialsSecretRef must be set when mode is Live: name a Secret with COINBASE_API_KEY_NAME "
        "and COINBASE_API_PRIVATE_KEY, or use mode Paper or venue Simulator",
        _live_without_keys,
    ),
    Rule(
        "",
        "self.mode != 'Live' || has(self.risk.maxOrderUSD)",
        "spec.risk.maxOrderUSD must be set when mode is Live: it caps what one entry can cost",
        _live_without(lambda spec: spec.risk.maxOrderUSD, "risk.maxOrderUSD"),
    ),
    Rule(
        "",
        "self.mode != 'Live' || has(self.risk.maxExposureUSD)",
        "spec.risk.maxExposureUSD must be set when mode is Live: it caps what all open lots together can cost",
        _live_without(lambda spec: spec.risk.maxExposureUSD, "risk.maxExposureUSD"),
    ),
    Rule(
        "",
        "self.strategy.maFast < self.strategy.maSlow",
        "spec.strategy.maFast must be below maSlow",
        _averages,
    ),
    Rule(
        "",
        "!self.scalp.tpDecay.enabled || self.scalp.tpDecay.minPct <= self.exits.takeProfitPct",
        "spec.scalp.tpDecay.minPct, the floor of the lowered take profit, must not be above spec.exits.takeProfitPct",
        _scalp_floor,
    ),
    Rule(
        "",
        "self.pyramiding.decayLambda <= 0.0 || self.pyramiding.decayMinPct <= self.pyramiding.minAdversePct",
        "spec.pyramiding.decayMinPct, the floor of the decayed gate, must not be above minAdversePct "
        "(set decayLambda to 0 for a gate that does not decay)",
        _gate_floor,
    ),
    Rule(
        "",
        "duration(self.monitoring.serviceMonitor.scrapeTimeout) <= duration(self.monitoring.serviceMonitor.interval)",
        "spec.monitoring.serviceMonitor.scrapeTimeout must not be above interval",
        _scrape_timeout,
    ),
    Rule("bot.env[]", _RESERVED_CEL, _RESERVED_MESSAGE, _reserved_env("bot")),
    Rule("bridge.env[]", _RESERVED_CEL, _RESERVED_MESSAGE, _reserved_env("bridge")),
    # The schema's list-map-keys say these two to the API server; they need no CEL.
    Rule("bot.env", "", "a variable is given twice", _repeated_env("bot")),
    Rule("bridge.env", "", "a variable is given twice", _repeated_env("bridge")),
)

TRANSITIONS: tuple[Transition, ...] = (
    Transition(
        "product.id",
        "product.id",
        "self == oldSelf",
        "spec.product.id cannot be changed: the state's lots are of that product; make another TradingBot",
        lambda old, new: old.product.id == new.product.id,
        lambda spec: spec.product.id,
    ),
    Transition(
        "state",
        "state.storageClassName",
        "has(self.storageClassName) == has(oldSelf.storageClassName) && "
        "(!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)",
        "spec.state.storageClassName cannot be changed: a volume stays in its class",
        lambda old, new: old.state.storageClassName == new.state.storageClassName,
        lambda spec: spec.state.storageClassName,
    ),
    Transition(
        "state.accessMode",
        "state.accessMode",
        "self == oldSelf",
        "spec.state.accessMode cannot be changed: a claim keeps its access mode",
        lambda old, new: old.state.accessMode == new.state.accessMode,
        lambda spec: spec.state.accessMode,
    ),
    Transition(
        "state.size",
        "state.size",
        f"{_SIZE_CEL.format('self')} >= {_SIZE_CEL.format('oldSelf')}",
        "spec.state.size can only grow: a volume cannot shrink",
        lambda old, new: mebibytes(new.state.size) >= mebibytes(old.state.size),
        lambda spec: spec.state.size,
    ),
)


def violations(spec: TradingBotSpec) -> list[Violation]:
    """Every rule that ``spec`` breaks, in the order of :data:`RULES`; empty when it is sound."""
    return [Violation(path, value, rule.message) for rule in RULES for path, value in rule.offenders(spec)]


def transition_violations(old: TradingBotSpec, new: TradingBotSpec) -> list[Violation]:
    """What may not change from ``old`` to ``new`` but does."""
    return [Violation(rule.path, rule.value(new), rule.message) for rule in TRANSITIONS if not rule.allows(old, new)]


def read_spec(document: Mapping[str, Any]) -> TradingBotSpec:
    """The spec of a manifest (the mapping below ``spec:``), judged as the cluster would.

    Nulls are absent fields, as to the API server. Numbers in quotes are refused, as there.

    Raises:
        BadTradingBot: with every violation found, each naming field, value and what is accepted.
    """
    given = _without_nulls(document)
    found = quoted_numbers(given)
    try:
        # JSON mode, strict: text is text and numbers are numbers, as in the API server.
        spec = TradingBotSpec.model_validate_json(json.dumps(given, default=str), strict=True)
    except ValidationError as error:
        refused = violations_of(error)
        told = {violation.path for violation in refused}
        raise BadTradingBot([*(one for one in found if one.path not in told), *refused]) from error
    found += violations(spec)
    if found:
        raise BadTradingBot(found)
    return spec


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
