"""What must hold before a TradingBot's children are made or changed: a chain of named policies.

A violation holds everything back as it is: pods that trade go on trading. The first violation is
what the person is told; mending it brings out the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cbbot.contract.bridge_settings_table import API_KEY_PAIR
from cbbot.contract.tradingbot import TradingBotSpec
from cbbot.contract.tradingbot_constraints import TRANSITION_OF
from cbbot_operator import deletion
from cbbot_operator.access_mode import asked_of
from cbbot_operator.known_lots import flat, opens_no_more
from cbbot_operator.observed import Observed, api_key_secret
from cbbot_operator.running_values import changed, running, running_values

__all__ = ["CHAIN", "Refusal", "first_refusal"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """``reason`` is the condition's, ``message`` says what to do. Waiting may mend it: a Secret may appear."""

    reason: str
    message: str


Policy = Callable[[Observed, TradingBotSpec], "Refusal | None"]


def names_are_free(seen: Observed, spec: TradingBotSpec) -> Refusal | None:
    """Server-side apply with force would take over whatever has the name."""
    del spec
    for kind, name in sorted(seen.foreign):
        return Refusal(
            "NameTaken",
            f"{kind} {name} exists and was not made for this TradingBot; rename one of them or delete the {kind}",
        )
    return None


def product_is_kept(seen: Observed, spec: TradingBotSpec) -> Refusal | None:
    settings = seen.child("ConfigMap", seen.names.settings)
    before = (settings or {}).get("data", {}).get("PRODUCT_ID", spec.product.id)
    return _refused("ProductChanged", "product.id", before, spec.product.id)


def volume_is_kept(seen: Observed, spec: TradingBotSpec) -> Refusal | None:
    if seen.claim is None or spec.state.existingClaim is not None:
        return None
    claim, wanted = seen.claim["spec"], spec.state
    mode = asked_of(seen.claim) or wanted.accessMode
    storage_class = claim.get("storageClassName")
    size = str(claim["resources"]["requests"]["storage"])
    before_and_after = {
        "state.accessMode": (mode, wanted.accessMode),
        # None wanted is the cluster's default, whatever that was when the claim was made.
        "state.storageClassName": (storage_class, wanted.storageClassName or storage_class),
        "state.size": (size if size[-2:] in ("Mi", "Gi", "Ti") else wanted.size, wanted.size),
    }
    refusals = (_refused("VolumeChanged", path, *values) for path, values in before_and_after.items())
    return next((refusal for refusal in refusals if refusal is not None), None)


def _refused(reason: str, path: str, before: object, after: object) -> Refusal | None:
    message = TRANSITION_OF[path].refusal(before, after)
    return None if message is None else Refusal(reason, message)


def lots_keep_what_they_are_on(seen: Observed, spec: TradingBotSpec) -> Refusal | None:
    """Lots that are open, or may be, are of one mode and one venue, and stand in one volume."""
    before, after, paths = running(seen), running_values(spec, seen.names), changed(seen, spec)
    if not paths or not deletion.has_run(seen):
        return None
    is_flat = flat(seen)
    if is_flat and (before.get("mode") != "Live" or opens_no_more(seen)):
        return None
    path, lots = paths[0], seen.ready_status.open_lots if seen.ready_status is not None else None
    why = f"lots are open ({lots})" if lots else "the bot must first say that it has no lots"
    if is_flat:
        why = "the bot must first pause entries, which it is asked to"
    return Refusal(
        "LotsOpen",
        f"spec.{path} was {before[path]} and cannot become {after[path]} now: {why}; put {before[path]} back, and "
        "change it when the bot is ready and flat, or make another TradingBot",
    )


def claim_exists(seen: Observed, spec: TradingBotSpec) -> Refusal | None:
    if spec.state.existingClaim is None or seen.claim is not None:
        return None
    name = spec.state.existingClaim
    return Refusal("ClaimMissing", f"PersistentVolumeClaim {name} (spec.state.existingClaim) does not exist")


def claim_is_free(seen: Observed, spec: TradingBotSpec) -> Refusal | None:
    if not seen.claim_holder:
        return None
    return Refusal(
        "ClaimInUse",
        f"PersistentVolumeClaim {spec.state.existingClaim} (spec.state.existingClaim) is the state of TradingBot "
        f"{seen.claim_holder}: two bots would undo each other's lots; name another claim",
    )


def secrets_are_there(seen: Observed, spec: TradingBotSpec) -> Refusal | None:
    """Without them a new pod could not start, and a running one would be stopped for one that cannot."""
    if spec.suspend:
        return None
    keys = api_key_secret(spec)
    wanted = [(keys, key, "spec.exchange.credentialsSecretRef") for key in API_KEY_PAIR if keys]
    slack = spec.notifications.slackWebhookSecretRef
    if slack is not None:
        wanted.append((slack.name, slack.key, "spec.notifications.slackWebhookSecretRef"))
    for name, key, field in wanted:
        contents = seen.secrets.get(str(name))
        if contents is None:
            return Refusal("SecretMissing", f"Secret {name} ({field}) does not exist; create it with key {key}")
        if not contents.get(key):
            return Refusal("SecretIncomplete", f"Secret {name} ({field}) has no key {key}")
    return None


CHAIN: tuple[Policy, ...] = (
    names_are_free,
    product_is_kept,
    lots_keep_what_they_are_on,
    volume_is_kept,
    claim_exists,
    claim_is_free,
    secrets_are_there,
)


def first_refusal(seen: Observed) -> Refusal | None:
    """The first policy that does not hold, or None."""
    if seen.spec is None:
        return None
    for policy in CHAIN:
        refusal = policy(seen, seen.spec)
        if refusal is not None:
            return refusal
    return None
