"""What a module of this repository defines, read from its source."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from repository_files import ROOT, repository_files
from syntax_trees import syntax_tree

_TEST = re.compile(r"^ *(?:async )?def (test_\w+)", re.MULTILINE)


@cache
def definitions(file: Path) -> dict[str, str]:
    """Everything that a module defines, by name (``Class.method`` for what is in a class), with its source."""
    text = file.read_text(encoding="utf-8")
    found: dict[str, str] = {}

    def collect(nodes: list[ast.stmt], inside: str) -> None:
        for node in nodes:
            source = ast.get_source_segment(text, node) or ""
            match node:
                case ast.ClassDef(name=name, body=body):
                    found[inside + name] = source
                    collect(body, f"{inside}{name}.")
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    found[inside + name] = source
                case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                    found[inside + name] = source

    collect(syntax_tree(text).body, "")
    return found


@cache
def names_of_tests() -> frozenset[str]:
    """Every test of this repository."""
    texts = [
        file.read_text(encoding="utf-8") for file in repository_files("*.py") if file.is_relative_to(ROOT / "tests")
    ]
    return frozenset(name for text in texts for name in _TEST.findall(text))
