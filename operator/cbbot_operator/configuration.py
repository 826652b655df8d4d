"""The operator's own configuration: read once from the environment that the chart writes."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cbbot.contract.ports import OPERATOR_PORT
from cbbot.contract.runtime_env import LOG_LEVELS
from cbbot.contract.setting import Kind, Setting
from cbbot.contract.settings_reading import Problems, read_settings
from cbbot.contract.text_setting import ListSetting, TextSetting
from cbbot.contract.tradingbot import NAMESPACE_PATTERN
from cbbot.contract.tradingbot_pods import POD_USER
from cbbot.contract.tradingbot_section import DNS_NAME
from cbbot_operator.inherited import Inherited

__all__ = ["CONFIGURATION", "Configuration", "read_configuration"]

_NAME = "lower case letters, digits and dashes, at most 63"
_WHOLE_CLUSTER: Final = "*"
_LABEL = r"([a-z0-9][-a-z0-9.]{0,252}/)?[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?=([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?"
_CIDR = r"[0-9.]{7,15}/[0-9]{1,2}|[0-9A-Fa-f:.]{2,45}/[0-9]{1,3}"


def _image(key: str, meaning: str) -> Setting:
    words = "the name of a container image, such as example.org/cbbot-bot:0.1.0"
    return TextSetting(key=key, meaning=meaning, required=True, pattern=r"\S+", words=words)


def _name(key: str, default: str, meaning: str) -> Setting:
    return TextSetting(key=key, meaning=meaning, default=default, pattern=NAMESPACE_PATTERN, words=_NAME)


def _number(key: str, kind: Kind, default: str, bounds: tuple[int, int], meaning: str) -> Setting:
    low, high = map(str, bounds)
    return Setting(key=key, kind=kind, meaning=meaning, default=default, minimum=low, maximum=high)


def _labels(key: str, meaning: str) -> Setting:
    return ListSetting(
        key=key, meaning=meaning, pattern=_LABEL, words="labels such as team=metrics, separated by commas"
    )


CONFIGURATION: Final[tuple[Setting, ...]] = (
    _image("CBBOT_BOT_IMAGE", "Image of bots whose TradingBot names none."),
    _image("CBBOT_BRIDGE_IMAGE", "Image of bridges whose TradingBot names none."),
    ListSetting(
        key="CBBOT_IMAGE_PULL_SECRETS",
        meaning="Secrets for the registry, in the TradingBots' namespaces.",
        pattern=DNS_NAME,
        most_characters=253,
        words="names of Secrets separated by commas",
    ),
    ListSetting(
        key="CBBOT_NAMESPACES",
        meaning="Where TradingBots are looked for; the operator's own namespace when not given.",
        pattern=rf"{NAMESPACE_PATTERN}|\*",
        words="* for the whole cluster, or names of namespaces separated by commas",
    ),
    Setting(
        key="CBBOT_WATCH_SECRETS",
        kind=Kind.BOOLEAN,
        default="true",
        meaning="Watch the Secrets that are marked for it, which takes the right to list every Secret; otherwise they "
        "are read by name alone.",
    ),
    _labels("CBBOT_MONITOR_LABELS", "Labels of every ServiceMonitor, by which a Prometheus selects them."),
    _labels("CBBOT_SCRAPER_NAMESPACES", "Labels of the namespaces that may scrape; every one when not given."),
    _labels("CBBOT_SCRAPER_PODS", "Labels of the pods there that may scrape; every one when not given."),
    Setting(
        key="CBBOT_EGRESS_LIMITED",
        kind=Kind.BOOLEAN,
        default="false",
        meaning="Let the pods of bots and bridges reach nothing but what they need.",
    ),
    ListSetting(
        key="CBBOT_EGRESS_CIDRS",
        meaning="Where exchange and Slack, or a proxy to them, are; everywhere when not given.",
        pattern=_CIDR,
        words="networks such as 203.0.113.0/24, separated by commas",
    ),
    ListSetting(
        key="CBBOT_EGRESS_PORTS",
        meaning="The ports they are reached on.",
        default="443",
        pattern=r"[1-9][0-9]{0,4}",
        words="port numbers separated by commas",
    ),
    _number(
        "CBBOT_POD_USER", Kind.INTEGER, str(POD_USER), (0, 2_147_483_647), "Who pods run as; 0: the cluster chooses."
    ),
    Setting(
        key="CBBOT_IP_FAMILY_POLICY",
        kind=Kind.CHOICE,
        choices=("PreferDualStack", "RequireDualStack", "SingleStack"),
        meaning="IPv4, IPv6 or both for every Service; the cluster's default when not given.",
    ),
    _name("POD_NAMESPACE", "default", "The operator's own namespace."),
    TextSetting(
        key="POD_NAME",
        meaning="Who holds the Lease; another name at every start when not given.",
        pattern=DNS_NAME,
        most_characters=253,
        words="lower case letters, digits, dashes and dots, at most 253",
    ),
    _name("CBBOT_LEASE_NAME", "cbbot-operator", "Name of the Lease by which one of several operators leads."),
    Setting(
        key="LOG_LEVEL",
        kind=Kind.CHOICE,
        choices=tuple(level.upper() for level in LOG_LEVELS),
        default="INFO",
        meaning="How much is logged.",
    ),
    _number("PORT", Kind.INTEGER, str(OPERATOR_PORT), (0, 65535), "Port of health and metrics; 0 picks a free one."),
    _number("CBBOT_WORKERS", Kind.INTEGER, "10", (1, 100), "TradingBots worked on at a time."),
    _number("CBBOT_RESYNC_SECONDS", Kind.DECIMAL, "600", (10, 86400), "Seconds between looks at every TradingBot."),
    _number("CBBOT_POLL_SECONDS", Kind.DECIMAL, "10", (1, 600), "Seconds between questions for a bot's status."),
)
_NAMESPACES: Final = next(setting for setting in CONFIGURATION if setting.key == "CBBOT_NAMESPACES")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """``namespaces`` empty means the whole cluster."""

    bot_image: str
    bridge_image: str
    image_pull_secrets: tuple[str, ...]
    namespaces: tuple[str, ...]
    own_namespace: str
    identity: str
    lease_name: str
    log_level: str
    port: int
    workers: int
    resync_seconds: float
    poll_seconds: float
    watch_secrets: bool
    inherited: Inherited

    @property
    def lease_namespace(self) -> str:
        """Where the Lease stands: it must be among what is watched."""
        return (
            self.own_namespace if not self.namespaces or self.own_namespace in self.namespaces else self.namespaces[0]
        )


def read_configuration(environment: Mapping[str, str]) -> Configuration:
    """Read and check.

    Raises:
        BadSettings: one line per bad value, naming key, value and what is accepted.
    """
    problems = Problems()
    values = read_settings(CONFIGURATION, environment, problems)
    namespaces: tuple[str, ...] = values.get("CBBOT_NAMESPACES") or ()
    whole_cluster = namespaces == (_WHOLE_CLUSTER,)
    if _WHOLE_CLUSTER in namespaces and not whole_cluster:
        problems.found.append(_NAMESPACES.bad(environment[_NAMESPACES.key]))
    problems.raise_found()
    own = values["POD_NAMESPACE"]
    return Configuration(
        bot_image=values["CBBOT_BOT_IMAGE"],
        bridge_image=values["CBBOT_BRIDGE_IMAGE"],
        image_pull_secrets=values["CBBOT_IMAGE_PULL_SECRETS"] or (),
        namespaces=() if whole_cluster else namespaces or (own,),
        own_namespace=own,
        identity=values["POD_NAME"] or _own_identity(),
        lease_name=values["CBBOT_LEASE_NAME"],
        log_level=values["LOG_LEVEL"],
        port=values["PORT"],
        workers=values["CBBOT_WORKERS"],
        resync_seconds=float(values["CBBOT_RESYNC_SECONDS"]),
        poll_seconds=float(values["CBBOT_POLL_SECONDS"]),
        watch_secrets=values["CBBOT_WATCH_SECRETS"],
        inherited=_inherited(values),
    )


def _inherited(values: Mapping[str, Any]) -> Inherited:
    return Inherited(
        monitor_labels=_mapping(values["CBBOT_MONITOR_LABELS"]),
        scraper_namespaces=_mapping(values["CBBOT_SCRAPER_NAMESPACES"]),
        scraper_pods=_mapping(values["CBBOT_SCRAPER_PODS"]),
        pod_user=values["CBBOT_POD_USER"],
        ip_family_policy=values["CBBOT_IP_FAMILY_POLICY"] or "",
        egress_limited=values["CBBOT_EGRESS_LIMITED"],
        egress_cidrs=values["CBBOT_EGRESS_CIDRS"] or (),
        egress_ports=tuple(map(int, values["CBBOT_EGRESS_PORTS"])),
    )


def _mapping(labels: tuple[str, ...] | None) -> dict[str, str]:
    return dict(label.split("=", maxsplit=1) for label in labels or ())


def _own_identity() -> str:
    """Of an operator outside of a pod: two that call themselves alike would both lead."""
    return f"{socket.gethostname()}-{secrets.token_hex(4)}"
