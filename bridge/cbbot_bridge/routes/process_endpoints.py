"""The bridge itself: alive, ready, measured, and what it sees upstream."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from cbbot import __version__
from cbbot.contract.bridge_api import Health, Ready, Upstream
from cbbot_bridge.assembly import Bridge
from cbbot_bridge.routes.admission import TokenRoute
from cbbot_bridge.routes.documented import TOKEN_ERRORS
from cbbot_bridge.routes.requests import BridgeOf, Identity, Token
from cbbot_bridge.upstream_check import UpstreamCheck

__all__ = ["private", "router"]

router = APIRouter(tags=["process"])
private = APIRouter(route_class=TokenRoute, tags=["process"])


@router.get("/health")
async def health() -> Health:
    """The process lives."""
    return Health()


@router.get("/ready")
async def ready(bridge: BridgeOf) -> Ready:
    """The bridge can serve. Coinbase's health has no say in it: see /upstream."""
    return Ready(orders=_order_readiness(bridge), version=__version__)


def _order_readiness(bridge: Bridge) -> str:
    if bridge.access.closed:
        return "no_token_configured"
    return "ready" if bridge.settings.can_order else "no_credentials"


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(bridge: BridgeOf) -> Response:
    """Prometheus."""
    return Response(generate_latest(bridge.metrics.registry), media_type=CONTENT_TYPE_LATEST)


@private.get("/upstream", responses=TOKEN_ERRORS, dependencies=[Token])
async def upstream(request: Request, _identity: Identity) -> Upstream:
    """Coinbase as seen from here: reachable, clock, key, prices, allowance. Ten seconds old at most."""
    check: UpstreamCheck = request.app.state.upstream_check
    return await check.report()
