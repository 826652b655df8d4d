"""``cbbot up``: a TradingBot on this machine, without a cluster.

The manifest is read and judged with the cluster's models, its settings are rendered by the
cluster's functions, and simulator, bridge and bot run as children of this process, on loopback.
``cbbot.cli`` loads :func:`up` by name; ``python -m cbbot_operator.processes`` is the same.

Exit codes: 0 stopped by Ctrl-C (which is how ``up`` normally ends) or ``--for``, 1 failed or had to kill,
2 bad input, 3 refused for safety, 143 stopped by SIGTERM and 129 by SIGHUP, each as cleanly,
130 stopped by Ctrl-C before anything ran, or by a second one without waiting.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cbbot.errors import BadInput, CbbotError, UnsafeStart
from cbbot.process.path_options import named_path
from cbbot_operator.local.bot_port import DEFAULT_PORT, check_asked, ports_to_try
from cbbot_operator.local.display import Display, FiledDisplay, LineDisplay, TableDisplay, Unhurried
from cbbot_operator.local.folder import StateFolder, default_folder, locked
from cbbot_operator.local.manifest import Manifest, read_manifest
from cbbot_operator.local.plan import Plan, make_plan
from cbbot_operator.local.secrets_file import with_secrets_of
from cbbot_operator.local.session import Outcome, Session

__all__ = ["main", "run_up", "up"]


def up(
    file: Annotated[
        Path,
        typer.Option(
            "--file",
            "-f",
            parser=named_path,
            metavar="FILE",
            help="Manifest of the TradingBot; - reads standard input.",
        ),
    ],
    state_dir: Annotated[
        Path | None,
        typer.Option(
            "--state-dir",
            parser=named_path,
            metavar="FOLDER",
            help="Folder of state and tokens. [default: $XDG_STATE_HOME or ~/.local/state, cbbot/NAME]",
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option("--for", min=0, metavar="SECONDS", help="Stop by itself after so long.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=0,
            max=65535,
            metavar="PORT",
            help="Serve the bot's page and metrics here; 0 takes any free port. "
            f"[default: {DEFAULT_PORT}, or the next free one]",
        ),
    ] = None,
    env: Annotated[
        Path | None,
        typer.Option(
            "--env",
            parser=named_path,
            metavar="FILE",
            help="A bridge.env with the API key of Coinbase; the environment wins over it.",
        ),
    ] = None,
    no_table: Annotated[bool, typer.Option("--no-table", help="One line a second instead of the table.")] = False,
) -> None:
    """Run a TradingBot on this machine: simulator, bridge and bot as processes, with a live table.

    The bot's page, figures and metrics are at http://127.0.0.1:8080. Ctrl-C stops it; the state is kept and the
    next `up` goes on from there. With `mode: Live` on Coinbase the API key comes from COINBASE_API_KEY_NAME and
    COINBASE_API_PRIVATE_KEY (or the same with _FILE) in the environment, or in the file of --env.
    """
    raise typer.Exit(run_up(file, state_dir=state_dir, seconds=seconds, port=port, env=env, table=not no_table))


def run_up(
    file: Path,
    *,
    state_dir: Path | None,
    seconds: float | None,
    port: int | None,
    table: bool,
    env: Path | None = None,
) -> int:
    """Everything ``cbbot up`` does; the exit code. Messages about what cannot be done go to stderr."""
    try:
        if seconds is not None and not math.isfinite(seconds):
            raise BadInput(f"--for {seconds} is not accepted: a number of seconds")
        manifest = read_manifest(file)
        root = state_dir or default_folder(manifest.name, manifest.namespace, os.environ)
        folder = StateFolder(root.absolute())
        shell = with_secrets_of(env, os.environ)
        plan = make_plan(manifest, folder, shell, bot_ports=ports_to_try(port))
        # A second `up` on one state is to hear of that and not of the port; where there is none yet, nothing is made.
        if port is not None and not folder.root.exists():
            check_asked(port)
        folder.prepare()
        with locked(folder):
            if port is not None:
                check_asked(port)
            outcome = asyncio.run(_session(manifest, plan, folder, seconds=seconds, table=table))
    except CbbotError as error:
        sys.stderr.write("".join(f"cbbot up: {line}\n" for line in str(error).splitlines()))
        return 2 if isinstance(error, BadInput) else 3 if isinstance(error, UnsafeStart) else 1
    _report(outcome)
    return outcome.code


async def _session(
    manifest: Manifest, plan: Plan, folder: StateFolder, *, seconds: float | None, table: bool
) -> Outcome:
    session = Session(manifest, plan, folder, seconds=seconds, patience=None)
    loop = asyncio.get_running_loop()
    console = Console()

    def unread() -> None:
        loop.call_soon_threadsafe(session.ask_to_stop)

    display: Display = LineDisplay(unread)
    # rich takes a pipe for a terminal when FORCE_COLOR is set.
    if table and sys.stdout.isatty() and not console.is_dumb_terminal:
        display = TableDisplay(console)
    with Unhurried(FiledDisplay(display, folder.log)) as unhurried:
        return await session.run(unhurried)


def _report(outcome: Outcome) -> None:
    stream = sys.stdout if outcome.clean else sys.stderr
    for line in outcome.tail:
        stream.write(f"{line}\n" + (f"{line.detail}\n" if line.detail else ""))
    stream.write("".join(f"cbbot up: {line}\n" for line in outcome.lines))


def main() -> None:
    """The command by itself."""
    typer.run(up)


if __name__ == "__main__":
    main()
