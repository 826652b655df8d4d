"""What must hold before a TradingBot's children are made or changed: a chain of named policies.

A violation holds everything back as it is: pods that trade go on trading. The first violation is
what the person is told; mending it brings out the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cbbot.contract.tradingbot import TradingBotSpec
from cbbot.contract.tradingbot_rules import mebibytes
from cbbot_operator.observed import Observed, api_key_secret

__all__ = ["API_KEY_FIELDS", "CHAIN", "Refusal", "first_refusal"]

API_KEY_FIELDS = ("COINBASE_API_KEY_NAME", "COINBASE_API_PRIVATE_KEY")


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
    if before == spec.product.id:
        return None
    return Refusal(
        "ProductChanged",
        f"spec.product.id was {before} and cannot become {spec.product.id}: the state's lots are of {before}; "
        "make another TradingBot",
    )


def volume_is_kept(seen: Observed, spec: TradingBotSpec) -> Refusal | None:
    if seen.claim is None or spec.state.existingClaim is not None:
        return None
    claim = seen.claim["spec"]
    mode = next(iter(claim.get("accessModes", ())), spec.state.accessMode)
    storage_class = claim.get("storageClassName")
    wanted = spec.state.storageClassName
    if mode != spec.state.accessMode:
        return Refusal("VolumeChanged", f"spec.state.accessMode was {mode} and cannot become {spec.state.accessMode}")
    if wanted is not None and wanted != storage_class:
        return Refusal("VolumeChanged", f"spec.state.storageClassName was {storage_class} and cannot become {wanted}")
    size = str(claim["resources"]["requests"]["storage"])
    if size[-2:] in ("Mi", "Gi", "Ti") and mebibytes(size) > mebibytes(spec.state.size):
        return Refusal("VolumeChanged", f"spec.state.size was {size} and cannot shrink to {spec.state.size}")
    return None


def claim_exists(seen: Observed, spec: TradingBotSpec) -> Refusal | None:
    if spec.state.existingClaim is None or seen.claim is not None:
        return None
    name = spec.state.existingClaim
    return Refusal("ClaimMissing", f"PersistentVolumeClaim {name} (spec.state.existingClaim) does not exist")


def secrets_are_there(seen: Observed, spec: TradingBotSpec) -> Refusal | None:
    """Without them a new pod could not start, and a running one would be stopped for one that cannot."""
    if spec.suspend:
        return None
    keys = api_key_secret(spec)
    wanted = [(keys, key, "spec.exchange.credentialsSecretRef") for key in API_KEY_FIELDS if keys]
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


CHAIN: tuple[Policy, ...] = (names_are_free, product_is_kept, volume_is_kept, claim_exists, secrets_are_there)


def first_refusal(seen: Observed) -> Refusal | None:
    """The first policy that does not hold, or None."""
    if seen.spec is None:
        return None
    for policy in CHAIN:
        refusal = policy(seen, seen.spec)
        if refusal is not None:
            return refusal
    return None
