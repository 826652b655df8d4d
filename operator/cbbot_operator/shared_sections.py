"""Equal sections of specs, kept in memory once: the TradingBots of a fleet differ in a few of them."""

from __future__ import annotations

from typing import Final
from weakref import WeakValueDictionary

from pydantic import BaseModel

from cbbot.contract.tradingbot import TradingBotSpec

__all__ = ["with_shared_sections"]

_SECTIONS: Final[WeakValueDictionary[tuple[type[BaseModel], str], BaseModel]] = WeakValueDictionary()


def with_shared_sections(spec: TradingBotSpec) -> TradingBotSpec:
    """The same spec; a section that another spec has as well is that one's. Sections never change."""
    sections = {field: value for field, value in spec if isinstance(value, BaseModel)}
    return spec.model_copy(update={field: _shared(section) for field, section in sections.items()})


def _shared(section: BaseModel) -> BaseModel:
    return _SECTIONS.setdefault((type(section), section.model_dump_json()), section)
