"""``cbbot examples``: the manifests and files for one machine that the wheel brings along."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from cbbot.errors import BadInput, CbbotError
from cbbot.process.path_options import named_path

__all__ = ["SHIPPED", "examples"]

SHIPPED: Final = Path(__file__).parent / "examples"


def examples(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Show this one: try.yaml.", show_default=False)
    ] = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copy them, or the one that is named, into a folder.")] = False,
    to: Annotated[Path, typer.Option(parser=named_path, metavar="FOLDER", help="Where --copy copies to.")] = Path(
        "examples"
    ),
) -> None:
    """List the examples, show one, or copy them to where they can be edited. A file that is there is not replaced."""
    found = {str(path.relative_to(SHIPPED)): path for path in sorted(SHIPPED.rglob("*")) if path.is_file()}
    if name is not None:
        if name not in found:
            raise BadInput(f"there is no example {name!r}; there are {', '.join(found)}")
        found = {name: found[name]}
    if copy:
        _copy(found, to)
    elif name is not None:
        typer.echo(found[name].read_text(encoding="utf-8"), nl=False)
    else:
        width = max(map(len, found))
        for each, path in found.items():
            typer.echo(f"{each:<{width}}  {_first_words(path)}")
        typer.echo("\ncbbot examples NAME shows one, cbbot examples --copy copies them; cbbot up -f FILE runs one")


def _copy(found: dict[str, Path], to: Path) -> None:
    there = [str(to / each) for each in found if (to / each).exists()]
    if there:
        raise BadInput(f"{', '.join(there)}: there already, and not replaced; name another folder with --to")
    try:
        for each, path in found.items():
            target = to / each
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
            typer.echo(str(target))
    except OSError as error:
        raise CbbotError(f"{to}: cannot be written: {error.strerror or error}") from error


def _first_words(path: Path) -> str:
    """The first line's comment: every example begins by saying what it is."""
    with path.open(encoding="utf-8") as file:
        line = file.readline().strip()
    return line.removeprefix("#").removeprefix("{{/*").removesuffix("*/}}").strip().removesuffix(":")
