"""``cbbot pnl``: what closed trades have earned, by what it came from."""

from __future__ import annotations

import csv as csv_text
import io
from pathlib import Path
from typing import Annotated, Literal

import typer

from cbbot.cli.exits import DONE
from cbbot.cli.state_command import FileArgument, state_path
from cbbot.contract.bot_api import NumberedTrade
from cbbot.errors import BadInput, CbbotError
from cbbot.process.durable_files import replace_durably
from cbbot.process.path_options import named_path
from cbbot.runtime.trade_log_lines import log_lines
from cbbot.views.pnl_causes import pnl_by

__all__ = ["pnl"]

_HEAD = ("cause", "trades", "wins", "net_pnl", "fees", "mean")


def pnl(
    file: FileArgument = None,
    by: Annotated[
        Literal["role", "exit", "hour", "weekday"],
        typer.Option(help="What to sum by: the lot's role, why it was closed, the hour or weekday (UTC) of its close."),
    ] = "exit",
    csv: Annotated[
        Path | None, typer.Option(parser=named_path, metavar="FILE", help="Write the table here, too; - is the output.")
    ] = None,
) -> int:
    """Sum up the closed trades of a state; its bot may run."""
    path = state_path(file).with_name("trades.jsonl")
    causes = pnl_by(by, _trades(path))
    rows = [(each.cause, each.trades, each.wins, *(f"{money:f}" for money in each.money)) for each in causes]
    if csv is not None:
        text = io.StringIO(newline="")
        csv_text.writer(text, lineterminator="\n").writerows([_HEAD, *rows])
        if str(csv) == "-":
            typer.echo(text.getvalue(), nl=False)
            return DONE
        try:
            replace_durably(csv, text.getvalue().encode(), mode=0o644)
        except OSError as error:
            raise CbbotError(f"--csv {csv}: {error.strerror or error}") from error
    total = ("all", sum(each.trades for each in causes), sum(each.wins for each in causes))
    net, fees = sum(each.net for each in causes), sum(each.fees for each in causes)
    for line in ((by, *_HEAD[1:]), *rows, (*total, f"{net:f}", f"{fees:f}", "")):
        cause, trades, wins, *money = line
        typer.echo(f"{cause:<16}{trades:>7}{wins:>6}{money[0]:>18}{money[1]:>18}{money[2]:>15}".rstrip())
    return DONE


def _trades(path: Path) -> list[NumberedTrade]:
    """Every sound line; a log that a bot is writing to may end in the middle of one."""
    try:
        with path.open("rb") as file:
            return [
                NumberedTrade.model_validate_json(line.content)
                for line in log_lines(file, None)
                if line.number is not None
            ]
    except FileNotFoundError as error:
        raise BadInput(f"{path}: there is no such file: no trade was closed on that state") from error
    except OSError as error:
        raise CbbotError(f"{path}: {error.strerror or error}") from error
