"""``cbbot state backup``, ``restore`` and ``migrate``: state files copied, put back, and made of the Go bot's."""

from __future__ import annotations

import os
import time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from cbbot.cli.default_state_file import default_state_file
from cbbot.cli.exits import DONE
from cbbot.cli.go_state import read_go_state
from cbbot.cli.setting_options import Assigned, EnvFile
from cbbot.cli.sources import gathered
from cbbot.cli.state_command import FileArgument, state_path
from cbbot.contract.runtime_env import BOT_VENUE
from cbbot.contract.settings import load
from cbbot.contract.settings_reading import Problems
from cbbot.errors import BadInput, CbbotError
from cbbot.process.durable_files import keep_aside, sync_folder
from cbbot.process.path_options import named_path
from cbbot.runtime.lock import lock_folder
from cbbot.runtime.store import CorruptState, StateStore, read_generation
from cbbot.trader.state_checks import check_document
from cbbot.trader.state_fields import BadState
from cbbot.trader.state_versions import brought_up_to_date

__all__ = ["backup", "migrate", "restore"]

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


def backup(
    file: FileArgument = None,
    to: Annotated[
        Path | None,
        typer.Option(
            parser=named_path, metavar="FILE", help="Where to. [default: beside it, with its epoch in the name]"
        ),
    ] = None,
) -> int:
    """Copy the newest sound generation of a state; the bot may run. Replaces nothing."""
    path = state_path(file)
    body = _sound(path)
    target = to or path.with_name(f"{path.name}.backup-{body['epoch']}-{int(time.time())}")
    if target.exists():
        raise BadInput(f"--to {target}: there is a file already; name another")
    try:
        StateStore(target).save(body)
    except OSError as error:
        raise CbbotError(f"{target}: {error.strerror or error}") from error
    typer.echo(f"{target}: {_contents(body)}")
    return DONE


def restore(
    source: Annotated[Path, typer.Argument(parser=named_path, metavar="BACKUP", help="A state file, sound.")],
    file: FileArgument = None,
    dry_run: DryRun = False,
) -> int:
    """Put a state back in the place of another, which is kept. Refused while a bot runs on it (exit code 3)."""
    path = state_path(file)
    body = _sound(source, generations=False)
    typer.echo(f"{path}: {_problem_of(path) or _contents(read_generation(path))}")
    typer.echo(f"{source}: {_contents(body)}")
    if dry_run:
        typer.echo("nothing was changed (--dry-run)")
        return DONE
    with lock_folder(path.parent):
        _put(path, body)
    typer.echo("orders since the backup are looked for at the venue by the next start; look at /status after it")
    return DONE


def migrate(
    source: Annotated[Path, typer.Argument(parser=named_path, metavar="GO_STATE", help="The Go bot's state file.")],
    env: EnvFile = None,
    assigned: Assigned = None,
    venue: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Where its lots are, as /status names it. [default: $BOT_VENUE, BRIDGE_URL]"),
    ] = None,
    increments: Annotated[
        str | None,
        typer.Option(metavar="PRICE,BASE", help="The product's increments, where they are not known: 0.01,0.00000001"),
    ] = None,
    dry_run: DryRun = False,
) -> int:
    """Make a state of the Go bot's. Stop that bot first: two traders on the same lots would sell them twice.

    Written to STATE_FILE, which must not be there, or be the Go bot's file itself: that is kept beside it.
    """
    problems = Problems()
    values, warnings = gathered(env, assigned or (), os.environ, problems)
    values.setdefault("STATE_FILE", str(default_state_file(os.environ)))
    problems.raise_found()
    settings = load(values)
    path = Path(settings.state_file)
    named = venue or os.environ.get(BOT_VENUE, "").strip() or settings.bridge_url
    _, body, remarks = read_go_state(source, settings, named, increments)
    for remark in (*warnings, *remarks):
        typer.echo(f"cbbot: {remark}", err=True)
    typer.echo(f"{path}: {_contents(body)}")
    if dry_run:
        typer.echo("nothing was changed (--dry-run)")
        return DONE
    with lock_folder(path.parent):
        if (path.exists() and not path.samefile(source)) or StateStore(path).previous.exists():
            raise BadInput(f"{path}: there is a state already; set STATE_FILE, or move it away with {path.name}.prev")
        _put(path, body)
    return DONE


def _put(path: Path, body: dict[str, Any]) -> None:
    """Makes ``body`` the newest generation; what was there is kept under a name of its own."""
    try:
        if not path.exists():
            StateStore(path).save(body)
            return
        typer.echo(f"what was there is kept as {keep_aside(path)}")
        if not _problem_of(path):
            StateStore(path).save(body)
            return
        # A generation that cannot be read must not become the previous one; without any, a start begins without lots.
        beside = path.with_name(f"{path.name}.new")
        StateStore(beside).save(body)
        beside.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise CbbotError(f"{path}: {error.strerror or error}; what was there is still there, or kept aside") from error


def _sound(path: Path, *, generations: bool = True) -> dict[str, Any]:
    """The newest generation that a start would go on with."""
    candidates = [path, StateStore(path).previous] if generations else [path]
    problems = [_problem_of(each) for each in candidates]
    for each, problem in zip(candidates, problems, strict=True):
        if not problem:
            return read_generation(each)
    if not any(each.exists() for each in candidates):
        raise BadInput(f"{path}: there is no such file")
    raise BadInput(problems[0])


def _problem_of(path: Path) -> str:
    try:
        check_document(read_generation(path))
    except FileNotFoundError:
        return f"{path} does not exist"
    except BadState as error:
        return f"{path}: {error}"
    except CorruptState as error:
        return str(error)
    return ""


def _contents(body: dict[str, Any]) -> str:
    state = brought_up_to_date(body)
    equity = Decimal(state["account"]["start_equity"]) + Decimal(state["account"]["realised"])
    whose = f"{state['bot_id']}, {state['product_id']} {state['mode']} at {state['venue']}, epoch {state['epoch']}"
    orders = len(state["intents"]) + len(state["given_up"])
    held = f"{len(state['lots'])} lots, {orders} orders, {state['trade_count']} trades"
    return f"{whose}: {held}, equity {equity:f}"
