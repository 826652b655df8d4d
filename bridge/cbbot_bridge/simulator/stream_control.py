"""Control of the WebSocket: closing connections, and faults of what they are sent. Not part of Coinbase's interface."""

from __future__ import annotations

from typing import Final, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cbbot.errors import BadInput
from cbbot_bridge.simulator.error_answers import ApiError
from cbbot_bridge.simulator.request_reading import read_fields
from cbbot_bridge.simulator.stream_connection import ABNORMAL
from cbbot_bridge.simulator.stream_faults import parse_stream_fault
from cbbot_bridge.simulator.websocket_server import Hub

__all__ = ["clear_stream_faults", "close_sockets", "set_stream_fault"]

_NORMAL: Final = 1000


def _hub(request: Request) -> Hub:
    return cast("Hub", request.app.state.hub)


async def close_sockets(request: Request) -> Response:
    """``POST /sim/sockets/close``: ``{"code": 1000}`` closes every WebSocket; 1006 cuts them without a close frame."""
    code = (await read_fields(request)).only("code").whole("code", _NORMAL, most=4999)
    if not (code in (_NORMAL, 1001, ABNORMAL) or 1007 <= code <= 1014 or code >= 3000):
        raise ApiError.invalid("code: a WebSocket close code that may be sent, e.g. 1000, or 1006 to cut connections")
    return JSONResponse({"closed": _hub(request).disconnect_all(code)})


async def set_stream_fault(request: Request) -> Response:
    """``POST /sim/sockets/faults``: one more fault, see :class:`~.stream_faults.StreamFault` for its fields."""
    try:
        fault = parse_stream_fault((await read_fields(request)).values)
    except BadInput as error:
        raise ApiError.invalid(str(error)) from error
    return JSONResponse({"rules": _hub(request).add_fault(fault)})


async def clear_stream_faults(request: Request) -> Response:
    """``DELETE /sim/sockets/faults``: what is sent arrives again."""
    _hub(request).clear_faults()
    return JSONResponse({"rules": 0})
