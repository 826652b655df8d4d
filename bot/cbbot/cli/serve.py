"""One bot with its HTTP server, from the lock on its state to its last save."""

from __future__ import annotations

import asyncio
import secrets
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from prometheus_client import ProcessCollector

from cbbot import __version__
from cbbot.brokers.bridge_client import BridgeClient
from cbbot.cli.exits import DONE
from cbbot.contract.runtime_env import BOT_HOST
from cbbot.contract.settings import Settings
from cbbot.errors import UnsafeStart
from cbbot.process.daemon_calls import in_daemon_thread
from cbbot.process.http_server import HttpServer, log_listening
from cbbot.process.listening_socket import listening_socket
from cbbot.process.stop_signals import heeded_signals, stopped_by
from cbbot.runtime.decision_journal import DecisionJournal, journal_of
from cbbot.runtime.live_bot import LiveBot
from cbbot.runtime.lock import lock_folder
from cbbot.runtime.notify import SlackNotices
from cbbot.runtime.opened_state import open_state
from cbbot.runtime.status_answer import About
from cbbot.views.bot_metrics import BotMetrics
from cbbot.web.bot_app import create_app

__all__ = ["READ_SECONDS", "Surroundings", "serve"]

READ_SECONDS: Final = 30.0
"""The longest that a start waits for the disk to tell what it holds."""

_LAST_WORDS_SECONDS: Final = 3.0

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the process is told beside the settings; secrets are kept out of its ``repr``."""

    host: str
    bot: str
    namespace: str
    venue: str
    bridge_token: str | None = field(repr=False)
    control_token: str | None = field(repr=False)
    slack_webhook: str | None = field(repr=False)
    slack_proxy: str | None = field(repr=False, default=None)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What stands in no log."""
        held = (self.bridge_token, self.control_token, self.slack_webhook, self.slack_proxy)
        return tuple(secret for secret in held if secret)


async def serve(settings: Settings, surroundings: Surroundings, warnings: list[str]) -> int:
    """Trades until a signal; the exit code: 0 for a clean stop by SIGTERM, 128 and the signal's number for others.

    Raises:
        UnsafeStart: trading on the state would be wrong.
        BadInput: the port is taken, or the settings do not fit the venue.
    """
    state_file = Path(settings.state_file)
    lock = await _in_time(state_file.parent, lambda: lock_folder(state_file.parent))
    with lock, _listener(surroundings, settings) as listener:
        opened = await _in_time(state_file.parent, lambda: open_state(state_file, settings, surroundings.venue))
        warnings += opened.warnings
        about = About(
            settings=settings,
            bot=surroundings.bot or opened.identity.bot_id,
            namespace=surroundings.namespace,
            venue=surroundings.venue,
            version=__version__,
            started_ms=int(time.time() * 1000),
            warnings=warnings,
        )
        metrics = BotMetrics()
        ProcessCollector(registry=metrics.registry)
        slack = (
            SlackNotices(surroundings.slack_webhook, _title(about), metrics, proxy=surroundings.slack_proxy)
            if surroundings.slack_webhook
            else None
        )
        client = BridgeClient(settings.bridge_url, surroundings.bridge_token, instance=secrets.token_hex(8))
        bot = LiveBot(about, client, opened, slack=slack, metrics=metrics)
        journal = journal_of(state_file)
        app = create_app(bot, surroundings.control_token, __version__, journal.page)
        # The bot decides what a signal means: it has orders to see to first.
        server = HttpServer(app, log_listening, grace_seconds=2, lifespan="off")
        if slack:
            slack("start", {"version": about.version})
        return await _trading(bot, slack, journal, server, listener)


def _title(about: About) -> str:
    """Who says it, in a channel of many bots."""
    return f"{about.bot} ({about.settings.mode} {about.settings.product_id})"


async def _in_time(folder: Path, call: Callable[[], _T]) -> _T:
    """What ``call`` finds on the disk, if the disk answers.

    Raises:
        UnsafeStart: it does not; or what ``call`` raises.
    """
    found: list[_T] = []
    try:
        await asyncio.wait_for(in_daemon_thread(lambda: found.append(call())), READ_SECONDS)
    except TimeoutError as error:
        raise UnsafeStart(
            f"the disk of the state's folder {folder} has not answered for {READ_SECONDS:g} s, so nothing is known of "
            "lots and orders; this process has read nothing and ends. Look at the volume (frozen, or its server gone?)"
        ) from error
    return found[0]


def _listener(surroundings: Surroundings, settings: Settings) -> socket.socket:
    return listening_socket(surroundings.host, settings.port, host_name=BOT_HOST, port_name="PORT")


async def _last_words(bot: LiveBot, slack: SlackNotices, error: BaseException | None) -> None:
    if error is not None:
        slack("error", {"detail": str(error)})
    slack("stop", {"open_lots": bot.status().open_lots})
    await slack.drained(_LAST_WORDS_SECONDS)


async def _trading(
    bot: LiveBot, slack: SlackNotices | None, journal: DecisionJournal, server: HttpServer, listener: socket.socket
) -> int:
    trading = asyncio.create_task(bot.run())
    signals: list[signal.Signals] = []

    def on_signal(number: signal.Signals) -> None:
        signals.append(number)
        if len(signals) == 1:
            bot.stop()
        else:
            trading.cancel()  # asked twice: whatever is in flight is in the state

    loop = asyncio.get_running_loop()
    for number in heeded_signals():
        loop.add_signal_handler(number, on_signal, number)
    serving = asyncio.create_task(server.serve([listener]))
    beside = [asyncio.create_task(journal.run(bot.events()))]
    if slack:
        beside.append(asyncio.create_task(slack.run()))
    try:
        await asyncio.wait({trading, serving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        bot.stop()
        await asyncio.wait({trading})
        if slack and not trading.cancelled():
            await _last_words(bot, slack, trading.exception())
        server.stop()
        for task in beside:
            task.cancel()
        await asyncio.gather(serving, *beside, return_exceptions=True)
    if trading.cancelled():
        return stopped_by(signals[0])
    trading.result()
    # A bot is a service: SIGTERM is how Kubernetes and systemd end one, and 0 tells them that it went well.
    return stopped_by(signals[0]) if signals and signals[0] != signal.SIGTERM else DONE
