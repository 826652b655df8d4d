"""How the bot and the bridge of a TradingBot run as pods: what a person may say of that."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from cbbot.contract.tradingbot_section import DNS_NAME, AnnotationValue, LabelValue, QualifiedName, Section, section

__all__ = ["POD_USER", "BotProcess", "PodSecurity", "Process"]

POD_USER: Final = 10001
"""The uid in the images' passwd."""


class EnvVar(Section):
    name: str = Field(description="Name of the variable.", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)
    value: str = Field(default="", description="Its value.", max_length=4096)


class HostAlias(Section):
    ip: str = Field(description="The address.", pattern=r"^[0-9a-fA-F.:]{2,45}$", max_length=45)
    hostnames: list[Annotated[str, Field(pattern=DNS_NAME, max_length=253)]] = Field(
        description="Its names.", max_length=20
    )


UserId = Annotated[int, Field(ge=0, le=2_147_483_647)]


class PodSecurity(Section):
    """Who a pod runs as; the rest of its context is what Pod Security `restricted` asks for, and stays."""

    runAsUser: UserId | None = Field(
        default=None, description="User id, 0 for one of the cluster's choice; the operator's default when not given."
    )
    runAsGroup: UserId | None = Field(default=None, description="Group id; as runAsUser when not given.")
    fsGroup: UserId | None = Field(default=None, description="Group of the volumes; as runAsUser when not given.")
    fsGroupChangePolicy: Literal["OnRootMismatch", "Always"] = Field(
        default="OnRootMismatch", description="When a volume's owner is changed."
    )
    supplementalGroups: list[Annotated[int, Field(ge=1, le=2_147_483_647)]] = Field(
        default_factory=list, description="Further groups.", max_length=20
    )


class Process(Section):
    """How the bot or the bridge runs as a pod. Kubernetes' own types are passed on as they are."""

    image: str | None = Field(
        default=None, description="Container image; the operator's default when not given.", max_length=512
    )
    imagePullPolicy: Literal["Always", "IfNotPresent", "Never"] = Field(
        default="IfNotPresent", description="When to pull the image."
    )
    resources: dict[str, Any] = Field(default_factory=dict, description="Requests and limits of the container.")
    nodeSelector: dict[QualifiedName, LabelValue] = Field(
        default_factory=dict, description="Labels of eligible nodes.", max_length=50
    )
    tolerations: list[dict[str, Any]] = Field(default_factory=list, description="Taints to tolerate.", max_length=50)
    affinity: dict[str, Any] = Field(default_factory=dict, description="Affinity of the pod.")
    topologySpreadConstraints: list[dict[str, Any]] = Field(
        default_factory=list, description="How the pods of several bots are spread.", max_length=20
    )
    priorityClassName: str | None = Field(
        default=None, description="Priority class of the pod.", pattern=DNS_NAME, max_length=253
    )
    podLabels: dict[QualifiedName, LabelValue] = Field(
        default_factory=dict, description="Labels of the pod, besides those that find it.", max_length=50
    )
    podAnnotations: dict[QualifiedName, AnnotationValue] = Field(
        default_factory=dict, description="Annotations of the pod.", max_length=50
    )
    securityContext: PodSecurity = section(PodSecurity, "Who the pod runs as.")
    hostAliases: list[HostAlias] = Field(
        default_factory=list, description="Names that the pod resolves without DNS.", max_length=50
    )
    env: list[EnvVar] = Field(
        default_factory=list,
        description="Further environment variables; never a setting of the bot, COINBASE_* or BRIDGE_*.",
        max_length=50,
    )


class BotProcess(Process):
    imagePolicy: Literal["OneByOne", "Pinned"] = Field(
        default="OneByOne",
        description="How the images that the operator chooses for bot and bridge follow a newer operator. OneByOne: "
        "one bot at a time, while it is ready and no order is in flight. Pinned: they stay as they are.",
    )
