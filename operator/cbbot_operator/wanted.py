"""What a TradingBot's children are to be. Pure.

Between two looks their digests are enough: objects are rendered when one is to be put.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from cbbot.contract.advice import warnings
from cbbot.contract.settings import load
from cbbot.errors import BadInput
from cbbot_operator.keys import TEMPLATE, Object
from cbbot_operator.owned_fields import wanted_digest
from cbbot_operator.render import Inputs, render
from cbbot_operator.render.settings_configmap import settings_of

__all__ = ["Entry", "Wanted", "entry_of"]

Entry = tuple[str, str]
"""A child's kind and name."""


def entry_of(obj: Object) -> Entry:
    return obj["kind"], obj["metadata"]["name"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """By some ``inputs``. ``invalid`` says why the bot would refuse its settings, ``advice`` what it would warn of."""

    inputs: Inputs
    digests: Mapping[Entry, bytes]
    templates: Mapping[str, str]
    """Fingerprints of the pods' templates, by the name of their Deployment."""
    asked: str
    """Fingerprint of what people asked of the pods."""
    advice: tuple[str, ...]
    invalid: str

    @classmethod
    def by(cls, inputs: Inputs, before: Self | None) -> Self:
        """The same as ``before`` where the inputs are the same."""
        if before is not None and before.inputs == inputs:
            return before
        objects = render(inputs)
        digests = {entry_of(obj): wanted_digest(obj) for obj in objects}
        marks = {
            obj["metadata"]["name"]: obj["metadata"]["annotations"][TEMPLATE]
            for obj in objects
            if obj["kind"] == "Deployment"
        }
        try:
            return cls(inputs, digests, marks, inputs.asked, tuple(warnings(load(settings_of(inputs)))), "")
        except BadInput as error:
            return cls(inputs, digests, marks, inputs.asked, (), str(error))

    def objects(self) -> list[dict[str, Any]]:
        """In the order in which they are applied."""
        return render(self.inputs)
