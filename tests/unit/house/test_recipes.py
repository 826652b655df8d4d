"""The recipes of CONTRIBUTING.md: each place that they name is there, and there is no other."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

import pytest

from markdown_tables import tables
from module_definitions import definitions
from repository_files import ROOT, repository_files

PAGE = ROOT / "CONTRIBUTING.md"
COLUMNS = ["file", "name", "example", "what to do"]
# Where a place that a recipe does not name is looked for: what runs, is generated, or must be kept in step.
SEARCHED = ("bot/", "bridge/", "operator/", "crds/", "charts/", "tools/")
RECIPES = {
    "A setting",
    "An indicator or a feature",
    "An exit rule",
    "A child object of the operator",
    "An alert",
    "An order type",
}


class Place(NamedTuple):
    recipe: str
    file: str
    names: tuple[str, ...]
    examples: tuple[str, ...]


def cell_items(cell: str) -> tuple[str, ...]:
    return () if cell == "-" else tuple(item.strip(" `") for item in cell.split(", "))


def places(text: str) -> list[Place]:
    """The rows of every recipe's table."""
    found = []
    for part in re.split(r"^### ", text.partition("\n## Recipes\n")[2], flags=re.MULTILINE)[1:]:
        recipe = part.partition("\n")[0]
        (rows,) = tables(part)
        assert all(list(row) == COLUMNS and row["what to do"] for row in rows), recipe
        found += [Place(recipe, row["file"], cell_items(row["name"]), cell_items(row["example"])) for row in rows]
    return found


PLACES = places(PAGE.read_text(encoding="utf-8"))


def wrong_with(place: Place) -> str:
    """What of a place is not as the recipe says; empty when all is."""
    file = ROOT / place.file
    if not file.is_file():
        return f"{place.recipe}: there is no {place.file}"
    text = file.read_text(encoding="utf-8")
    sources = [text]
    if place.names and file.suffix == ".py":
        known = definitions(file)
        if missing := [name for name in place.names if name not in known]:
            return f"{place.recipe}: {place.file} defines no {', '.join(missing)}"
        sources = [known[name] for name in place.names]
    elif missing := [name for name in place.names if name not in text]:
        return f"{place.recipe}: {place.file} has no {', '.join(missing)}"
    unseen = [example for example in place.examples if not any(mentions(example, source) for source in sources)]
    return f"{place.recipe}: {', '.join(unseen)} is not in {place.file}, where it is looked for" if unseen else ""


def mentions(example: str, text: str) -> bool:
    """Whether the text has the example as words of its own: ``take_pct`` is not in ``stake_pct``."""
    return re.search(rf"(?<!\w){re.escape(example)}(?!\w)", text) is not None


def is_searched(place: Place) -> bool:
    return place.file.startswith(SEARCHED)


@cache
def searched_texts() -> dict[str, str]:
    copies = "operator/cbbot_operator/examples/"  # of examples/, which `make generate` writes
    names = [(file, str(file.relative_to(ROOT))) for file in repository_files()]
    files = [file for file, name in names if name.startswith(SEARCHED) and not name.startswith(copies)]
    return {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8", errors="ignore") for file in files}


def differences(recipe: str, rows: list[Place]) -> set[str]:
    """Files that have an example of the recipe and are not named in it, or the other way round."""
    ours = [place for place in rows if place.recipe == recipe and is_searched(place)]
    examples = {example for place in ours for example in place.examples}
    assert examples, recipe
    having = {name for name, text in searched_texts().items() if any(mentions(example, text) for example in examples)}
    return having ^ {place.file for place in ours if place.examples}


def test_every_recipe_is_there() -> None:
    assert {place.recipe for place in PLACES} == RECIPES
    text = PAGE.read_text(encoding="utf-8").partition("\n## Recipes\n")[2]
    assert len(re.findall(r"^Green: `make ", text, re.M)) == len(RECIPES)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place.recipe}-{place.file}".replace(" ", "-"))
def test_a_recipes_place_is_as_it_says(place: Place) -> None:
    assert wrong_with(place) == ""


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_a_recipe_names_every_place(recipe: str) -> None:
    """Red: a file has the recipe's example that the recipe does not name. Name it there, with what to do."""
    assert differences(recipe, PLACES) == set()


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_a_place_left_out_is_found(recipe: str) -> None:
    ours = [place for place in PLACES if place.recipe == recipe and is_searched(place) and place.examples]
    tried = 0
    for left_out in ours:
        examples = {example for place in ours if place != left_out for example in place.examples}
        # An example that stands in one row alone goes with it.
        if not examples.isdisjoint(left_out.examples):
            tried += 1
            assert differences(recipe, [place for place in PLACES if place != left_out]) == {left_out.file}
    assert tried or recipe == "An alert"


@pytest.mark.parametrize(
    "changed",
    [
        {"file": "bot/cbbot/kernel/nowhere.py"},
        {"names": ("no_such_name",)},
        {"examples": ("no such words",)},
    ],
    ids=["file", "name", "example"],
)
def test_a_stale_row_is_found(changed: dict[str, object]) -> None:
    place = next(place for place in PLACES if place.file == "bot/cbbot/kernel/levels.py" and place.names)
    assert wrong_with(place) == ""
    assert wrong_with(place._replace(**changed)) != ""  # type: ignore[arg-type] # one field, of its own type
