"""From a spec and its inputs to Kubernetes objects. Pure: no clock, no network, no cluster."""

from __future__ import annotations

from typing import Any

from cbbot_operator.render.bot_deployment import bot_deployment
from cbbot_operator.render.bridge_deployment import bridge_deployment
from cbbot_operator.render.durable import claims, service_account, token_secret
from cbbot_operator.render.inputs import Inputs
from cbbot_operator.render.monitoring import service_monitors
from cbbot_operator.render.network import network_policies, services
from cbbot_operator.render.settings_configmap import settings_map

__all__ = ["Inputs", "render"]


def render(inputs: Inputs) -> list[dict[str, Any]]:
    """Every object the TradingBot becomes, in the order they are applied: what a pod needs before the pod."""
    return [
        service_account(inputs),
        token_secret(inputs),
        settings_map(inputs),
        *claims(inputs),
        *services(inputs),
        *network_policies(inputs),
        bridge_deployment(inputs),
        bot_deployment(inputs),
        *service_monitors(inputs),
    ]
