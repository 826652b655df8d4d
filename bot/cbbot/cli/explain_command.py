"""``cbbot explain SETTING``."""

from __future__ import annotations

from typing import Annotated

import typer

from cbbot.contract.settings import unknown_keys
from cbbot.contract.settings_table import BY_FIELD, BY_KEY

__all__ = ["explain"]


def explain(
    name: Annotated[str, typer.Argument(metavar="SETTING", help="BUY_THRESHOLD or strategy.buyThreshold.")],
) -> None:
    """Say what a setting means, what it accepts, and what it is without being set."""
    setting = BY_FIELD.get(name) or BY_KEY.get(name.upper())
    if setting is None:
        raise unknown_keys([name.upper()])[0]
    default = setting.default if setting.default is not None else "nothing"
    field = f"spec.{setting.field}" if setting.field else "none; the operator or the command line sets it"
    typer.echo(f"{setting.key}\n  {setting.meaning}\n")
    typer.echo(f"  accepts     {setting.accepted}\n  default     {default}\n  TradingBot  {field}")
