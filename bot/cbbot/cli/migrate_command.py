"""``cbbot migrate``: from the Go bot's files to a TradingBot, its secrets and its state."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from cbbot.cli.exits import BAD_INPUT, DONE
from cbbot.cli.go_state import read_go_state
from cbbot.cli.setting_options import Assigned
from cbbot.cli.sources import assignments
from cbbot.contract.bridge_settings_table import API_KEY_PAIR
from cbbot.contract.settings_reading import Problems
from cbbot.contract.spec_reader import read_spec
from cbbot.errors import BadInput, CbbotError
from cbbot.migration.migration_remarks import Remark
from cbbot.migration.old_env_files import SLACK_KEY, MigratedBot, migrated_bot
from cbbot.migration.old_state_lines import state_remarks
from cbbot.process.durable_files import replace_durably
from cbbot.process.named_files import text_of
from cbbot.process.path_options import named_path
from cbbot.runtime.store import StateStore

__all__ = ["MANIFEST", "STATE_IN_FOLDER", "migrate_stack"]

MANIFEST = "tradingbot.yaml"
STATE_IN_FOLDER = Path("state", "bot", "bot_state.json")
"""Where ``cbbot up --state-dir OUT/state`` looks for the bot's state."""
_VENUE = "Coinbase"
# A bot that started without the state would trade beside lots that it does not know.
_APPLY_SUSPENDED = (
    '  kubectl patch --local -f {manifest} --type=merge -p \'{{"spec": {{"suspend": true}}}}\' -o yaml'
    " | kubectl apply -f -\n"
    "  then the state goes onto its volume, before suspend becomes false: docs/migration.md has the commands"
)


def migrate_stack(
    bot_env: Annotated[Path, typer.Argument(parser=named_path, metavar="BOT_ENV", help="The Go bot's bot.env.")],
    bridge_env: Annotated[Path, typer.Argument(parser=named_path, metavar="BRIDGE_ENV", help="Its bridge.env.")],
    go_state: Annotated[
        Path | None,
        typer.Argument(
            parser=named_path,
            metavar="[GO_STATE]",
            help="Its bot_state.json, as it is after the bot was stopped. Without it the new bot knows of no lots.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(parser=named_path, metavar="FOLDER", help="Where to; must be new, or empty.")
    ] = Path("cbbot-migrated"),
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of the TradingBot. [default: the base currency, btc]")
    ] = None,
    assigned: Assigned = None,
    increments: Annotated[
        str | None,
        typer.Option(metavar="PRICE,BASE", help="The product's increments, where they are not known: 0.01,0.00000001"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
) -> int:
    """Make a TradingBot of the Go bot's files, and say of every line what became of it.

    Stop the Go bot first: two traders on the same lots would sell them twice. Its files are only read. Where something
    is to be decided nothing is written (exit code 2): correct the file, or give the setting with --set.
    """
    problems = Problems()
    given = assignments(assigned or (), problems)
    problems.raise_found()
    made = migrated_bot(
        text_of(bot_env, "BOT_ENV"),
        text_of(bridge_env, "BRIDGE_ENV"),
        given,
        lambda file, path: text_of({"bot.env": bot_env, "bridge.env": bridge_env}[file].parent / path, "the file"),
        name,
    )
    body = None
    if made.settings is None or go_state is None:
        remarks = [] if go_state else [Remark("GO_STATE", "left out", "none is given: the new bot begins without lots")]
    else:
        found = read_go_state(go_state, made.settings, _VENUE, increments)
        body, remarks = found.body, state_remarks(*found)
    for remark in (*made.remarks, *remarks):
        typer.echo(str(remark))
    if made.settings is None:
        count = len(made.decisions())
        typer.echo(f"cbbot: {count} to decide (marked decide); nothing was written", err=True)
        return BAD_INPUT
    read_spec(made.document["spec"])
    if dry_run:
        typer.echo("nothing was written (--dry-run)")
        return DONE
    _write(out, made, body)
    typer.echo(_next_steps(out, made, with_state=body is not None))
    return DONE


def _write(out: Path, made: MigratedBot, body: Mapping[str, Any] | None) -> None:
    """All files, or a sentence on the one that cannot be written.

    The manifest comes last: nothing can be started from a folder that lacks the state.
    """
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise BadInput(f"--out {out}: is there already, and not empty; name another folder")
        for folder in (out, out / "secrets", (out / STATE_IN_FOLDER).parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for key, text in made.secrets.items():
            replace_durably(out / "secrets" / key, text.encode())
        # Beside it, so that the folder may be moved.
        replace_durably(out / "bridge.env", "".join(f"{key}_FILE=secrets/{key}\n" for key in made.secrets).encode())
        if body is not None:
            StateStore(out / STATE_IN_FOLDER).save(body)
        manifest = yaml.safe_dump(made.document, sort_keys=False, allow_unicode=True)
        replace_durably(out / MANIFEST, manifest.encode())
    except OSError as error:
        raise CbbotError(f"--out {out}: {error.strerror or error}") from error


def _next_steps(out: Path, made: MigratedBot, *, with_state: bool) -> str:
    name, folder = made.name, shlex.quote(str(out))
    secrets: dict[str, list[str]] = {f"{name}-coinbase": [key for key in API_KEY_PAIR if key in made.secrets]}
    secrets[f"{name}-slack"] = [key for key in (SLACK_KEY,) if key in made.secrets]
    commands = [
        f"  kubectl create secret generic {secret} {' '.join(f'--from-file={folder}/secrets/{key}' for key in keys)}\n"
        f"  kubectl label secret {secret} cbbot.io/watch=true"
        for secret, keys in secrets.items()
        if keys
    ]
    state = f" --state-dir {folder}/state"
    return "\n".join(
        (
            f"written to {out}; everything in it is readable by you alone",
            "on this machine:",
            f"  cbbot up -f {folder}/{MANIFEST} --env {folder}/bridge.env{state}",
            "in a cluster:",
            *commands,
            (_APPLY_SUSPENDED if with_state else "  kubectl apply -f {manifest}").format(
                manifest=f"{folder}/{MANIFEST}"
            ),
        )
    )
