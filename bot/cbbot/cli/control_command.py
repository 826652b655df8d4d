"""``cbbot control``: what a person asks of a bot that runs: pause, resume, flatten."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import httpx
import typer
from pydantic import ValidationError

from cbbot.cli.exits import DONE, FAILED
from cbbot.cli.setting_options import EnvFile
from cbbot.cli.sources import gathered
from cbbot.contract.bot_api import BotStatus
from cbbot.contract.bridge_errors import ErrorAnswer
from cbbot.contract.settings_reading import Problems, read_secret, read_settings
from cbbot.contract.settings_table import BY_KEY, CONTROL_TOKEN
from cbbot.errors import BadInput, CbbotError
from cbbot.process.path_options import named_path

__all__ = ["flatten", "pause", "resume"]

_TOKEN_FILE: Final = "CONTROL_TOKEN_FILE"  # noqa: S105  a key, not a token
# Longer than the bot takes to say that it does not get to it.
_LIMIT_SECONDS: Final = 20.0

Url = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="The bot's address. [default: this machine, at PORT of the settings]", show_default=False
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        parser=named_path,
        metavar="FILE",
        help="Holds the control token. [default: CONTROL_TOKEN_FILE of the settings]",
        show_default=False,
    ),
]


def pause(url: Url = None, token_file: TokenFile = None, env: EnvFile = None) -> int:
    """Open no new lots until resumed by hand. Exits go on; a restart does not end the pause."""
    _tell(_bot(url, token_file, env).asked("pause-entries"))
    return DONE


def resume(url: Url = None, token_file: TokenFile = None, env: EnvFile = None) -> int:
    """End the pause by hand. Another's (the TradingBot's, that of a full disk) stays, and is named."""
    _tell(_bot(url, token_file, env).asked("resume"))
    return DONE


def flatten(
    url: Url = None,
    token_file: TokenFile = None,
    env: EnvFile = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
) -> int:
    """Close every open lot at the market, and stay paused by hand.

    It returns once the bot has written down that it will. /status and the bot's page say when no lot is open.
    """
    bot = _bot(url, token_file, env)
    if not yes:
        if not sys.stdin.isatty():
            raise BadInput("flatten closes every lot at the market: confirm it with --yes")
        _tell(bot.status())
        if not typer.confirm("Close every lot at the market, and stay paused?"):
            typer.echo("nothing was asked of the bot")
            return FAILED
    _tell(bot.asked("flatten"))
    return DONE


class _Steered(NamedTuple):
    """A bot at an address, and the token that it wants, if any."""

    address: str
    token: str | None

    def status(self) -> BotStatus:
        return self._answered("GET", "status")

    def asked(self, what: str) -> BotStatus:
        """The status after it.

        Raises:
            CbbotError: it was refused, or nobody knows.
        """
        return self._answered("POST", f"control/{what}")

    def _answered(self, method: str, path: str) -> BotStatus:
        url = f"{self.address}/{path}"
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            with httpx.Client(timeout=_LIMIT_SECONDS, trust_env=False) as client:
                answer = client.request(method, url, headers=headers)
        except httpx.ConnectError as error:
            raise CbbotError(f"{url}: {_words(error)}; does the bot run there? --url names another address") from error
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise BadInput(f"--url {self.address}: no address such as http://127.0.0.1:8080") from error
        except httpx.HTTPError as error:
            raise CbbotError(f"{url}: {_words(error)}; ask for /status before asking again") from error
        if not answer.is_success:
            raise CbbotError(f"{url}: {_refusal(answer)}")
        try:
            return BotStatus.model_validate_json(answer.content)
        except ValidationError as error:
            raise CbbotError(f"{url}: what answers there is no bot of cbbot") from error


def _bot(url: str | None, token_file: Path | None, env: Path | None) -> _Steered:
    """The bot that is meant, by options and settings.

    Raises:
        BadInput: a setting or the token's file cannot be used.
    """
    problems = Problems()
    texts, _ = gathered(env, (), os.environ, problems)
    settings = read_settings((BY_KEY["PORT"], BY_KEY[_TOKEN_FILE]), texts, problems)
    named = (str(token_file), "--token-file") if token_file else (settings.get(_TOKEN_FILE), _TOKEN_FILE)
    token = None
    if named[0] is not None:
        with problems.collected():
            token = read_secret(CONTROL_TOKEN, *named)
    if url is None and settings.get("PORT") == 0:
        problems.found.append(BadInput("PORT=0 takes any free port: name the bot's address with --url"))
    problems.raise_found()
    return _Steered((url or f"http://127.0.0.1:{settings['PORT']}").rstrip("/"), token)


def _refusal(answer: httpx.Response) -> str:
    try:
        said = ErrorAnswer.model_validate_json(answer.content).error
    except ValidationError:
        return f"answered {answer.status_code}; what answers there is no bot of cbbot"
    hint = f"; --token-file or {_TOKEN_FILE} names the file that holds it" if said.code == "bad_token" else ""
    return f"{said.message}{hint}"


def _words(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _tell(status: BotStatus) -> None:
    lots = "its lots are not known" if status.open_lots is None else f"{status.open_lots} lots open"
    paused = f"entries paused by {', '.join(status.entries.paused_by)}" if status.entries.paused_by else ""
    said = [status.phase, status.reason, "" if paused in status.reason else paused, lots]
    typer.echo(f"{status.bot}, {status.mode} {status.product_id}: {'; '.join(filter(None, said))}")
