"""YAML as the cluster reads it: safe, a field given twice is an error, and of bounded size.

PyYAML lets the last of two equal keys win without a word; in a file that says how much may be
lost, that is a mistake nobody sees.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from typing import Any

import yaml

from cbbot.errors import BadInput

__all__ = ["read_documents"]

# A complete TradingBot has about 200 nodes; aliases can make a short file unfold without end.
_MOST_NODES = 20_000
_DEEPEST = 50
_MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """Safe, without repeated keys, and with ``1e3`` as a number (kubectl's reader takes it for one)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == _MERGE:  # `<<: *defaults` may be overridden: that is what it is for
                continue
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                problem = f"{key} is given twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            if isinstance(key, Hashable):
                seen.add(key)
        return super().construct_mapping(node, deep=deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def read_documents(text: str) -> list[Any]:
    """Every document of ``text`` that is not empty.

    Raises:
        yaml.YAMLError: not YAML, or a key stands twice in one mapping.
        BadInput: nested or repeated by aliases beyond what a manifest can be.
    """
    try:
        # A subclass of SafeLoader: it makes no objects.
        documents = list(yaml.load_all(text, Loader=_Loader))
    except RecursionError as error:
        raise BadInput("is nested too deeply: that is no TradingBot") from error
    except ValueError as error:  # a date such as 2026-13-45
        raise BadInput(f"is not YAML: {error}") from error
    documents = [document for document in documents if document is not None]
    _measure(documents)
    return documents


def _measure(documents: list[Any]) -> None:
    """Walks what aliases unfold to; an endless structure ends at the limits."""
    waiting: list[tuple[Any, int]] = [(document, 0) for document in documents]
    count = 0
    while waiting:
        value, depth = waiting.pop()
        count += 1
        if depth > _DEEPEST or count > _MOST_NODES:
            raise BadInput("is nested too deeply or too large: that is no TradingBot")
        if isinstance(value, Mapping):
            waiting += [(inner, depth + 1) for inner in value.values()]
        elif isinstance(value, list):
            waiting += [(inner, depth + 1) for inner in value]
