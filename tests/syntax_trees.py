"""Python's own parser, safe from what is finalized in the middle of it."""

from __future__ import annotations

import ast
import gc

__all__ = ["syntax_tree"]


def syntax_tree(source: str) -> ast.Module:
    """The tree of a module's text.

    Without the garbage collector: what it finalizes may log a traceback, and to show that is to parse as well. CPython
    3.11 then counts the depth of both in one place, and the outer parse ends in a SystemError.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(source)
    finally:
        if collecting:
            gc.enable()
