"""``cbbot explain``: the settings, by environment key, TradingBot field or group."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Annotated, Final

import typer

from cbbot.contract.bridge_settings_table import EXCHANGE_SETTINGS
from cbbot.contract.runtime_env import RUNTIME_SETTINGS
from cbbot.contract.setting import Setting
from cbbot.contract.settings_table import SETTINGS
from cbbot.contract.tradingbot import SETTING_OF
from cbbot.errors import BadInput

__all__ = ["explain", "names_to_explain"]

_COLUMNS: Final = 80
_FIELD: Final = "spec."
_BOT: Final = "bot"
_BRIDGE: Final = "bridge"
_WITHOUT_FIELD: Final = {
    _BOT: "settings of the bot without a field in a TradingBot",
    _BRIDGE: "settings of the bridge without a field in a TradingBot",
}


def explain(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[SETTING]",
            help="BUY_THRESHOLD, spec.strategy.buyThreshold, or a group: strategy. [default: all]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Say what a setting means, what it accepts, and what it is without being set; or list the settings there are."""
    groups = _groups()
    if name is None:
        for group, settings in groups.items():
            typer.echo("\n".join(_listed(group, settings)) + "\n")
        typer.echo("cbbot explain SETTING tells more of one.")
        return
    found = _by_name(name)
    if found:
        typer.echo("\n".join("\n".join(_described(setting)) for setting in found))
        return
    plain = name.strip().removeprefix(_FIELD)
    below = [s for field, s in SETTING_OF.items() if field.startswith(f"{plain}.")] or groups.get(plain, [])
    if not below:
        raise BadInput(f"{name}: no such setting, field or group{_guess(name)}; cbbot explain lists them")
    typer.echo("\n".join(_listed(plain, below)))


def names_to_explain() -> list[str]:
    """Everything that can be asked for: groups, fields and keys."""
    fields = list(SETTING_OF)
    above = dict.fromkeys(field[:at] for field in fields for at, character in enumerate(field) if character == ".")
    keys = dict.fromkeys(setting.key for settings in _groups().values() for setting in settings)
    return [*dict.fromkeys([*_groups(), *above]), *fields, *keys]


def _groups() -> dict[str, list[Setting]]:
    """Every setting once, by the first part of its field."""
    groups: dict[str, list[Setting]] = {}
    for field, setting in SETTING_OF.items():
        group, dot, _ = field.partition(".")
        groups.setdefault(group if dot else "general", []).append(setting)
    groups[_BOT] = [setting for setting in (*SETTINGS, *RUNTIME_SETTINGS) if setting.field is None]
    groups[_BRIDGE] = [setting for setting in EXCHANGE_SETTINGS if setting.field is None]
    return groups


def _by_name(name: str) -> list[Setting]:
    """By field, its last part alone where that names one, or key; of a key that bot and bridge have there are two."""
    wanted = name.strip().removeprefix(_FIELD).lower()
    for matches in (str.__eq__, lambda field, end: field.endswith(f".{end}")):
        found = [setting for field, setting in SETTING_OF.items() if matches(field.lower(), wanted)]
        if len(found) == 1:
            return found
    key = name.strip().upper()
    every = (*SETTINGS, *RUNTIME_SETTINGS, *EXCHANGE_SETTINGS)
    return list(dict.fromkeys(setting for setting in every if setting.key == key))


def _listed(group: str, settings: Sequence[Setting]) -> Iterator[str]:
    yield f"{group}: {_WITHOUT_FIELD[group]}" if group in _WITHOUT_FIELD else group
    widths = [max(len(text) for text in column) for column in zip(*map(_row, settings), strict=True)]
    for setting in settings:
        key, named, default = _row(setting)
        line = f"  {key:<{widths[0]}}  {named:<{widths[1]}}"
        if len(line) + 2 + len(default) <= _COLUMNS:
            yield f"{line}  {default}".rstrip()
        else:
            yield line.rstrip()
            yield f"  {'':<{widths[0]}}  {default}"


def _row(setting: Setting) -> tuple[str, str, str]:
    return setting.key, setting.field or "", _default(setting)


def _described(setting: Setting) -> Iterator[str]:
    if setting.field is not None:
        field = f"{_FIELD}{setting.field}"
    else:
        field = "none; the operator or the command line sets it"
    yield f"{setting.key}\n  {setting.meaning}\n"
    yield f"  accepts     {setting.accepted}\n  default     {_default(setting) or 'nothing'}\n  TradingBot  {field}"


def _default(setting: Setting) -> str:
    return setting.default or ""


def _guess(name: str) -> str:
    plain = name.strip().removeprefix(_FIELD)
    known = {each.lower(): each for each in names_to_explain()}
    close = difflib.get_close_matches(plain.lower(), known, n=1)
    return f"; did you mean {known[close[0]]}?" if close else ""
