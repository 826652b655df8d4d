"""The options by which a command that acts for one bot is given its settings (``cbbot.cli.sources``)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cbbot.process.path_options import named_path

__all__ = ["Assigned", "EnvFile"]

EnvFile = Annotated[
    Path | None,
    typer.Option("--env", parser=named_path, metavar="FILE", help="A bot.env; the environment wins over it."),
]
Assigned = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A setting; wins over everything. May be repeated."),
]
