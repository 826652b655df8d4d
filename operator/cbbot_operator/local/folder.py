"""The folder of one bot on this machine: lock, tokens, the state of bot and simulator.

::

    up.lock                     held by the running `cbbot up`
    tokens/bridge-token         what may order at the bridge (0600)
    tokens/control-token        what may steer the bot (0600)
    bot/bot_state.json          the bot's state, and what it keeps beside it
    simulator/market.json       the simulated market's clock and account
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cbbot.errors import BadInput, UnsafeStart

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
    given = environment.get("XDG_STATE_HOME", "")
    # By the XDG Base Directory Specification a relative path is to be ignored.
    base = Path(given) if given.startswith("/") else Path.home() / ".local" / "state"
    return base / "cbbot" / (f"{namespace}.{name}" if namespace not in ("", "default") else name)


@contextmanager
def locked(folder: StateFolder) -> Iterator[None]:
    """Holds the folder's lock; it goes with the process, however that ends.

    Raises:
        UnsafeStart: another ``cbbot up`` has it.
    """
    # Close-on-exec: children must not keep the lock when this process is gone.
    descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            raise UnsafeStart(
                f"another cbbot up (process {holder}) runs on {folder.root}: two traders on one state would place "
                "every order twice; stop that one, or give this one its own --state-dir"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        yield
    finally:
        os.close(descriptor)


def _make_token(path: Path) -> None:
    if path.exists():
        return
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(_TOKEN_BYTES))
    temporary.replace(path)
