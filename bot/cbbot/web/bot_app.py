"""The bot's endpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from cbbot.contract.bot_api import AverageRow, BotStatus, DecisionRow, Gates, LotRow, NumberedTrade, Steering
from cbbot.contract.bridge_api import CandleRow
from cbbot.contract.bridge_errors import ErrorAnswer, ErrorDetail
from cbbot.contract.bridge_fields import DIGITS_ONLY
from cbbot.domain.timestamps import epoch_ms
from cbbot.errors import Refused, Retryable
from cbbot.process.http_methods import HttpMethods
from cbbot.process.invalid_requests import problems_of
from cbbot.web.bot_page import add_page
from cbbot.web.control_access import Gate
from cbbot.web.event_stream import stream
from cbbot.web.file_reading import FileReading
from cbbot.web.served_bot import Bot

__all__ = ["create_app"]

Limit = Annotated[int, Query(ge=1, le=1000, description="How many, at most."), DIGITS_ONLY]


class By(BaseModel):
    """Who asks: a person (``hand``) or the TradingBot's own ``entriesPaused`` (``resource``)."""

    model_config = ConfigDict(extra="forbid")
    by: Literal["hand", "resource"] = "hand"


def _asked_by(asked: By | None = None, by: Annotated[Literal["hand", "resource"] | None, Query()] = None) -> str:
    return by or (asked.by if asked else "hand")


Asker = Annotated[str, Depends(_asked_by)]


def create_app(
    bot: Bot, control_token: str | None, version: str, journal: Callable[[int, int], list[DecisionRow]] | None = None
) -> FastAPI:
    """``journal(limit, before_ms)`` has the decisions of earlier runs, newest first."""
    app = FastAPI(title="cbbot", version=version, docs_url=None, redoc_url=None)
    app.add_middleware(HttpMethods, routes=app.routes)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _unreadable)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(Retryable, _retryable)
    _add_health(app, bot)
    _add_reads(app, bot, journal)
    _add_chart(app, bot)
    add_page(app)
    _add_controls(app, bot, Gate(control_token))
    return app


def _add_health(app: FastAPI, bot: Bot) -> None:
    @app.get("/healthz", summary="Whether the loop moved within its bound")
    async def healthz() -> PlainTextResponse:
        ready, reason = bot.readiness
        if bot.alive:
            # A restart would mend nothing that a loop which moves waits for, and leave lots unwatched.
            return PlainTextResponse("ok\n" if ready else f"ok, but not ready: {reason}\n")
        why = f": {reason}" if reason else ""
        return PlainTextResponse(f"the loop has not moved for too long{why}\n", HTTPStatus.SERVICE_UNAVAILABLE)

    @app.get("/readyz", summary="Whether every order of an earlier run is accounted for")
    async def readyz() -> PlainTextResponse:
        ready, reason = bot.readiness
        if ready:
            return PlainTextResponse("ready\n")
        return PlainTextResponse(f"not ready: {reason}\n", HTTPStatus.SERVICE_UNAVAILABLE)

    @app.get("/metrics", summary="Prometheus")
    async def metrics() -> Response:
        return Response(bot.exposition(), media_type=CONTENT_TYPE_LATEST)


def _add_reads(app: FastAPI, bot: Bot, journal: Callable[[int, int], list[DecisionRow]] | None) -> None:
    reading = FileReading()

    @app.get("/status")
    async def status() -> BotStatus:
        return bot.status()

    @app.get("/lots", summary="Open lots, oldest first; null when it is not known which there are")
    async def lots() -> list[LotRow] | None:
        return bot.lots()

    @app.get("/trades", summary="Closed trades, newest first; null when it is not known whether there are any")
    async def trades(
        limit: Limit = 50,
        before: Annotated[int | None, Query(description="Only trades with smaller numbers."), DIGITS_ONLY] = None,
    ) -> list[NumberedTrade] | None:
        return await reading.done(lambda: bot.trades(limit, before))

    @app.get("/decisions", summary="Decisions, newest first: of this run, or with `before` of the journal")
    async def decisions(
        limit: Limit = 100,
        before: Annotated[
            str | None,
            Query(description="Only decisions before this time (RFC 3339), from the journal.", max_length=40),
        ] = None,
    ) -> list[DecisionRow]:
        if before is None:
            return bot.decisions(limit)
        before_ms = epoch_ms(before)
        if before_ms is None:
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, "before: an RFC 3339 time with its zone is wanted")
        return [] if journal is None else await reading.done(lambda: journal(limit, before_ms))

    @app.get("/events", summary="Server-sent events: tick, decision, order, fill, exit, breaker, status")
    async def events() -> StreamingResponse:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(stream(bot), media_type="text/event-stream", headers=headers)


def _add_chart(app: FastAPI, bot: Bot) -> None:
    @app.get("/candles", summary="Candles, oldest first; the newest may be in progress")
    async def candles(limit: Limit = 300) -> list[CandleRow]:
        return bot.candles(limit)

    @app.get("/averages", summary="The moving averages at the same candles")
    async def averages(limit: Limit = 300) -> list[AverageRow]:
        return bot.averages(limit)

    @app.get("/gates", summary="What today's decisions came to, and the gate of the next lot; null at first")
    async def gates() -> Gates | None:
        return bot.gates()


def _add_controls(app: FastAPI, bot: Bot, gate: Gate) -> None:
    refusals = {code: {"model": ErrorAnswer} for code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, 503)}
    steering = {"dependencies": [Depends(gate)], "responses": refusals, "response_model": BotStatus}

    @app.get("/control", summary="Whether this request may steer")
    async def steering_of(request: Request) -> Steering:
        return gate.steering(request)

    @app.post("/control/pause-entries", summary="No new lots until resumed by the same asker", **steering)  # type: ignore[arg-type]  # one dict of FastAPI's own keywords
    async def pause(by: Asker) -> BotStatus:
        await bot.pause_entries(by)
        return bot.status()

    @app.post("/control/resume", summary="End the asker's own pause", **steering)  # type: ignore[arg-type]  # as above
    async def resume(by: Asker) -> BotStatus:
        await bot.resume_entries(by)
        return bot.status()

    @app.post("/control/flatten", summary="Close every lot, and pause entries by hand", **steering)  # type: ignore[arg-type]  # as above
    async def flatten() -> BotStatus:
        await bot.flatten()
        return bot.status()


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  Starlette's handlers are typed for any Exception
    return _answer(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_input", problems_of(error))


async def _unreadable(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  as above
    code = "not_found" if error.status_code == HTTPStatus.NOT_FOUND else "invalid_input"
    return _answer(HTTPStatus(error.status_code), code, str(error.detail), error.headers)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    code = error.code if isinstance(error, Refused) else "refused"
    status = HTTPStatus.UNAUTHORIZED if code == "bad_token" else HTTPStatus.FORBIDDEN
    return _answer(status, code, str(error))


async def _retryable(_: Request, error: Exception) -> JSONResponse:
    return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "not_now", str(error))


def _answer(status: HTTPStatus, code: str, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    answer = ErrorAnswer(error=ErrorDetail(code=code, message=message))
    return JSONResponse(answer.model_dump(exclude_none=True), status, headers)
