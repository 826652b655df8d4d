"""What every part of a TradingBot's spec has in common: how it is read, and the forms of names and labels."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["DNS_NAME", "QUALIFIED_NAME", "AnnotationValue", "LabelValue", "QualifiedName", "Section", "section"]

DNS_NAME: Final = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
"""Names of most objects, and of namespaces."""

# A prefix that is a domain, and a name; bounded here, for no schema says anything of a mapping's keys.
QUALIFIED_NAME: Final = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
QualifiedName = Annotated[str, Field(pattern=QUALIFIED_NAME)]
LabelValue = Annotated[str, Field(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")]
AnnotationValue = Annotated[str, Field(max_length=4096)]


class Section(BaseModel):
    """A part of the spec: unknown fields are mistakes, values are kept as given."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False)


def section(kind: type[BaseModel], description: str) -> Any:
    """A field that is such a part; all of it has defaults."""
    return Field(default_factory=kind, description=description)
