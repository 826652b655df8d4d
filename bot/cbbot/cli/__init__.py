"""The command line: a table of commands, each imported when it is called and not before.

Listing the commands imports nothing but this package. A command is a function with typer's
annotations, named ``module:function``; research and operator bring their own.
"""

from __future__ import annotations

from cbbot.cli.dispatch import main

__all__ = ["main"]
