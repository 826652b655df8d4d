"""The house's own rules, held by a test instead of by memory."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from repository_files import ROOT, repository_files
from syntax_trees import syntax_tree

PACKAGES = ("operator", "bot", "bridge")
MOST_LINES_OF_A_MODULE = 400
MOST_LINES_OF_A_FUNCTION = 60


def python_files() -> tuple[Path, ...]:
    return repository_files("*.py")


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = syntax_tree(path.read_text())
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_no_folder_shadows_the_standard_library_or_makes_tests_a_package() -> None:
    shadows = [ROOT / folder / "__init__.py" for folder in PACKAGES]
    assert [path for path in shadows if path.exists()] == []
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_modules_hold_one_idea() -> None:
    long = {
        str(p.relative_to(ROOT)): n
        for p in python_files()
        if (n := len(p.read_text().splitlines())) > MOST_LINES_OF_A_MODULE
    }
    assert long == {}


def test_functions_do_one_thing() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in python_files()
        for node in functions(path)
        if (node.end_lineno or node.lineno) - node.lineno + 1 > MOST_LINES_OF_A_FUNCTION
    ]
    assert long == []


def test_no_test_sleeps() -> None:
    sleeping = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in python_files()
        if path.is_relative_to(ROOT / "tests")
        for node in ast.walk(syntax_tree(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "time.sleep"
    ]
    assert sleeping == []


A_FUNCTION = re.compile(r"(\(\)|\w+) =>")


def test_what_a_browser_waits_for_is_a_function_that_answers_at_once() -> None:
    """Anything else is evaluated anew at every look, which a page's policy refuses; a promise is true at the first."""
    waits = [
        (f"{path.relative_to(ROOT)}:{node.lineno}", ast.unparse(node.args[0]).lstrip("f'\""))
        for path in python_files()
        if path.is_relative_to(ROOT / "tests" / "browser")
        for node in ast.walk(syntax_tree(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".wait_for_function")
    ]
    assert waits
    assert [where for where, text in waits if not A_FUNCTION.match(text)] == []


IGNORE = re.compile(r"# (?:noqa: [A-Z0-9, ]+|type: ignore(?:\[[a-z-, ]+\])?)(?P<reason>.*)")


def test_every_ignore_carries_its_reason() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in python_files()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (found := IGNORE.search(line)) and len(found["reason"].strip(" #-").split()) < 1
    ]
    assert bare == []


@pytest.mark.parametrize("mark", ["TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK"])
def test_nothing_is_left_for_later_in_the_code(mark: str) -> None:
    left = [str(path.relative_to(ROOT)) for path in python_files() if f"{mark}:" in path.read_text()]
    assert left == []
