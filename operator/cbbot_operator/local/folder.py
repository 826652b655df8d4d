"""The folder of one bot on this machine: lock, tokens, the state of bot and simulator.

::

    up.lock                     held by the running `cbbot up`
    tokens/bridge-token         what may order at the bridge (0600)
    tokens/control-token        what may steer the bot (0600)
    bot/bot_state.json          the bot's state, and what it keeps beside it
    simulator/market.json       the simulated market's clock and account
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cbbot.errors import BadInput, UnsafeStart
from cbbot.process.durable_files import replace_durably
from cbbot.process.exclusive_lock import FolderLock, HeldElsewhere
from cbbot.process.user_folders import user_state_folder

__all__ = ["StateFolder", "default_folder", "locked"]

_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class StateFolder:
    """Where everything of one bot lies."""

    root: Path

    @property
    def lock(self) -> Path:
        return self.root / "up.lock"

    @property
    def bridge_token(self) -> Path:
        return self.root / "tokens" / "bridge-token"

    @property
    def control_token(self) -> Path:
        return self.root / "tokens" / "control-token"

    @property
    def bot_state(self) -> Path:
        return self.root / "bot" / "bot_state.json"

    @property
    def log(self) -> Path:
        return self.root / "up.log"

    @property
    def market(self) -> Path:
        return self.root / "simulator" / "market.json"

    def prepare(self) -> None:
        """Makes what is missing: folders for the owner alone, and the two tokens once.

        Raises:
            BadInput: the folder cannot be made or written to.
        """
        try:
            for path in (self.lock, self.bridge_token, self.bot_state, self.market):
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            for token in (self.bridge_token, self.control_token):
                _make_token(token)
        except OSError as error:
            raise BadInput(f"the state folder {self.root} cannot be used: {error.strerror}; see --state-dir") from error


def default_folder(name: str, namespace: str, environment: Mapping[str, str]) -> Path:
    """``$XDG_STATE_HOME/cbbot/<name>``, by default below ``~/.local/state``.

    A namespace other than ``default`` goes in front (``team.btc``): names are unique in one alone.
    """
    return user_state_folder(environment) / (f"{namespace}.{name}" if namespace not in ("", "default") else name)


@contextmanager
def locked(folder: StateFolder) -> Iterator[None]:
    """Holds the folder's lock; it goes with the process, however that ends.

    Raises:
        UnsafeStart: another ``cbbot up`` has it.
    """
    try:
        lock = FolderLock(folder.lock.parent, folder.lock.name)
    except HeldElsewhere as error:
        raise UnsafeStart(
            f"another cbbot up (process {error.holder or 'unknown'}) runs on {folder.root}: two traders on one state "
            "would place every order twice; stop that one, or give this one its own --state-dir"
        ) from error
    with lock:
        yield


def _make_token(path: Path) -> None:
    if path.exists():
        return
    replace_durably(path, secrets.token_urlsafe(_TOKEN_BYTES).encode("ascii"))
