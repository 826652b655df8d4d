"""``bot.env`` and ``bridge.env`` of the Go bot's stack, as the spec of a TradingBot and the secrets beside it.

Every key that stands in one of them gets one remark. What a person must decide is a remark too: until it is
given, there is no TradingBot that could be started by mistake.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from cbbot.contract.bridge_settings_table import API_KEY_PAIR, API_KEY_SOURCES, EXCHANGE_BY_KEY
from cbbot.contract.constraints import broken_by_settings
from cbbot.contract.env_file import EnvFile, parse_env_file
from cbbot.contract.setting import Setting
from cbbot.contract.settings import Settings, load, nearest_key
from cbbot.contract.settings_reading import Problems, read_settings
from cbbot.contract.settings_table import BY_KEY
from cbbot.contract.text_setting import bare
from cbbot.contract.tradingbot import API_VERSION, KIND
from cbbot.errors import BadInput
from cbbot.migration.migration_remarks import Remark

__all__ = ["SLACK_KEY", "MigratedBot", "migrated_bot"]

SLACK_KEY: Final = "SLACK_WEBHOOK"
_SET_BY_US: Final = {
    "STATE_FILE": "cbbot up and the operator say where the state is",
    "PORT": "cbbot up --port, and the pod's Service, say where it listens",
    "BRIDGE_URL": "cbbot up and the operator start the bridge, and know its address",
    "BRIDGE_TOKEN_FILE": "cbbot up and the operator make a token",
    "CONTROL_TOKEN_FILE": "cbbot up and the operator make a token",
    "BRIDGE_TOKEN": "cbbot up and the operator make a token",
    "BRIDGE_HOST": "cbbot up and the operator say where it listens",
    "BACKTEST_SLEEP_MS": "it is of a backtest alone: give it to cbbot backtest --set",
    "BOT_ID": "who orders is kept in the state, and set by the operator in a cluster",
    "COINBASE_AUTH": "orders on Coinbase are always signed",
    "COINBASE_RATE_SHARE": "one bridge has the whole allowance; in a cluster the operator shares it",
}

ReadFile = Callable[[str, str], str]


@dataclass
class MigratedBot:
    """``document`` is the manifest, ``secrets`` what stands in files of its own, by the names of their keys.

    ``settings`` is None while something is to be decided.
    """

    name: str
    document: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    settings: Settings | None = None
    remarks: list[Remark] = field(default_factory=list)

    def decisions(self) -> list[Remark]:
        """What a person must decide before there is a TradingBot."""
        return [remark for remark in self.remarks if remark.verdict == "decide"]


def migrated_bot(
    bot_env: str, bridge_env: str, given: Mapping[str, str], read_file: ReadFile, name: str | None = None
) -> MigratedBot:
    """The TradingBot that the two texts mean; ``given`` are settings that a person decided on.

    ``read_file`` gives the content of a file that one of them names: which of the two, and the path in it.

    Raises:
        BadInput: one of the two is no env file.
    """
    bot, bridge = parse_env_file(bot_env, "bot.env"), parse_env_file(bridge_env, "bridge.env", EXCHANGE_BY_KEY)
    values = {key: text for key, text in bot.values.items() if text.strip()} | dict(given)
    product = values.get("PRODUCT_ID") or str(BY_KEY["PRODUCT_ID"].default)
    made = MigratedBot(name or product.partition("-")[0].lower())
    spec: dict[str, Any] = {}
    _bot_keys(made, bot, given, spec, read_file)
    _bridge_keys(made, bridge, spec, read_file, product)
    _left_out(made, bot, bridge)
    _replaced(made, "bot.env", bot, given)
    _replaced(made, "bridge.env", bridge, {})
    made.remarks.sort(key=_by_place)
    values.pop(SLACK_KEY, None)
    _judge(made, values)
    if made.settings is not None:
        spec.setdefault("mode", "Paper" if made.settings.dry_run else "Live")
        spec.setdefault("product", {}).setdefault("id", made.settings.product_id)
        if set(API_KEY_PAIR) <= set(made.secrets):
            _put(spec, "exchange.credentialsSecretRef", {"name": f"{made.name}-coinbase"})
        if SLACK_KEY in made.secrets:
            reference = {"name": f"{made.name}-slack", "key": SLACK_KEY}
            _put(spec, "notifications.slackWebhookSecretRef", reference)
    made.document = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": made.name}, "spec": spec}
    return made


def _bot_keys(
    made: MigratedBot, file: EnvFile, given: Mapping[str, str], spec: dict[str, Any], read_file: ReadFile
) -> None:
    for key, text in {**file.values, **given}.items():
        place = "--set" if key in given else f"bot.env:{file.lines[key]}"
        setting = BY_KEY[key]
        if key in (SLACK_KEY, f"{SLACK_KEY}_FILE") and text.strip():
            _secret(made, key, SLACK_KEY, text, place, lambda path: read_file("bot.env", path))
        elif key in _SET_BY_US or setting.field is None:
            made.remarks.append(Remark(place, "left out", f"{key}: {_SET_BY_US.get(key, 'set by who starts the bot')}"))
        elif not text.strip():
            made.remarks.append(Remark(place, "kept", f"{key} is empty: its default, {setting.default or 'nothing'}"))
        else:
            _field(made, setting, setting.field, text, place, spec)


def _field(made: MigratedBot, setting: Setting, path: str, text: str, place: str, spec: dict[str, Any]) -> None:
    try:
        value = setting.parse(text)
    except BadInput as error:
        made.remarks.append(Remark(place, "decide", str(error)))
        return
    if path == "mode":
        value = "Paper" if value else "Live"
    _put(spec, path, _scalar(value))
    made.remarks.append(Remark(place, "kept", f"{setting.key}={text.strip()}: spec.{path}"))


def _bridge_keys(made: MigratedBot, file: EnvFile, spec: dict[str, Any], read_file: ReadFile, product: str) -> None:
    halves = {source: sources for sources in API_KEY_SOURCES for source in sources}
    for key, text in file.values.items():
        place, setting = f"bridge.env:{file.lines[key]}", EXCHANGE_BY_KEY[key]
        if not text.strip():
            made.remarks.append(Remark(place, "kept", f"{key} is empty: its default"))
        elif key in halves:
            _secret(made, key, halves[key][0], text, place, lambda path: read_file("bridge.env", path))
        elif key in _SET_BY_US or setting.field is None:
            made.remarks.append(Remark(place, "left out", f"{key}: {_SET_BY_US.get(key, 'set by who starts it')}"))
        elif key == "COINBASE_WS_PRODUCTS":
            _products(made, setting, text, place, spec, product)
        else:
            _field(made, setting, setting.field, text, place, spec)


def _secret(made: MigratedBot, key: str, half: str, text: str, place: str, read_file: Callable[[str], str]) -> None:
    if key.endswith("_FILE"):
        try:
            text = read_file(text.strip())
        except BadInput as error:
            problem = f"{key}: {error}; put what it holds into {half}, or name a file that is here"
            made.remarks.append(Remark(place, "decide", problem))
            return
    if half in made.secrets:
        made.remarks.append(Remark(place, "decide", f"{key} gives {half} a second time: keep one of them"))
        return
    made.secrets[half] = bare(text)
    made.remarks.append(Remark(place, "changed", f"{key} goes into a file of its own, secrets/{half}"))


def _products(made: MigratedBot, setting: Setting, text: str, place: str, spec: dict[str, Any], product: str) -> None:
    try:
        further = [each for each in setting.parse(text) if each != product]
    except BadInput as error:
        made.remarks.append(Remark(place, "decide", str(error)))
        return
    if further:
        _put(spec, "exchange.websocket.products", further)
    where = f"spec.exchange.websocket.products: {', '.join(further) or 'none'}, besides the one that is traded"
    made.remarks.append(Remark(place, "kept", f"{setting.key}={text.strip()}: {where}"))


def _left_out(made: MigratedBot, bot: EnvFile, bridge: EnvFile) -> None:
    for key in bot.ignored:
        near = nearest_key(key)
        whose = f"{key} is no setting of the bot"
        if key in EXCHANGE_BY_KEY:
            remark = Remark("", "decide", f"{key} is the bridge's: move the line to bridge.env, or take it out")
        elif near and near not in bot.values:
            remark = Remark("", "decide", f"{whose}; {near} was meant? Correct the line, or take it out")
        else:
            remark = Remark("", "left out", whose)
        made.remarks.append(remark._replace(place=f"bot.env:{bot.lines[key]}"))
    for key in bridge.ignored:
        if key not in BY_KEY or key in _SET_BY_US:
            remark = Remark("", "left out", f"{key} is no setting of the bridge")
        elif key in bot.values:
            remark = Remark("", "left out", f"{key} is the bot's, and stands in bot.env")
        else:
            remark = Remark("", "decide", f"{key} is the bot's: move the line to bot.env, or take it out")
        made.remarks.append(remark._replace(place=f"bridge.env:{bridge.lines[key]}"))


def _replaced(made: MigratedBot, name: str, file: EnvFile, given: Mapping[str, str]) -> None:
    """Lines whose key stands again: programs differ in which one counts."""
    for key, line, text in file.replaced:
        again = f"{key} stands again in line {file.lines[key]}"
        if text.strip() == file.values[key].strip() or key in given:
            made.remarks.append(Remark(f"{name}:{line}", "left out", again))
        else:
            made.remarks.append(Remark(f"{name}:{line}", "decide", f"{again}, with another value: keep one of them"))


def _judge(made: MigratedBot, values: Mapping[str, str]) -> None:
    """What the settings say against each other, and what trading live needs; sets ``settings`` when nothing is open."""
    # Each text that is malformed has its remark already; the others are judged all the same.
    parsed = read_settings(BY_KEY.values(), values, Problems())
    found = [*broken_by_settings(parsed), *broken_by_settings(parsed, only_live=True)]
    made.remarks += [Remark("bot.env", "decide", f"{problem}; give it with --set KEY=VALUE") for problem in found]
    if API_KEY_PAIR[1] in made.secrets and (named := _name_in(made.secrets[API_KEY_PAIR[1]])):
        made.secrets.setdefault(API_KEY_PAIR[0], named)
    missing = [key for key in API_KEY_PAIR if key not in made.secrets]
    if parsed.get("DRY_RUN") is False and missing:
        problem = f"{' and '.join(missing)}: nothing given, and DRY_RUN=false trades live"
        made.remarks.append(Remark("bridge.env", "decide", problem))
    if not made.decisions():
        made.settings = load(values)


def _name_in(private_key: str) -> str:
    """The key's name, if the private key is the JSON file of Coinbase's portal, which holds both."""
    try:
        found = json.loads(private_key)
    except ValueError:
        return ""
    return str(found.get("name") or "") if isinstance(found, dict) else ""


def _by_place(remark: Remark) -> tuple[str, int]:
    file, _, line = remark.place.partition(":")
    return file, int(line or 0)


def _put(spec: dict[str, Any], path: str, value: Any) -> None:
    *above, last = path.split(".")
    for part in above:
        spec = spec.setdefault(part, {})
    spec[last] = value


def _scalar(value: Any) -> Any:
    """As YAML has it: numbers as short as they can be."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value) if isinstance(value, str) else value
