"""Control of the simulation: where it stands, moving a stopped clock, faults. Not part of Coinbase's interface."""

from __future__ import annotations

from typing import cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cbbot.domain.timestamps import rfc3339_ms
from cbbot.errors import BadInput
from cbbot_bridge.simulator.error_answers import ApiError, world_of
from cbbot_bridge.simulator.faults import PendingFaults, parse_fault
from cbbot_bridge.simulator.request_reading import read_fields
from cbbot_bridge.simulator.state_file import StateFile
from cbbot_bridge.simulator.world import World

__all__ = ["advance", "clear_faults", "set_fault", "status"]

_MOST_CANDLES = 1_000_000
_LATEST_MS = 4_102_444_800_000  # 2100


def _standing(world: World) -> dict[str, object]:
    now_ms = world.now_ms()
    return {
        "now_ms": now_ms,
        "now": rfc3339_ms(now_ms),
        "candle": world.main.tape.index_at(now_ms),
        "candles_in_file": len(world.main.tape.series),
        "speed": world.clock.speed,
    }


async def status(request: Request) -> Response:
    """``GET /sim/status``: the clock, and the number of the newest candle counted over the whole replay."""
    return JSONResponse(_standing(world_of(request)))


async def advance(request: Request) -> Response:
    """``POST /sim/advance``: move a stopped clock ``{"to_ms": t}``, or ``{"candles": n}`` on.

    By candles the clock stops where the n-th next candle that is not over yet ends.
    """
    world = world_of(request)
    fields = (await read_fields(request)).only("to_ms", "candles")
    if ("to_ms" in fields) == ("candles" in fields):
        raise ApiError.invalid('give {"to_ms": venue ms} or {"candles": how many}')
    if "candles" in fields:
        to_ms = _end_of(world, fields.whole("candles", least=1, most=_MOST_CANDLES))
    else:
        to_ms = fields.whole("to_ms", most=_LATEST_MS)
    try:
        world.clock.advance_to(to_ms)
    except BadInput as error:
        raise ApiError.invalid(str(error)) from error
    await cast("StateFile", request.app.state.state_file).save()
    return JSONResponse(_standing(world))


def _end_of(world: World, candles: int) -> int:
    now_ms, tape = world.now_ms(), world.main.tape
    index = tape.index_at(now_ms)
    length = tape.series.seconds
    over = index < 0 or (tape.candle(index).start + length) * 1000 <= now_ms
    return (tape.candle(index + candles - (not over)).start + length) * 1000


async def set_fault(request: Request) -> Response:
    """``POST /sim/faults``: one more fault, see :data:`~.faults.FAULT_FIELDS` for its fields."""
    pending = cast("PendingFaults", request.app.state.faults)
    try:
        pending.add(parse_fault((await read_fields(request)).values))
    except BadInput as error:
        raise ApiError.invalid(str(error)) from error
    return JSONResponse({"rules": len(pending.faults)})


async def clear_faults(request: Request) -> Response:
    """``DELETE /sim/faults``: everything works again."""
    cast("PendingFaults", request.app.state.faults).clear()
    return JSONResponse({"rules": 0})
