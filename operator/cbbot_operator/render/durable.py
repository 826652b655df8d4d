"""What outlives a pod: the tokens, the volumes, and the account pods run as."""

from __future__ import annotations

import base64
from typing import Any

from cbbot_operator.access_mode import ASKED_MODE
from cbbot_operator.keys import WATCH_LABEL
from cbbot_operator.observed import BOT_TOKEN, CONTROL_TOKEN
from cbbot_operator.render.inputs import Inputs, annotate

__all__ = ["claim_name", "claims", "service_account", "token_secret"]


def service_account(inputs: Inputs) -> dict[str, Any]:
    """Pods talk to no API server: the account exists to have no token and no rights."""
    return {
        **inputs.head("ServiceAccount", inputs.names.account, "bot"),
        "automountServiceAccountToken": False,
    }


def token_secret(inputs: Inputs) -> dict[str, Any]:
    head = inputs.head("Secret", inputs.names.tokens, "bot")
    head["metadata"]["labels"][WATCH_LABEL] = "true"
    return {
        **head,
        "type": "Opaque",
        "data": {
            BOT_TOKEN: base64.b64encode(inputs.tokens.bridge.encode()).decode(),
            CONTROL_TOKEN: base64.b64encode(inputs.tokens.control.encode()).decode(),
        },
    }


def claim_name(inputs: Inputs) -> str:
    return inputs.spec.state.existingClaim or inputs.names.state


def claims(inputs: Inputs) -> list[dict[str, Any]]:
    """The state's claim unless one is given, and the simulator's: the bot's state is of that market."""
    state = inputs.spec.state
    owned = state.reclaimPolicy == "Delete"
    made = []
    if state.existingClaim is None:
        mode = inputs.access_mode or state.accessMode
        claim = _claim(inputs, inputs.names.state, "bot", state.size, mode, owned=owned)
        if mode != state.accessMode:
            annotate(claim, {ASKED_MODE: state.accessMode})
        made.append(claim)
    if inputs.simulated:
        made.append(_claim(inputs, inputs.names.of("simulator"), "simulator", "256Mi", "ReadWriteOnce", owned=owned))
    return made


def _claim(inputs: Inputs, name: str, component: str, size: str, mode: str, *, owned: bool) -> dict[str, Any]:
    spec: dict[str, Any] = {"accessModes": [mode], "resources": {"requests": {"storage": size}}}
    if inputs.spec.state.storageClassName is not None:
        spec["storageClassName"] = inputs.spec.state.storageClassName
    return {**inputs.head("PersistentVolumeClaim", name, component, owned=owned), "spec": spec}
