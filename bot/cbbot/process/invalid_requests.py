"""What is wrong with a request that FastAPI refuses, in one line that can be written down whatever the request held."""

from __future__ import annotations

from typing import Final

from fastapi.exceptions import RequestValidationError

__all__ = ["problems_of"]

_LONGEST: Final = 1000


def problems_of(error: RequestValidationError) -> str:
    """Each field with its problem. The values are left out: one may be no text at all, or a secret."""
    problems = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"][1:]) or str(problem["loc"][0])
        problems.append(f"{where}: {problem['msg']}")
    # A field's name may hold what UTF-8 has no bytes for.
    return "; ".join(problems)[:_LONGEST].encode("utf-8", "backslashreplace").decode("utf-8")
