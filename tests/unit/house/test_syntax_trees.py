"""What other tests read Python with holds while anything is finalized."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator

import pytest

from repository_files import ROOT
from syntax_trees import syntax_tree


class ParsesAtItsEnd:
    """Garbage for the collector alone, which parses as a traceback does that is logged by what is finalized."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        ast.parse("x = [1, (2, 3)]")


@pytest.fixture(autouse=True)
def collecting_often() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(50)
    yield
    gc.set_threshold(*before)


def test_a_module_is_parsed_whatever_is_finalized_meanwhile() -> None:
    source = (ROOT / "bot/cbbot/trader/startup.py").read_text(encoding="utf-8")
    for _ in range(50):
        ParsesAtItsEnd()
        assert syntax_tree(source).body
    assert gc.isenabled()
